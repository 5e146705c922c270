//! What stands at a place in a payload: strict on what is used, blind to the rest.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::json::Json;
use super::{Error, date};

/// Largest integer that every JSON reader keeps exact: 2^53 − 1.
const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Longest login, branch, label or address, in bytes.
const SHORT_MAX: usize = 1024;

/// A place in a payload, and what stands there. Going down never fails: the first thing that is
/// missing or wrong on the way is what the final question answers with.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    shape: &'static str,
    path: String,
    value: Result<&'a Json<'a>, Error>,
}

impl<'a> Field<'a> {
    /// The payload as a whole, of an event of that shape.
    pub(super) fn top(payload: &'a Json<'a>, shape: &'static str) -> Self {
        Self { shape, path: String::new(), value: Ok(payload) }
    }

    /// What the event is.
    pub(super) fn shape(&self) -> &'static str {
        self.shape
    }

    /// From the top of the payload.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The member of that name.
    pub(super) fn at(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        let value = match &self.value {
            Ok(Json::Object(members)) => {
                members.get(name).ok_or_else(|| Error::Missing { path: path.clone(), shape: self.shape })
            }
            Ok(_) => Err(self.wrong("an object")),
            Err(error) => Err(error.clone()),
        };
        Self { shape: self.shape, path, value }
    }

    /// `None` if it, or anything on the way to it, is absent or null.
    pub(super) fn optional(self) -> Option<Self> {
        match &self.value {
            Ok(Json::Null) | Err(Error::Missing { .. }) => None,
            Err(Error::Wrong { found, .. }) if found == "null" => None,
            Ok(_) | Err(_) => Some(self),
        }
    }

    /// An id or a number of the forge.
    pub(super) fn id(&self) -> Result<u64, Error> {
        self.integer_if(|id| (1..=INTEGER_MAX).contains(&id), "an integer from 1 to 9007199254740991")
    }

    /// A level on some scale of the forge.
    pub(super) fn level(&self) -> Result<u64, Error> {
        self.integer_if(|level| level <= 100, "an integer from 0 to 100")
    }

    /// A text of any length and content.
    pub(super) fn text(&self) -> Result<String, Error> {
        match self.value()? {
            Json::Text(text) => Ok(text.clone().into_owned()),
            _ => Err(self.wrong("a text")),
        }
    }

    /// A name: 1 to 1024 bytes in one line.
    pub(super) fn short(&self) -> Result<String, Error> {
        self.text_if(
            |text| (1..=SHORT_MAX).contains(&text.len()) && !text.contains(char::is_control),
            "a text of one line",
        )
    }

    /// A word of the forge's own vocabulary.
    pub(super) fn word(&self) -> Result<String, Error> {
        let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        self.text_if(|text| (1..=64).contains(&text.len()) && is_plain(text), "a word of lower-case letters")
    }

    /// A commit's full SHA-1 or SHA-256.
    pub(super) fn sha(&self) -> Result<String, Error> {
        let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        self.text_if(|text| matches!(text.len(), 40 | 64) && is_hex(text), "a commit's full hash")
    }

    /// A time.
    pub(super) fn time(&self) -> Result<Timestamp, Error> {
        let expected = "a time such as `2013-12-03T17:15:43Z`";
        let Json::Text(text) = self.value()? else { return Err(self.wrong(expected)) };
        date::read(text).ok_or_else(|| self.wrong(expected))
    }

    /// True or false.
    pub(super) fn flag(&self) -> Result<bool, Error> {
        match self.value()? {
            Json::Bool(flag) => Ok(*flag),
            _ => Err(self.wrong("true or false")),
        }
    }

    /// The members of a list.
    pub(super) fn list(&self) -> Result<Vec<Self>, Error> {
        let Json::Array(values) = self.value()? else { return Err(self.wrong("a list")) };
        let field = |(n, value)| Self { shape: self.shape, path: format!("{}[{n}]", self.path), value: Ok(value) };
        Ok(values.iter().enumerate().map(field).collect())
    }

    /// All that stands there, for another payload.
    pub(super) fn copy(&self) -> Result<serde_json::Value, Error> {
        serde_json::to_value(self.value()?).map_err(|_| self.wrong("JSON that can be written"))
    }

    /// The first 16 hex digits of the SHA-256 of what stands there, whatever the order of keys.
    pub(super) fn digest(&self) -> Result<String, Error> {
        let bytes = serde_json::to_vec(self.value()?).map_err(|_| self.wrong("JSON that can be written"))?;
        let mut digest = hex::encode(Sha256::digest(bytes));
        digest.truncate(16);
        Ok(digest)
    }

    /// The error that something else was expected here.
    pub(super) fn wrong(&self, expected: &'static str) -> Error {
        let found = match &self.value {
            Ok(Json::Text(text)) => format!("`{}`", clipped(text)),
            Ok(Json::Number(number)) => number.to_string(),
            Ok(Json::Bool(flag)) => flag.to_string(),
            Ok(other) => other.kind().to_owned(),
            Err(error) => return error.clone(),
        };
        Error::Wrong { path: self.path.clone(), shape: self.shape, found, expected }
    }

    fn value(&self) -> Result<&'a Json<'a>, Error> {
        self.value.clone()
    }

    fn integer_if(&self, fits: impl Fn(u64) -> bool, expected: &'static str) -> Result<u64, Error> {
        let integer = match self.value()? {
            Json::Number(number) => number.as_u64(),
            _ => None,
        };
        integer.filter(|integer| fits(*integer)).ok_or_else(|| self.wrong(expected))
    }

    fn text_if(&self, fits: impl Fn(&str) -> bool, expected: &'static str) -> Result<String, Error> {
        match self.value()? {
            Json::Text(text) if fits(text) => Ok(text.clone().into_owned()),
            _ => Err(self.wrong(expected)),
        }
    }
}

/// The first characters of a foreign text, for a message of one line.
pub(super) fn clipped(text: &str) -> String {
    const MOST: usize = 60;
    let mut clipped = String::new();
    for (n, c) in text.chars().enumerate() {
        match c {
            _ if n == MOST => {
                clipped.push('…');
                break;
            }
            // These would be escaped too, but they harm no line.
            '\'' | '"' | '\\' => clipped.push(c),
            _ => clipped.extend(c.escape_debug()),
        }
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_thing_missing_or_wrong_on_the_way_is_named() {
        let json = Json::read(br#"{"issue": {"user": null, "title": 3, "labels": [{"name": "a\nb"}]}}"#).unwrap();
        let top = Field::top(&json, "issues");
        let said = |field: Field<'_>| field.short().unwrap_err().to_string();
        let issue = top.at("issue");
        let label = issue.at("labels").list().unwrap().remove(0);
        insta::assert_snapshot!(
            [
                said(top.at("comment").at("user").at("login")),
                said(issue.at("user").at("login")),
                said(issue.at("title").at("text")),
                said(issue.at("title")),
                said(issue.at("labels")),
                said(label.at("name")),
            ]
            .join("\n"),
            @r"
        `comment` is missing: this is no complete `issues` event; give the body as the forge sent it
        `issue.user` is null, but in `issues` events it is an object; give the body as the forge sent it
        `issue.title` is 3, but in `issues` events it is an object; give the body as the forge sent it
        `issue.title` is 3, but in `issues` events it is a text of one line; give the body as the forge sent it
        `issue.labels` is a list, but in `issues` events it is a text of one line; give the body as the forge sent it
        `issue.labels[0].name` is `a\nb`, but in `issues` events it is a text of one line; give the body as the forge sent it
        "
        );
    }

    #[test]
    fn what_is_absent_or_null_anywhere_on_the_way_is_optional() {
        let json = Json::read(br#"{"head": {"repo": null}, "base": 3}"#).unwrap();
        let top = Field::top(&json, "pull_request");
        assert!(top.at("head").at("repo").optional().is_none());
        assert!(top.at("head").at("repo").at("id").optional().is_none());
        assert!(top.at("tail").at("repo").at("id").optional().is_none());
        assert!(top.at("base").at("repo").optional().is_some_and(|repo| repo.id().is_err()));
    }

    #[test]
    fn an_id_is_an_integer_every_reader_keeps_exact() {
        for (text, expected) in [
            ("1", Some(1)),
            ("9007199254740991", Some(9_007_199_254_740_991)),
            ("9007199254740992", None),
            ("18446744073709551616", None),
            ("0", None),
            ("-1", None),
            ("-0", None),
            ("1.0", None),
            ("1e3", None),
            ("\"1\"", None),
            ("true", None),
            ("null", None),
            ("[1]", None),
        ] {
            let json = format!("{{\"id\": {text}}}");
            let json = Json::read(json.as_bytes()).unwrap();
            assert_eq!(Field::top(&json, "issues").at("id").id().ok(), expected, "for {text}");
        }
    }

    #[test]
    fn a_digest_does_not_depend_on_the_order_of_keys() {
        let digest = |json: &str| {
            let json = Json::read(json.as_bytes()).unwrap();
            Field::top(&json, "issue").at("changes").digest().unwrap()
        };
        let one = digest(r#"{"changes": {"a": [1, null], "b": "\u00e4"}}"#);
        assert_eq!(one, digest(r#"{"changes":{"b":"ä","a":[1,null]}}"#));
        assert_ne!(one, digest(r#"{"changes":{"b":"ä","a":[null,1]}}"#));
        assert_eq!(one.len(), 16);
    }
}

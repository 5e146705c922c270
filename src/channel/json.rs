//! JSON from outside, read in one way only.
//!
//! Two readers that disagree about a payload are a hole: what one checks, another acts upon. So a
//! duplicate key, a second value, depth beyond 64 and more than a million values are refused, and
//! what is used must have its exact type (see [`super::field`]).

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::field::clipped;
use super::{DELIVERY_MAX, Error};

/// Deepest nesting. Real events have less than ten.
const DEPTH_MAX: usize = 64;
/// Most values in one payload. Real events have hundreds, a push of 2 048 commits some 60 000.
const VALUES_MAX: usize = 1_000_000;

/// A JSON value that borrows its texts from the payload.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(BTreeMap<Cow<'a, str>, Json<'a>>),
}

impl<'a> Json<'a> {
    /// Reads one object and nothing after it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > DELIVERY_MAX {
            return Err(Error::TooLarge { bytes: bytes.len() });
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::Empty);
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            let what = "a byte order mark (save the file without one)".to_owned();
            return Err(Error::NotJson { what, line: 1, column: 1 });
        }
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let values = Cell::new(0);
        let value = Strict { depth: 0, values: &values }.deserialize(&mut reader);
        match value.and_then(|value| reader.end().map(|()| value)) {
            Ok(value @ Json::Object(_)) => Ok(value),
            Ok(other) => Err(Error::NotAnObject { found: other.kind() }),
            Err(error) => {
                let text = error.to_string();
                // The place stands in the error's own words too.
                let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned();
                Err(Error::NotJson { what, line: error.line(), column: error.column() })
            }
        }
    }

    /// The member of an object; `None` for anything else.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Json::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// Whether it has an object as a member of that name.
    pub(super) fn has_object(&self, name: &str) -> bool {
        matches!(self.member(name), Some(Json::Object(_)))
    }

    /// The text of a member; `None` for anything else.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.member(name) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "true or false",
            Json::Number(_) => "a number",
            Json::Text(_) => "a text",
            Json::Array(_) => "a list",
            Json::Object(_) => "an object",
        }
    }
}

/// Builds a [`Json`] and refuses what could be read in two ways.
#[derive(Clone, Copy)]
struct Strict<'c> {
    depth: usize,
    values: &'c Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {DEPTH_MAX}")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > VALUES_MAX {
            return Err(D::Error::custom(format_args!("more than {VALUES_MAX} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json<'de>, E> {
        serde_json::Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut members = BTreeMap::new();
        while let Some(Key(name)) = map.next_key::<Key<'de>>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate key `{}`", clipped(&name))));
            }
            let value = map.next_value_seed(inner)?;
            members.insert(name, value);
        }
        Ok(Json::Object(members))
    }
}

/// A key, borrowed when it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            (-1e9..1e9).prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::hash_map(".{0,4}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_it_reads_another_reader_reads_the_same(value in any_json()) {
            let text = serde_json::json!({ "value": value }).to_string();
            let read = Json::read(text.as_bytes()).unwrap();
            prop_assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::from_str::<serde_json::Value>(&text).unwrap());
        }

        #[test]
        fn what_another_reader_refuses_it_refuses_too(text in r#"[{}\[\]",:0-9eE+.\-\\u tfn]{0,24}"#) {
            if serde_json::from_str::<serde_json::Value>(&text).is_err() {
                prop_assert!(Json::read(text.as_bytes()).is_err());
            }
        }
    }

    #[test]
    fn depth_ends_at_64_and_values_at_a_million() {
        let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(Json::read(nested(64).as_bytes()).is_ok());
        assert!(Json::read(nested(65).as_bytes()).is_err());
        assert!(Json::read("{\"a\":".repeat(2_000_000).as_bytes()).is_err());
        let wide = |values: usize| format!("{{\"a\":[{}1]}}", "1,".repeat(values - 3));
        assert!(Json::read(wide(1_000_000).as_bytes()).is_ok());
        assert!(Json::read(wide(1_000_001).as_bytes()).is_err());
    }

    #[test]
    fn a_key_is_the_same_key_however_it_is_escaped() {
        assert!(Json::read(br#"{"id": 1, "\u0069d": 2}"#).is_err());
        assert!(Json::read(br#"{"a": {"id": 1}, "b": {"id": 2}}"#).is_ok());
    }
}

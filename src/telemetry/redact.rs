//! Takes known secrets out of whatever is about to be stored or shown.
//!
//! A secret is looked for by its exact value and by the forms that tools make of it without
//! meaning to hide it: JSON-escaped (once and twice, because arguments are JSON inside JSON),
//! base64 in both alphabets and at all three offsets, hex, reversed. One pass, linear in the text.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::domain::secret::Secret;

/// What stands where a secret stood.
pub const STARS: &str = "***";

/// Shorter values are not looked for: they would match by chance.
pub const SECRET_MIN: usize = 8;

/// Replaces known secrets by [`STARS`]. Cheap to clone; prints nothing of what it knows.
#[derive(Clone, Default)]
pub struct Redactor(Option<AhoCorasick>);

impl Redactor {
    /// Knows these values from now on; those shorter than [`SECRET_MIN`] bytes are left out.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut forms: Vec<String> = secrets
            .into_iter()
            .map(|secret| secret.expose().trim())
            .filter(|value| value.len() >= SECRET_MIN)
            .flat_map(forms)
            .collect();
        forms.sort_unstable();
        forms.dedup();
        if forms.is_empty() {
            return Self(None);
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&forms);
        Self(Some(automaton.expect("fewer than 2^31 bytes of secrets: they came through an environment")))
    }

    /// The text without secrets.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut rest = text;
        let mut clean = String::new();
        while let Some(found) = self.find(rest.as_bytes()) {
            // A form is whole characters, so both ends are character boundaries.
            let (Some(before), Some(after)) = (rest.get(..found.start), rest.get(found.end..)) else { break };
            clean.push_str(before);
            clean.push_str(STARS);
            rest = after;
        }
        if rest.len() == text.len() {
            return Cow::Borrowed(text);
        }
        clean.push_str(rest);
        Cow::Owned(clean)
    }

    /// The bytes without secrets, for content that need not be text.
    pub fn redact_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.0 {
            Some(automaton) if automaton.is_match(bytes) => {
                let mut clean = Vec::with_capacity(bytes.len());
                automaton.replace_all_with_bytes(bytes, &mut clean, |_, _, into| {
                    into.extend_from_slice(STARS.as_bytes());
                    true
                });
                Cow::Owned(clean)
            }
            _ => Cow::Borrowed(bytes),
        }
    }

    /// The JSON text without secrets in its strings; it stays valid JSON, and what holds no secret
    /// stays as it is to the byte. Numbers are left alone, so that a field keeps its type.
    pub fn redact_json<'a>(&self, json: &'a str) -> Cow<'a, str> {
        if self.0.is_none() {
            return Cow::Borrowed(json);
        }
        let mut clean = String::new();
        let mut copied = 0;
        for span in string_literals(json) {
            let Some(literal) = json.get(span.clone()) else { continue };
            let Ok(Plain(text)) = serde_json::from_str::<Plain<'_>>(literal) else { continue };
            if let Cow::Owned(redacted) = self.redact(&text) {
                clean.push_str(json.get(copied..span.start).unwrap_or_default());
                clean.push_str(&serde_json::Value::from(redacted).to_string());
                copied = span.end;
            }
        }
        if copied == 0 {
            return Cow::Borrowed(json);
        }
        clean.push_str(json.get(copied..).unwrap_or_default());
        Cow::Owned(clean)
    }

    fn find(&self, bytes: &[u8]) -> Option<Range<usize>> {
        self.0.as_ref()?.find(bytes).map(|found| found.range())
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

/// A decoded JSON string; borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Plain<'a>(#[serde(borrow)] Cow<'a, str>);

/// Everything a secret may look like.
fn forms(value: &str) -> Vec<String> {
    let once = escaped(value);
    let mut forms = vec![
        escaped(&once),
        once,
        value.chars().rev().collect(),
        hex::encode(value),
        hex::encode_upper(value),
        value.to_owned(),
    ];
    for engine in [&STANDARD, &URL_SAFE] {
        let whole = engine.encode(value);
        forms.push(whole.trim_end_matches('=').to_owned());
        forms.push(whole);
        for offset in 0..3 {
            let shifted = [&[0; 2][..offset], value.as_bytes()].concat();
            let digits = engine.encode(&shifted);
            // Digits that mix in bits of the neighbours are left out: they are not known.
            let first = (offset * 8).div_ceil(6);
            let last = shifted.len() * 8 / 6;
            forms.extend(digits.get(first..last).map(str::to_owned));
        }
    }
    forms
}

/// The value as it stands between the quotes of a JSON string.
fn escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

/// Where the strings of a JSON text are, quotes counted in.
fn string_literals(json: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = json.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(|b| *b == b'"')?;
        let mut end = start + 1;
        loop {
            end += bytes.get(end..)?.iter().position(|b| matches!(b, b'"' | b'\\'))?;
            if bytes.get(end) == Some(&b'"') {
                at = end + 1;
                return Some(start..at);
            }
            end += 2;
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redactor(values: &[&str]) -> Redactor {
        let secrets: Vec<Secret> = values.iter().map(|v| Secret::new((*v).to_owned())).collect();
        Redactor::new(&secrets)
    }

    #[test]
    fn a_secret_is_taken_out_in_every_form_a_tool_makes_of_it() {
        let value = "sk-ant/ö+\"q\\9\n7?>~";
        let redactor = redactor(&[value]);
        let once = escaped(value);
        let base64 = |prefix: &str, suffix: &str| STANDARD.encode(format!("{prefix}{value}{suffix}"));
        let url = |prefix: &str, suffix: &str| URL_SAFE.encode(format!("{prefix}{value}{suffix}"));
        for form in [
            value.to_owned(),
            once.clone(),
            escaped(&once),
            value.chars().rev().collect(),
            hex::encode(value),
            hex::encode_upper(value),
            base64("", ""),
            base64("", "").trim_end_matches('=').to_owned(),
            url("", ""),
            base64("a", "zz"),
            base64("ab", "z"),
            base64("user:", ":x"),
            url("user", "xyz"),
        ] {
            let text = format!("before {form} after");
            let clean = redactor.redact(&text);
            assert!(clean.contains(STARS), "`{form}` passed");
            assert!(clean.len() < 30, "too much is left of `{form}`: {clean}");
            assert_eq!(clean.as_bytes(), &*redactor.redact_bytes(text.as_bytes()));
        }
    }

    #[test]
    fn what_holds_no_secret_is_not_copied() {
        let redactor = redactor(&["a-long-secret", "short"]);
        assert!(matches!(redactor.redact("short and harmless"), Cow::Borrowed(_)));
        assert!(matches!(redactor.redact_bytes(b"\xff short"), Cow::Borrowed(_)));
        assert!(matches!(redactor.redact_json(r#"{"a":[1,"x"]}"#), Cow::Borrowed(_)));
        assert!(matches!(Redactor::default().redact("a-long-secret"), Cow::Borrowed(_)));
    }

    #[test]
    fn the_longer_of_two_secrets_with_one_beginning_goes_whole() {
        assert_eq!(redactor(&["password1", "password1-and-more"]).redact("x password1-and-more y"), "x *** y");
    }

    #[test]
    fn json_stays_json_and_keeps_what_is_not_secret_to_the_byte() {
        let redactor = redactor(&["n\"ab\\cd\"ef", "\",\"b\":\"", "12345678"]);
        for (json, clean) in [
            // The secret's quotes and backslashes are escaped in the text.
            (r#"{ "a" : "x n\"ab\\cd\"ef y", "n":1.50 }"#, r#"{ "a" : "x *** y", "n":1.50 }"#),
            // Arguments: JSON inside a JSON string.
            (r#"["{\"k\":\"n\\\"ab\\\\cd\\\"ef\"}"]"#, r#"["{\"k\":\"***\"}"]"#),
            // The structure looks like a secret, the strings do not.
            (r#"{"a":"1","b":"2"}"#, r#"{"a":"1","b":"2"}"#),
            // A match must not begin inside an escape.
            (r#"["\n\"ab\\cd\"ef"]"#, r#"["\n\"ab\\cd\"ef"]"#),
            // Escapes that serde would not have written.
            (r#"["\u0031\u0032345678"]"#, r#"["***"]"#),
            (r#"{"12345678":12345678}"#, r#"{"***":12345678}"#),
        ] {
            assert_eq!(redactor.redact_json(json), clean);
        }
    }

    proptest! {
        #[test]
        fn any_secret_in_any_text_leaves_valid_json_without_it(
            secret in "[\"\\\\a-z\n{}:,/+ü]{8,20}", before in ".{0,20}", after in ".{0,20}",
        ) {
            prop_assume!(secret.trim() == secret);
            let json = serde_json::json!({ "k": [format!("{before}{secret}{after}"), 7] }).to_string();
            let redactor = redactor(&[&secret]);
            let clean: serde_json::Value = serde_json::from_str(&redactor.redact_json(&json)).unwrap();
            prop_assert!(!clean["k"][0].as_str().unwrap().contains(&secret));
            prop_assert_eq!(&clean["k"][1], 7);
        }

        #[test]
        fn any_text_is_survived(text in ".{0,200}") {
            let redactor = redactor(&["aaaaaaaa", "\"\"\"\"\"\"\"\""]);
            redactor.redact_json(&text);
            redactor.redact(&text);
        }
    }
}

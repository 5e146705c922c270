//! What GitHub answered, read strictly.

use http::HeaderMap;
use http::header::{LINK, LOCATION};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use url::Url;

use super::api::Call;
use super::refusal;
use crate::forge::foreign::harmless;
use crate::forge::{Error, limit};

/// An answer that came as a whole.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Never holds our token.
    pub(super) body: String,
}

/// The shape of every refusal.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Fault>,
}

/// What is wrong with a field; some answers have a text in its place.
#[derive(Deserialize)]
#[serde(untagged)]
enum Fault {
    Text(String),
    Field {
        #[serde(default)]
        field: String,
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    },
}

impl Answer {
    /// What a success holds.
    ///
    /// # Errors
    /// [`Error::Refused`] for every other status. A success that cannot be read is
    /// [`Error::Unknown`] after a write, because whoever wrote it may not be GitHub.
    pub(super) fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        self.accepted(call)?;
        serde_json::from_str(&self.body).map_err(|error| {
            let doing = call.doing.clone();
            let said = match error.classify() {
                Category::Data => harmless(&error.to_string()),
                _ => format!("status {} and no JSON; check the API address, and any proxy before it", self.status),
            };
            if call.is_write() { Error::Unknown { doing, said } } else { Error::Unreadable { doing, said } }
        })
    }

    /// Whether it is a success.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub(super) fn accepted(&self, call: &Call) -> Result<(), Error> {
        if (200..300).contains(&self.status) { Ok(()) } else { Err(refusal::refused(call, self)) }
    }

    /// GitHub's own words on a refusal, made harmless; empty when there are none.
    pub(super) fn message(&self) -> String {
        let refusal: Refusal = serde_json::from_str(&self.body).unwrap_or_default();
        let faults = refusal.errors.into_iter().map(|fault| match fault {
            Fault::Text(text) => text,
            Fault::Field { field, message, .. } if !message.is_empty() => format!("{field} {message}"),
            Fault::Field { field, code, .. } => format!("{field} is {code}"),
        });
        let said: Vec<String> =
            std::iter::once(refusal.message).chain(faults).filter(|text| !text.is_empty()).collect();
        harmless(&said.join(": "))
    }

    /// Where a redirect leads.
    pub(super) fn location(&self, from: &Url) -> Option<Url> {
        if !matches!(self.status, 301 | 302 | 307 | 308) {
            return None;
        }
        from.join(limit::text(&self.headers, LOCATION.as_str())?).ok()
    }

    /// Whether a page of a list, of `items` where `full` would fit, is followed by another.
    pub(super) fn has_next(&self, items: usize, full: usize) -> bool {
        match limit::text(&self.headers, LINK.as_str()) {
            Some(links) => links.contains("rel=\"next\""),
            None => items >= full,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::ThreadKind;
    use crate::forge::github::refusal::Right;

    /// An answer that did not come from anywhere.
    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Answer { status, headers, body: body.to_owned() }
    }

    #[test]
    fn a_refusal_is_told_in_githubs_words_and_stays_one_line() {
        for (body, expected) in [
            ("", ""),
            ("<html>Bad gateway</html>", ""),
            (r#"{"message":"Not Found","documentation_url":"x","status":"404"}"#, "Not Found"),
            (r#"{"message":"a\n::error::b"}"#, "a ::error::b"),
            (
                r#"{"message":"Validation Failed","errors":[{"resource":"IssueComment","code":"unprocessable","field":"data","message":"Body is too long"}]}"#,
                "Validation Failed: data Body is too long",
            ),
            (
                r#"{"message":"Validation Failed","errors":[{"code":"invalid","field":"labels"}]}"#,
                "Validation Failed: labels is invalid",
            ),
            (
                r#"{"message":"Validation Failed","errors":["Could not be saved"]}"#,
                "Validation Failed: Could not be saved",
            ),
            (r#"{"message":7}"#, ""),
        ] {
            assert_eq!(answer(422, &[], body).message(), expected);
        }
    }

    #[test]
    fn the_next_page_is_known_by_its_link_or_by_a_full_page() {
        let next = r#"<https://api.github.com/x?page=3>; rel="next", <https://api.github.com/x?page=9>; rel="last""#;
        let last = r#"<https://api.github.com/x?page=1>; rel="first""#;
        assert!(answer(200, &[("link", next)], "").has_next(1, 100));
        assert!(!answer(200, &[("link", last)], "").has_next(100, 100));
        assert!(answer(200, &[], "").has_next(100, 100));
        assert!(!answer(200, &[], "").has_next(99, 100));
    }

    proptest! {
        #[test]
        fn whatever_is_answered_becomes_one_line(
            status in 0..1000_u16,
            body in prop_oneof![".*", r#"\{"message":"([^"\\\\]|\\\\[nrtu"])*"\}"#],
            wait in "\\PC{0,20}",
            right in prop_oneof![Just(Right::Metadata), Just(Right::Write(ThreadKind::Issue))],
        ) {
            let (method, path) = (Method::GET, String::new());
            let call = Call { doing: "ask".to_owned(), method, path, body: None, right };
            let mut answer = answer(status, &[], &body);
            if let Ok(wait) = wait.parse() {
                answer.headers.insert("retry-after", wait);
            }
            let errors = [refusal::limit(&call, &answer), Some(refusal::overload(&call, &answer)), answer.read::<u64>(&call).err()];
            for error in errors.into_iter().flatten() {
                let said = error.to_string();
                prop_assert!(said.chars().count() < 800 && !said.contains(char::is_control), "{said}");
            }
        }
    }
}

//! What GitLab says when it says no, in one harmless line, and what to do about it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// Where an access token is set.
pub(super) const PERSONAL: &str = "HOB_GITLAB_TOKEN";
/// Where the job's token is found.
pub(super) const JOB: &str = "CI_JOB_TOKEN";
/// Most bytes of an error's body.
pub(super) const ERROR_MAX: usize = 64 << 10;
/// Most characters of what GitLab says that are passed on.
const TEXT_MAX: usize = 300;
/// Deepest nesting of a message that is read.
const DEPTH_MAX: usize = 4;

/// The message of an error's body: `message` (text, list, or lists by field), or `error` with its
/// description; else the status alone.
pub(super) fn message(status: u16, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut words = Vec::new();
    for member in ["message", "error", "error_description"] {
        if let Some(value) = body.get(member) {
            gather(value, DEPTH_MAX, &mut words);
        }
    }
    let said = harmless(&words.join(": "));
    if said.is_empty() { format!("GitLab answered {status}") } else { format!("GitLab answered {status}: {said}") }
}

fn gather(value: &Value, depth: usize, words: &mut Vec<String>) {
    match value {
        Value::String(text) => words.push(text.clone()),
        Value::Array(items) if depth > 0 => items.iter().for_each(|item| gather(item, depth - 1, words)),
        Value::Object(members) if depth > 0 => {
            for (name, value) in members {
                words.push(name.clone());
                gather(value, depth - 1, words);
            }
        }
        _ => {}
    }
}

/// The same with what to change, where something can be.
pub(super) fn with_next_move(status: u16, said: String, token: &str) -> String {
    let job = token == JOB;
    let next = match status {
        401 | 403 | 404 if job => {
            "CI_JOB_TOKEN reaches few endpoints: set HOB_GITLAB_TOKEN to a project access token with the scope `api` \
             and the role Reporter or higher"
        }
        401 => "HOB_GITLAB_TOKEN is wrong, expired or revoked: make a new one with the scope `api`",
        403 => "HOB_GITLAB_TOKEN needs the scope `api`, and its user the role Reporter or higher in this project",
        404 => "it is gone, or the user of HOB_GITLAB_TOKEN may not see it",
        300..=399 => "GitLab is somewhere else: CI_API_V4_URL must be the address that answers itself",
        _ => return said,
    };
    format!("{said}; {next}")
}

/// How long GitLab asks to wait: `Retry-After`, or `RateLimit-Reset` by its own clock.
pub(super) fn after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(seconds) = text(RETRY_AFTER.as_str()).and_then(|value| value.parse().ok()) {
        return Some(Duration::from_secs(seconds));
    }
    let reset = Timestamp::from_second(text("ratelimit-reset")?.parse().ok()?).ok()?;
    Some(Duration::try_from(reset.duration_since(clock(headers)?)).unwrap_or(Duration::ZERO))
}

/// The forge's own clock at its answer.
pub(super) fn clock(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(date.trim()).ok()
}

/// Foreign text on one line, without what moves a cursor or hides, not too long.
pub(super) fn harmless(text: &str) -> String {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .take(TEXT_MAX)
        .collect();
    if text.chars().nth(TEXT_MAX).is_some() {
        out.push('…');
    }
    out.trim().to_owned()
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    #[test]
    fn every_shape_of_a_message_becomes_one_line() {
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(400));
        let said: Vec<String> = [
            r#"{"message":"404 Project Not Found"}"#,
            r#"{"message":{"note":["can't be blank","is too long"]}}"#,
            r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#,
            r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges.","scope":"api"}"#,
            r#"{"error":"sort does not have a valid value"}"#,
            "{\"message\":\"one\\ntwo\\u001b[31m\\u202e\"}",
            &long,
            "<html>502</html>",
            "",
        ]
        .iter()
        .map(|body| message(400, body.as_bytes()))
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"");
    }

    #[test]
    fn the_wait_is_told_in_seconds_or_as_a_time_on_the_forges_clock() {
        let headers = |pairs: &[(&'static str, &str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
        };
        let date = ("date", "Tue, 05 Jan 2021 11:00:00 GMT");
        for (pairs, expected) in [
            (vec![("retry-after", "30"), ("ratelimit-reset", "1609844400")], Some(30)),
            (vec![("ratelimit-reset", "1609844460"), date], Some(60)),
            (vec![("ratelimit-reset", "1609844300"), date], Some(0)),
            (vec![("ratelimit-reset", "1609844460")], None),
            (vec![("retry-after", "soon"), ("ratelimit-reset", "later"), date], None),
            (vec![], None),
        ] {
            assert_eq!(after(&headers(&pairs)), expected.map(Duration::from_secs), "{pairs:?}");
        }
    }
}

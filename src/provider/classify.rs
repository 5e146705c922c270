//! From a vendor's refusal to what to do about it.

use std::time::Duration;

use serde::Deserialize;

use super::{Error, ErrorKind};
use crate::domain::invisible::without_invisible;

/// Longest text of a vendor that is repeated, in characters.
const TEXT_MAX: usize = 500;

/// Words that mean "later", looked for before [`OVERFLOW`]: a token rate limit says `too many
/// tokens` as well.
const LATER: &[&str] = &[
    "rate limit",
    "rate_limit",
    "too many requests",
    "per minute",
    "per day",
    "overloaded",
    "throttl",
    "try again later",
];

/// Words that mean that the account is empty, whatever the status.
const NO_CREDIT: &[&str] = &["insufficient_quota", "billing_error", "credit balance is too low"];

/// Words that mean that there is no such model, whatever the status.
const NO_MODEL: &[&str] = &["model_not_found", "is not a valid model id"];

/// How vendors say that the window is full. `*` is any text, `#` is a number.
const OVERFLOW: &[&str] = &[
    "prompt is too long",
    "exceed context limit",
    "input is too long for requested model",
    "exceeds the context window",
    "input token count*exceeds the maximum",
    "maximum prompt length is #",
    "reduce the length of the messages",
    "maximum context length is # tokens",
    "exceeds the limit of #",
    "exceeds the available context size",
    "greater than the context length",
    "context window exceeds limit",
    "exceeded model token limit",
    "too large for model with # maximum context length",
    "model_context_window_exceeded",
    "context_length_exceeded",
    "context length exceeded",
    "too many tokens",
    "token limit exceeded",
];

/// An answer with a status that is no success. `who` names the provider.
pub(super) fn status(who: &str, status: u16, after: Option<Duration>, body: &[u8]) -> Error {
    let said = Said::read(body);
    let text = said.lower();
    let kind = match status {
        401 | 403 => ErrorKind::Auth,
        402 | 429 if NO_CREDIT.iter().any(|word| text.contains(word)) => ErrorKind::Config,
        429 => ErrorKind::Transient { after },
        413 => ErrorKind::Overflow,
        // Some vendors refuse a prompt that is too long without a word.
        400 if body.is_empty() => ErrorKind::Overflow,
        // Not the vendor's interface, or not a model of it.
        300..=399 | 404 | 405 | 410 => by_text(&text).unwrap_or(ErrorKind::Config),
        402 => ErrorKind::Config,
        _ => by_text(&text).unwrap_or(match status {
            408 | 409 | 425 | 500..=599 => ErrorKind::Transient { after },
            _ => ErrorKind::Fatal,
        }),
    };
    let kind = match kind {
        ErrorKind::Transient { .. } => ErrorKind::Transient { after },
        other => other,
    };
    Error { kind, message: format!("{who} answered {status}{}; {}", said.clause(), advice(kind, status)) }
}

/// An error inside a stream, or in the place of one.
pub(super) fn said(who: &str, kind: &str, message: &str) -> Error {
    let said = Said { kind: kind.to_owned(), message: message.to_owned() };
    let kind = match kind {
        "authentication_error" | "permission_error" | "invalid_api_key" => ErrorKind::Auth,
        "request_too_large" => ErrorKind::Overflow,
        _ => by_text(&said.lower()).unwrap_or(match kind {
            "not_found_error" => ErrorKind::Config,
            "invalid_request_error" => ErrorKind::Fatal,
            // The vendor accepted the request and then broke off.
            _ => ErrorKind::Transient { after: None },
        }),
    };
    Error { kind, message: format!("{who} broke off{}; {}", said.clause(), advice(kind, 200)) }
}

/// Foreign text on one line, without control or invisible characters, cut.
pub(super) fn defuse(text: &str) -> String {
    let (visible, _) = without_invisible(text);
    let mut line = visible.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let mut shown: String = line.by_ref().take(TEXT_MAX).collect();
    if line.next().is_some() {
        shown.push('…');
    }
    shown.trim().to_owned()
}

fn by_text(text: &str) -> Option<ErrorKind> {
    if NO_CREDIT.iter().chain(NO_MODEL).any(|word| text.contains(word)) {
        return Some(ErrorKind::Config);
    }
    if LATER.iter().any(|word| text.contains(word)) {
        return Some(ErrorKind::Transient { after: None });
    }
    OVERFLOW.iter().any(|pattern| occurs(pattern, text)).then_some(ErrorKind::Overflow)
}

/// Whether `pattern` occurs in `text`, at the first place where its first part does.
fn occurs(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    for part in pattern.split_inclusive(['*', '#']) {
        let (literal, number) = match part.strip_suffix('#') {
            Some(literal) => (literal, true),
            None => (part.trim_end_matches('*'), false),
        };
        let Some(at) = rest.find(literal) else { return false };
        rest = rest.get(at + literal.len()..).unwrap_or_default();
        if number {
            let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            if after.len() == rest.len() {
                return false;
            }
            rest = after;
        }
    }
    true
}

fn advice(kind: ErrorKind, status: u16) -> &'static str {
    match (kind, status) {
        (ErrorKind::Transient { .. }, _) => "it may pass",
        (ErrorKind::Overflow, _) => "the conversation is longer than the model's window",
        (ErrorKind::Auth, _) => "check the key, and that it may use this model",
        (ErrorKind::Config, 404 | 405 | 410) => "check the model's name and the base URL",
        (ErrorKind::Config, 402 | 429) => "check the account's credit",
        (ErrorKind::Config, 300..=399) => {
            "redirects are not followed, because the key would go along: check the base URL"
        }
        (ErrorKind::Config, _) => "check the model's name, the base URL and the account's credit",
        (ErrorKind::Fatal, _) => "asking again would bring the same",
    }
}

/// What a vendor said, as far as it can be told.
#[derive(Deserialize)]
#[serde(from = "ErrorObject")]
pub(super) struct Said {
    pub(super) kind: String,
    pub(super) message: String,
}

/// An error as both protocols and their imitators write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorObject {
    Text(String),
    Object {
        #[serde(default, rename = "type")]
        kind: Option<String>,
        #[serde(default)]
        code: Option<serde_json::Value>,
        #[serde(default)]
        message: Option<String>,
    },
}

impl From<ErrorObject> for Said {
    /// The code is the narrower word for the kind.
    fn from(object: ErrorObject) -> Self {
        match object {
            ErrorObject::Text(message) => Self { kind: String::new(), message },
            ErrorObject::Object { kind, code, message } => {
                let code = code.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned);
                Self { kind: code.or(kind).unwrap_or_default(), message: message.unwrap_or_default() }
            }
        }
    }
}

impl Said {
    /// A failure without a word.
    pub(super) fn nothing() -> Self {
        Self { kind: String::new(), message: "it failed without a reason".to_owned() }
    }

    /// Reads an error's body; what holds no error object is text.
    pub(super) fn read(body: &[u8]) -> Self {
        Self::json(body).unwrap_or_else(|| {
            let text = String::from_utf8_lossy(body);
            let is_page = text.trim_start().starts_with('<');
            Self { kind: String::new(), message: if is_page { "a web page".to_owned() } else { text.into_owned() } }
        })
    }

    /// The error object in `body`, if it is one.
    pub(super) fn json(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Outer {
            #[serde(default)]
            error: Option<Said>,
            #[serde(default)]
            message: Option<String>,
            #[serde(default)]
            detail: Option<serde_json::Value>,
        }
        let outer: Outer = serde_json::from_slice(body).ok()?;
        match outer {
            Outer { error: Some(said), .. } => Some(said),
            Outer { message: Some(message), .. } => Some(Self { kind: String::new(), message }),
            Outer { detail: Some(detail), .. } => Some(Self { kind: String::new(), message: detail.to_string() }),
            Outer { .. } => None,
        }
    }

    fn lower(&self) -> String {
        format!("{} {}", self.kind, self.message).to_lowercase()
    }

    fn clause(&self) -> String {
        let (kind, message) = (defuse(&self.kind), defuse(&self.message));
        match (kind.is_empty(), message.is_empty()) {
            (true, true) => String::new(),
            (false, true) => format!(" ({kind})"),
            (true, false) => format!(": {message}"),
            (false, false) => format!(" ({kind}): {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: ErrorKind = ErrorKind::Transient { after: None };

    #[test]
    fn a_status_says_what_to_do() {
        for (code, body, expected) in [
            (
                401,
                r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
                ErrorKind::Auth,
            ),
            (403, "", ErrorKind::Auth),
            (429, r#"{"error":{"type":"tokens","message":"too many tokens"}}"#, LATER),
            (
                429,
                r#"{"error":{"code":"insufficient_quota","message":"You exceeded your current quota"}}"#,
                ErrorKind::Config,
            ),
            (402, r#"{"error":{"type":"billing_error","message":"pay"}}"#, ErrorKind::Config),
            (
                400,
                r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API"}}"#,
                ErrorKind::Config,
            ),
            (400, r#"{"error":{"code":"model_not_found","message":"no such model"}}"#, ErrorKind::Config),
            (405, "<html>", ErrorKind::Config),
            (500, "", LATER),
            (502, "<html>Bad gateway</html>", LATER),
            (529, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, LATER),
            (408, "", LATER),
            (400, r#"{"error":{"message":"model overloaded"}}"#, LATER),
            (400, r#"{"error":{"type":"invalid_request_error","message":"tools.0: bad"}}"#, ErrorKind::Fatal),
            (404, "", ErrorKind::Config),
            (302, "", ErrorKind::Config),
            (413, "", ErrorKind::Overflow),
            (400, "", ErrorKind::Overflow),
        ] {
            assert_eq!(status("x", code, None, body.as_bytes()).kind, expected, "for {code} {body}");
        }
    }

    #[test]
    fn every_vendor_says_in_its_own_words_that_the_window_is_full() {
        for text in [
            "prompt is too long: 213462 tokens > 200000 maximum",
            "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
            "Input is too long for requested model",
            "Your input exceeds the context window of this model",
            "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575)",
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens",
            "Please reduce the length of the messages or completion",
            "This endpoint's maximum context length is 131072 tokens. However",
            "prompt token count of 128001 exceeds the limit of 128000",
            "the request exceeds the available context size, try increasing it",
            "tokens to keep from the initial prompt is greater than the context length",
            "invalid params, context window exceeds limit",
            "Your request exceeded model token limit: 8192",
            "Prompt contains 9 tokens, too large for model with 8 maximum context length",
            "context_length_exceeded",
        ] {
            let body = serde_json::json!({"error": {"message": text}}).to_string();
            assert_eq!(status("x", 400, None, body.as_bytes()).kind, ErrorKind::Overflow, "for `{text}`");
            assert_eq!(said("x", "invalid_request_error", text).kind, ErrorKind::Overflow, "for `{text}`");
        }
        assert_eq!(said("x", "", "too many tokens per minute").kind, LATER);
        assert_eq!(status("x", 400, None, b"maximum context length is many tokens").kind, ErrorKind::Fatal);
    }

    #[test]
    fn an_error_in_a_stream_says_what_to_do() {
        for (kind, expected) in [
            ("overloaded_error", LATER),
            ("api_error", LATER),
            ("server_error", LATER),
            ("", LATER),
            ("rate_limit_error", LATER),
            ("authentication_error", ErrorKind::Auth),
            ("invalid_request_error", ErrorKind::Fatal),
            ("not_found_error", ErrorKind::Config),
            ("model_not_found", ErrorKind::Config),
            ("insufficient_quota", ErrorKind::Config),
            ("billing_error", ErrorKind::Config),
            ("request_too_large", ErrorKind::Overflow),
        ] {
            assert_eq!(said("x", kind, "").kind, expected, "for `{kind}`");
        }
    }

    #[test]
    fn what_a_vendor_says_is_repeated_harmlessly() {
        let messages = [
            status(
                "anthropic",
                429,
                None,
                br#"{"error":{"type":"rate_limit_error","message":"slow\ndown \u001b[2J\u202e"}}"#,
            ),
            status("openai-chat", 404, None, b"<!doctype html><h1>404</h1>"),
            status("openai-chat", 307, None, b""),
            said("anthropic", "overloaded_error", "Overloaded"),
            status("openai-chat", 422, None, br#"{"detail":[{"msg":"field required"}]}"#),
        ]
        .map(|error| error.message)
        .join("\n");
        insta::assert_snapshot!(messages, @r#"
        anthropic answered 429 (rate_limit_error): slow down [2J; it may pass
        openai-chat answered 404: a web page; check the model's name and the base URL
        openai-chat answered 307; redirects are not followed, because the key would go along: check the base URL
        anthropic broke off (overloaded_error): Overloaded; it may pass
        openai-chat answered 422: [{"msg":"field required"}]; asking again would bring the same
        "#);
        assert!(status("x", 500, None, "ä".repeat(9000).as_bytes()).message.len() < 1200);
    }
}

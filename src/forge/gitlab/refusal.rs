//! From a refusal of GitLab to what it means and what to do about it.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::forge::foreign::harmless;
use crate::forge::{Error, limit};

/// Where an access token is set.
pub(super) const PERSONAL: &str = "HOB_GITLAB_TOKEN";
/// Where the job's token is found.
pub(super) const JOB: &str = "CI_JOB_TOKEN";
/// What a limit asks for that names no time: GitLab counts by the minute.
const UNTOLD: Duration = Duration::from_secs(60);
/// Deepest nesting of a message that is read.
const DEPTH_MAX: usize = 4;

/// What a token is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Threads, members, pipelines.
    Project,
    /// The package registry.
    Registry,
}

/// What an answer that is no success means. `token` is the variable that holds what it was asked
/// with, and what it is used for.
pub(super) fn of(
    doing: &str,
    status: u16,
    headers: &HeaderMap,
    body: &str,
    token: (&str, Right),
    is_write: bool,
) -> Error {
    let (doing, said) = (doing.to_owned(), message(status, body));
    match status {
        429 => Error::Later { doing, after: Some(limit::asked(headers).unwrap_or(UNTOLD)), said },
        408 => Error::Later { doing, after: limit::asked(headers), said },
        // GitLab had the object locked and did not touch it.
        409 if said.contains("Resource lock") => Error::Later { doing, after: limit::asked(headers), said },
        500.. if is_write => Error::Unknown { doing, said },
        // How full a quota is comes with every answer, and is not why this one failed.
        500.. => {
            let after = headers.get(RETRY_AFTER).and_then(|_| limit::asked(headers));
            Error::Later { doing, after, said }
        }
        _ => Error::Refused { doing, status, said: with_next_move(status, said, token) },
    }
}

/// What a body says: `message` (text, list, or lists by field), or `error` with its description;
/// else the status alone.
fn message(status: u16, body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let mut words = Vec::new();
    for member in ["message", "error", "error_description"] {
        if let Some(value) = body.get(member) {
            gather(value, DEPTH_MAX, &mut words);
        }
    }
    match harmless(&words.join(": ")) {
        said if said.is_empty() => format!("GitLab answered {status}"),
        said => format!("GitLab answered {status}, \"{said}\""),
    }
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

fn with_next_move(status: u16, said: String, (variable, right): (&str, Right)) -> String {
    let next = match (status, right) {
        (300..=399, _) => "GitLab is somewhere else: check the address of its API",
        (403, Right::Registry) => {
            "the package registry must be on in this project; reading packages needs the role Reporter, publishing them \
             Developer, removing them Maintainer, and a job's token has the rights of whoever started its pipeline"
        }
        (404, Right::Registry) => "it is not there, or the package registry is turned off in this project",
        (401, Right::Registry) if variable == JOB => "CI_JOB_TOKEN is valid only while its job runs",
        (401 | 403 | 404, Right::Project) if variable == JOB => {
            "CI_JOB_TOKEN reaches few endpoints: set HOB_GITLAB_TOKEN to a project access token with the scope `api` \
             and the role Reporter or higher"
        }
        (401, _) => "HOB_GITLAB_TOKEN is wrong, has expired or was revoked: make a new one with the scope `api`",
        (403, _) => "HOB_GITLAB_TOKEN needs the scope `api`, and its user the role Reporter or higher in this project",
        (404, _) => "it is not there, or the user of HOB_GITLAB_TOKEN may not see it",
        (400 | 413 | 422, _) => "this text, label or file is not accepted: change it",
        _ => "this is not what the API documents: check its address",
    };
    format!("{said}; {next}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_shape_of_a_message_becomes_one_line_with_a_next_move() {
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(400));
        let said: Vec<String> = [
            (404, PERSONAL, r#"{"message":"404 Project Not Found"}"#),
            (404, JOB, r#"{"message":"404 Project Not Found"}"#),
            (401, PERSONAL, r#"{"message":"401 Unauthorized"}"#),
            (400, PERSONAL, r#"{"message":{"note":["can't be blank","is too long"]}}"#),
            (403, PERSONAL, r#"{"error":"insufficient_scope","error_description":"More is needed.","scope":"api"}"#),
            (400, PERSONAL, r#"{"error":"sort does not have a valid value"}"#),
            (301, PERSONAL, ""),
            (418, PERSONAL, "{\"message\":\"one\\ntwo\\u001b[31m\\u202e\"}"),
            (422, PERSONAL, &long),
        ]
        .iter()
        .map(|(status, variable, body)| {
            of("label acme/widgets#4", *status, &HeaderMap::new(), body, (variable, Right::Project), true).to_string()
        })
        .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        cannot label acme/widgets#4: GitLab answered 404, "404 Project Not Found"; it is not there, or the user of HOB_GITLAB_TOKEN may not see it
        cannot label acme/widgets#4: GitLab answered 404, "404 Project Not Found"; CI_JOB_TOKEN reaches few endpoints: set HOB_GITLAB_TOKEN to a project access token with the scope `api` and the role Reporter or higher
        cannot label acme/widgets#4: GitLab answered 401, "401 Unauthorized"; HOB_GITLAB_TOKEN is wrong, has expired or was revoked: make a new one with the scope `api`
        cannot label acme/widgets#4: GitLab answered 400, "note: can't be blank: is too long"; this text, label or file is not accepted: change it
        cannot label acme/widgets#4: GitLab answered 403, "insufficient_scope: More is needed."; HOB_GITLAB_TOKEN needs the scope `api`, and its user the role Reporter or higher in this project
        cannot label acme/widgets#4: GitLab answered 400, "sort does not have a valid value"; this text, label or file is not accepted: change it
        cannot label acme/widgets#4: GitLab answered 301; GitLab is somewhere else: check the address of its API
        cannot label acme/widgets#4: GitLab answered 418, "one two [31m"; this is not what the API documents: check its address
        cannot label acme/widgets#4: GitLab answered 422, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"; this text, label or file is not accepted: change it
        "#);
    }

    #[test]
    fn what_was_not_done_is_told_from_what_nobody_knows() {
        let kind = |status, body: &str, is_write| match of(
            "x",
            status,
            &HeaderMap::new(),
            body,
            (JOB, Right::Project),
            is_write,
        ) {
            Error::Refused { .. } => "refused",
            Error::Later { after: Some(_), .. } => "later, at a time",
            Error::Later { .. } => "later",
            Error::Unknown { .. } => "unknown",
            Error::Unreadable { .. } => "unreadable",
            Error::Unfit { .. } => "unfit",
        };
        for (status, body, read, write) in [
            (429, r#"{"message":{"error":"Too many requests"}}"#, "later, at a time", "later, at a time"),
            (409, r#"{"message":"409 Conflict: Resource lock"}"#, "later", "later"),
            (409, r#"{"message":"409 Conflict"}"#, "refused", "refused"),
            (500, "", "later", "unknown"),
            (502, "<html>GitLab is not responding</html>", "later", "unknown"),
            (404, "", "refused", "refused"),
        ] {
            assert_eq!((kind(status, body, false), kind(status, body, true)), (read, write), "{status} {body}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_answered_becomes_one_line(
            status in 0..1000_u16,
            body in prop_oneof![".*", r#"\{"message":\{"a":\["([^"\\\\]|\\\\[nrt"])*"\]\}\}"#],
            is_write: bool,
        ) {
            let said = of("ask", status, &HeaderMap::new(), &body, (PERSONAL, Right::Registry), is_write).to_string();
            prop_assert!(said.chars().count() < 800 && !said.contains(char::is_control), "{said}");
        }
    }
}

//! From a refusal of GitHub to what it means and what to do about it.

use std::time::Duration;

use super::answer::Answer;
use super::api::Call;
use crate::domain::event::ThreadKind;
use crate::forge::{Error, limit as headers};

/// What a limit asks for that names no time: GitHub documents a minute.
const UNTOLD: Duration = Duration::from_secs(60);

/// How GitHub says that there was too much, whatever the status.
const TOO_MUCH: &[&str] = &["rate limit", "abuse detection", "submitted too quickly"];

/// What a call needs a token to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// What every token may ask.
    Metadata,
    /// To read an issue or pull request.
    Read(ThreadKind),
    /// To write on one.
    Write(ThreadKind),
    /// To read workflow runs and their artifacts.
    Actions,
}

impl Right {
    /// As a line of a workflow's `permissions:`.
    const fn permission(self) -> &'static str {
        match self {
            Self::Metadata => "contents: read",
            Self::Read(ThreadKind::Issue) => "issues: read",
            Self::Read(ThreadKind::Pull) => "pull-requests: read",
            Self::Write(ThreadKind::Issue) => "issues: write",
            Self::Write(ThreadKind::Pull) => "pull-requests: write",
            Self::Actions => "actions: read",
        }
    }

    /// As the settings of a fine-grained token call it.
    const fn setting(self) -> &'static str {
        match self {
            Self::Metadata => "Metadata: read",
            Self::Read(ThreadKind::Issue) => "Issues: read",
            Self::Read(ThreadKind::Pull) => "Pull requests: read",
            Self::Write(ThreadKind::Issue) => "Issues: read and write",
            Self::Write(ThreadKind::Pull) => "Pull requests: read and write",
            Self::Actions => "Actions: read",
        }
    }
}

/// Whether the answer is a limit: nothing was done, and the same call may succeed later.
pub(super) fn limit(call: &Call, answer: &Answer) -> Option<Error> {
    if !matches!(answer.status, 403 | 422 | 429) {
        return None;
    }
    let lower = answer.message().to_lowercase();
    let told = answer.status == 429 || TOO_MUCH.iter().any(|words| lower.contains(words));
    let by_header = answer.status == 403 && (answer.headers.contains_key("retry-after") || used_up(answer));
    // The last call that a limit allowed may have been refused for a reason of its own.
    let limited = told || (by_header && !lower.starts_with("resource not accessible"));
    limited.then(|| self::limited(call, answer))
}

/// A limit, and when it ends.
pub(super) fn limited(call: &Call, answer: &Answer) -> Error {
    // A full quota tells its end with every answer; a secondary limit of an hour's quota does not end then.
    let tells = used_up(answer) || answer.headers.contains_key("retry-after");
    let after = if tells { headers::asked(&answer.headers) } else { None };
    let said = quoted(answer.status, &answer.message());
    Error::Later { doing: call.doing.clone(), after: Some(after.unwrap_or(UNTOLD)), said }
}

fn used_up(answer: &Answer) -> bool {
    headers::text(&answer.headers, "x-ratelimit-remaining") == Some("0")
}

/// GitHub itself failed. A read did nothing; of a write nobody knows.
pub(super) fn overload(call: &Call, answer: &Answer) -> Error {
    let (doing, said) = (call.doing.clone(), quoted(answer.status, &answer.message()));
    if call.is_write() {
        Error::Unknown { doing, said }
    } else {
        Error::Later { doing, after: headers::asked(&answer.headers), said }
    }
}

/// Any other answer that is no success.
pub(super) fn refused(call: &Call, answer: &Answer) -> Error {
    let message = answer.message();
    let advice = advice(call, answer, &message.to_lowercase());
    let said = format!("{}; {advice}", quoted(answer.status, &message));
    Error::Refused { doing: call.doing.clone(), status: answer.status, said }
}

fn quoted(status: u16, message: &str) -> String {
    if message.is_empty() {
        format!("GitHub answered {status}")
    } else {
        format!("GitHub answered {status}, \"{message}\"")
    }
}

fn advice(call: &Call, answer: &Answer, message: &str) -> String {
    let right = call.right;
    match answer.status {
        300..=399 => "the repository may have moved: give its new name, or check the API address".to_owned(),
        401 => "the token is wrong or has expired: give another one in HOB_GITHUB_TOKEN".to_owned(),
        403 if message.contains("saml") || answer.headers.contains_key("x-github-sso") => {
            "authorise the token for the organisation's single sign-on".to_owned()
        }
        403 if message.contains("locked") => "unlock the conversation, or leave it be".to_owned(),
        403 if message.contains("archived") => "an archived repository takes no writes: unarchive it first".to_owned(),
        403 if message.contains("push access") => {
            "use the token of an account that may push to the repository".to_owned()
        }
        403 if message.contains("create labels") => {
            "create the label first, or give the job `permissions: { issues: write }` too".to_owned()
        }
        403 if right == Right::Metadata => {
            "every token of this repository may ask this: check which one HOB_GITHUB_TOKEN holds".to_owned()
        }
        403 if message.contains("by integration") => {
            let fork = match right {
                Right::Write(ThreadKind::Pull) => {
                    "; in a `pull_request` run of a fork the token only reads, whatever the workflow says"
                }
                _ => "",
            };
            format!("give the job `permissions: {{ {} }}`{fork}", right.permission())
        }
        403 if message.contains("by personal access token") => {
            format!("give the token the repository permission `{}`", right.setting())
        }
        403 => format!(
            "the token needs `{}` (in a workflow: `permissions: {{ {} }}`)",
            right.setting(),
            right.permission()
        ),
        404 => format!(
            "it is not there, or the token may not see it (`{}`; in a workflow: `permissions: {{ {} }}`)",
            right.setting(),
            right.permission()
        ),
        410 => "it was deleted, or issues are turned off in this repository".to_owned(),
        413 | 422 => "this text or label is not accepted: change it".to_owned(),
        451 => "the repository is blocked for legal reasons".to_owned(),
        _ => "this is not what the API documents: check its address".to_owned(),
    }
}

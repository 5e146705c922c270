//! GitHub's dialect: which events there are, and how one is told from another.

mod event;

use super::field::{Field, clipped};
use super::json::Json;
use super::{Error, Heard, no_thread};
use crate::domain::event::{EventKind, Forge};
use crate::domain::problem::nearest;

/// Events by the members that only they have, the most particular first. GitHub names an event in
/// a header, not in the payload, and a file has no headers.
const SHAPES: &[(&str, &[&str])] = &[
    ("issue_comment", &["issue", "comment"]),
    ("pull_request_review_comment", &["pull_request", "comment"]),
    ("pull_request_review_thread", &["pull_request", "thread"]),
    ("pull_request_review", &["pull_request", "review"]),
    ("pull_request", &["pull_request"]),
    ("issues", &["issue"]),
    ("push", &["ref", "commits"]),
    ("check_run", &["check_run"]),
    ("check_suite", &["check_suite"]),
    ("commit_comment", &["comment", "repository"]),
    ("deployment_status", &["deployment_status"]),
    ("deployment", &["deployment"]),
    ("discussion_comment", &["discussion", "comment"]),
    ("discussion", &["discussion"]),
    ("fork", &["forkee"]),
    ("merge_group", &["merge_group"]),
    ("ping", &["zen", "hook"]),
    ("release", &["release"]),
    ("repository_dispatch", &["client_payload"]),
    ("status", &["sha", "context"]),
    ("workflow_dispatch", &["workflow", "inputs"]),
    ("workflow_job", &["workflow_job"]),
    ("workflow_run", &["workflow_run"]),
];

/// Whether the payload looks like one of GitHub's.
pub(super) fn recognises(payload: &Json<'_>) -> bool {
    payload.has_object("sender")
        || payload.member("repository").is_some_and(|repository| repository.text("full_name").is_some())
        || payload.has_object("security_advisory")
}

/// Reads a payload of the event called `name`, or of the event its shape tells.
pub(super) fn hear(payload: &Json<'_>, name: Option<&str>, host: Option<String>) -> Result<Heard, Error> {
    let shape = shape(payload);
    let Some(name) = name.or(shape) else { return Ok(no_thread("other GitHub")) };
    let Some(kind) = kind(name) else {
        let is_known = SHAPES.iter().any(|(known, _)| *known == name);
        return match nearest(name, EventKind::ALL.map(|kind| kind.name_on(Forge::Github))) {
            Some(near) if !is_known => Err(Error::UnknownName { given: clipped(name), near }),
            _ => Ok(no_thread(name)),
        };
    };
    if let Some(shape) = shape.filter(|shape| *shape != kind.name_on(Forge::Github)) {
        return Err(Error::Misnamed { given: clipped(name), shape: shape.to_owned() });
    }
    let payload = Field::top(payload, kind.name_on(Forge::Github));
    event::read(kind, &payload, host).map(|event| Heard::Event(Box::new(event)))
}

fn kind(name: &str) -> Option<EventKind> {
    // The same payload, only the workflow's rights differ.
    let name = if name == "pull_request_target" { "pull_request" } else { name };
    EventKind::ALL.into_iter().find(|kind| kind.name_on(Forge::Github) == name)
}

fn shape(payload: &Json<'_>) -> Option<&'static str> {
    let has_all = |members: &[&str]| members.iter().all(|member| payload.member(member).is_some());
    SHAPES.iter().find(|(_, members)| has_all(members)).map(|(shape, _)| *shape)
}

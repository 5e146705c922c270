//! `hob ci` as its runner starts it: on GitHub, and in [`gitlab`] on GitLab, each against a forge that
//! remembers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cancelled;
mod closed;
mod commanded;
mod early;
mod faults;
pub(crate) mod gitlab;
mod job;
mod killed;
mod once;
mod remembers;
/// The rules by which a runner reads what a step prints: the same that the renderers are tested with.
#[path = "../../../src/cli/command/ci/runner.rs"]
mod runner;
mod shown;
mod started_by;
mod stopped;

pub(crate) use killed::killed_at;

use hob::domain::effect::EffectKey;
use hob::domain::id::{EventKey, InstanceId, InstanceKind, RunId};
use hob::domain::name::EffectKind;
use hob::rules::marker;

/// A comment as hob leaves it.
pub(crate) fn marked(body: &str) -> String {
    let (host, agent) = ("git.example".to_owned(), "desk".parse().unwrap());
    let instance = InstanceId { host, repo: 14, kind: InstanceKind::Issue, key: "4".to_owned(), agent };
    let run = RunId::derive(&instance, &EventKey::from_parts(["asked"]), None);
    marker::mark(b"", &EffectKey::derive(b"", &instance, &run, EffectKind::Comment, 1), None, body)
}

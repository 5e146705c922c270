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
#[path = "../../../src/cli/ci/runner.rs"]
mod runner;
mod shown;
mod started_by;
mod stopped;

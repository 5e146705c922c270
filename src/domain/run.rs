//! A run as a row beside the log: what was admitted for an instance, and what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::id::{EventKey, InstanceId, RunId};
use super::outcome::Outcome;

/// One accepted unit of work, as it stands in the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Unique on (instance, event key, attempt tag).
    pub id: RunId,
    /// Whose work it is.
    pub instance: InstanceId,
    /// What it answers.
    pub event_key: EventKey,
    /// The CI's re-run number, `/hob retry`, `hob run --again`; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_tag: Option<String>,
    /// When it was admitted.
    pub admitted_at: Timestamp,
    /// What it is asked to do.
    pub task: Task,
}

/// What a run is asked to do: at least one of the three is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// What happened. Its texts are untrusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// The operator's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The operator's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<serde_json::Value>,
}

/// Where a run is in its life; states that cannot be, cannot be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Admitted, never claimed.
    Queued,
    /// Claimed and not settled: under way, or left by a process that died.
    Running,
    /// Over.
    Settled(Outcome),
}

//! A run as a row beside the log: what was admitted for an instance, and what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::id::{EventKey, InstanceId, RunId};
use super::name::Role;
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
    /// On whose authority that was.
    #[serde(default, skip_serializing_if = "Authority::is_operator")]
    pub authority: Authority,
    /// What it is asked to do.
    pub task: Task,
}

impl Run {
    /// The host's numeric id of who made it happen; `None` for the operator's own, and where the host
    /// does not tell.
    pub fn actor(&self) -> Option<u64> {
        self.task.event.as_ref().map(|event| event.actor.id).filter(|id| *id != 0)
    }
}

/// On whose authority a run was admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// The operator's, who started it or named those who may: no role was asked for.
    #[default]
    Operator,
    /// That of the people behind its event: the forge said that each of them has at least this role.
    Role(Role),
    /// Nobody's: the agent is open to anyone, and no role was asked for.
    Anyone,
}

impl Authority {
    fn is_operator(&self) -> bool {
        *self == Self::Operator
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_from_before_authority_was_recorded_reads_and_is_written_as_it_was() {
        let old = r#"{"id":"run-5ce6d55d8d235343e6ac5b62","instance":{"host":"github.com","repo":7,"kind":"issue","key":"42","agent":"triage"},"event_key":"a","admitted_at":"2026-03-01T09:00:00Z","task":{"message":"go"}}"#;
        let run: Run = serde_json::from_str(old).unwrap();
        assert_eq!((run.authority, serde_json::to_string(&run).unwrap().as_str()), (Authority::Operator, old));
    }

    #[test]
    fn authority_comes_back_as_it_was_written() {
        for (authority, json) in [
            (Authority::Operator, r#""operator""#),
            (Authority::Role(Role::Write), r#"{"role":"write"}"#),
            (Authority::Anyone, r#""anyone""#),
        ] {
            assert_eq!(serde_json::to_string(&authority).unwrap(), json);
            assert_eq!(serde_json::from_str::<Authority>(json).unwrap(), authority);
        }
    }
}

//! What the log is made of. Kinds are stored for ever: a later version adds kinds and fields, and
//! reads every older log.

mod workspace;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::effect::{Effect, EffectKey};
use super::id::{Epoch, EventKey, InstanceId, RunId, Seq, SessionId};
use super::message::{Message, ToolResult, ToolSpec, Usage};
use super::name::{EffectKind, Thinking};
use super::outcome::Outcome;
use super::run::Task;

pub use workspace::{FileChange, FileNow, WorkspaceDelta};

/// One immutable record of the log of an instance.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place, counted over the life of the instance.
    pub seq: Seq,
    /// Under which lease it was written.
    pub epoch: Epoch,
    /// When, by the writer's clock: for people, never for decisions.
    pub at: Timestamp,
    /// The conversation it belongs to.
    pub session: SessionId,
    /// The entry before it on its path; `None` for the header alone.
    pub parent: Option<Seq>,
    /// What it says.
    pub body: Body,
}

/// Spells each kind once: the enum, its stored word, its reader and its writer.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident($payload:ty) = $word:literal),+ $(,)?) => {
        /// What an entry says.
        #[derive(Clone, Debug)]
        pub enum Body {
            $($(#[$doc])* $variant($payload),)+
            /// A kind that a newer minor version brought: kept as it is, and skipped.
            Unknown {
                /// Its stored word.
                kind: String,
                /// Its payload, to the byte.
                body: Box<RawValue>,
            },
        }

        impl Body {
            /// Every kind this version knows, as stored.
            pub const KINDS: &[&str] = &[$($word),+];

            /// The stored word.
            pub fn kind(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $word,)+
                    Self::Unknown { kind, .. } => kind,
                }
            }

            /// Reads the payload of a stored entry.
            ///
            /// # Errors
            /// When a known kind's payload does not have its shape.
            pub fn read(kind: &str, body: &RawValue) -> serde_json::Result<Self> {
                Ok(match kind {
                    $($word => Self::$variant(serde_json::from_str(body.get())?),)+
                    other => Self::Unknown { kind: other.to_owned(), body: body.to_owned() },
                })
            }

            /// The payload as stored.
            ///
            /// # Errors
            /// Never for values that were read or built here; serde's signature asks for it.
            pub fn write(&self) -> serde_json::Result<String> {
                match self {
                    $(Self::$variant(payload) => serde_json::to_string(payload),)+
                    Self::Unknown { body, .. } => Ok(body.get().to_owned()),
                }
            }
        }
    };
}

kinds! {
    /// First entry of every log.
    Header(Header) = "header",
    /// A lease holder begins, or begins again, to work on a run.
    AttemptStarted(AttemptStarted) = "attempt_started",
    /// What the run was asked, frozen.
    Input(Input) = "input",
    /// What stands before the conversation in every request, frozen.
    Prompt(Prompt) = "prompt",
    /// Appended to a frozen prompt.
    Note(Note) = "note",
    /// Said by hob or by the model.
    Message(Message) = "message",
    /// An answer that did not reach its end mark, or was cut by a stop; its calls never ran.
    MessageInterrupted(MessageInterrupted) = "message_interrupted",
    /// What came of one call.
    ToolResult(ToolResult) = "tool_result",
    /// Files of a virtual sandbox that changed; written before the result of the call that did it.
    WorkspaceDelta(WorkspaceDelta) = "workspace_delta",
    /// The active path now ends at an earlier entry.
    LeafMoved(LeafMoved) = "leaf_moved",
    /// Older entries stand in a summary from here on.
    Compaction(Compaction) = "compaction",
    /// A conversation was delegated.
    ChildSession(ChildSession) = "child_session",
    /// An event was answered by the run under way.
    RunJoined(RunJoined) = "run_joined",
    /// A recorded stop was noticed.
    AbortSeen(AbortSeen) = "abort_seen",
    /// The rules let a write through.
    EffectProposed(Effect) = "effect_proposed",
    /// The rules refused a write.
    EffectRefused(EffectRefused) = "effect_refused",
    /// A write reached the outside.
    EffectApplied(EffectApplied) = "effect_applied",
    /// Somebody with the role said yes to a write.
    Approval(Approval) = "approval",
    /// A value an agent keeps between runs.
    State(State) = "state",
    /// Tokens used outside the conversation's own answers (summaries).
    UsageNoted(UsageNoted) = "usage",
    /// The run is over; the first one wins.
    Settled(Settled) = "settled",
}

/// The log's own version and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Major version: a newer one is refused.
    pub version: u32,
    /// Whose log it is.
    pub instance: InstanceId,
    /// The hob that began it, for people.
    pub hob: String,
}

/// See [`Body::AttemptStarted`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// Of which run.
    pub run: RunId,
    /// From 1.
    pub attempt: u32,
    /// The hob that works on it, for people.
    pub hob: String,
    /// `provider/model` asked for.
    pub model: String,
    /// What confines the tools, in words for people.
    pub sandbox: String,
}

/// See [`Body::Input`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Input {
    /// Of which run.
    pub run: RunId,
    /// What it answers.
    pub event_key: EventKey,
    /// Event, message, input.
    pub task: Task,
    /// Random marker of the frames that quote untrusted text in this run.
    pub marker: String,
}

/// See [`Body::Prompt`]. With the messages after it, it rebuilds every request to the byte.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prompt {
    /// Instructions and the roster of skills: equal for every instance of the agent.
    pub system: String,
    /// What depends on where the run happens (files, shell): comes last.
    pub environment: String,
    /// In the order they are sent.
    pub tools: Vec<ToolSpec>,
    /// Digest of the agent file it was made from, lower-case hex.
    pub agent_digest: String,
    /// How hard the model thinks.
    pub thinking: Thinking,
}

impl Prompt {
    /// Whether a model reads the same bytes in both.
    pub fn reads_as(&self, other: &Self) -> bool {
        self.system == other.system
            && self.environment == other.environment
            && self.thinking == other.thinking
            && self.tools == other.tools
    }
}

/// See [`Body::Note`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Note {
    /// What changed, for the model.
    pub text: String,
}

/// See [`Body::MessageInterrupted`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MessageInterrupted {
    /// Why, for people.
    pub reason: String,
    /// The vendor failed in a way that may pass; counts towards the tries.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transient: bool,
    /// Text that had come, for people; bounded.
    #[serde(default)]
    pub partial: String,
    /// The images that the model has not read yet are not shown any more: it was refused with them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unshown: bool,
}

/// See [`Body::LeafMoved`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeafMoved {
    /// The new end of the path.
    pub to: Seq,
    /// Why, for people.
    pub reason: String,
}

/// See [`Body::Compaction`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compaction {
    /// What older entries said.
    pub summary: String,
    /// First entry that is still sent as it is.
    pub first_kept: Seq,
    /// Size of the context before.
    pub tokens_before: u64,
    /// Files the agent read.
    pub files_read: Vec<String>,
    /// Files the agent changed.
    pub files_changed: Vec<String>,
}

/// See [`Body::ChildSession`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChildSession {
    /// The child.
    pub session: SessionId,
    /// The call that asked for it.
    pub call: String,
}

/// See [`Body::RunJoined`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunJoined {
    /// The run that was not started for itself.
    pub run: RunId,
    /// Event, message, input.
    pub task: Task,
}

/// See [`Body::AbortSeen`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AbortSeen {
    /// Who asked.
    pub by: String,
}

/// See [`Body::EffectRefused`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EffectRefused {
    /// Of which run.
    pub run: RunId,
    /// What was asked for.
    pub kind: EffectKind,
    /// Why, as the model read it.
    pub reason: String,
}

/// See [`Body::EffectApplied`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EffectApplied {
    /// Which.
    pub key: EffectKey,
    /// The forge's id of the object, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// See [`Body::Approval`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Approval {
    /// Which effect.
    pub key: EffectKey,
    /// Numeric id of who approved.
    pub by: u64,
}

/// See [`Body::State`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Its name.
    pub name: String,
    /// Its value, to the byte.
    pub value: Arc<RawValue>,
}

/// See [`Body::UsageNoted`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsageNoted {
    /// Whose they are, where one run has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// What for.
    pub purpose: String,
    /// `provider/model` that answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// How much.
    pub usage: Usage,
    /// SHA-256 of the request's body, lower-case hex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
}

/// See [`Body::Settled`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settled {
    /// Which run.
    pub run: RunId,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The agent's last words, untrusted; hob's own where it could not be asked.
    pub message: String,
    /// The value it finished with, when its head asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
    /// Sum over the run.
    pub usage: Usage,
    /// Price of that in nano-dollars; absent when the model has no sourced price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nano_usd: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_a_newer_version_is_kept_to_the_byte() {
        let raw: Box<RawValue> = serde_json::from_str(r#"{ "b":1,"a" : [2] }"#).unwrap();
        let body = Body::read("hologram", &raw).unwrap();
        assert_eq!(body.kind(), "hologram");
        assert_eq!(body.write().unwrap(), r#"{ "b":1,"a" : [2] }"#);
    }

    #[test]
    fn a_known_kind_with_another_shape_is_an_error() {
        let raw: Box<RawValue> = serde_json::from_str("[]").unwrap();
        for kind in Body::KINDS {
            assert!(Body::read(kind, &raw).is_err(), "`{kind}` read []");
        }
    }
}

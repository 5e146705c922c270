//! One `agents/<name>.md`: what an agent is, when it starts, what it may use and write.

mod check;
mod commands;
pub mod fields;
mod json_schema;
pub mod library;
mod planned;
pub mod project;
mod reach;
pub mod schema;
mod script;
mod starts;
pub mod team;
pub mod template;
pub mod trigger;

use std::sync::Arc;

pub use check::{Checked, DESCRIPTION_MAX, Known, check};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::domain::budget::Limits;
use crate::domain::command::Command;
pub use crate::domain::name::Who;
use crate::domain::name::{Name, SandboxKind, Thinking, ToolKind};
use crate::rules::policy::Allowance;
use template::Template;

/// A parsed and checked agent file.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The file's name without `.md`.
    pub name: Name,
    /// For people and rosters.
    pub description: String,
    /// `provider/model`; the operator's default when absent.
    pub model: Option<String>,
    /// Models that go on when that one does not answer, one after the other.
    pub fallback: Vec<String>,
    /// `medium` when absent.
    pub thinking: Thinking,
    /// How a conversation is kept within the model's window.
    pub compaction: Compaction,
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// Weakest role that may start it, where a trigger does not say.
    pub who: Who,
    /// Where its commands run.
    pub sandbox: SandboxSpec,
    /// Its built-in tools; all of the sandbox's when the head does not say.
    pub tools: Vec<ToolKind>,
    /// Tools that its head declares.
    pub commands: Vec<Command>,
    /// What it may propose.
    pub effects: Vec<Allowance>,
    /// Skills it may activate, by name.
    pub skills: Vec<Name>,
    /// Agents that work on its tasks, in its sandbox.
    pub subagents: Vec<Agent>,
    /// What a run may use.
    pub limits: Limits,
    /// JSON Schema of the value a run must finish with.
    pub result: Option<Arc<RawValue>>,
    /// The body, with `{{ event.… }}` paths to fill in.
    pub instructions: Template,
    /// SHA-256 of the file and of its subagents', lower-case hex.
    pub digest: String,
}

/// How a conversation is kept within a model's window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compaction {
    /// `provider/model` that writes the summaries; who answers, when absent.
    pub model: Option<String>,
    /// Tokens that fit into the model's context; what is known of the model, when absent.
    pub window: Option<u64>,
}

impl Agent {
    /// One that no file describes: virtual sandbox, all of its tools, no writes, the usual limits.
    /// Every field may be set otherwise.
    pub fn new(name: Name, instructions: &str) -> Self {
        let sandbox = SandboxSpec::default();
        Self {
            description: name.to_string(),
            model: None,
            fallback: Vec::new(),
            thinking: Thinking::Medium,
            compaction: Compaction::default(),
            triggers: Vec::new(),
            who: Who::default(),
            tools: reach::offered(sandbox.kind).to_vec(),
            sandbox,
            commands: Vec::new(),
            effects: Vec::new(),
            skills: Vec::new(),
            subagents: Vec::new(),
            limits: Limits::default(),
            result: None,
            digest: hex::encode(Sha256::digest(instructions)),
            instructions: Template::plain(instructions),
            name,
        }
    }
}

/// One event that starts an agent. All conditions hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Which dialect.
    pub forge: crate::domain::event::Forge,
    /// Which events.
    pub kind: crate::domain::event::EventKind,
    /// The forge's words; empty means every action.
    pub types: Vec<String>,
    /// At least one of these labels is on the thread, or was just put on; empty means any.
    pub labels: Vec<String>,
    /// The text is a `/hob …` command.
    pub command: bool,
    /// The text mentions this login.
    pub mention: Option<String>,
    /// Whether draft pull requests count; `None` means they do.
    pub draft: Option<bool>,
    /// Globs over changed files; empty means any.
    pub paths: Vec<String>,
    /// Logins whose events do not count; `bots` means every bot.
    pub ignore_authors: Vec<String>,
    /// Overrides [`Agent::who`].
    pub who: Option<Who>,
}

/// Where an agent's commands run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSpec {
    /// Which kind.
    pub kind: SandboxKind,
    /// Exposed variables it asks for, by name.
    pub env: Vec<String>,
}

/// The kind that touches nothing.
impl Default for SandboxSpec {
    fn default() -> Self {
        Self { kind: SandboxKind::Virtual, env: Vec::new() }
    }
}

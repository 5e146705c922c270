//! A tool that an agent's head declares as a command: a program of the project, and the places in
//! its arguments that a model fills.

use std::sync::Arc;

use serde_json::value::RawValue;

/// Seconds that a command may take when its head does not say.
pub const TIMEOUT_DEFAULT: u64 = 120;

/// Seconds that a command may take at most.
pub const TIMEOUT_MAX: u64 = 600;

/// Longest name of a command, in bytes: what every provider takes as the name of a tool.
pub const NAME_MAX: usize = 64;

/// Names of tools that are hob's own in every agent, now or soon, beside the built-in ones.
pub const RESERVED: &[&str] =
    &["activate_skill", "read_skill_resource", "finish", "give_up", "task", "thread", "diff", "file_at"];

/// How names of tools begin that hob makes for what an agent may write, and for its servers.
pub const RESERVED_PREFIXES: &[&str] = &["propose_", "mcp_"];

/// A declared command.
#[derive(Clone, Debug)]
pub struct Command {
    /// What the model calls it: lower-case letters, digits, `_` and `-`; unlike any tool of ours.
    pub name: String,
    /// For the model.
    pub description: String,
    /// The program, then its arguments. Never a line for a shell.
    pub run: Vec<Word>,
    /// JSON Schema of what the model gives: an object with one scalar for each place.
    pub input: Arc<RawValue>,
    /// Seconds it may take.
    pub timeout: u64,
    /// Changes nothing, says its author: it runs beside other such calls, and again after a kill.
    pub read_only: bool,
}

/// One argument of a [`Command`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// As it stands in the head.
    Fixed(String),
    /// A place: what the model gives under a name, as this one whole argument.
    Input {
        /// The name.
        name: String,
        /// What stands there when the model gives nothing.
        default: Option<String>,
    },
}

//! Skills by the Agent Skills specification (agentskills.io): a directory with a `SKILL.md`, which a
//! model reads only when it needs it.

pub mod activate;
mod check;
pub mod library;

use std::collections::BTreeMap;

pub use check::{Checked, check};

use crate::domain::name::Name;

/// The head of a `SKILL.md`. The body is read again when the skill is activated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skill {
    /// The directory's name.
    pub name: Name,
    /// What it does and when to use it: all that the model sees before it activates the skill.
    pub description: String,
    /// A licence's name, or the file that holds it.
    pub license: Option<String>,
    /// What it needs around it, in words.
    pub compatibility: Option<String>,
    /// For other programs; not read here.
    pub metadata: BTreeMap<String, String>,
    /// Tools it was written for, separated by spaces. Can narrow what an agent has, never widen it.
    pub allowed_tools: Option<String>,
}

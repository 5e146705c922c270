//! Names and the small closed sets that an agent file speaks in.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest name of an agent, skill or command, in bytes.
pub const NAME_MAX: usize = 64;

/// The name of an agent, a skill or a declared command: lower-case letters, digits and single
/// hyphens between them, at most [`NAME_MAX`] bytes. Safe in a path, a marker and a metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a name: {reason}")]
pub struct InvalidName {
    given: String,
    reason: &'static str,
}

impl Name {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(given: &str) -> Result<Self, InvalidName> {
        let reason = if given.is_empty() {
            "it is empty"
        } else if given.len() > NAME_MAX {
            "it is longer than 64 bytes"
        } else if !given.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            "use lower-case letters, digits and hyphens"
        } else if given.starts_with('-') || given.ends_with('-') || given.contains("--") {
            "hyphens stand alone between letters or digits"
        } else {
            return Ok(Self(given.to_owned()));
        };
        Err(InvalidName { given: given.chars().take(80).collect(), reason })
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(given: String) -> Result<Self, InvalidName> {
        given.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "maxLength": NAME_MAX,
            "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
        })
    }
}

/// A closed set of words: the enum of options is the registry, and its spelling stands once.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every member, in the order of the declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word as users write it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<Self, ()> {
                match word { $($word => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }
    };
}

words! {
    /// How hard a model is asked to think before it answers.
    Thinking {
        /// Not at all.
        Off = "off",
        /// As little as the model can.
        Minimal = "minimal",
        /// A little.
        Low = "low",
        /// The default.
        Medium = "medium",
        /// A lot.
        High = "high",
        /// As much as the model can.
        XHigh = "xhigh",
    }
}

words! {
    /// Where an agent's commands run.
    SandboxKind {
        /// In memory, inside hob's own process.
        Virtual = "virtual",
        /// On this machine, in a process group of its own.
        Local = "local",
        /// No file and shell tools at all.
        None = "none",
    }
}

words! {
    /// The effective role of a person in a repository, weakest first.
    Role {
        /// Not a member, or not known.
        None = "none",
        /// GitHub read; GitLab guest, planner.
        Read = "read",
        /// GitHub triage; GitLab reporter.
        Triage = "triage",
        /// GitHub write; GitLab developer.
        Write = "write",
        /// GitHub maintain; GitLab maintainer.
        Maintain = "maintain",
        /// GitHub admin; GitLab owner.
        Admin = "admin",
    }
}

/// Who may start an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody; must be written out, and narrows the run.
    Anyone,
    /// People with at least this role.
    AtLeast(Role),
}

/// Writers: they could change the agent file itself.
impl Default for Who {
    fn default() -> Self {
        Self::AtLeast(Role::Write)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::AtLeast(role) => role.fmt(f),
        }
    }
}

words! {
    /// The built-in tools that an agent's `tools:` may name.
    ToolKind {
        /// A file, or a part of it.
        Read = "read",
        /// A whole file.
        Write = "write",
        /// A part of a file.
        Edit = "edit",
        /// A command line.
        Bash = "bash",
        /// Lines that match.
        Grep = "grep",
        /// Files that match.
        Glob = "glob",
    }
}

words! {
    /// Kinds of writes to the outside that exist so far.
    EffectKind {
        /// One sticky comment for each instance.
        Status = "status",
        /// A new comment.
        Comment = "comment",
        /// Labels put on or taken off.
        Label = "label",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_in_a_path_a_marker_and_a_metric() {
        for good in ["triage", "a", "code-review-2", &"x".repeat(64)] {
            assert_eq!(good.parse::<Name>().map(|n| n.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "Triage", "a_b", "-a", "a-", "a--b", "a/b", "..", "ä", "a b", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "`{bad}` passed");
        }
    }

    #[test]
    fn roles_are_ordered_from_weak_to_strong() {
        assert!(Role::ALL.is_sorted());
        assert!(Role::Triage < Role::Write);
    }
}

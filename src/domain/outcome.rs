//! How a run ended. Exactly one for every accepted run; the first one wins, for ever.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::budget::Limited;
use super::id::RunId;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The agent answered, in full or up to a limit.
    Completed {
        /// The limit that ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limited: Option<Limited>,
    },
    /// It cannot be done, and trying again as it is would not help.
    Failed {
        /// Names the thing and what was wrong.
        reason: String,
    },
    /// Somebody stopped it.
    Aborted {
        /// Who.
        by: String,
    },
    /// A later run made it pointless.
    Superseded {
        /// Which.
        by: RunId,
    },
    /// Its event was answered by a run that was under way.
    Joined {
        /// Which. Not stored as `run`: an outcome stands beside the run that it is of.
        #[serde(rename = "into")]
        run: RunId,
    },
}

impl Outcome {
    /// The word in the envelope and in tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Aborted { .. } => "aborted",
            Self::Superseded { .. } => "superseded",
            Self::Joined { .. } => "joined",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed { limited: None } => f.write_str("completed"),
            Self::Completed { limited: Some(limit) } => write!(f, "completed, limited by {}", limit.as_str()),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
            Self::Aborted { by } => write!(f, "aborted by {by}"),
            Self::Superseded { by } => write!(f, "superseded by {by}"),
            Self::Joined { run } => write!(f, "joined {run}"),
        }
    }
}

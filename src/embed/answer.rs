//! What comes of a prompt.

use std::path::PathBuf;

use serde_json::Value;

use crate::channel::AskedWrong;
use crate::domain::budget::Limited;
use crate::domain::effect::Effect;
use crate::domain::id::RunId;
use crate::domain::message::Usage;
use crate::domain::outcome::Outcome;
use crate::domain::problem::Problem;
use crate::session::history::RunHistory;
use crate::{harness, provider, sandbox, store};

/// What an agent answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The run that it is of.
    pub run: RunId,
    /// Its words, as trustworthy as what it read; hob's own where nothing was left of the day to begin with.
    pub text: String,
    /// The value it ended with, where one was asked for.
    pub result: Option<Value>,
    /// The limit that ended it before it was done.
    pub limited: Option<Limited>,
    /// Writes that it proposed.
    pub effects: Vec<Effect>,
    /// Tokens of all its model calls.
    pub usage: Usage,
    /// Their price in nano-dollars, where that is known.
    pub cost_nano_usd: Option<u64>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The session's name is none.
    #[error("a session's name is a text of one line with at most 200 bytes")]
    Name(#[source] AskedWrong),
    /// The agent's file is none.
    #[error("`{path}` describes no agent: {reason}")]
    File {
        /// As given.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No model can be asked.
    #[error(transparent)]
    Provider(#[from] provider::ConnectError),
    /// The agent names no model.
    #[error("agent `{0}` names no model: set its `model`, or the `provider` of `Hob`")]
    NoModel(String),
    /// There is no place to work in.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The session cannot be opened or go on.
    #[error(transparent)]
    Harness(#[from] harness::Error),
    /// The skill is not one of the agent's.
    #[error("agent `{agent}` has no skill `{skill}`: name it in its `skills`")]
    NoSkill {
        /// Which agent.
        agent: String,
        /// As asked for.
        skill: String,
    },
    /// Nobody of this name works for the agent.
    #[error("agent `{agent}` has no subagent `{subagent}`: put it into its `subagents`")]
    NoSubagent {
        /// Which agent.
        agent: String,
        /// As asked for.
        subagent: String,
    },
    /// It cannot work for its agent: what is wrong, and what to do.
    #[error("{0}")]
    Subagent(String),
    /// A tool of the program has a name that is hob's own, or another tool's.
    #[error("there is another tool named `{0}`: give yours another name")]
    Tool(String),
    /// There is nothing to run a command in.
    #[error("agent `{0}` has no sandbox: give it one to run commands in")]
    NoSandbox(String),
    /// The run failed; asking the same again would not help.
    #[error("{0}")]
    Failed(String),
    /// Somebody ended the run.
    #[error("{0}")]
    Ended(Outcome),
    /// The model's service did not answer, or cannot be reached with what was given; the next prompt goes on.
    #[error("{0}; what was done is kept, the next prompt goes on")]
    Unanswered(String),
    /// The value does not fit the type that was asked for.
    #[error("the agent's value is not what was asked for: {0}")]
    Value(#[from] serde_json::Error),
}

impl Error {
    pub(super) fn subagent(problem: Problem) -> Self {
        let Problem { message, help, .. } = problem;
        Self::Subagent(format!("{message}: {}", help.unwrap_or_default()))
    }
}

impl Answer {
    /// Of a run that is settled.
    pub(super) fn of(run: &RunHistory) -> Result<Self, Error> {
        let Some(settled) = &run.settled else { return Err(Error::Failed("the run has no outcome".to_owned())) };
        let limited = match &settled.outcome {
            Outcome::Completed { limited } => *limited,
            Outcome::Failed { reason } => return Err(Error::Failed(reason.clone())),
            other => return Err(Error::Ended(other.clone())),
        };
        Ok(Self {
            run: run.run.clone(),
            text: settled.message.clone(),
            result: settled.result.clone(),
            limited,
            effects: run.proposed.clone(),
            usage: settled.usage,
            cost_nano_usd: settled.cost_nano_usd,
        })
    }
}

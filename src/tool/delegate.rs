//! Hands a piece of work to another agent, which has a conversation of its own for it.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};

use super::{Nature, Reply, Scope, Tool, schema};
use crate::domain::message::ToolSpec;
use crate::domain::name::Name;

/// What the model calls it.
pub const TASK: &str = "task";

/// What the model reads about it.
const DESCRIPTION: &str = "\
    Hands a piece of work to one of your subagents and returns its answer. It works in the same files, and knows nothing of \
    this conversation: say all that it needs. Several of these calls in one message run at the same time.";

/// Most bytes of a task.
const PROMPT_MAX: usize = 64 << 10;

/// A piece of work for another agent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Which one.
    pub agent: Name,
    /// What it shall do.
    pub prompt: String,
}

/// `task`, for an agent that has these subagents.
///
/// # Errors
/// When its schema cannot be written as JSON.
pub fn tool(agents: &[&Name]) -> serde_json::Result<Arc<dyn Tool>> {
    let parameters = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "agent": { "type": "string", "enum": agents, "description": "Who shall do it." },
            "prompt": { "type": "string", "minLength": 1, "description": "What it shall do, what it must know for that, and what its answer shall hold." },
        },
        "required": ["agent", "prompt"],
    });
    let parameters = to_raw_value(&parameters)?.into();
    Ok(Arc::new(Task { spec: ToolSpec { name: TASK.to_owned(), description: DESCRIPTION.to_owned(), parameters } }))
}

struct Task {
    spec: ToolSpec,
}

impl Tool for Task {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn nature(&self) -> Nature {
        Nature::Delegated
    }

    fn run<'a>(&'a self, arguments: Map<String, Value>, _: &'a Scope) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            match schema::parse::<Delegation>(arguments) {
                Ok(asked) if asked.prompt.len() > PROMPT_MAX => Reply::error(format!(
                    "The task has {} bytes, at most {PROMPT_MAX}. Write what is long into a file, and name it in the task.",
                    asked.prompt.len()
                )),
                Ok(asked) => Reply { delegation: Some(Box::new(asked)), ..Reply::default() },
                Err(reply) => reply,
            }
        })
    }
}

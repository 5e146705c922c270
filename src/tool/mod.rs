//! What a model can do, each tool in a file of its own.
//!
//! A tool never fails towards its caller: a wrong call, a missing file or a refused write is a
//! [`Reply`] that the model can read.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::domain::entry::Body;
use crate::domain::message::ToolSpec;

/// One thing a model can ask for.
pub trait Tool: Send + Sync {
    /// How the model is told about it.
    fn spec(&self) -> &ToolSpec;

    /// What running it means for order and for recovery.
    fn nature(&self) -> Nature;

    /// Runs it. The arguments have passed the schema of [`Tool::spec`].
    fn run<'a>(&'a self, arguments: Map<String, Value>, scope: &'a Scope) -> BoxFuture<'a, Reply>;
}

/// What running a tool means for order and for recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Changes nothing: runs beside others of its kind, and again if its result was not recorded.
    ReadOnly,
    /// Changes only what the log carries (virtual files, proposed effects): in order, and again
    /// if its result was not recorded, because then it left nothing behind.
    Contained,
    /// Changes the world: in order, and never again once it may have begun.
    Outside,
}

/// What a tool is given beside its arguments.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Ends it early.
    pub cancel: CancellationToken,
    /// The provider's id of the call.
    pub call: String,
}

/// What a tool answers.
#[derive(Debug, Default)]
pub struct Reply {
    /// What the model reads.
    pub content: String,
    /// It did not do what it was asked.
    pub is_error: bool,
    /// Appended to the log before the result, in the same transaction.
    pub entries: Vec<Body>,
    /// The run is over after this batch.
    pub end: Option<End>,
}

/// How a tool ends a run.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// With the value that the agent's head asks for.
    Finished(Value),
    /// Without, for this reason.
    GaveUp(String),
}

impl Reply {
    /// It worked.
    pub fn ok(content: impl Into<String>) -> Self {
        Self { content: content.into(), ..Self::default() }
    }

    /// It did not, for a reason that the model can read and act on.
    pub fn error(content: impl Into<String>) -> Self {
        Self { content: content.into(), is_error: true, ..Self::default() }
    }
}

/// The tools of one session, in the order they are shown to the model.
#[derive(Clone, Default)]
pub struct Toolbox {
    tools: Vec<Arc<dyn Tool>>,
}

impl Toolbox {
    /// Names are unique: a later tool of the same name is a bug of the caller, and is left out.
    pub fn new(tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        let mut toolbox = Self::default();
        for tool in tools {
            if toolbox.get(&tool.spec().name).is_none() {
                toolbox.tools.push(tool);
            }
        }
        toolbox
    }

    /// The tool of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.iter().find(|tool| tool.spec().name == name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.tools.iter()
    }

    /// How the model is told about them.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.tools.iter().map(|tool| tool.spec().clone()).collect()
    }
}

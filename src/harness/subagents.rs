//! Agents that work on another one's tasks: named in its prompt, asked through a tool, each in a session
//! of its own beneath.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Error, Given, Harness};
use crate::domain::name::Name;
use crate::domain::run::Run;
use crate::session;
use crate::session::delegation::{Begun, Delegates};
use crate::session::history::History;
use crate::session::turns::Stopped;
use crate::telemetry::progress::{Observer, Progress};
use crate::tool::Tool;
use crate::tool::delegate::{self, Delegation};

/// `task`, for an agent with subagents.
pub(super) fn tool(subagents: &[Arc<Harness>]) -> serde_json::Result<Option<Arc<dyn Tool>>> {
    let names: Vec<&Name> = subagents.iter().map(|subagent| &subagent.agent.name).collect();
    if names.is_empty() { Ok(None) } else { delegate::tool(&names).map(Some) }
}

/// Name and description of each.
pub(super) fn roster(subagents: &[Arc<Harness>]) -> Vec<(Name, String)> {
    subagents.iter().map(|subagent| (subagent.agent.name.clone(), subagent.agent.description.clone())).collect()
}

/// The subagents of one session.
pub(super) struct Team {
    pub(super) subagents: Vec<Arc<Harness>>,
    pub(super) run: Run,
    pub(super) given: Given,
}

impl Delegates for Team {
    fn work<'a>(
        &'a self,
        task: &'a Delegation,
        begun: Begun,
    ) -> BoxFuture<'a, Result<(Stopped, History), session::Error>> {
        async move {
            let Some(subagent) = self.subagents.iter().find(|subagent| subagent.agent.name == task.agent) else {
                // The head named it when the task was given, and does not any more.
                let gone = Stopped::Failed(format!("there is no subagent `{}` any more", task.agent));
                return Ok((gone, begun.history));
            };
            let opened = subagent.open_task(&self.run, task, begun, &self.given).await;
            let mut session = match opened {
                Ok(session) => session,
                Err(Error::Session(error)) => return Err(error),
                Err(error) => return Ok((Stopped::Failed(error.to_string()), History::default())),
            };
            let stopped = session.run(&self.run.id, None).await?;
            Ok((stopped, session.close(&self.run.id).1))
        }
        .boxed()
    }
}

/// Tells whoever watches the run whose words these are.
pub(super) struct Beneath {
    pub(super) watcher: Arc<dyn Observer>,
    pub(super) agent: Name,
}

impl Observer for Beneath {
    fn see(&self, progress: Progress<'_>) {
        self.watcher.see(Progress::Delegated { agent: &self.agent, progress: &progress });
    }
}

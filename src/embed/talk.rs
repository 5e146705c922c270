//! One continuing conversation with an agent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::by_hand::ByHand;
use super::machine::{clock, fresh, holder, jitter, marker};
use super::{Answer, Error, Hob};
use crate::agent::Agent;
use crate::channel::{Asked, Request};
use crate::domain::event::Event;
use crate::domain::id::{InstanceId, RunId};
use crate::domain::name::{SandboxKind, Thinking, ToolKind};
use crate::domain::run::{Authority, Run, State, Task};
use crate::harness::{self, Harness, room};
use crate::queue;
use crate::session;
use crate::store;
use crate::telemetry::failpoint::Failpoints;
use crate::tool::delegate::TASK;
use crate::tool::{Tool, schema};
use crate::worker::{Circumstances, Worked, work_until};

/// How often it is tried to get a session that another process works on.
const TURN: Duration = Duration::from_millis(50);

/// A conversation. Clones are the same one; of several prompts at once each waits for those before it.
/// A prompt that is dropped is carried on by the next one, before its own: by the agent that the session
/// was opened with, without what was other than usual. Several processes may share a session, and carry on
/// each other's prompts so, too.
#[derive(Clone)]
pub struct Session {
    pub(super) hob: Hob,
    pub(super) agent: Agent,
    /// Without what is other than usual for some prompts.
    opened_with: Agent,
    pub(super) tools: Vec<Arc<dyn Tool>>,
    role: Option<String>,
    instance: InstanceId,
    /// For people.
    label: String,
}

/// What is other than usual for some prompts. What is left out stays as the agent has it.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// `provider/model`.
    pub model: Option<String>,
    /// How hard the model thinks.
    pub thinking: Option<Thinking>,
    /// Its built-in tools.
    pub tools: Option<Vec<ToolKind>>,
    /// Who it is for these, in words: `a careful reviewer of security fixes`.
    pub role: Option<String>,
}

impl Session {
    pub(super) fn new(hob: Hob, agent: Agent, instance: InstanceId, label: String) -> Self {
        Self { hob, opened_with: agent.clone(), agent, tools: Vec::new(), role: None, instance, label }
    }

    /// Whose log it is.
    pub fn instance(&self) -> &InstanceId {
        &self.instance
    }

    /// The same conversation, with another thing to ask for, also for the agent's subagents.
    #[must_use]
    pub fn with_tool(mut self, tool: Arc<dyn Tool>) -> Self {
        self.tools.push(tool);
        self
    }

    /// The same conversation, for prompts that are other than usual.
    #[must_use]
    pub fn with(&self, call: Call) -> Self {
        let mut other = self.clone();
        let Call { model, thinking, tools, role } = call;
        other.agent.model = model.or(other.agent.model);
        other.agent.thinking = thinking.unwrap_or(other.agent.thinking);
        other.agent.tools = tools.unwrap_or(other.agent.tools);
        other.role = role.or(other.role);
        other
    }

    /// Asks for words. When it returns, question and answer are in the store.
    ///
    /// # Errors
    /// When no model can be asked, the run fails, or the store does.
    pub async fn prompt(&self, text: &str) -> Result<Answer, Error> {
        let message = match &self.role {
            Some(role) => format!("For this you are {role}.\n\n{text}"),
            None => text.to_owned(),
        };
        let asked = self.asked(Request { message: Some(message), ..self.request() })?;
        self.work(asked).await
    }

    /// Asks for a value. The model ends with one that fits the type's schema; what does not fit goes back
    /// to it, five times.
    ///
    /// # Errors
    /// As for [`Session::prompt`].
    pub async fn ask<T: DeserializeOwned + JsonSchema>(&self, text: &str) -> Result<T, Error> {
        let schema = schema::spec::<T>("finish", "").parameters;
        let asked = Self { agent: Agent { result: Some(schema), ..self.agent.clone() }, ..self.clone() };
        let answer = asked.prompt(text).await?;
        match (answer.result, answer.limited) {
            (Some(value), _) => Ok(serde_json::from_value(value)?),
            (None, Some(limit)) => {
                Err(Error::Failed(format!("the run was limited by {} before it ended", limit.as_str())))
            }
            (None, None) => Err(Error::Failed("the run ended without a value".to_owned())),
        }
    }

    /// Asks for work by one of the agent's skills.
    ///
    /// # Errors
    /// As for [`Session::prompt`], and when it has no such skill.
    pub async fn skill(&self, name: &str, text: &str) -> Result<Answer, Error> {
        if !self.agent.skills.iter().any(|known| known.as_str() == name) {
            return Err(Error::NoSkill { agent: self.agent.name.to_string(), skill: name.to_owned() });
        }
        self.prompt(&format!("Activate the skill `{name}` and do as it says.\n\n{text}")).await
    }

    /// Runs a command where the agent's tools work, without a model. What it says and changes is part of
    /// the conversation; blank space around it is left out.
    ///
    /// # Errors
    /// As for [`Session::prompt`]; a command that fails says so in its text.
    pub async fn shell(&self, command: &str) -> Result<String, Error> {
        if self.agent.sandbox.kind == SandboxKind::None {
            return Err(Error::NoSandbox(self.agent.name.to_string()));
        }
        let arguments = json!({ "command": command });
        self.by_hand(ByHand { tool: ToolKind::Bash.to_string(), arguments }, format!("The program runs `{command}`."))
            .await
    }

    /// Has a subagent work on a task, in a conversation of its own beneath this one. Task and answer are part
    /// of the conversation.
    ///
    /// # Errors
    /// As for [`Session::prompt`], and when the agent has no such subagent; a task that fails says so in its
    /// text.
    pub async fn task(&self, subagent: &str, prompt: &str) -> Result<String, Error> {
        if !self.agent.subagents.iter().any(|known| known.name.as_str() == subagent) {
            return Err(Error::NoSubagent { agent: self.agent.name.to_string(), subagent: subagent.to_owned() });
        }
        let arguments = json!({ "agent": subagent, "prompt": prompt });
        let message = format!("The program gives `{subagent}` a task.");
        self.by_hand(ByHand { tool: TASK.to_owned(), arguments }, message).await
    }

    /// Makes room in the model's window: what was said so far becomes a summary.
    ///
    /// # Errors
    /// As for [`Session::prompt`], and when no summary can be made.
    pub async fn compact(&self) -> Result<(), Error> {
        let Task { message, input, .. } = room::task();
        let asked = self.asked(Request { message, input, ..self.request() })?;
        match self.work(asked).await?.limited {
            Some(limit) => Err(Error::Failed(format!("the run was limited by {} before it ended", limit.as_str()))),
            None => Ok(()),
        }
    }

    async fn by_hand(&self, call: ByHand, message: String) -> Result<String, Error> {
        let asked = self.asked(Request { message: Some(message), input: Some(call.input()), ..self.request() })?;
        Ok(self.work(asked).await?.text)
    }

    /// Answers an event of its thread, once.
    pub(super) async fn hear(&self, event: Event) -> Result<Answer, Error> {
        let asked = self.asked(Request { event: Some(event), ..Request::default() })?;
        self.work(asked).await
    }

    /// Ends what is under way and what waits, in any process; `by` says who wants that. Returns the runs
    /// that it is about.
    ///
    /// # Errors
    /// When the store cannot keep it.
    pub async fn abort(&self, by: &str) -> Result<Vec<RunId>, Error> {
        Ok(queue::abort(&self.hob.store, &self.instance, None, by, clock().now()).await?)
    }

    /// Removes the conversation with all of it; whether it was there.
    ///
    /// # Errors
    /// When somebody works on it.
    pub async fn delete(&self) -> Result<bool, Error> {
        Ok(self.hob.store.forget(&self.instance, &holder(self.what())).await?)
    }

    fn request(&self) -> Request {
        Request { id: Some(self.instance.key.clone()), ..Request::default() }
    }

    fn what(&self) -> String {
        format!("a program that embeds hob, with {}", self.agent.name)
    }

    fn asked(&self, request: Request) -> Result<Box<Asked>, Error> {
        request.ask(&self.agent.name, fresh()).map(Box::new).map_err(Error::Name)
    }

    /// Admits a run, and works on what is admitted until it is settled.
    async fn work(&self, asked: Box<Asked>) -> Result<Answer, Error> {
        // Who drops the prompt has it stopped as a signal would: the session is free at once.
        let cancel = CancellationToken::new();
        let _stop = cancel.clone().drop_guard();
        let session = self.clone();
        let working = tokio::spawn(async move { session.in_turn(asked, cancel).await });
        working.await.unwrap_or_else(|error| Err(Error::Failed(format!("bug: {error}; please report it"))))
    }

    /// When the prompts before it are over.
    async fn in_turn(&self, asked: Box<Asked>, cancel: CancellationToken) -> Result<Answer, Error> {
        let _turn = tokio::select! {
            () = cancel.cancelled() => return Err(stopped()),
            turn = self.hob.turns.next(&self.instance) => turn,
        };
        let Asked { key, task, instance: _ } = *asked;
        let run = Box::new(Run {
            id: RunId::derive(&self.instance, &key, None),
            instance: self.instance.clone(),
            event_key: key,
            attempt_tag: None,
            admitted_at: clock().now(),
            authority: Authority::Operator,
            task,
        });
        // Before anything is kept: what is wrong with it is said now.
        let harness = self.harness(&run)?;
        queue::admit(&self.hob.store, &run, &self.label, &self.hob.redactor).boxed().await?;
        let with = Circumstances {
            clock: clock(),
            cancel,
            ends: None,
            wall: None,
            refused: BTreeMap::new(),
            redactor: self.hob.redactor.clone(),
            failpoints: Failpoints::default(),
            marker,
            jitter,
        };
        loop {
            if with.cancel.is_cancelled() {
                return Err(stopped());
            }
            match self.attempt(&run, &harness, &with).await {
                Ok(Some(answer)) => return answer,
                Ok(None) | Err(Error::Store(store::Error::Held { .. })) => {}
                Err(Error::Harness(harness::Error::Session(session::Error::Store(store::Error::Held { .. })))) => {}
                Err(error) => return Err(error),
            }
            // Another process works on it.
            tokio::select! {
                () = with.cancel.cancelled() => {}
                () = tokio::time::sleep(TURN) => {}
            }
        }
    }

    /// Works on the runs of the session in their order, up to this one, which alone is worked on with this
    /// harness; `None` while somebody else has them.
    async fn attempt(
        &self,
        run: &Run,
        harness: &Harness,
        with: &Circumstances,
    ) -> Result<Option<Result<Answer, Error>>, Error> {
        loop {
            let (log, _) = self.hob.store.open(&self.instance, &self.label, holder(self.what())).boxed().await?;
            let log = Box::new(log);
            let is_open = |known: &&Run| !matches!(log.state(&known.id), Some(State::Settled(_)));
            // One that a prompt left that was dropped, or a process that ended.
            let next = log.runs().iter().find(is_open).filter(|next| next.id != run.id).cloned().map(Box::new);
            let before = next.as_ref().map(|before| self.plain().harness(before).map(Box::new)).transpose()?;
            let until = next.as_deref().unwrap_or(run);
            match work_until(&until.id, before.as_deref().unwrap_or(harness), log, with).await? {
                Worked::Settled { .. } if next.is_some() => {}
                Worked::Settled { history, .. } => {
                    let known = history.find(&run.id).ok_or_else(|| Error::Failed("the run is gone".to_owned()))?;
                    return Ok(Some(Answer::of(known)));
                }
                Worked::Lost => return Ok(None),
                Worked::Unanswered(reason) | Worked::Misconfigured(reason) => return Err(Error::Unanswered(reason)),
                Worked::Interrupted | Worked::OutOfTime => return Err(stopped()),
            }
        }
    }

    /// The session as it was opened.
    fn plain(&self) -> Self {
        Self { agent: self.opened_with.clone(), ..self.clone() }
    }
}

fn stopped() -> Error {
    Error::Unanswered("the work was stopped".to_owned())
}

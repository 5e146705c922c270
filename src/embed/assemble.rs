//! What a session's runs are worked on with: the parts of its agent and of those that work for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::by_hand::ByHand;
use super::{Error, Hob, Session};
use crate::agent::team::whole;
use crate::agent::{Agent, Compaction, project};
use crate::domain::command::{RESERVED, RESERVED_PREFIXES};
use crate::domain::name::{SandboxKind, ToolKind};
use crate::domain::run::Run;
use crate::harness::Harness;
use crate::harness::surroundings::{Connect, Surroundings};
use crate::provider::{self, Provider};
use crate::sandbox::{self, Sandbox};
use crate::skill::library::Library;
use crate::tool::delegate::TASK;

impl Session {
    /// What a run is worked on with.
    pub(super) fn harness(&self, run: &Run) -> Result<Harness, Error> {
        let Some(by_hand) = ByHand::of(run) else { return self.assemble(&self.agent, self.provider()?) };
        // Nobody reads it, so there is no window and no value.
        let mut agent =
            Agent { compaction: Compaction::default(), fallback: Vec::new(), result: None, ..self.agent.clone() };
        let own: Arc<dyn Provider> = Arc::new(by_hand.clone());
        let of_tasks = match by_hand.tool.as_str() {
            TASK => self.provider()?,
            _ => {
                agent.subagents = Vec::new();
                agent.tools = vec![ToolKind::Bash];
                // It costs nothing, whatever the day has cost.
                (agent.limits.per_day_nano_usd, agent.limits.per_actor_day_nano_usd) = (u64::MAX, None);
                own.clone()
            }
        };
        Ok(Harness { provider: own, keeps_prompt: true, ..self.assemble(&agent, of_tasks)? })
    }

    fn assemble(&self, agent: &Agent, provider: Arc<dyn Provider>) -> Result<Harness, Error> {
        whole(agent).map_err(Error::subagent)?;
        self.no_twins(agent)?;
        let workspace = &self.workspace()?;
        let around = Surroundings {
            sandbox: self.sandbox(workspace, agent.sandbox.kind)?,
            skills: Arc::new(Library::open(workspace)),
            project: project::notes(workspace),
            tools: self.tools.clone(),
            observer: self.hob.observer.clone(),
            is_own_log: true,
        };
        let connect = |model: &str| self.connect(model);
        around.harness(agent, provider, self.hob.provider.is_none().then_some(&connect as Connect<'_, _>))
    }

    fn provider(&self) -> Result<Arc<dyn Provider>, Error> {
        match (&self.hob.provider, &self.agent.model) {
            (Some(provider), _) => Ok(provider.clone()),
            (None, Some(model)) => self.connect(model),
            (None, None) => Err(Error::NoModel(self.agent.name.to_string())),
        }
    }

    fn connect(&self, model: &str) -> Result<Arc<dyn Provider>, Error> {
        Ok(provider::connect(model, &self.hob.access, self.hob.observer.clone())?)
    }

    /// Refuses a tool of the program that has the name of another one: a model's call must mean one thing.
    fn no_twins(&self, agent: &Agent) -> Result<(), Error> {
        let mut names: Vec<&str> = ToolKind::ALL.iter().map(|kind| kind.as_str()).collect();
        names.extend(RESERVED);
        names.extend(agent.commands.iter().map(|command| command.name.as_str()));
        for tool in &self.tools {
            let name = tool.spec().name.as_str();
            if names.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
                return Err(Error::Tool(name.to_owned()));
            }
            names.push(name);
        }
        agent.subagents.iter().try_for_each(|subagent| self.no_twins(subagent))
    }

    fn workspace(&self) -> Result<PathBuf, Error> {
        let path = &self.hob.workspace;
        std::path::absolute(path)
            .map_err(|source| sandbox::Error::Io { path: path.display().to_string(), source }.into())
    }

    fn sandbox(&self, workspace: &Path, kind: SandboxKind) -> Result<Option<Arc<dyn Sandbox>>, Error> {
        let Hob { env, temporary, .. } = &self.hob;
        let options = match kind {
            SandboxKind::None => return Ok(None),
            SandboxKind::Local => sandbox::Options::Local(sandbox::local::Options {
                workspace: workspace.to_owned(),
                env: env.clone(),
                temporary: temporary.clone(),
                forbidden: Vec::new(),
            }),
            #[cfg(feature = "virtual")]
            SandboxKind::Virtual => sandbox::Options::Virtual(sandbox::virtual_::Options {
                seed: Some(workspace.to_owned()),
                clock: super::machine::clock(),
                threads: self.hob.threads.clone(),
            }),
            #[cfg(not(feature = "virtual"))]
            SandboxKind::Virtual => {
                return Err(Error::Failed("this hob was built without the feature `virtual`".to_owned()));
            }
        };
        Ok(Some(sandbox::open(options)?))
    }
}

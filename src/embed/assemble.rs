//! What a session's runs are worked on with: the parts of its agent and of those that work for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::by_hand::ByHand;
use super::{Error, Hob, Session};
use crate::agent::project::Notes;
use crate::agent::team::{DEPTH_MAX, TEAM_MAX, fits};
use crate::agent::{Agent, Compaction, project};
use crate::domain::command::{RESERVED, RESERVED_PREFIXES};
use crate::domain::name::{SandboxKind, ToolKind};
use crate::domain::run::Run;
use crate::harness::Harness;
use crate::provider::{self, Provider};
use crate::sandbox::{self, Sandbox};
use crate::skill::library::Library;
use crate::tool::delegate::TASK;

/// Where an agent and its subagents work.
struct Site {
    sandbox: Option<Arc<dyn Sandbox>>,
    skills: Arc<Library>,
    /// What the repository says to every agent.
    project: Vec<Notes>,
}

impl Session {
    /// What a run is worked on with.
    pub(super) fn harness(&self, run: &Run) -> Result<Harness, Error> {
        let workspace = &self.workspace()?;
        let site = |agent: &Agent| -> Result<Site, Error> {
            Ok(Site {
                sandbox: self.sandbox(workspace, agent.sandbox.kind)?,
                skills: Arc::new(Library::open(workspace)),
                project: project::notes(workspace),
            })
        };
        let Some(by_hand) = ByHand::of(run) else {
            return self.assemble(&self.agent, self.provider()?, &site(&self.agent)?, 0);
        };
        // Nobody reads it, so there is no window and no value.
        let mut agent =
            Agent { compaction: Compaction::default(), fallback: Vec::new(), result: None, ..self.agent.clone() };
        let own: Arc<dyn Provider> = Arc::new(by_hand.clone());
        let provider = match by_hand.tool.as_str() {
            TASK => self.provider()?,
            _ => {
                agent.subagents = Vec::new();
                // It costs nothing, whatever the day has cost.
                (agent.limits.per_day_nano_usd, agent.limits.per_actor_day_nano_usd) = (u64::MAX, None);
                own.clone()
            }
        };
        if !agent.tools.contains(&ToolKind::Bash) {
            agent.tools.push(ToolKind::Bash);
        }
        let harness = self.assemble(&agent, provider, &site(&agent)?, 0)?;
        Ok(Harness { provider: own, keeps_prompt: true, ..harness })
    }

    /// An agent and those that work for it: with its model where they name no other.
    fn assemble(
        &self,
        agent: &Agent,
        provider: Arc<dyn Provider>,
        site: &Site,
        depth: usize,
    ) -> Result<Harness, Error> {
        if depth > DEPTH_MAX {
            return Err(Error::TooDeep(agent.name.to_string()));
        }
        if depth == 0 && size(agent) > TEAM_MAX {
            let team = format!("`{}` has more than {TEAM_MAX} subagents", agent.name);
            return Err(Error::Subagent(team));
        }
        self.no_twins(agent)?;
        for subagent in &agent.subagents {
            fits(subagent, agent).map_err(|problem| Error::Subagent(problem.message))?;
        }
        let is_given = self.hob.provider.is_some();
        let subagents = agent.subagents.iter().map(|subagent| {
            let provider = match &subagent.model {
                Some(model) if !is_given => self.connect(model)?,
                _ => provider.clone(),
            };
            self.assemble(subagent, provider, site, depth + 1).map(Arc::new)
        });
        let subagents = subagents.collect::<Result<_, _>>()?;
        let connect = |model: &String| self.connect(model);
        let (fallback, summariser) = match is_given {
            true => (Vec::new(), None),
            false => (
                agent.fallback.iter().map(connect).collect::<Result<_, _>>()?,
                agent.compaction.model.as_ref().map(connect).transpose()?,
            ),
        };
        Ok(Harness {
            provider,
            fallback,
            summariser,
            subagents,
            tools: self.tools.clone(),
            sandbox: site.sandbox.clone().filter(|_| agent.sandbox.kind != SandboxKind::None),
            agent: agent.clone(),
            skills: site.skills.clone(),
            project: site.project.clone(),
            observer: self.hob.observer.clone(),
            is_own_log: true,
            keeps_prompt: false,
            effect_secret: Vec::new(),
        })
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
        Ok(())
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

/// How many agents work for one.
fn size(agent: &Agent) -> usize {
    agent.subagents.iter().map(|subagent| 1 + size(subagent)).sum()
}

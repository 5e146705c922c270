//! Puts an agent and those that work for it together: what all of them share, and a model for each.

use std::sync::Arc;

use super::Harness;
use crate::agent::Agent;
use crate::agent::project::Notes;
use crate::domain::name::SandboxKind;
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::skill::library::Library;
use crate::telemetry::progress::Observer;
use crate::tool::Tool;

/// What an agent and its subagents share; each as in [`Harness`].
pub struct Surroundings {
    /// None for those that want none.
    pub sandbox: Option<Arc<dyn Sandbox>>,
    /// What they may look up.
    pub skills: Arc<Library>,
    /// What the repository says to every agent.
    pub project: Vec<Notes>,
    /// Those of the program that embeds hob.
    pub tools: Vec<Arc<dyn Tool>>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
    /// Whether the log never left this machine.
    pub is_own_log: bool,
}

/// Reaches a model by its name.
pub type Connect<'a, E> = &'a dyn Fn(&str) -> Result<Arc<dyn Provider>, E>;

impl Surroundings {
    /// An agent that `provider` answers, and those that work for it, which it answers where they name no
    /// other model. Without `connect` it alone is asked, whatever their heads name.
    ///
    /// # Errors
    /// When a model cannot be reached.
    pub fn harness<E>(
        &self,
        agent: &Agent,
        provider: Arc<dyn Provider>,
        connect: Option<Connect<'_, E>>,
    ) -> Result<Harness, E> {
        let named = |model: &String| connect.map(|connect| connect(model));
        let subagent = |subagent: &Agent| {
            let own = subagent.model.as_ref().and_then(named).transpose()?;
            self.harness(subagent, own.unwrap_or_else(|| provider.clone()), connect).map(Arc::new)
        };
        Ok(Harness {
            subagents: agent.subagents.iter().map(subagent).collect::<Result<_, E>>()?,
            fallback: agent.fallback.iter().filter_map(named).collect::<Result<_, E>>()?,
            summariser: agent.compaction.model.as_ref().and_then(named).transpose()?,
            provider,
            tools: self.tools.clone(),
            sandbox: self.sandbox.clone().filter(|_| agent.sandbox.kind != SandboxKind::None),
            agent: agent.clone(),
            skills: self.skills.clone(),
            project: self.project.clone(),
            observer: self.observer.clone(),
            is_own_log: self.is_own_log,
            keeps_prompt: false,
            // Effects are printed, not sent: nobody can forge what nobody looks up.
            effect_secret: Vec::new(),
        })
    }
}

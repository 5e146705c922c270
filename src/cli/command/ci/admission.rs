//! From a job's event to the agent that it may start, or to the reason why none does.

use std::path::Path;
use std::sync::Arc;

use super::checkout;
use super::gate::{Gate, Judged};
use super::job::{Job, News, Unkept};
use super::patience::Patience;
use crate::agent::library::{Found, Library};
use crate::agent::trigger::{Choice, Nobody, choose, named};
use crate::channel::Heard;
use crate::cli::env::Environment;
use crate::cli::refusal::Refusal;
use crate::cli::{output, parts};
use crate::domain::event::Event;
use crate::domain::name::Who;
use crate::domain::run::Authority;
use crate::skill::library::Library as Skills;

/// What comes of an event that is not refused.
pub(super) enum Admitted<'a> {
    /// An agent starts.
    Started(Box<Started<'a>>),
    /// None does, as it should be.
    Nothing(String),
}

/// An agent that an event starts.
pub(super) struct Started<'a> {
    /// What happened.
    pub(super) event: Event,
    /// Why the repository keeps no sessions, if it does not.
    pub(super) unkept: Option<Unkept>,
    /// Who works on it.
    pub(super) found: Found,
    /// What it may look up.
    pub(super) skills: Arc<Skills>,
    /// Who was asked about it, and whom to ask about the rest.
    pub(super) gate: Gate<'a>,
    /// On whose authority.
    pub(super) authority: Authority,
}

/// Hears the event, chooses the agent, and asks the forge who may start it.
pub(super) async fn admit<'a>(
    job: &'a Job,
    environment: &Environment,
    workspace: &Path,
    patience: &'a Patience,
) -> Result<Admitted<'a>, Refusal> {
    let News { heard, unkept } = job.hear(patience).await?;
    let event = match heard {
        Heard::Event(event) => *event,
        Heard::Ignored { reason, .. } => return Ok(Admitted::Nothing(reason)),
    };
    checkout::trusted(workspace, job.commit.as_deref())?;
    let skills = Arc::new(Skills::open(workspace));
    let (found, who) = match chosen(&event, environment, workspace, &skills)? {
        Ok(chosen) => chosen,
        Err(nobody) => return Ok(Admitted::Nothing(nobody.to_string())),
    };
    let gate = Gate::open(job, environment, patience).await?;
    let authority = match gate.judge(&found, &event, who, job.rerun_by.as_ref()).await? {
        Judged::Own => return Ok(Admitted::Nothing("hob wrote this itself: there is nothing to do".to_owned())),
        Judged::Refused(reason) => return Err(Refusal::refused(reason)),
        Judged::TooFar(reason) => return Err(Refusal::usage(reason)),
        Judged::Allowed(authority) => authority,
    };
    Ok(Admitted::Started(Box::new(Started { event, unkept, found, skills, gate, authority })))
}

/// The agent that the operator named, else the one that the event starts, and who may start it.
fn chosen(
    event: &Event,
    environment: &Environment,
    workspace: &Path,
    skills: &Skills,
) -> Result<Result<(Found, Who), Nobody>, Refusal> {
    if let Some(name) = &environment.ci.agent {
        let found = parts::agent(name, workspace, skills, true)?;
        let who = named(&found.agent, event).map(|chosen| chosen.who());
        return Ok(who.map(|who| (found, who)));
    }
    let names = skills.names();
    let library = Library::new([workspace.to_owned()]);
    let mut filed = library.filed(&parts::known(&names, true));
    for error in &filed.faulty {
        output::tell(&output::defuse(&format!("{error}; it starts nothing")));
    }
    match choose(filed.found.iter().map(|found| &found.agent), event) {
        Choice::Nobody(nobody) => Ok(Err(nobody)),
        Choice::Several(names) => {
            let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Err(Refusal::usage(format!(
                "this event starts several agents, {names}: name one with the input `agent`, or narrow their `on:`"
            )))
        }
        Choice::One(one) => {
            let (name, who) = (one.agent.name.clone(), one.who());
            filed.found.retain(|found| found.agent.name == name);
            let found = filed.found.pop().ok_or_else(|| Refusal::failed(format!("agent `{name}` is gone")))?;
            Ok(Ok((found, who)))
        }
    }
}

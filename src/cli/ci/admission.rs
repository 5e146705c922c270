//! From a job's event to the agent that it may start, or to the reason why none does.

use std::path::Path;
use std::sync::Arc;

use super::checkout;
use super::job::Job;
use crate::agent::library::{Found, Library};
use crate::agent::trigger::{Choice, Nobody, choose, named};
use crate::channel::Heard;
use crate::cli::env::Environment;
use crate::cli::refusal::Refusal;
use crate::cli::{output, parts};
use crate::domain::event::Event;
use crate::domain::name::Who;
use crate::forge::Account;
use crate::rules::marker;
use crate::skill::library::Library as Skills;
use crate::trust::authority::{self, Answer, Case, Reach, Verdict};

/// Most ids in `HOB_OWN_IDS`.
const IDS_MAX: usize = 100;

/// What comes of an event that is not refused.
pub(super) enum Admitted {
    /// An agent starts.
    Started(Box<Started>),
    /// None does, as it should be.
    Nothing(String),
}

/// An agent that an event starts.
pub(super) struct Started {
    /// What happened.
    pub(super) event: Event,
    /// Who works on it.
    pub(super) found: Found,
    /// What it may look up.
    pub(super) skills: Arc<Skills>,
    /// The account that the job writes as.
    pub(super) own: Account,
    /// Why it may start, for people.
    pub(super) authority: String,
}

/// Hears the event, chooses the agent, and asks the forge who may start it.
pub(super) async fn admit(job: &Job, environment: &Environment, workspace: &Path) -> Result<Admitted, Refusal> {
    let event = match job.hear().await? {
        Heard::Event(event) => *event,
        Heard::Ignored { reason, .. } => return Ok(Admitted::Nothing(reason)),
    };
    checkout::trusted(workspace, job.commit())?;
    let skills = Arc::new(Skills::open(workspace));
    let (found, who) = match chosen(&event, environment, workspace, &skills)? {
        Ok(chosen) => chosen,
        Err(nobody) => return Ok(Admitted::Nothing(nobody.to_string())),
    };
    narrowed(who, &found)?;
    let own = job.forge().own().await.map_err(Refusal::failed)?;
    let own_ids = own_ids(environment.ci.own_ids.as_deref().unwrap_or_default())?;
    let case = Case {
        event: &event,
        who,
        rerun_by: job.rerun_by(),
        own: &own,
        own_ids: &own_ids,
        marked: marker::is_ours(MARKER_SECRET, event.text()),
        bots: &[],
    };
    let mut answers = Vec::new();
    for account in authority::concerned(&case) {
        let standing = job.forge().standing(&account).await.map_err(Refusal::failed)?;
        answers.push(Answer { account, standing });
    }
    let authority = match authority::judge(&case, &answers) {
        Verdict::Own => return Ok(Admitted::Nothing("hob wrote this itself: there is nothing to do".to_owned())),
        Verdict::Refused(reason) => return Err(Refusal::refused(reason)),
        Verdict::Allowed { role: Some(role), .. } => format!("role {role}, asked of the forge"),
        Verdict::Allowed { anyone: true, .. } => {
            "anyone may start this agent, so it reaches nothing of this machine".to_owned()
        }
        Verdict::Allowed { .. } => "allowed by the operator".to_owned(),
    };
    Ok(Admitted::Started(Box::new(Started { event, found, skills, own, authority })))
}

/// Under which effects are keyed and marked. Whatever it is, only what our own account wrote counts;
/// a state key of the operator will take its place.
pub(super) const MARKER_SECRET: &[u8] = b"";

/// The agent that the operator named, else the one that the event starts, and who may start it.
fn chosen(
    event: &Event,
    environment: &Environment,
    workspace: &Path,
    skills: &Skills,
) -> Result<Result<(Found, Who), Nobody>, Refusal> {
    if let Some(name) = &environment.ci.agent {
        let found = parts::agent(name, workspace, skills)?;
        let who = named(&found.agent, event).map(|chosen| chosen.who());
        return Ok(who.map(|who| (found, who)));
    }
    let names = skills.names();
    let library = Library::new([workspace.to_owned()]);
    let mut filed = library.filed(&parts::known(&names));
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
            let at = filed.found.iter().position(|found| found.agent.name == name).unwrap_or_default();
            Ok(Ok((filed.found.swap_remove(at), who)))
        }
    }
}

fn narrowed(who: Who, found: &Found) -> Result<(), Refusal> {
    let effects: Vec<_> = found.agent.effects.iter().map(|allowance| allowance.kind).collect();
    let sandbox = &found.agent.sandbox;
    let reach = Reach { sandbox: sandbox.kind, variables: &sandbox.env, effects: &effects };
    authority::narrowed(who, &reach).map_err(|reason| Refusal::usage(format!("agent `{}`: {reason}", found.agent.name)))
}

fn own_ids(list: &str) -> Result<Vec<u64>, Refusal> {
    let ids = list.split(',').map(str::trim).filter(|id| !id.is_empty()).take(IDS_MAX);
    ids.map(|id| {
        id.parse().map_err(|_| {
            let id: String = id.chars().take(40).collect();
            Refusal::usage(format!("HOB_OWN_IDS holds `{id}`, but it should be numbers with commas between them"))
        })
    })
    .collect()
}

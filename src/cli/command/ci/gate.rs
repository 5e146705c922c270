//! Who may start an agent today: what is asked of the forge, each account once in a job.

use std::cell::RefCell;

use super::job::Job;
use super::patience::Patience;
use crate::agent::library::Found;
use crate::cli::env::Environment;
use crate::cli::refusal::Refusal;
use crate::domain::event::Event;
use crate::domain::name::Who;
use crate::domain::run::Authority;
use crate::forge::Account;
use crate::rules::marker;
use crate::trust::authority::{self, Answer, Case, Verdict};

/// Most ids in `HOB_OWN_IDS`.
const IDS_MAX: usize = 100;

/// Under which effects are keyed and marked. Whatever it is, only what our own account wrote counts;
/// a state key of the operator will take its place.
pub(super) const MARKER_SECRET: &[u8] = b"";

/// What is needed to judge an event.
pub(super) struct Gate<'a> {
    job: &'a Job,
    patience: &'a Patience,
    /// The account that the job writes as.
    pub(super) own: Account,
    /// The ids of those that it wrote as before.
    pub(super) own_ids: Vec<u64>,
    /// What the forge said so far.
    answers: RefCell<Vec<Answer>>,
}

/// Whether an event starts an agent.
pub(super) enum Judged {
    /// It does, on this authority.
    Allowed(Authority),
    /// Our own doing.
    Own,
    /// Whoever caused it may not.
    Refused(String),
    /// Whoever may, the agent reaches further than it may for them.
    TooFar(String),
}

impl<'a> Gate<'a> {
    /// Asks who we are.
    pub(super) async fn open(job: &'a Job, environment: &Environment, patience: &'a Patience) -> Result<Self, Refusal> {
        let own_ids = own_ids(environment.ci.own_ids.as_deref().unwrap_or_default())?;
        let own = patience.read(async || job.forge.own().await).await.map_err(Refusal::failed)?;
        Ok(Self { job, patience, own, own_ids, answers: RefCell::default() })
    }

    /// Asks the forge about everybody concerned whom it was not asked about yet, and judges.
    pub(super) async fn judge(
        &self,
        found: &Found,
        event: &Event,
        who: Who,
        rerun_by: Option<&Account>,
    ) -> Result<Judged, Refusal> {
        if let Err(reason) = narrowed(who, found) {
            return Ok(Judged::TooFar(reason));
        }
        let case = Case {
            event,
            who,
            rerun_by,
            own: &self.own,
            own_ids: &self.own_ids,
            marked: marker::is_ours(MARKER_SECRET, event.text()),
        };
        for account in authority::concerned(&case) {
            if self.answers.borrow().iter().any(|answer| answer.account == account) {
                continue;
            }
            let forge = &self.job.forge;
            let standing =
                self.patience.read(async || forge.standing(&account).await).await.map_err(Refusal::failed)?;
            self.answers.borrow_mut().push(Answer { account, standing });
        }
        Ok(match authority::judge(&case, &self.answers.borrow()) {
            Verdict::Own => Judged::Own,
            Verdict::Refused(reason) => Judged::Refused(reason.to_string()),
            Verdict::Allowed { role: Some(role), .. } => Judged::Allowed(Authority::Role(role)),
            Verdict::Allowed { anyone: true, .. } => Judged::Allowed(Authority::Anyone),
            Verdict::Allowed { .. } => Judged::Allowed(Authority::Operator),
        })
    }
}

/// Why an agent may start, for people.
pub(super) fn why(authority: Authority) -> String {
    match authority {
        Authority::Role(role) => format!("role {role}, asked of the forge"),
        Authority::Anyone => "anyone may start this agent, so it reaches nothing of this machine".to_owned(),
        Authority::Operator => "allowed by the operator".to_owned(),
    }
}

fn narrowed(who: Who, found: &Found) -> Result<(), String> {
    authority::narrowed(who, found.agent.sandbox.kind)
        .map_err(|reason| format!("agent `{}`: {reason}", found.agent.name))
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

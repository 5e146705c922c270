//! Gives a claimed run its outcome, with everything that must stand in the log before it.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::attempt::{Circumstances, journal};
use super::claimed::{Ended, Instance};
use super::recovery::{Recovery, late, recover};
use crate::domain::budget::Limited;
use crate::domain::entry::{AbortSeen, Body, Settled};
use crate::domain::outcome::Outcome;
use crate::harness;
use crate::queue::Claim;
use crate::session;
use crate::session::resume::{self, Ending};
use crate::telemetry::failpoint;

/// The outcome of a run, and the value it finished with.
#[derive(Debug)]
pub(super) struct Verdict {
    outcome: Outcome,
    result: Option<serde_json::Value>,
    /// What is said where the agent said nothing.
    message: String,
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, result: None, message: String::new() }
    }
}

impl From<Ending> for Verdict {
    fn from(ending: Ending) -> Self {
        let completed = Outcome::Completed { limited: None };
        match ending {
            Ending::Said => completed.into(),
            Ending::Finished(value) => Self { result: Some(value), ..completed.into() },
            Ending::GaveUp(reason) => Self::failed(format!("the agent gave up: {reason}")),
            Ending::Refused => Self::failed("the model refused to answer".to_owned()),
        }
    }
}

impl Verdict {
    pub(super) fn failed(reason: String) -> Self {
        Outcome::Failed { reason }.into()
    }

    /// Our own code panicked on it, with these words.
    pub(super) fn bug(words: &str) -> Self {
        Self::failed(format!("bug: hob panicked: {words}; please report it"))
    }

    /// A budget ended it, with what exists.
    pub(super) fn limited(limit: Limited) -> Self {
        Outcome::Completed { limited: Some(limit) }.into()
    }

    /// No money is left today to begin it with.
    pub(super) fn not_begun(limit: Limited, message: String) -> Self {
        Self { message, ..Self::limited(limit) }
    }

    /// It was not done in its time.
    pub(super) fn late(wall: Option<Duration>) -> Self {
        Self::failed(late(wall.unwrap_or_default()))
    }
}

/// What the log and the inbox say becomes of the claimed run; `None` while it needs an attempt.
/// `needs_result` is whether its agent must end through `finish`.
pub(super) fn verdict(instance: &Instance, claim: &Claim, needs_result: bool, with: &Circumstances) -> Option<Verdict> {
    let Instance { log, history } = instance;
    let run = &claim.run.id;
    match recover(history, run, needs_result, log.abort_asked(run), with.clock.now(), with.allowed()) {
        Recovery::Complete(ending) => Some(ending.into()),
        Recovery::Abort { by } => Some(Outcome::Aborted { by }.into()),
        Recovery::Fail { reason } => Some(Verdict::failed(reason)),
        Recovery::Settled | Recovery::Resume => None,
        Recovery::Begin => claim.superseded_by.clone().map(|by| Outcome::Superseded { by }.into()),
    }
}

/// Settles the claimed run and ends the claim.
pub(super) fn settle<'a>(
    instance: Instance,
    claim: &'a Claim,
    verdict: Verdict,
    with: &'a Circumstances,
) -> BoxFuture<'a, Result<Ended, harness::Error>> {
    async move {
        let Verdict { outcome, result, message } = verdict;
        let Instance { log, mut history } = instance;
        let run = &claim.run.id;
        with.failpoints.hit(failpoint::FINISHED);
        let mut last = resume::closing(&history);
        if let Some(by) = log.abort_asked(run) {
            last.push(Body::AbortSeen(AbortSeen { by: by.to_owned() }));
        }
        let known = history.find(run);
        let settled = Settled {
            run: run.clone(),
            outcome,
            message: known.map(|known| known.said.clone()).filter(|said| !said.is_empty()).unwrap_or(message),
            result,
            usage: known.map(|known| known.spent.usage).unwrap_or_default(),
            cost_nano_usd: known.and_then(|known| known.spent.cost_nano_usd),
        };
        let mut journal = journal(log, &history, claim, with);
        for entry in journal.settle(last, settled).await? {
            history.add(entry);
        }
        let log = journal.log.take().ok_or(session::Error::Kept)?;
        Ok(Ended::Settled(Instance { log, history }))
    }
    .boxed()
}

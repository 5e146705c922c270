//! The work under one claim: what the log says is next, an attempt where one is needed, the outcome.
//!
//! An attempt mostly waits for a model, and thousands may wait at once. What comes before and after it
//! is boxed, so that none of them keeps room for it.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::attempt::{Circumstances, attempt};
use super::day;
use super::join::Company;
use super::recovery::time_left;
use super::settle::{Verdict, settle, verdict};
use super::shift::Harnesses;
use super::supervise::{Stop, Supervised, Why, supervise};
use crate::harness::{self, Harness};
use crate::queue::{self, Claim};
use crate::session;
use crate::session::history::History;
use crate::session::join::Joins;
use crate::session::turns::Stopped;
use crate::store::{self, Log, Pulse};
use crate::telemetry::progress::Progress;

/// How the work under a claim ended. What was recorded is kept in either case.
#[derive(Debug)]
pub(super) enum Ended {
    /// The run is settled.
    Settled(Instance),
    /// Stopped from outside; the run goes on with the next attempt.
    Interrupted,
    /// The time for all work is over; the run goes on with the next attempt.
    OutOfTime,
    /// The model's service did not answer; the run goes on with the next attempt.
    Unanswered(String),
    /// The operator must mend something first; then the run goes on with the next attempt.
    Misconfigured(String),
    /// The claim is somebody else's, or nobody's; the run goes on with the next one.
    Lost,
}

/// An instance that is open, and what its log adds up to.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) log: Box<Log>,
    pub(super) history: Box<History>,
}

impl Instance {
    pub(super) fn new(mut log: Box<Log>) -> Self {
        let history = History::of(log.take_entries());
        Self { log, history: Box::new(history) }
    }

    /// Claims the head of the line; `None` when every run has its outcome.
    pub(super) async fn claim(&mut self, with: &Circumstances) -> Result<Option<Box<Claim>>, store::Error> {
        let (claim, entries) = queue::claim(&mut self.log, with.clock.now()).await?;
        // What another process did in between.
        entries.into_iter().for_each(|entry| self.history.add(entry));
        Ok(claim.map(Box::new))
    }

    /// Gives the claim back.
    pub(super) fn release(mut self, ended: Ended) -> BoxFuture<'static, Result<Ended, harness::Error>> {
        async move {
            queue::release(&mut self.log).await?;
            Ok(ended)
        }
        .boxed()
    }
}

/// Works on the claimed run until it is settled or must stop. Where it is known what others would be
/// worked on with, what comes meanwhile may join it.
pub(super) async fn work(
    harness: &Harness,
    harnesses: Option<&dyn Harnesses>,
    instance: Instance,
    claim: &Claim,
    with: &Circumstances,
) -> Result<Ended, harness::Error> {
    or_lost(under_claim(harness, harnesses, instance, claim, with).boxed().await)
}

/// Who writes after the claim is over is told so, and is too late: the run is in other hands.
pub(super) fn or_lost(ended: Result<Ended, harness::Error>) -> Result<Ended, harness::Error> {
    use store::Error::{Fenced, Gone, Held};
    match ended {
        Err(harness::Error::Session(session::Error::Store(Fenced { .. } | Gone { .. } | Held { .. }))) => {
            Ok(Ended::Lost)
        }
        ended => ended,
    }
}

async fn under_claim(
    harness: &Harness,
    harnesses: Option<&dyn Harnesses>,
    mut instance: Instance,
    claim: &Claim,
    with: &Circumstances,
) -> Result<Ended, harness::Error> {
    let needs_result = harness.needs_result(&claim.run);
    if let Some(verdict) = verdict(&instance, claim, needs_result, with) {
        return settle(instance, claim, verdict, with).await;
    }
    let limits = &harness.agent.limits;
    if let Some(verdict) = day::used_up(&mut instance, &claim.run, limits, with.clock.now()).await? {
        return settle(instance, claim, verdict, with).await;
    }
    let Some(mut pulse) = instance.log.pulse() else { return Ok(Ended::Lost) };
    let stop = Stop::new(&with.cancel);
    let left = time_left(&instance.history, &claim.run.id, with.clock.now(), with.allowed());
    // From here on by a clock that nobody sets.
    let late = left.and_then(|left| Instant::now().checked_add(left));
    let ends = [late, with.ends].into_iter().flatten().min();
    let of_this = Circumstances { cancel: stop.cancel.clone(), ends, ..with.clone() };
    let company = harnesses.map(|harnesses| Company { run: &claim.run, harness, harnesses, with });
    let joins = company.as_ref().map(|company| company as &dyn Joins);
    let attempt = attempt(harness, joins, instance, claim, &of_this);
    let (stopped, mut instance) = match supervise(&claim.run.id, &mut pulse, &stop, late, attempt).await {
        Supervised::Ended(Ok(ended)) => ended,
        Supervised::Ended(Err(error)) => {
            let _ = pulse.release().await;
            return Err(error);
        }
        Supervised::Lost => return Ok(Ended::Lost),
        Supervised::Panicked(words) => {
            return anew(pulse, claim, needs_result, Verdict::bug(&words), harness, with).await;
        }
        Supervised::Hung if stop.why().is_some() => {
            return anew(pulse, claim, needs_result, Verdict::late(with.wall), harness, with).await;
        }
        Supervised::Hung => {
            pulse.release().await?;
            return Ok(Ended::Interrupted);
        }
    };
    let ended = match stopped {
        Stopped::Over(ending) => return settle(instance, claim, ending.into(), with).await,
        Stopped::Limited(limit) => return settle(instance, claim, Verdict::limited(limit), with).await,
        Stopped::Failed(reason) => return settle(instance, claim, Verdict::failed(reason), with).await,
        Stopped::Interrupted => Ended::Interrupted,
        Stopped::OutOfTime => Ended::OutOfTime,
        Stopped::Unanswered(reason) => Ended::Unanswered(reason),
        Stopped::Misconfigured(reason) => Ended::Misconfigured(reason),
    };
    let Some(why) = stop.why() else { return instance.release(ended).await };
    // Told to stop: does the run have its outcome now?
    instance.log.refresh().await?;
    match (verdict(&instance, claim, needs_result, with), why) {
        (Some(verdict), _) => settle(instance, claim, verdict, with).await,
        (None, Why::Late) => settle(instance, claim, Verdict::late(with.wall), with).await,
        (None, Why::Abort) => instance.release(ended).await,
    }
}

/// Takes a new claim for a run whose attempt is gone and took its log with it, and settles it: as the
/// log says, else as `otherwise`. What that attempt may still write comes too late.
fn anew<'a>(
    pulse: Pulse,
    claim: &'a Claim,
    needs_result: bool,
    otherwise: Verdict,
    harness: &'a Harness,
    with: &'a Circumstances,
) -> BoxFuture<'a, Result<Ended, harness::Error>> {
    async move {
        let mut instance = Instance::new(reopen(pulse, harness).await?);
        match instance.claim(with).await? {
            Some(anew) if anew.run.id == claim.run.id => {
                let verdict = verdict(&instance, &anew, needs_result, with).unwrap_or(otherwise);
                settle(instance, &anew, verdict, with).await
            }
            _ => instance.release(Ended::Lost).await,
        }
    }
    .boxed()
}

async fn reopen(pulse: Pulse, harness: &Harness) -> Result<Box<Log>, store::Error> {
    let (log, notes) = pulse.reopen().await?;
    for note in notes {
        harness.observer.see(Progress::Note(&note));
    }
    Ok(Box::new(log))
}

//! One leased try at a run, from claim to settlement.

use std::collections::BTreeMap;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::clock::Clock;
use crate::domain::entry::Settled;
use crate::domain::id::{RunId, SessionId};
use crate::domain::outcome::Outcome;
use crate::harness::{self, Harness, Moment};
use crate::queue::Claim;
use crate::session::history::History;
use crate::session::journal::Journal;
use crate::session::resume::{self, Ending, Progress};
use crate::session::turns::Stopped;
use crate::store::Log;
use crate::telemetry::failpoint::{self, Failpoints};
use crate::telemetry::redact::Redactor;
use crate::trust::frame::Marker;

/// Attempts before a run fails.
pub const ATTEMPTS: u32 = 10;

/// What an attempt needs beside the harness. A test gives its own.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// Tells the time.
    pub clock: Clock,
    /// Ends the attempt early.
    pub cancel: CancellationToken,
    /// When all work must end, whatever the runs may still use; they go on another time.
    pub ends: Option<Instant>,
    /// Runs that are not worked on, by the reason: who asked for them may not.
    pub refused: BTreeMap<RunId, String>,
    /// Takes secrets out of what is stored.
    pub redactor: Redactor,
    /// Where a test wants this process to die.
    pub failpoints: Failpoints,
    /// Makes a frame marker nobody can guess.
    pub marker: fn() -> Marker,
    /// A fresh number from 0 up to 1 for each wait.
    pub jitter: fn() -> f64,
}

/// How an attempt ended. What was recorded is kept in either case.
pub(super) enum Ended {
    /// The run is settled.
    Settled,
    /// Stopped from outside; the run goes on with the next attempt.
    Interrupted,
    /// The time for all work is over; the run goes on with the next attempt.
    OutOfTime,
    /// The model's service did not answer; the run goes on with the next attempt.
    Unanswered(String),
    /// The operator must mend something first; then the run goes on with the next attempt.
    Misconfigured(String),
}

/// Works on the claimed run until it is settled or must stop, and gives log and history back.
pub(super) async fn attempt(
    harness: &Harness,
    log: Log,
    history: History,
    claim: &Claim,
    with: &Circumstances,
) -> Result<(Ended, Log, History), harness::Error> {
    let run = &claim.run;
    let journal = journal(log, &history, claim, with);
    let exhausted = history.find(&run.id).is_some_and(|known| known.attempts >= ATTEMPTS);
    // An answer that is there settles the run, however many attempts it took.
    let (journal, history, stopped) = match resume::progress(&history, &run.id, harness.agent.result.is_some()) {
        Progress::Done(ending) => (journal, history, Stopped::Over(ending)),
        _ if exhausted => {
            let reason = format!("{ATTEMPTS} attempts ended without an outcome");
            (journal, history, Stopped::Failed(reason))
        }
        _ => {
            let moment = Moment {
                marker: (with.marker)(),
                now: with.clock.now(),
                started: Instant::now(),
                ends: with.ends,
                cancel: with.cancel.clone(),
                jitter: with.jitter,
            };
            let mut session = harness.open(journal, history, run, moment).await?;
            let stopped = session.run(&run.id).await?;
            let (journal, history) = session.close();
            (journal, history, stopped)
        }
    };
    let completed = Outcome::Completed { limited: None };
    let (outcome, result) = match stopped {
        Stopped::Interrupted => return Ok((Ended::Interrupted, journal.log, history)),
        Stopped::OutOfTime => return Ok((Ended::OutOfTime, journal.log, history)),
        Stopped::Unanswered(reason) => return Ok((Ended::Unanswered(reason), journal.log, history)),
        Stopped::Misconfigured(reason) => return Ok((Ended::Misconfigured(reason), journal.log, history)),
        Stopped::Failed(reason) => (Outcome::Failed { reason }, None),
        Stopped::Limited(limit) => (Outcome::Completed { limited: Some(limit) }, None),
        Stopped::Over(Ending::Said) => (completed, None),
        Stopped::Over(Ending::Finished(value)) => (completed, Some(value)),
        Stopped::Over(Ending::GaveUp(reason)) => {
            (Outcome::Failed { reason: format!("the agent gave up: {reason}") }, None)
        }
        Stopped::Over(Ending::Refused) => (Outcome::Failed { reason: "the model refused to answer".to_owned() }, None),
    };
    settle(journal, history, claim, outcome, result).await
}

/// Settles the claimed run as aborted, and gives log and history back.
pub(super) async fn abort(
    log: Log,
    history: History,
    claim: &Claim,
    by: String,
    with: &Circumstances,
) -> Result<(Ended, Log, History), harness::Error> {
    let journal = journal(log, &history, claim, with);
    settle(journal, history, claim, Outcome::Aborted { by }, None).await
}

fn journal(log: Log, history: &History, claim: &Claim, with: &Circumstances) -> Journal {
    Journal {
        log,
        fence: claim.fence,
        session: SessionId::default(),
        leaf: history.leaf,
        redactor: with.redactor.clone(),
        clock: with.clock.clone(),
        failpoints: with.failpoints.clone(),
    }
}

async fn settle(
    mut journal: Journal,
    mut history: History,
    claim: &Claim,
    outcome: Outcome,
    result: Option<serde_json::Value>,
) -> Result<(Ended, Log, History), harness::Error> {
    let run = &claim.run.id;
    journal.failpoints.hit(failpoint::FINISHED);
    let known = history.find(run);
    let settled = Settled {
        run: run.clone(),
        outcome,
        message: known.map(|known| known.said.clone()).unwrap_or_default(),
        result,
        usage: known.map(|known| known.spent.usage).unwrap_or_default(),
        cost_nano_usd: known.and_then(|known| known.cost_nano_usd),
    };
    for entry in journal.settle(resume::closing(&history), settled).await? {
        history.add(entry);
    }
    Ok((Ended::Settled, journal.log, history))
}

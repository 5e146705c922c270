//! Claims runs, works on them, settles them: until a given one is settled, or until told to stop.

mod attempt;

pub use attempt::{ATTEMPTS, Circumstances};

use crate::domain::id::RunId;
use crate::effect::Finished;
use crate::harness::{self, Harness};
use crate::queue;
use crate::session::history::History;
use crate::store::Log;
use crate::telemetry::progress::Progress;
use attempt::Ended;

/// How the work on an instance ended.
#[derive(Debug)]
pub enum Worked {
    /// The run that was waited for is settled.
    Settled {
        /// Still open, for what is owed to the outside.
        log: Box<Log>,
        /// What the log adds up to.
        history: Box<History>,
    },
    /// Stopped from outside; the same call goes on.
    Interrupted,
    /// The time for all work is over before the run is; the same call goes on.
    OutOfTime,
    /// The model's service did not answer; the same call goes on.
    Unanswered(String),
    /// What the operator gave to reach the model is wrong; mended, the same call goes on.
    Misconfigured(String),
}

/// Works on the runs of an instance in their order until `run` is settled. A run that a process
/// left behind comes before everything admitted after it.
///
/// # Errors
/// When log or sandbox fail; what was recorded stays.
pub async fn work_until(
    run: &RunId,
    harness: &Harness,
    mut log: Log,
    with: &Circumstances,
) -> Result<Worked, harness::Error> {
    let mut history = History::of(log.take_entries());
    loop {
        let settled = history.find(run).is_some_and(|known| known.settled.is_some());
        let next = match settled {
            true => None,
            false => {
                let (claim, entries) = queue::claim(&mut log, with.clock.now()).await?;
                // What another process did in between.
                entries.into_iter().for_each(|entry| history.add(entry));
                claim
            }
        };
        let Some(claim) = next else {
            return Ok(Worked::Settled { log: Box::new(log), history: Box::new(history) });
        };
        if let Some(reason) = with.refused.get(&claim.run.id) {
            let refused = format!("{} was left unfinished and is not worked on: {reason}", claim.run.id);
            harness.observer.see(Progress::Note(&refused));
            let by = format!("hob: {reason}");
            (_, log, history) = attempt::abort(log, history, &claim, by, with).await?;
            continue;
        }
        if claim.run.id != *run {
            let left = format!("{} was left unfinished: it goes first", claim.run.id);
            harness.observer.see(Progress::Note(&left));
        }
        let ended;
        (ended, log, history) = attempt::attempt(harness, log, history, &claim, with).await?;
        match ended {
            Ended::Settled => {}
            Ended::Interrupted => return Ok(Worked::Interrupted),
            Ended::OutOfTime => return Ok(Worked::OutOfTime),
            Ended::Unanswered(reason) => return Ok(Worked::Unanswered(reason)),
            Ended::Misconfigured(reason) => return Ok(Worked::Misconfigured(reason)),
        }
    }
}

/// The runs that are over, in their order: what they proposed is owed to the outside
/// ([`effect::owed`](crate::effect::owed)).
pub fn finished(history: &History) -> impl Iterator<Item = Finished<'_>> {
    history.runs.iter().filter_map(|run| {
        let outcome = &run.settled.as_ref()?.outcome;
        Some(Finished { outcome, proposed: &run.proposed })
    })
}

//! Claims runs, works on them, settles them: until a given one is settled, or until told to stop.

mod attempt;
mod claimed;
mod join;
mod recovery;
mod settle;
mod shift;
mod supervise;

pub use attempt::Circumstances;
pub use recovery::ATTEMPTS;
pub use shift::{Harnesses, Left, Unfit, Until, Worker};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::domain::id::RunId;
use crate::domain::outcome::Outcome;
use crate::effect::Finished;
use crate::harness::{self, Harness};
use crate::session::history::History;
use crate::store::Log;
use crate::telemetry::progress::Progress;
use claimed::{Ended, Instance};

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
    /// The right to write was lost to another process, which goes on.
    Lost,
}

/// Works on the runs of an instance in their order until `run` is settled. A run that a process
/// left behind comes before everything admitted after it.
///
/// # Errors
/// When log or sandbox fail; what was recorded stays.
pub fn work_until<'a>(
    run: &'a RunId,
    harness: &'a Harness,
    log: Box<Log>,
    with: &'a Circumstances,
) -> BoxFuture<'a, Result<Worked, harness::Error>> {
    until(run, harness, Instance::new(log), with).boxed()
}

async fn until(
    run: &RunId,
    harness: &Harness,
    mut instance: Instance,
    with: &Circumstances,
) -> Result<Worked, harness::Error> {
    loop {
        let settled = instance.history.find(run).is_some_and(|known| known.settled.is_some());
        let next = if settled { None } else { instance.claim(with).await? };
        let Some(claim) = next else {
            let Instance { log, history } = instance;
            return Ok(Worked::Settled { log, history });
        };
        let ended = match with.refused.get(&claim.run.id) {
            Some(reason) => {
                let refused = format!("{} was left unfinished and is not worked on: {reason}", claim.run.id);
                harness.observer.see(Progress::Note(&refused));
                let by = format!("hob: {reason}");
                settle::settle(instance, &claim, Outcome::Aborted { by }.into(), with).await?
            }
            None => {
                if claim.run.id != *run {
                    let left = format!("{} was left unfinished: it goes first", claim.run.id);
                    harness.observer.see(Progress::Note(&left));
                }
                claimed::work(harness, None, instance, &claim, with).await?
            }
        };
        match ended {
            Ended::Settled(open) => instance = open,
            Ended::Interrupted => return Ok(Worked::Interrupted),
            Ended::OutOfTime => return Ok(Worked::OutOfTime),
            Ended::Unanswered(reason) => return Ok(Worked::Unanswered(reason)),
            Ended::Misconfigured(reason) => return Ok(Worked::Misconfigured(reason)),
            Ended::Lost => return Ok(Worked::Lost),
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

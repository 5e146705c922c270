//! The verbs of a run's life, and why there are no more.
//!
//! ```text
//!  admit            claim                     settle
//! ───────▶ queued ─────────▶ running ──────────────────────▶ settled(outcome)
//!                               ▲ │
//!                               └─┘ released, or lost: claim again, resume from the log
//! ```
//!
//! A run is admitted durably before anybody is told, and reaches exactly one outcome. Runs of one
//! instance are worked on one at a time, in the order of their admission: the head of the line is
//! the oldest one without an outcome, so a run that was left by a process that died comes before
//! everything admitted after it. There is no way back to `queued`: whoever stops releases the claim,
//! or dies and loses it, and the log says how far the run got.
//!
//! A claim lives for a lease of the store, and [`keep()`] renews it while the run is worked on. That a
//! run shall end is a wish in the inbox ([`abort`]): whoever has the claim hears of it with the next
//! beat, and whoever claims next finds it.

mod join;
mod keep;
mod supersede;

use jiff::Timestamp;

use crate::domain::entry::Entry;
use crate::domain::id::{Epoch, InstanceId, RunId};
use crate::domain::run::{Run, State};
use crate::store::{Admission, Admitted, Draft, Error, Log, Store};
use crate::telemetry::redact::Redactor;
pub use join::joins;
pub use keep::keep;

/// The right to work on one run, until it is settled or somebody else claims.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The run, as it was admitted.
    pub run: Run,
    /// Goes with every entry that is written for it.
    pub fence: Epoch,
    /// Somebody worked on it before and did not finish.
    pub resumed: bool,
    /// Nobody worked on it yet, and this later one makes it pointless.
    pub superseded_by: Option<RunId>,
}

/// Accepts a run, once for its id: when it returns, the run will reach an outcome. `label` is how
/// people call its instance.
///
/// # Errors
/// When the store cannot keep it.
pub async fn admit(store: &Store, run: &Run, label: &str, redactor: &Redactor) -> Result<Admitted, Error> {
    store.admit(&Admission::new(run, redactor)?, label, run.admitted_at).await
}

/// Claims the head of the line; `None` when every run has its outcome. Beside it, entries that another
/// process wrote since this one looked.
///
/// # Errors
/// When another process has the claim, or the store cannot give out an epoch.
pub async fn claim(log: &mut Log, at: Timestamp) -> Result<(Option<Claim>, Vec<Entry>), Error> {
    let (fence, entries) = log.claim_if(at, |log| next(log).is_some()).await?;
    let (Some(fence), Some((run, state))) = (fence, next(log)) else { return Ok((None, entries)) };
    let (run, resumed) = (run.clone(), state == State::Running);
    let newer = if resumed { None } else { supersede::newest(&run, behind(log, &run.id)) };
    let superseded_by = newer.map(|(newer, _)| newer.id.clone());
    Ok((Some(Claim { run, fence, resumed, superseded_by }), entries))
}

/// Writes down that somebody wants a run to end, or every run of the instance that has no outcome; the
/// first wish counts. Returns those that it is about: each settles as aborted, also when nobody works
/// on it, unless its answer was there already.
///
/// # Errors
/// When the store cannot keep it.
pub async fn abort(
    store: &Store,
    instance: &InstanceId,
    run: Option<&RunId>,
    by: &str,
    at: Timestamp,
) -> Result<Vec<RunId>, Error> {
    store.abort(instance, run, by, at).await
}

/// Gives a claim back without an outcome: whoever claims next goes on.
///
/// # Errors
/// When the store cannot be told: then the claim ends by itself.
pub async fn release(log: &mut Log) -> Result<(), Error> {
    log.release().await
}

/// Runs that were admitted after `run` and that nobody began, as far as the log has looked; the oldest
/// comes first.
pub fn behind<'a>(log: &'a Log, run: &RunId) -> impl Iterator<Item = &'a Run> {
    // From the end: what is behind a run that is under way is short, and what is before it is not.
    let admitted = log.runs();
    let after = admitted.iter().rposition(|known| known.id == *run).map_or(admitted.len(), |position| position + 1);
    admitted[after..].iter().filter(|late| log.state(&late.id) == Some(State::Queued))
}

/// The newest head that a run waits for behind `run`, which was started for another head of the same
/// pull request.
pub fn newer_head(log: &Log, run: &RunId) -> Option<String> {
    let under_way = log.runs().iter().rfind(|known| known.id == *run)?;
    supersede::newest(under_way, behind(log, run)).map(|(_, sha)| sha.to_owned())
}

fn next(log: &Log) -> Option<(&Run, State)> {
    head(log.runs().iter().filter_map(|run| Some((run, log.state(&run.id)?))))
}

/// Ends a claim with the last entries of its run; the outcome is one of them.
///
/// # Errors
/// When the claim is over already, the run has an outcome, or the store cannot keep it.
pub async fn settle(log: &mut Log, fence: Epoch, last: Vec<Draft>, at: Timestamp) -> Result<Vec<Entry>, Error> {
    log.settle(fence, last, at).await
}

/// The oldest run without an outcome.
fn head<R>(runs: impl IntoIterator<Item = (R, State)>) -> Option<(R, State)> {
    runs.into_iter().find(|(_, state)| !matches!(state, State::Settled(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::Outcome;

    #[test]
    fn the_oldest_unsettled_run_is_the_head_of_the_line() {
        let (queued, running) = (State::Queued, State::Running);
        let settled = State::Settled(Outcome::Completed { limited: None });
        for (states, expected) in [
            (vec![], None),
            (vec![&settled], None),
            (vec![&queued, &queued], Some(0)),
            (vec![&settled, &running, &queued], Some(1)),
            (vec![&settled, &queued, &running], Some(1)),
        ] {
            let line = states.iter().enumerate().map(|(n, state)| (n, (*state).clone()));
            assert_eq!(head(line).map(|(n, _)| n), expected, "{states:?}");
        }
    }
}

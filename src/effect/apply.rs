//! Walks through what is owed, each object in its order: one that must wait delays only what comes
//! after it on the same object.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::send::{Step, send};
use super::{Corridor, Owed};
use crate::domain::effect::{Effect, State};
use crate::store::{Error, Log};

/// A write of which nobody knows is looked up again after this long: forges show writes late.
const DOUBT_WAIT: Duration = Duration::from_secs(15);

/// Looks after an answer that did not come; then it is left to the next process.
const DOUBTS_MAX: u32 = 2;

/// Shortest wait, whatever a forge asks for.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// What came of an effect this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A row says so.
    Done(State),
    /// It is owed still: the next process goes on.
    Waiting {
        /// What held it up.
        reason: String,
    },
}

/// Does what is owed, each effect once, and says what came of each, in the order of `owed`.
///
/// # Errors
/// When the log cannot be written; what a row says is done is done all the same. Nothing that
/// the forge says is an error here.
pub async fn apply(log: &mut Log, owed: Vec<Owed>, corridor: &Corridor<'_>) -> Result<Vec<(Effect, Came)>, Error> {
    let start = Instant::now();
    let mut line: Vec<Pending> = owed.into_iter().map(|owed| Pending::new(owed, start)).collect();
    while let Some(pending) = next(&mut line) {
        match wait(pending.not_before, start + corridor.patience, corridor).await {
            Waited::Enough => match send(log, &pending.owed, pending.unsure, corridor).await? {
                Step::Done(state) => pending.record(log, state, corridor).await?,
                Step::Later { reason, after } => pending.suspend(reason, after.unwrap_or(DOUBT_WAIT).max(WAIT_MIN)),
                Step::Unsure { reason } if pending.doubts < DOUBTS_MAX => pending.doubt(reason),
                Step::Unsure { reason } => pending.record(log, State::Unknown { reason }, corridor).await?,
            },
            // What the forge was asked for is written down; what it was not is owed as it was.
            Waited::Stopped | Waited::Impatient if pending.unsure => {
                let reason = std::mem::take(&mut pending.reason);
                pending.record(log, State::Unknown { reason }, corridor).await?;
            }
            Waited::Stopped => pending.came = Some(Came::Waiting { reason: "hob was told to stop".to_owned() }),
            Waited::Impatient => {
                let reason = corridor.redactor.redact(&pending.reason).into_owned();
                pending.came = Some(Came::Waiting { reason });
            }
        }
    }
    let behind = || Came::Waiting { reason: "an earlier effect on the same object waits".to_owned() };
    Ok(line.into_iter().map(|it| (it.owed.effect, it.came.unwrap_or_else(behind))).collect())
}

/// One effect on its way.
struct Pending {
    owed: Owed,
    /// The forge was asked to write, and nobody knows whether it did.
    unsure: bool,
    /// Times that it was put off since then.
    doubts: u32,
    not_before: Instant,
    /// What held it up last.
    reason: String,
    came: Option<Came>,
}

impl Pending {
    fn new(owed: Owed, now: Instant) -> Self {
        Self { owed, unsure: false, doubts: 0, not_before: now, reason: String::new(), came: None }
    }

    fn suspend(&mut self, reason: String, wait: Duration) {
        self.not_before = Instant::now() + wait;
        self.reason = reason;
    }

    fn doubt(&mut self, reason: String) {
        self.unsure = true;
        self.doubts += 1;
        self.suspend(reason, DOUBT_WAIT);
    }

    async fn record(&mut self, log: &mut Log, state: State, corridor: &Corridor<'_>) -> Result<(), Error> {
        let state = log.effect_done(&self.owed.effect, state, corridor.redactor, corridor.clock.now()).await?;
        self.came = Some(Came::Done(state));
        Ok(())
    }

    /// Whether what comes later on the same object must stay behind. Each kind has one object: the
    /// sticky comment, the end of the thread, the thread's labels.
    fn holds_up(&self, later: &Self) -> bool {
        let kind = |it: &Self| it.owed.effect.write.kind();
        kind(self) == kind(later) && !matches!(self.came, Some(Came::Done(_)))
    }
}

/// The one to try next: of each object the first in line, and of these the one that is free first.
fn next(line: &mut [Pending]) -> Option<&mut Pending> {
    let now = Instant::now();
    let is_head =
        |at: usize, it: &Pending| it.came.is_none() && !line.iter().take(at).any(|earlier| earlier.holds_up(it));
    let heads = line.iter().enumerate().filter(|(at, it)| is_head(*at, it));
    let first = heads.min_by_key(|(at, it)| (it.not_before.max(now), *at)).map(|(at, _)| at)?;
    line.get_mut(first)
}

/// How a wait ended.
enum Waited {
    Enough,
    Stopped,
    /// It would have been longer than all waits may be.
    Impatient,
}

async fn wait(until: Instant, deadline: Instant, corridor: &Corridor<'_>) -> Waited {
    if corridor.cancel.is_cancelled() {
        return Waited::Stopped;
    }
    if until <= Instant::now() {
        return Waited::Enough;
    }
    if until > deadline {
        return Waited::Impatient;
    }
    tokio::select! {
        biased;
        () = corridor.cancel.cancelled() => Waited::Stopped,
        () = sleep_until(until) => Waited::Enough,
    }
}

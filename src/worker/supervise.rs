//! Watches an attempt: keeps its claim, and stops it when somebody asks, when its time is over, or when
//! the claim is lost. What panics or hangs ends here, and nothing but the one attempt with it.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::domain::id::RunId;
use crate::queue;
use crate::store::Pulse;

/// How long an attempt that was told to stop may take for it, before it is dropped where it is.
const GRACE: Duration = Duration::from_secs(60);

/// The same where the whole process was told to stop.
const LAST_GRACE: Duration = Duration::from_millis(1500);

/// Longest text of a panic that is kept.
const PANIC_MAX: usize = 500;

/// How a supervised attempt ended.
#[derive(Debug)]
pub(super) enum Supervised<T> {
    /// By itself, or because it was told.
    Ended(T),
    /// It panicked, with these words.
    Panicked(String),
    /// It did not stop when it was told, and was dropped where it was.
    Hung,
    /// Somebody else may write now; it was dropped where it was.
    Lost,
}

/// Why an attempt was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody wants its run to end.
    Abort,
    /// The time of its run is over.
    Late,
}

/// Tells one attempt to stop, and remembers why.
#[derive(Debug)]
pub(super) struct Stop {
    /// What the attempt listens to.
    pub(super) cancel: CancellationToken,
    why: OnceLock<Why>,
}

impl Stop {
    /// Stops with the whole process, which is told by `all`.
    pub(super) fn new(all: &CancellationToken) -> Self {
        Self { cancel: all.child_token(), why: OnceLock::new() }
    }

    /// Why it was told to stop; `None` when it was not, or with the whole process.
    pub(super) fn why(&self) -> Option<Why> {
        self.why.get().copied()
    }

    /// The first reason counts.
    fn because(&self, why: Why) {
        if !self.cancel.is_cancelled() {
            let _ = self.why.set(why);
            self.cancel.cancel();
        }
    }
}

/// Works on `run` under a claim until that ends, whatever happens to it. `late` is when the time of the
/// run is over.
pub(super) async fn supervise<T>(
    run: &RunId,
    pulse: &mut Pulse,
    stop: &Stop,
    late: Option<Instant>,
    attempt: impl Future<Output = T>,
) -> Supervised<T> {
    let attempt = AssertUnwindSafe(attempt).catch_unwind();
    let keep = queue::keep(pulse, run, |_| stop.because(Why::Abort));
    let hangs = hangs(stop, late);
    tokio::pin!(attempt, keep, hangs);
    tokio::select! {
        biased;
        () = &mut keep => Supervised::Lost,
        () = &mut hangs => Supervised::Hung,
        ended = &mut attempt => match ended {
            Ok(ended) => Supervised::Ended(ended),
            Err(panic) => Supervised::Panicked(words(&*panic)),
        },
    }
}

/// Ends when the attempt should have stopped long ago.
async fn hangs(stop: &Stop, late: Option<Instant>) {
    tokio::select! {
        () = stop.cancel.cancelled() => {}
        () = until(late) => stop.because(Why::Late),
    }
    sleep(if stop.why().is_some() { GRACE } else { LAST_GRACE }).await;
}

async fn until(late: Option<Instant>) {
    match late {
        Some(late) => sleep_until(late).await,
        None => std::future::pending().await,
    }
}

/// What a panic says.
pub(super) fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let words = words.unwrap_or("a panic without words");
    words[..words.floor_char_boundary(PANIC_MAX)].to_owned()
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{EventKey, InstanceId};
    use crate::domain::run::{Authority, Run, Task};
    use crate::store::{Holder, Log, Store};
    use crate::telemetry::failpoint::Failpoints;
    use crate::telemetry::redact::Redactor;

    const NOW: &str = "2026-03-01T09:00:00Z";

    fn run() -> Run {
        let instance: InstanceId = "github.com/700100/issue/42/triage".parse().unwrap();
        let event_key = EventKey::from_parts(["1"]);
        Run {
            id: RunId::derive(&instance, &event_key, None),
            instance,
            event_key,
            attempt_tag: None,
            admitted_at: NOW.parse().unwrap(),
            authority: Authority::default(),
            task: Task { message: Some("go".into()), ..Task::default() },
        }
    }

    async fn open(store: &Store) -> Log {
        let since = NOW.parse().unwrap();
        let holder = Holder { pid: 1, host: "h".into(), since, what: "test".into(), process: None };
        store.reopen(&run().instance, holder).await.unwrap().unwrap().0
    }

    /// A store with a run that is claimed, the pulse of that claim, and what stops its attempt.
    async fn claimed() -> (Store, Log, Pulse, Stop) {
        let store = Store::memory(Failpoints::default());
        queue::admit(&store, &run(), "x", &Redactor::default()).await.unwrap();
        let mut log = open(&store).await;
        queue::claim(&mut log, NOW.parse().unwrap()).await.unwrap().0.unwrap();
        let pulse = log.pulse().unwrap();
        (store, log, pulse, Stop::new(&CancellationToken::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_lives_as_long_as_its_attempt() {
        let (store, _log, mut pulse, stop) = claimed().await;
        let hours = sleep(Duration::from_secs(3 * 3600));
        let ended = supervise(&run().id, &mut pulse, &stop, None, hours).await;
        assert!(matches!(ended, Supervised::Ended(())), "{ended:?}");
        assert!(matches!(
            queue::claim(&mut open(&store).await, NOW.parse().unwrap()).await,
            Err(crate::store::Error::Held { .. })
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_whose_claim_somebody_took_is_dropped() {
        let (store, _log, mut pulse, stop) = claimed().await;
        // As a process that was stopped for longer than its lease.
        tokio::time::advance(Duration::from_secs(16)).await;
        let (taken, _) = queue::claim(&mut open(&store).await, NOW.parse().unwrap()).await.unwrap();
        assert!(!taken.unwrap().resumed, "it has no attempt yet");
        let ended = supervise(&run().id, &mut pulse, &stop, None, std::future::pending::<()>()).await;
        assert!(matches!(ended, Supervised::Lost), "{ended:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_that_ran_out_and_that_nobody_took_goes_on() {
        let (_store, _log, mut pulse, stop) = claimed().await;
        tokio::time::advance(Duration::from_secs(600)).await;
        let ended = supervise(&run().id, &mut pulse, &stop, None, sleep(Duration::from_secs(60))).await;
        assert!(matches!(ended, Supervised::Ended(())), "{ended:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_is_heard_within_a_third_of_the_lease() {
        let (store, _log, mut pulse, stop) = claimed().await;
        let run = run();
        store.abort(&run.instance, None, "ann", NOW.parse().unwrap()).await.unwrap();
        let asked = Instant::now();
        let cancelled = stop.cancel.clone();
        let ended = supervise(&run.id, &mut pulse, &stop, None, cancelled.cancelled()).await;
        assert!(matches!(ended, Supervised::Ended(())), "{ended:?}");
        assert_eq!((stop.why(), asked.elapsed().as_secs()), (Some(Why::Abort), 5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_stop_is_dropped_a_minute_after_its_time() {
        let (_store, _log, mut pulse, stop) = claimed().await;
        let began = Instant::now();
        let late = Some(began + Duration::from_secs(3600));
        let ended = supervise(&run().id, &mut pulse, &stop, late, std::future::pending::<()>()).await;
        assert!(matches!(ended, Supervised::Hung), "{ended:?}");
        assert_eq!((stop.why(), began.elapsed().as_secs()), (Some(Why::Late), 3660));
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_process_must_go_what_does_not_stop_is_dropped_within_two_seconds() {
        let (_store, _log, mut pulse, _) = claimed().await;
        let all = CancellationToken::new();
        let stop = Stop::new(&all);
        all.cancel();
        let began = Instant::now();
        let ended = supervise(&run().id, &mut pulse, &stop, None, std::future::pending::<()>()).await;
        assert!(matches!(ended, Supervised::Hung), "{ended:?}");
        assert_eq!((stop.why(), began.elapsed() < Duration::from_secs(2)), (None, true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_an_ending_with_words() {
        for (panics, expected) in [
            ((|| panic!("plain")) as fn(), "plain"),
            (|| panic!("with {}", "parts"), "with parts"),
            (|| std::panic::panic_any(7), "a panic without words"),
        ] {
            let (_store, _log, mut pulse, stop) = claimed().await;
            let ended = supervise(&run().id, &mut pulse, &stop, None, async { panics() }).await;
            assert!(matches!(&ended, Supervised::Panicked(words) if words == expected), "{ended:?}");
        }
    }
}

//! Works on a run while listening for the signals that end this process.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::output::Exit;
use super::refusal::Refusal;
use crate::domain::id::RunId;
use crate::embed::machine::{clock, jitter, marker};
use crate::harness::Harness;
use crate::store::Log;
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::redact::Redactor;
use crate::worker::{Circumstances, Worked, work_until};

/// What a work is given beside its run.
pub(super) struct Given {
    /// Runs that are not worked on, and why.
    pub(super) refused: BTreeMap<RunId, String>,
    /// When it must end, whatever the runs may still use; `None` where nothing ends this process.
    pub(super) ends: Option<Instant>,
    /// Takes secrets out of what is stored.
    pub(super) redactor: Redactor,
    /// Where a test wants this process to die.
    pub(super) failpoints: Failpoints,
}

/// Listens for the signals that end this process while something is done.
pub(super) struct Watch {
    interrupt: Signal,
    terminate: Signal,
    cancel: CancellationToken,
    exit: Exit,
    /// When the first one came.
    told: Option<Instant>,
}

impl Watch {
    /// From here on SIGINT and SIGTERM no longer end the process by themselves, and none is lost:
    /// one that comes while nothing is driven is heard by what is driven next.
    pub(super) fn new() -> Result<Self, Refusal> {
        let listen =
            |kind| signal(kind).map_err(|error| Refusal::failed(format!("cannot listen for signals: {error}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            cancel: CancellationToken::new(),
            exit: Exit::Completed,
            told: None,
        })
    }

    /// Cancelled by the first signal.
    pub(super) fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Which signal came; [`Exit::Completed`] while none has.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// Does `work` until the first signal and drops it there: for what leaves nothing half done.
    pub(super) async fn until_told<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        self.drive(Duration::ZERO, work).await
    }

    /// Does `work` to its end, after the first signal for no longer than `grace`, counted from that
    /// signal. `None` when it was dropped, there or at a further signal: what it recorded is on the disk.
    pub(super) async fn drive<T>(&mut self, grace: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            let last = self.told.and_then(|told| told.checked_add(grace));
            tokio::select! {
                biased;
                signal = next(&mut self.interrupt, &mut self.terminate) => {
                    if self.hear(signal) {
                        return None;
                    }
                }
                () = until(last) => return None,
                done = &mut work => return Some(done),
            }
        }
    }

    /// Whether it was told before.
    fn hear(&mut self, signal: Exit) -> bool {
        let before = self.told.is_some();
        self.told.get_or_insert_with(Instant::now);
        self.exit = signal;
        self.cancel.cancel();
        before
    }

    /// Works until the run is settled, or a signal came.
    pub(super) async fn until_settled(
        &mut self,
        run: &RunId,
        harness: &Harness,
        log: Log,
        given: Given,
    ) -> Result<Worked, Refusal> {
        let Given { refused, ends, redactor, failpoints } = given;
        let cancel = self.cancel.clone();
        // Who runs a command waits for it, or a job does that has an end of its own.
        let wall = None;
        let with = Circumstances { clock: clock(), cancel, ends, wall, refused, redactor, failpoints, marker, jitter };
        // What is cancelled ends by itself, a command of the agent as soon as it has cleaned up.
        let worked = self.drive(Duration::MAX, work_until(run, harness, Box::new(log), &with)).await;
        Ok(worked.unwrap_or(Ok(Worked::Interrupted))?)
    }
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> Exit {
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}

async fn until(last: Option<Instant>) {
    match last {
        Some(last) => sleep_until(last).await,
        None => std::future::pending().await,
    }
}

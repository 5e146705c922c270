//! Works on a run while watching for the signals that end this process.

use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::output::Exit;
use super::refusal::Refusal;
use crate::domain::clock::Clock;
use crate::domain::id::RunId;
use crate::harness::Harness;
use crate::store::Bundle;
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::redact::Redactor;
use crate::trust::frame::Marker;
use crate::worker::{Circumstances, Worked, work_until};

/// Works until the run is settled, or SIGINT or SIGTERM came; then the exit says which. A second
/// signal ends the process at once: what was recorded is on the disk.
pub(super) async fn until_settled(
    run: &RunId,
    harness: &Harness,
    bundle: Bundle,
    redactor: Redactor,
    failpoints: Failpoints,
) -> Result<(Worked, Exit), Refusal> {
    let cancel = CancellationToken::new();
    let with = Circumstances { clock: clock(), cancel: cancel.clone(), redactor, failpoints, marker, jitter };
    let mut signals = Signals::new().map_err(|error| Refusal::failed(format!("cannot listen for signals: {error}")))?;
    let mut exit = Exit::Completed;
    let work = work_until(run, harness, bundle, &with);
    tokio::pin!(work);
    loop {
        tokio::select! {
            worked = &mut work => return Ok((worked?, exit)),
            signal = signals.next() => {
                if cancel.is_cancelled() {
                    return Ok((Worked::Interrupted, signal));
                }
                exit = signal;
                cancel.cancel();
            }
        }
    }
}

/// The signals that ask hob to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}

/// The machine's clock.
pub(super) fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the door reads the wall clock")]
    Clock::new(Timestamp::now)
}

/// One that nobody who wrote an issue could know.
fn marker() -> Marker {
    Marker::from_random(random().to_be_bytes())
}

/// Evenly from 0 up to 1.
fn jitter() -> f64 {
    (random() >> 11) as f64 / (1_u64 << 53) as f64
}

fn random() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the door is where chance comes in")]
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    // Version and variant bits of the two halves fall on different places.
    high ^ low.rotate_left(32)
}

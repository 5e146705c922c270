//! What only a machine knows: the time, chance, and which process this is.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::clock::Clock;
use crate::store::{Holder, Process};
use crate::trust::frame::Marker;

/// The machine's clock.
pub(crate) fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "a door reads the wall clock")]
    Clock::new(Timestamp::now)
}

/// A new id.
pub(crate) fn fresh() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "a door is where chance comes in")]
    Uuid::new_v4()
}

/// One that nobody who wrote an issue could know.
pub(crate) fn marker() -> Marker {
    Marker::from_random(random().to_be_bytes())
}

/// Evenly from 0 up to 1.
pub(crate) fn jitter() -> f64 {
    (random() >> 11) as f64 / (1_u64 << 53) as f64
}

/// This process, which does `what`.
pub(crate) fn holder(what: String) -> Holder {
    Holder { pid: std::process::id(), host: host(), since: clock().now(), what, process: Process::this() }
}

/// What this machine is called.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn random() -> u64 {
    let (high, low) = fresh().as_u64_pair();
    // Version and variant bits of the two halves fall on different places.
    high ^ low.rotate_left(32)
}

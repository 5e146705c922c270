//! What leaves a run to be looked at, and what must never leave it.

pub mod failpoint;
pub mod progress;
pub mod redact;

//! What a run looks like while it happens, on standard error: one live line on a terminal
//! ([`Live`]), plain lines anywhere else ([`Plain`]).

mod echo;
mod plain;
mod redacted;
mod screen;
pub(super) mod words;

use std::io::{self, IsTerminal};
use std::sync::Arc;

use crate::telemetry::progress::Observer;
use crate::telemetry::redact::Redactor;

use plain::Plain;
use redacted::Redacted;
use screen::Live;

/// The view that fits standard error, without the secrets that `redactor` knows. On a terminal the
/// live line is taken away when it is dropped; drop it before printing the answer.
pub(super) fn on_stderr(redactor: Redactor) -> Arc<dyn Observer> {
    match io::stderr().is_terminal() {
        true => Arc::new(Redacted::new(redactor, Live::on_stderr())),
        false => in_log(redactor),
    }
}

/// The view of a CI job, without the secrets that `redactor` knows: plain lines, also where the runner
/// gives the job a terminal, as `act` does. People read its log later.
pub(super) fn in_log(redactor: Redactor) -> Arc<dyn Observer> {
    Arc::new(Redacted::new(redactor, Plain::new(io::stderr())))
}

#[cfg(test)]
mod script;

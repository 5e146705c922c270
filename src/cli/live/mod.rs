//! What a run looks like while it happens, on standard error: one live line on a terminal
//! ([`Live`]), plain lines anywhere else ([`Plain`]).

mod plain;
mod screen;
mod words;

use std::io::{self, IsTerminal};

use crate::telemetry::progress::Observer;

pub(super) use plain::Plain;
pub(super) use screen::Live;

/// The view that fits standard error. On a terminal the live line is taken away when it is dropped;
/// drop it before printing the answer.
pub(super) fn on_stderr() -> Box<dyn Observer> {
    match io::stderr().is_terminal() {
        true => Box::new(Live::on_stderr()),
        false => Box::new(Plain::new(io::stderr())),
    }
}

#[cfg(test)]
mod script;

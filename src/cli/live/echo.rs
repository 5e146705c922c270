//! Keeps a terminal from writing `^C` behind the live line, which fills its width: the two letters
//! would wrap, and the line could not be taken away any more.

use rustix::stdio::stderr;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// The terminal's own mode, which comes back when this is dropped.
pub(super) struct Quiet(Option<Termios>);

impl Quiet {
    /// Standard error from now on. A program in the background leaves the terminal alone: it would
    /// be stopped for touching it.
    pub(super) fn on_stderr() -> Self {
        if tcgetpgrp(stderr()) != Ok(rustix::process::getpgrp()) {
            return Self(None);
        }
        Self(tcgetattr(stderr()).ok().filter(|own| {
            let mut quiet = own.clone();
            quiet.local_modes.remove(LocalModes::ECHOCTL);
            tcsetattr(stderr(), OptionalActions::Now, &quiet).is_ok()
        }))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(own) = &self.0
            && tcgetpgrp(stderr()) == Ok(rustix::process::getpgrp())
        {
            // Nothing more can be done about a terminal that went away.
            let _ = tcsetattr(stderr(), OptionalActions::Now, own);
        }
    }
}

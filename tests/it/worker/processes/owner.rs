//! A worker process under way.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// Works until SIGTERM. Does nothing unless a test here starts it.
#[test]
#[ignore = "started by the tests beside it"]
fn child() {
    block_on(async {
        let Some((store, dir)) = told(Failpoints::default()).await else { return };
        let worker = Worker { store, holder: this(), at_once: 3, observer: Arc::new(()) };
        let desk = Desk { dir, model: Arc::default() };
        let with = circumstances();
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        let told = async {
            term.recv().await;
            with.cancel.cancel();
        };
        let (left, ()) = tokio::join!(worker.work(&desk, &with, Until::Told), told);
        assert_eq!(left.unwrap(), []);
    });
}

#[expect(clippy::disallowed_methods, reason = "a test that starts itself has no other way to be told what to do")]
fn this() -> Holder {
    match std::env::var(HOST) {
        Ok(host) => Holder { host, process: None, ..holder("child") },
        Err(_) => holder("child"),
    }
}

/// Killed when dropped.
pub(super) struct Owner(Child);

impl Owner {
    pub(super) fn start(ground: &Ground) -> Self {
        let mut command = ground.process("worker::processes::owner::child");
        Self(command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    pub(super) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.0.wait().unwrap();
    }

    /// Stops it for so long. A thread continues it: what it holds may be what the test waits for.
    pub(super) fn pause(self, long: Duration) -> Paused {
        self.signal(Signal::STOP);
        let pid = Pid::from_child(&self.0);
        let again = std::thread::spawn(move || {
            std::thread::sleep(long);
            kill_process(pid, Signal::CONT).unwrap();
        });
        Paused { owner: self, again }
    }

    /// Asks it to go; how long that took.
    pub(super) fn leave(mut self) -> Duration {
        let told = Instant::now();
        self.signal(Signal::TERM);
        let status = self.0.wait().unwrap();
        // It may not have listened yet.
        let is_early = status.signal() == Some(Signal::TERM.as_raw());
        assert!(status.success() || is_early, "{status}, signal {:?}", status.signal());
        told.elapsed()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A worker process that is stopped, and the thread that continues it.
pub(super) struct Paused {
    pub(super) owner: Owner,
    again: std::thread::JoinHandle<()>,
}

impl Paused {
    pub(super) fn goes_on(&self) -> bool {
        self.again.is_finished()
    }
}

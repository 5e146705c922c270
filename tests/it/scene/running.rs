//! A binary that is at work while the test looks: to be waited for, stopped, and asked what it left.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Ran, Scene};

/// Longest that a test waits for what should happen soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// A started binary; killed when dropped.
pub(crate) struct Running {
    child: Option<Child>,
    root: PathBuf,
}

impl Scene {
    /// Starts a command made by [`Scene::command`].
    pub(crate) fn start(&self, mut command: std::process::Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the binary starts");
        Running { child: Some(child), root: self.root.path().to_owned() }
    }

    /// A named pipe beside the checkout: a command that writes to it tells the test that it runs.
    pub(crate) fn gate(&self, name: &str) -> PathBuf {
        let path = self.beside(name);
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).expect("a named pipe");
        path
    }

    /// Waits until the log of an instance holds this so often.
    pub(crate) fn wait_for_log(&self, text: &str, count: usize) {
        let began = Instant::now();
        let there = || {
            let instances = std::fs::read_dir(self.store()).into_iter().flatten().flatten();
            let mut logs = instances.filter_map(|entry| std::fs::read_to_string(entry.path().join("log.jsonl")).ok());
            logs.any(|log| log.matches(text).count() >= count)
        };
        while !there() {
            assert!(began.elapsed() < PATIENCE, "`{text}` did not come");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// The first thing that is written to a named pipe.
pub(crate) fn passed(gate: PathBuf) -> String {
    let (say, hear) = mpsc::channel();
    std::thread::spawn(move || say.send(std::fs::read_to_string(gate)));
    let said = hear.recv_timeout(PATIENCE).expect("nobody came to the gate");
    said.expect("a named pipe").trim().to_owned()
}

/// Whether a process of the group with this number is at work; one that only waits to be reaped is not.
pub(crate) fn group_exists(number: &str) -> bool {
    let stats = std::fs::read_dir("/proc").expect("processes").flatten();
    let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let mut members = stats.filter_map(|stat| {
        // The name before it may hold anything, a parenthesis too.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned);
        Some((fields.next()?, fields.nth(1)?))
    });
    members.any(|(state, group)| group == number && state != "Z" && state != "X")
}

impl Running {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.id()).expect("a process id")).expect("a process id");
        kill_process(pid, signal).expect("it is still there");
    }

    /// Whether it has ended, now or after this time at most.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        let began = Instant::now();
        let child = self.child.as_mut().expect("it was not waited for");
        loop {
            if child.try_wait().expect("a child").is_some() {
                return true;
            }
            if began.elapsed() >= time {
                return false;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Waits for its end; also how long that took.
    pub(crate) fn wait(mut self) -> (Ran, Duration) {
        let began = Instant::now();
        let output = self.child.take().expect("it was not waited for").wait_with_output().expect("it ends");
        (Ran { output, root: self.root.clone() }, began.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

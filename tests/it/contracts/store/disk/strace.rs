//! `strace`, which makes system calls of other processes fail.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use crate::scene::tool;

/// What runs a program, and does something to each of its threads at one of its syncs.
pub(in crate::contracts::store) struct Strace {
    program: PathBuf,
    does: String,
    how: &'static [&'static str],
    dir: TempDir,
}

impl Strace {
    /// The disk fails at the sync of this number, from 1; `None`, with a line that says so, where there
    /// is no such program.
    pub(in crate::contracts::store) fn failing(number: usize) -> Option<Self> {
        Self::that("error=EIO", number, &["--seccomp-bpf"])
    }

    /// The disk fails at the sync of this number of each child that a process has from now on, until this
    /// is over.
    #[expect(clippy::disallowed_methods, reason = "tests start the real program")]
    pub(in crate::contracts::store) fn failing_in(process: u32, number: usize) -> Option<Meddled> {
        let strace = Self::that("error=EIO", number, &[])?;
        let words = strace.words();
        let mut command = Command::new(&words[0]);
        let child = command.args(&words[1..]).args(["-p", &process.to_string()]).spawn().unwrap();
        let meddled = Meddled { strace, child };
        let since = Instant::now();
        let status = format!("/proc/{process}/status");
        while std::fs::read_to_string(&status).unwrap().lines().any(|line| line == "TracerPid:\t0") {
            assert!(since.elapsed() < Duration::from_secs(60), "it is never attached");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Some(meddled)
    }

    /// The process is stopped right after the sync of this number.
    pub(in crate::contracts::store) fn stopping(number: usize) -> Option<Self> {
        // Signals are not sent to what is not stopped at each call.
        Self::that("signal=SIGSTOP", number, &[])
    }

    fn that(does: &str, number: usize, how: &'static [&'static str]) -> Option<Self> {
        let program = tool::find("strace", "apt-get install strace")?;
        let dir = tempfile::tempdir().unwrap();
        Some(Self { program, how, does: format!("inject=fsync,fdatasync:{does}:when={number}"), dir })
    }

    /// What stands before a program and its arguments.
    pub(in crate::contracts::store) fn words(&self) -> Vec<OsString> {
        let calls = "trace=fsync,fdatasync,write,pwrite64,rename";
        let mut words = vec![self.program.clone().into_os_string()];
        words.extend(self.how.iter().map(OsString::from));
        words.extend(["-f", "-qq", "-y", "-s0", "-e", calls].map(OsString::from));
        words.extend(["-e", &self.does, "-o"].map(OsString::from));
        words.push(self.trace().into_os_string());
        words
    }

    fn trace(&self) -> PathBuf {
        self.dir.path().join("trace")
    }

    /// Waits until the process is stopped, and says which one it is.
    pub(in crate::contracts::store) fn stopped(&self) -> Pid {
        let since = Instant::now();
        let thread = loop {
            assert!(since.elapsed() < Duration::from_secs(60), "it was never stopped");
            let trace = std::fs::read_to_string(self.trace()).unwrap_or_default();
            if let Some(line) = trace.lines().find(|line| line.contains("stopped by SIGSTOP")) {
                break line.split(' ').next().unwrap().to_owned();
            }
            std::thread::park_timeout(Duration::from_millis(5));
        };
        let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap();
        let process = status.lines().find_map(|line| line.strip_prefix("Tgid:")).unwrap().trim().parse().unwrap();
        Pid::from_raw(process).unwrap()
    }

    /// Once it has run: each sync that failed, in order.
    pub(in crate::contracts::store) fn failures(&self) -> Vec<Failure> {
        let trace = std::fs::read_to_string(self.trace()).unwrap();
        let calls = calls(&trace);
        let failed = (0..).zip(&calls).filter(|(_, call)| call.is_sync() && !call.is_done);
        failed.map(|(at, call)| Failure::of(call, &calls[..at], &calls[at + 1..])).collect()
    }
}

/// A process whose children's disk fails.
pub(in crate::contracts::store) struct Meddled {
    strace: Strace,
    child: Child,
}

impl Meddled {
    /// Leaves it alone; how many syncs failed.
    pub(in crate::contracts::store) fn stop(mut self) -> usize {
        let strace = Pid::from_child(&self.child);
        rustix::process::kill_process(strace, Signal::TERM).unwrap();
        self.child.wait().unwrap();
        self.strace.failures().len()
    }
}

/// A sync that failed.
#[derive(Debug)]
pub(in crate::contracts::store) struct Failure {
    #[expect(dead_code, reason = "shown when a test fails")]
    path: String,
    /// Whether something in its file was not on the disk before.
    pub(in crate::contracts::store) loses: bool,
    /// What was added to the files of a store after it.
    pub(in crate::contracts::store) added: Vec<String>,
}

impl Failure {
    fn of(sync: &Call, before: &[Call], after: &[Call]) -> Self {
        let last = before.iter().rev().find(|call| call.path == sync.path);
        let added = after.iter().filter(|call| call.adds()).map(|call| call.path.clone()).collect();
        Self { path: sync.path.clone(), loses: last.is_some_and(Call::adds), added }
    }
}

/// A line of a trace: the call, the file that it is about, and whether it did what it was asked.
struct Call {
    name: String,
    path: String,
    is_done: bool,
}

impl Call {
    fn is_sync(&self) -> bool {
        self.name.contains("sync")
    }

    /// Whether it adds to a store. What is checkpointed into a database itself was synced before.
    fn adds(&self) -> bool {
        self.name.contains("write")
            && [".jsonl", "manifest.json.new", "-wal"].iter().any(|end| self.path.ends_with(end))
    }
}

/// Calls in the order of their ends; one during which another thread made a call has two lines.
fn calls(trace: &str) -> Vec<Call> {
    let mut begun = HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let head = |call: &str| {
            let (name, rest) = call.trim_start().split_once('(')?;
            let path = rest.split_once('<')?.1.split('>').next()?;
            Some((name.to_owned(), path.to_owned()))
        };
        let is_done = !line.contains("(INJECTED)");
        if line.ends_with("<unfinished ...>") {
            begun.insert(thread, head(call));
        } else if let Some((name, path)) =
            if line.contains(" resumed>") { begun.remove(thread).flatten() } else { head(call) }
        {
            calls.push(Call { name, path, is_done });
        }
    }
    calls
}

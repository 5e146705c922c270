//! One command line in the virtual shell: a fresh shell on a thread that nothing else is on, so that neither a
//! builtin that never yields nor deep recursion can take the program with it.
//!
//! The shell is told to stop at its deadline. One that does not listen is left behind: the call
//! returns, and what that shell still does is seen by nobody. At most [`SHELLS_MAX`] shells exist
//! at a time; then commands are refused until one of them ends.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bashkit::{
    Bash, Builtin, BuiltinContext, ExecOptions, ExecResult, ExecutionLimits, PosixFs, SessionLimits, StreamData,
    async_trait,
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::mount::Mount;
use super::tree::{HOME, TEMPORARY};
use crate::sandbox::capture::{Capture, Captured};
use crate::sandbox::threads::Threads;
use crate::sandbox::{Command, End, Error, Exec, SPILL_MAX};

/// How long a shell may take to notice that it was told to stop.
const GRACE: Duration = Duration::from_millis(250);

/// Shells at a time in one sandbox, with those that were left behind.
const SHELLS_MAX: usize = 16;

/// Runs the positional parameters, word by word: the shell reads this line, and nothing of them.
const VECTOR: &str = "\"$@\"";

/// What came of a command line.
pub(super) struct Ran {
    /// As in [`crate::sandbox::Output`].
    pub(super) exit: i32,
    /// How it ended.
    pub(super) end: End,
    /// What it printed, both streams in the order they came.
    pub(super) printed: Captured<Vec<u8>>,
    /// The shell has ended, so what it wrote counts.
    pub(super) settled: bool,
}

/// Runs `exec` in `cwd` on the files of `mount`. `shells` counts the shells of one sandbox.
pub(super) async fn run(
    mount: Mount,
    cwd: String,
    exec: Exec,
    shells: &Arc<AtomicUsize>,
    threads: &Threads,
) -> Result<Ran, Error> {
    let Some(place) = Place::take(shells) else {
        return Err(broken(format!("{SHELLS_MAX} commands are still running in it; wait for them")));
    };
    let printed = Arc::new(Mutex::new(Printed { capture: Capture::new(|| Ok(Vec::new())), cut: false }));
    let (timeout, cancel) = (exec.timeout, exec.cancel.clone());
    let stop = Stop::default();
    let (done, mut ended) = oneshot::channel();
    let shell = {
        let (printed, told) = (Arc::clone(&printed), stop.told.clone());
        move || {
            let _place = place;
            let bash = build(mount, &cwd, &exec);
            // Nobody listens any more to a shell that was left behind.
            let _ = done.send(shell(bash, exec, printed, &told));
        }
    };
    threads.run(shell).map_err(|error| broken(format!("no thread for the shell: {error}")))?;

    let (end, verdict) = tokio::select! {
        verdict = &mut ended => (End::Exited, Some(verdict)),
        () = tokio::time::sleep(timeout) => (End::TimedOut, None),
        () = cancel.cancelled() => (End::Cancelled, None),
    };
    let verdict = match verdict {
        Some(verdict) => Some(verdict),
        None => {
            stop.now();
            tokio::time::timeout(GRACE, ended).await.ok()
        }
    };
    let mut printed = lock(&printed).finish();
    let exit = match (end, &verdict) {
        (End::TimedOut, _) => 124,
        (End::Cancelled, _) => 143,
        (End::Exited, Some(Ok(verdict))) => verdict.exit,
        (End::Exited, _) => {
            return Err(broken("the shell panicked, and what it wrote is lost; try another way".into()));
        }
    };
    match &verdict {
        Some(Ok(verdict)) => printed.notes.extend(verdict.note.clone().filter(|_| end == End::Exited)),
        _ => printed.notes.push("the command did not stop when told to, so nothing that it wrote was kept".into()),
    }
    Ok(Ran { exit, end, printed, settled: matches!(verdict, Some(Ok(_))) })
}

/// How a shell ended by itself.
struct Verdict {
    exit: i32,
    note: Option<String>,
}

type Open = fn() -> io::Result<Vec<u8>>;

/// What a shell printed so far.
struct Printed {
    capture: Capture<Vec<u8>, Open>,
    /// A command said that it kept something back.
    cut: bool,
}

impl Printed {
    fn finish(&mut self) -> Captured<Vec<u8>> {
        let fresh = Capture::new((|| Ok(Vec::new())) as Open);
        let mut captured = std::mem::replace(&mut self.capture, fresh).finish();
        if self.cut {
            captured.notes.push("a command reached a limit of the virtual shell: its output is not complete".into());
        }
        captured
    }

    fn push(&mut self, out: &StreamData, err: &StreamData) {
        self.capture.push(out.as_bytes());
        self.capture.push(err.as_bytes());
        // Builtins end with status 0 in a pipe when they are cut; only their message tells.
        let said = err.text_lossy();
        self.cut |= said.contains("output truncated") || said.contains("loop limit") || said.contains("limit exceeded");
    }
}

fn lock(printed: &Mutex<Printed>) -> MutexGuard<'_, Printed> {
    printed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread: runs the command, and says how that went.
fn shell(mut bash: Bash, exec: Exec, printed: Arc<Mutex<Printed>>, told: &Told) -> Verdict {
    let _ = told.working.set(bash.cancellation_token());
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => return Verdict { exit: 1, note: Some(format!("the virtual shell did not start: {error}")) },
    };
    let into = Arc::clone(&printed);
    let (line, vector) = match exec.command {
        Command::Line(line) => (line, Vec::new()),
        Command::Vector(vector) => (VECTOR.to_owned(), vector),
    };
    let options = ExecOptions::new()
        .stdin(exec.stdin.to_vec())
        .positional(vector)
        .streaming(Box::new(move |out, err| lock(&into).push(out, err)));
    let ran = runtime.block_on(async {
        let run = bash.exec_with_options(&line, options);
        tokio::select! {
            biased;
            () = told.waiting.cancelled() => None,
            ran = run => Some(ran),
        }
    });
    runtime.shutdown_background();
    match ran {
        None => Verdict { exit: 143, note: None },
        Some(Ok(result)) => {
            let cut = result.stdout_truncated || result.stderr_truncated;
            let note = cut.then(|| format!("the output was cut after {SPILL_MAX} bytes"));
            Verdict { exit: result.exit_code, note }
        }
        Some(Err(error @ bashkit::Error::Parse { .. })) => {
            let report = error.syntax_report("bash", &line).unwrap_or_else(|| format!("bash: {error}\n"));
            lock(&printed).capture.push(report.as_bytes());
            Verdict { exit: 2, note: None }
        }
        Some(Err(error)) => Verdict { exit: 1, note: Some(format!("the virtual shell ended the command: {error}")) },
    }
}

fn build(mount: Mount, cwd: &str, exec: &Exec) -> Bash {
    let limits = ExecutionLimits::new()
        // The call's own deadline comes first; this one stops what does not yield.
        .timeout(exec.timeout.saturating_add(GRACE / 2))
        .max_commands(100_000)
        .max_loop_iterations(1_000_000)
        .max_work_units(1_000_000_000)
        .max_aggregate_input_bytes(1 << 30)
        .max_live_intermediate_bytes(256 << 20)
        .max_stdout_bytes(usize::try_from(SPILL_MAX).unwrap_or(usize::MAX))
        .max_stderr_bytes(usize::try_from(SPILL_MAX).unwrap_or(usize::MAX));
    let own = [("HOME", HOME), ("TMPDIR", TEMPORARY), ("LANG", "C.UTF-8"), ("TERM", "dumb"), ("CI", "true")];
    let mut builder = Bash::builder()
        .fs(Arc::new(PosixFs::new(mount)))
        .username("agent")
        .hostname("hob")
        .cwd(cwd)
        .limits(limits)
        .session_limits(SessionLimits::unlimited())
        .builtin("git", Box::new(NoGit));
    for (name, value) in own {
        builder = builder.env(name, value);
    }
    for (name, value) in &exec.env {
        builder = builder.env(name, value);
    }
    builder.build()
}

/// The shell's own `git` knows six commands and no diff: none is better than one that misleads.
struct NoGit;

#[async_trait]
impl Builtin for NoGit {
    async fn execute(&self, _: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let message = "git: command not found: the virtual shell has no repository, only the files of one; \
                       compare files with `diff`\n";
        Ok(ExecResult::err(message, 127))
    }
}

/// Tells a shell to stop, at the latest when the call that waits for it is dropped.
#[derive(Default)]
struct Stop {
    told: Told,
}

/// How a shell is told.
#[derive(Clone, Default)]
struct Told {
    /// One that waits, or has not begun.
    waiting: CancellationToken,
    /// One that works, and looks at this between its steps; from when it was made.
    working: Arc<OnceLock<Arc<AtomicBool>>>,
}

impl Stop {
    fn now(&self) {
        self.told.waiting.cancel();
        if let Some(working) = self.told.working.get() {
            working.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.now();
    }
}

/// One of the shells a sandbox may have.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(shells: &Arc<AtomicUsize>) -> Option<Self> {
        let free = |taken| (taken < SHELLS_MAX).then_some(taken + 1);
        shells.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).ok()?;
        Some(Self(Arc::clone(shells)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn broken(reason: String) -> Error {
    Error::Broken { kind: super::KIND, reason }
}

//! One command on this machine: a shell in a process group of its own, both its streams in one
//! pipe, and an end to all of it when the call ends.

use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep, timeout_at};

use super::{broken, marked};
use crate::sandbox::capture::Capture;
use crate::sandbox::{self, End, Error, Exec, Output};

/// Between the polite signal and the one that cannot be ignored, when a command's time is over.
const GRACE: Duration = Duration::from_secs(1);

/// The same when hob is told to stop: it promises to be out within a second, this wait counted.
const CANCELLED_GRACE: Duration = Duration::from_millis(500);

/// How long output is still read from those that a shell left behind, before they are ended.
const DRAIN: Duration = Duration::from_millis(50);

/// Read from the pipe at a time; what Linux keeps in it.
const PIECE: usize = 64 << 10;

/// What a command runs with, beside itself.
pub(super) struct Job<'a> {
    pub(super) shell: &'a Path,
    pub(super) env: &'a [(String, String)],
    /// A directory that exists.
    pub(super) cwd: PathBuf,
    /// Where the whole output goes when it is long.
    pub(super) spill: PathBuf,
    /// Told to every process of the call; nobody else has it.
    pub(super) mark: String,
}

/// Bash where there is one, else the system's `sh`.
pub(super) fn find_shell(env: &[(String, String)]) -> PathBuf {
    let path = env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value.as_str());
    let candidates = ["/bin", "/usr/bin"].into_iter().chain(path.split(':').filter(|dir| dir.starts_with('/')));
    let found = candidates.map(|directory| Path::new(directory).join("bash")).find(|bash| bash.is_file());
    found.unwrap_or_else(|| "/bin/sh".into())
}

/// Runs `exec` to its end, its deadline or its cancellation.
pub(super) async fn run(job: Job<'_>, exec: Exec) -> Result<Output, Error> {
    let spill = job.spill.clone();
    let (mut group, mut output, input) = start(job, &exec)?;
    let mut capture = Capture::new(|| File::create_new(&spill));
    let mut piece = vec![0; PIECE];
    let feed = feed(input, &exec.stdin);
    let deadline = sleep(exec.timeout);
    tokio::pin!(feed, deadline);

    // Until the shell ends, or has to.
    let mut exited = group.exited();
    let (mut open, mut fed) = (true, false);
    let end = loop {
        tokio::select! {
            _ = &mut exited => break End::Exited,
            () = &mut deadline => break End::TimedOut,
            () = exec.cancel.cancelled() => break End::Cancelled,
            () = &mut feed, if !fed => fed = true,
            read = output.read(&mut piece), if open => open = take(&mut capture, &piece, read),
        }
    };

    // What is left of the group gets a moment to print, or to end politely.
    let until = Instant::now()
        + match end {
            End::Exited => DRAIN,
            End::TimedOut => GRACE,
            End::Cancelled => CANCELLED_GRACE,
        };
    if end != End::Exited {
        group.signal(Signal::TERM);
    }
    let mut gone = end == End::Exited;
    while open || !gone {
        let step = async {
            tokio::select! {
                _ = &mut exited, if !gone => gone = true,
                read = output.read(&mut piece), if open => open = take(&mut capture, &piece, read),
            }
        };
        if timeout_at(until, step).await.is_err() {
            break;
        }
    }
    let status = group.finish().map_err(|error| broken(format!("the shell was lost: {error}")))?;
    while open {
        open = match output.try_read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            read => take(&mut capture, &piece, read),
        };
    }

    let captured = capture.finish();
    let exit = match end {
        End::TimedOut => 124,
        End::Exited | End::Cancelled => code(status),
    };
    let spill = captured.spill.map(|_| spill.display().to_string());
    Ok(Output { exit, end, tail: captured.tail, bytes: captured.bytes, spill, notes: captured.notes })
}

#[expect(clippy::disallowed_methods, reason = "the one place where a local sandbox starts a process")]
fn start(job: Job<'_>, exec: &Exec) -> Result<(Group, pipe::Receiver, Option<pipe::Sender>), Error> {
    let lost = |error: io::Error| broken(format!("no pipe for the command: {error}"));
    let made = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|errno| lost(errno.into()));
    let (output, printed) = made()?;
    // A name with a slash is a path beneath the directory that the command starts in; any other is
    // looked for on the `PATH` that it is given.
    let program = match exec.command.program()? {
        None => job.shell.to_owned(),
        Some(program) if program.contains('/') => job.cwd.join(program),
        Some(program) => program.into(),
    };
    let mut command = Command::new(&program);
    match &exec.command {
        sandbox::Command::Line(line) => command.arg("-c").arg(line),
        sandbox::Command::Vector(vector) => command.args(vector.iter().skip(1)),
    };
    command.current_dir(job.cwd).process_group(0).env_clear();
    let exposed = job.env.iter().chain(&exec.env).map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in exposed.chain([(marked::NAME, job.mark.as_str())]) {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let reason = "it cannot be the name or the value of an environment variable";
            return Err(Error::Denied { path: name.to_owned(), reason });
        }
        command.env(name, value);
    }
    command.stdout(printed.try_clone().map_err(lost)?).stderr(printed);
    let input = if exec.stdin.is_empty() {
        command.stdin(Stdio::null());
        None
    } else {
        let (reads, writes) = made()?;
        command.stdin(reads);
        Some(pipe::Sender::from_owned_fd(nonblocking(writes).map_err(lost)?).map_err(lost)?)
    };
    let output = pipe::Receiver::from_owned_fd(nonblocking(output).map_err(lost)?).map_err(lost)?;
    let child = command.spawn().map_err(|source| Error::Io { path: program.display().to_string(), source })?;
    // Closes our ends of what the command holds.
    drop(command);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| broken("the shell has no process number".into()))?;
    Ok((Group { child: Some(child), pid, mark: job.mark }, output, input))
}

fn nonblocking(fd: rustix::fd::OwnedFd) -> io::Result<rustix::fd::OwnedFd> {
    rustix::fs::fcntl_setfl(&fd, rustix::fs::fcntl_getfl(&fd)? | rustix::fs::OFlags::NONBLOCK)?;
    Ok(fd)
}

/// A shell and all that it started. Dropped, it is ended.
struct Group {
    child: Option<Child>,
    pid: Pid,
    mark: String,
}

impl Group {
    /// Resolves when the shell has ended. It is not reaped by that, so its number stays its own and
    /// a signal to its group reaches nobody else.
    fn exited(&self) -> tokio::task::JoinHandle<()> {
        let pid = self.pid;
        tokio::task::spawn_blocking(move || {
            let how = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), how), Err(rustix::io::Errno::INTR)) {}
        })
    }

    fn signal(&self, signal: Signal) {
        // Nobody is left in it.
        let _ = kill_process_group(self.pid, signal);
    }

    /// Ends what is left of the group and those that left it, and says how the shell ended.
    fn finish(&mut self) -> io::Result<ExitStatus> {
        let Some(mut child) = self.child.take() else { return Err(io::ErrorKind::NotFound.into()) };
        self.signal(Signal::KILL);
        let status = child.wait();
        marked::kill(self.pid, &self.mark);
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // After an end in good order there is nothing left to do.
        let _ = self.finish();
    }
}

/// Takes a piece in; false at the end of the stream.
fn take<W, Open>(capture: &mut Capture<W, Open>, piece: &[u8], read: io::Result<usize>) -> bool
where
    W: io::Write,
    Open: FnOnce() -> io::Result<W>,
{
    let length = read.unwrap_or(0);
    capture.push(&piece[..length]);
    length > 0
}

async fn feed(input: Option<pipe::Sender>, stdin: &[u8]) {
    if let Some(mut input) = input {
        // A command need not read all of it, or any.
        let _ = input.write_all(stdin).await;
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

//! A program in a terminal of its own: what it draws, as a person would see it.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Longest a program may take to show what a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program and the screen of its terminal. Ends the program when dropped.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

impl Terminal {
    /// Starts a program in a terminal of `rows` × `columns`, as its controlling terminal, so that a
    /// typed Ctrl-C is a SIGINT. The command's own streams are replaced, except those given here.
    pub(crate) fn start(command: &Command, rows: u16, columns: u16, streams: Streams) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        // Not to become the terminal of the tests themselves.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let side = || Stdio::from(open(&name, flags, Mode::empty()).unwrap());

        // A new session and its controlling terminal are made between fork and exec; `setsid` does
        // that without unsafe code here, and is part of every Debian.
        #[expect(clippy::disallowed_methods, reason = "starts the program that a test looks at")]
        let mut started = Command::new("setsid");
        // A shell's job in the background ignores SIGINT, and all it starts would: `env` puts it back.
        started
            .args(["--ctty", "--", "env", "--default-signal=INT,QUIT", "--"])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => started.env(name, value),
                None => started.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            started.current_dir(directory);
        }
        started.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        started.stdin(side()).stderr(side());
        started.stdout(match streams {
            Streams::All => side(),
            Streams::ButOutput => Stdio::piped(),
        });
        let child = started.spawn().unwrap();
        Self {
            child,
            keyboard: File::from(master),
            screen: vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0),
            bytes: Vec::new(),
        }
    }

    /// Types.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the screen shows a text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.lines().join("\n").contains(text) {
            assert!(self.read(until), "`{text}` was not shown; the screen:\n{}", self.lines().join("\n"));
        }
    }

    /// Waits for the end of the program: how it ended, and what it wrote to an output that is no terminal.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        let until = Instant::now() + PATIENCE;
        while self.read(until) {}
        assert!(Instant::now() < until, "the program did not end; the screen:\n{}", self.lines().join("\n"));
        let mut output = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut output).unwrap();
        }
        (self.child.wait().unwrap(), output)
    }

    /// What the screen shows now: its lines without the empty ones at the end, nor spaces at the end of a line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let screen = self.screen.screen();
        let mut lines: Vec<String> =
            screen.rows(0, screen.size().1.get()).map(|row| row.trim_end().to_owned()).collect();
        lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
        lines
    }

    /// Everything the terminal was sent, in order.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Draws what was sent next. False when the program closed the terminal or time is up.
    fn read(&mut self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).unwrap();
        let mut ready = [PollFd::new(&self.keyboard, PollFlags::IN)];
        if left.is_zero() || poll(&mut ready, Some(&timeout)).unwrap() == 0 {
            return false;
        }
        let mut piece = [0; 4096];
        // Linux answers EIO when the last program has closed the terminal.
        let Ok(length @ 1..) = self.keyboard.read(&mut piece) else { return false };
        self.screen.process(&piece[..length]);
        self.bytes.extend_from_slice(&piece[..length]);
        true
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Which of a program's streams are the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    /// Input, output and error.
    All,
    /// Input and error; output is a pipe, as in `hob run … > file`.
    ButOutput,
}

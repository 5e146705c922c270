//! Where an agent's files are and its commands run. One trait, one contract suite
//! (`tests/it/contracts/sandbox`), every kind behind it.
//!
//! Promises:
//!
//! - A command's deadline, and its cancellation, end its whole process group: TERM, one second
//!   (half a second on a cancellation, so that hob itself can be out within one), KILL. Exit is 124
//!   on a deadline; what was printed is returned. Nothing outlives the call, and a pipe held open by
//!   a child does not hang it.
//! - Output is bounded in memory whatever is printed; the whole of it, up to [`SPILL_MAX`], is in a
//!   file that [`Sandbox::read`] can read. All such files together are bounded too: a sandbox may
//!   take the oldest away, or say that there is no room for another.
//! - Paths resolve beneath the workspace (or the sandbox's own temporary directory) and symlinks
//!   do not escape it. No path reaches hob's store.
//! - A command sees only the environment it was given.

mod beneath;
mod capture;
pub mod local;
pub mod path;
pub mod threads;
#[cfg(feature = "virtual")]
pub mod virtual_;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// Bytes of a command's output kept in memory: the tail of it, as much as a model is shown. What is
/// cut away from a model is thus always in the spill file.
pub const TAIL_MAX: usize = 50 << 10;

/// Lines of a command's output that a model is shown. A command that prints more gets a spill file,
/// however short they are.
pub const LINES_MAX: usize = 2000;

/// Bytes of a command's output kept in its spill file.
pub const SPILL_MAX: u64 = 64 << 20;

/// Largest file that [`Sandbox::read`] returns.
pub const READ_MAX: u64 = 64 << 20;

/// What a sandbox is made from: one variant for each kind.
#[derive(Clone, Debug)]
pub enum Options {
    /// In memory.
    #[cfg(feature = "virtual")]
    Virtual(virtual_::Options),
    /// This machine.
    Local(local::Options),
}

/// Opens a sandbox: the one place where a choice becomes one.
pub fn open(options: Options) -> Result<Arc<dyn Sandbox>, Error> {
    Ok(match options {
        #[cfg(feature = "virtual")]
        Options::Virtual(options) => Arc::new(virtual_::Virtual::new(options)?),
        Options::Local(options) => Arc::new(local::Local::new(options)?),
    })
}

/// Files and commands of one instance.
pub trait Sandbox: Send + Sync {
    /// What it is and promises, for the log and the summary.
    fn capabilities(&self) -> Capabilities;

    /// Absolute path of the working directory, inside the sandbox.
    fn workspace(&self) -> &str;

    /// Runs a command line in the sandbox's shell, or a program with its arguments.
    fn exec(&self, exec: Exec) -> BoxFuture<'_, Result<Output, Error>>;

    /// The whole content of a file, at most [`READ_MAX`].
    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Bytes, Error>>;

    /// Replaces or creates a file, with the directories above it.
    fn write<'a>(&'a self, path: &'a str, content: &'a [u8]) -> BoxFuture<'a, Result<(), Error>>;

    /// What a directory holds, sorted by name.
    fn list<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<DirEntry>, Error>>;

    /// What stands at a path.
    fn stat<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Stat, Error>>;

    /// Removes a file, or a directory with all it holds.
    fn remove<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Files changed since the last call, for sandboxes whose files are part of the instance;
    /// empty for those whose files live elsewhere. In the order to do them: sorted by path, and a
    /// directory that took the place of something else stands twice, first as gone.
    fn take_changes(&self) -> Vec<Change>;

    /// Does recorded changes again, in their order, when a session is resumed: all or none, and each
    /// is taken over before the next is asked for. What stands in the way of one makes way, since the
    /// files that the changes were made on may have changed themselves.
    fn restore(&self, changes: &mut dyn Iterator<Item = Change>) -> Result<(), Error>;

    /// Says, for the model, that the workspace holds files which are not shown here.
    fn left_out(&self) -> Option<String> {
        None
    }
}

/// What a sandbox is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Its kind, as in an agent file.
    pub kind: &'static str,
    /// What confines it, in words for people.
    pub confinement: String,
    /// Its files and commands exist nowhere but in the log: a call without a record had no effect.
    pub contained: bool,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A command line for the sandbox's shell.
    Line(String),
    /// A program and its arguments: no shell reads them.
    Vector(Vec<String>),
}

impl Command {
    /// The program of a vector that an operating system would take; none for a line.
    fn program(&self) -> Result<Option<&str>, Error> {
        let denied = |path: &str, reason| Err(Error::Denied { path: path.to_owned(), reason });
        let Self::Vector(vector) = self else { return Ok(None) };
        match vector.first() {
            None => denied("", "no program is named"),
            Some(program) if program.is_empty() => denied("", "no program is named"),
            Some(program) if vector.iter().any(|word| word.contains('\0')) => {
                denied(program, "no argument can hold a NUL character")
            }
            Some(program) => Ok(Some(program)),
        }
    }
}

impl From<&str> for Command {
    fn from(line: &str) -> Self {
        Self::Line(line.to_owned())
    }
}

impl From<String> for Command {
    fn from(line: String) -> Self {
        Self::Line(line)
    }
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct Exec {
    /// What it is.
    pub command: Command,
    /// Where; the workspace when absent.
    pub cwd: Option<String>,
    /// Added to the sandbox's own environment.
    pub env: Vec<(String, String)>,
    /// The longest it may take.
    pub timeout: Duration,
    /// What it reads.
    pub stdin: Bytes,
    /// Ends it early.
    pub cancel: CancellationToken,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Exit code; 124 on the deadline, 128 + n after signal n.
    pub exit: i32,
    /// How it ended.
    pub end: End,
    /// Standard output and standard error in the order they came: the last [`TAIL_MAX`] bytes.
    pub tail: Bytes,
    /// How much was printed in all.
    pub bytes: u64,
    /// Path inside the sandbox of the file with everything, when `tail` is not everything or has more
    /// than [`LINES_MAX`] lines.
    pub spill: Option<String>,
    /// What the sandbox has to say about the run itself, for the model: a limit that cut it, say.
    pub notes: Vec<String>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exited,
    /// By its deadline.
    TimedOut,
    /// By cancellation.
    Cancelled,
}

/// One member of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name, without the path. Names that are not UTF-8 are shown lossily.
    pub name: String,
    /// What it is.
    pub stat: Stat,
}

/// What stands at a path; a symlink is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// File, directory, or link.
    pub kind: FileKind,
    /// Bytes of a file.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
}

/// Kinds of things in a directory. Sockets, devices and pipes count as `Other` and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}

/// A file that changed in a contained sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Absolute path inside the sandbox.
    pub path: String,
    /// What stands there now.
    pub now: Now,
}

/// What stands at a changed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Now {
    /// A file.
    File {
        /// All of it.
        content: Bytes,
        /// Permission bits.
        mode: u32,
    },
    /// A directory; one that stood there keeps what it holds.
    Directory,
    /// A symbolic link.
    Link {
        /// Where it points.
        target: String,
    },
    /// Nothing any more, and nothing beneath it.
    Gone,
}

/// Why a sandbox could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing stands there.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// A directory was asked for as a file.
    #[error("`{0}` is a directory")]
    IsDirectory(String),
    /// A file was asked for as a directory.
    #[error("`{0}` is not a directory")]
    NotDirectory(String),
    /// Not a regular file, or outside of the workspace, or protected.
    #[error("`{path}` cannot be reached: {reason}")]
    Denied {
        /// As asked for.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// A limit of the sandbox.
    #[error("`{path}` is too large: {size} bytes, at most {most}")]
    TooLarge {
        /// As asked for.
        path: String,
        /// Its size.
        size: u64,
        /// The limit.
        most: u64,
    },
    /// The operating system said no.
    #[error("`{path}`: {source}")]
    Io {
        /// As asked for.
        path: String,
        /// What it said.
        source: std::io::Error,
    },
    /// The sandbox itself is broken.
    #[error("the {kind} sandbox failed: {reason}")]
    Broken {
        /// Its kind.
        kind: &'static str,
        /// Why, with the next move.
        reason: String,
    },
}

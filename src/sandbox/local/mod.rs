//! This machine: its files beneath the working directory, and its shell.
//!
//! - File calls stay beneath the workspace and the sandbox's own temporary directory, by the
//!   kernel's word. `.git` can be read, not written. Links that stay inside are followed, an
//!   absolute one never.
//! - A command gets the environment it is given and nothing of ours; `HOME` and `TMPDIR` are fresh
//!   directories, removed with the sandbox.
//! - Its whole process group ends with the call. A process that left the group (`setsid`) is found
//!   by a mark in its environment; one that also cleared its environment is not.
//! - Not confined: a *command* can read and write what the user running hob can. Give it only to
//!   those who may.

mod files;
mod marked;
mod process;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};

use self::files::Files;
use super::beneath::Root;
use super::{Capabilities, Change, DirEntry, Error, Exec, Output, SPILL_MAX, Sandbox, Stat};

const KIND: &str = "local";

/// What a command finds its programs with when no `PATH` is given.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Bytes of output that are kept in files, of all commands of a sandbox.
const SPILLS_MAX: u64 = 4 * SPILL_MAX;

/// A sandbox on this machine.
pub struct Local {
    files: Arc<Files>,
    env: Vec<(String, String)>,
    shell: PathBuf,
    calls: AtomicU64,
    spills: Mutex<Spills>,
    temporary: tempfile::TempDir,
}

/// Files with the output of earlier commands, the oldest first.
#[derive(Default)]
struct Spills {
    files: VecDeque<(PathBuf, u64)>,
    bytes: u64,
}

impl Spills {
    /// Counts one more, and takes the oldest away while there is no room for all.
    fn add(&mut self, file: PathBuf, bytes: u64) {
        self.files.push_back((file, bytes));
        self.bytes += bytes;
        while self.bytes > SPILLS_MAX {
            let Some((oldest, bytes)) = self.files.pop_front() else { break };
            self.bytes -= bytes;
            // A command may have taken it away itself.
            let _ = std::fs::remove_file(oldest);
        }
    }
}

/// What a local sandbox is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// The working directory.
    pub workspace: PathBuf,
    /// What commands see, name and value: the allow list (`PATH LANG LC_* TERM`) and what the
    /// operator exposed. `HOME` and `TMPDIR` are replaced.
    pub env: Vec<(String, String)>,
    /// Directory in which the sandbox makes its temporary one.
    pub temporary: PathBuf,
    /// Directories that must not be reached, hob's store first: neither may lie in the other.
    pub forbidden: Vec<PathBuf>,
}

impl Local {
    /// Opens the workspace and makes the temporary directory.
    pub fn new(options: Options) -> Result<Self, Error> {
        let Options { workspace, mut env, temporary, forbidden } = options;
        let io = |path: &Path, source| Error::Io { path: path.display().to_string(), source };
        let root = Root::open(&workspace).map_err(|source| io(&workspace, source))?;
        let made = tempfile::Builder::new().prefix("hob-").tempdir_in(&temporary);
        let made = made.map_err(|source| io(&temporary, source))?;
        let own = Root::open(made.path()).map_err(|source| io(made.path(), source))?;
        for path in &forbidden {
            // One that does not exist yet is compared as it is written.
            let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            for root in [&root, &own] {
                if real.starts_with(root.path()) || root.path().starts_with(&real) {
                    let (path, root) = (real.display(), root.path().display());
                    return Err(broken(format!("`{path}` must not be reached from `{root}`; move one of them")));
                }
            }
        }
        for name in ["home", "tmp"] {
            let path = own.path().join(name);
            std::fs::create_dir(&path).map_err(|source| io(&path, source))?;
        }
        let fixed = [("HOME", text(own.path())? + "/home"), ("TMPDIR", text(own.path())? + "/tmp")];
        env.retain(|(name, _)| !fixed.iter().any(|(fixed, _)| name == fixed));
        env.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
        for (name, value) in [("PATH", PATH), ("CI", "true"), ("GIT_TERMINAL_PROMPT", "0")] {
            if name != "PATH" || !env.iter().any(|(given, _)| given == name) {
                env.push((name.to_owned(), value.to_owned()));
            }
        }
        let files = Arc::new(Files::new(root, own)?);
        Ok(Self {
            files,
            shell: process::find_shell(&env),
            env,
            calls: AtomicU64::new(0),
            spills: Mutex::default(),
            temporary: made,
        })
    }

    async fn run(&self, exec: Exec) -> Result<Output, Error> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let cwd = self.files.directory(exec.cwd.as_deref().unwrap_or(self.files.workspace()))?;
        let job = process::Job {
            shell: &self.shell,
            env: &self.env,
            cwd,
            spill: self.temporary.path().join(format!("output-{number}.txt")),
            mark: format!("{}.{number}", self.temporary.path().display()),
        };
        let spill = job.spill.clone();
        let output = process::run(job, exec).await?;
        if output.spill.is_some() {
            self.spills.lock().unwrap_or_else(PoisonError::into_inner).add(spill, output.bytes.min(SPILL_MAX));
        }
        Ok(output)
    }

    /// File calls wait for the disk, so they do that where waiting is allowed.
    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Files) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let files = Arc::clone(&self.files);
        let done = tokio::task::spawn_blocking(move || act(&files)).await;
        done.unwrap_or_else(|error| Err(broken(format!("a file call did not end: {error}"))))
    }
}

impl Sandbox for Local {
    fn capabilities(&self) -> Capabilities {
        let confinement = "file tools beneath the working directory; commands run unconfined as this user";
        Capabilities { kind: KIND, confinement: confinement.to_owned(), contained: false }
    }

    fn workspace(&self) -> &str {
        self.files.workspace()
    }

    fn exec(&self, exec: Exec) -> BoxFuture<'_, Result<Output, Error>> {
        self.run(exec).boxed()
    }

    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Bytes, Error>> {
        let path = path.to_owned();
        self.blocking(move |files| files.read(&path)).boxed()
    }

    fn write<'a>(&'a self, path: &'a str, content: &'a [u8]) -> BoxFuture<'a, Result<(), Error>> {
        let (path, content) = (path.to_owned(), content.to_vec());
        self.blocking(move |files| files.write(&path, &content)).boxed()
    }

    fn list<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<DirEntry>, Error>> {
        let path = path.to_owned();
        self.blocking(move |files| files.list(&path)).boxed()
    }

    fn stat<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Stat, Error>> {
        let path = path.to_owned();
        self.blocking(move |files| files.stat(&path)).boxed()
    }

    fn remove<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        let path = path.to_owned();
        self.blocking(move |files| files.remove(&path)).boxed()
    }

    fn take_changes(&self) -> Vec<Change> {
        Vec::new()
    }

    fn restore(&self, _: &mut dyn Iterator<Item = Change>) -> Result<(), Error> {
        Ok(())
    }
}

fn text(path: &Path) -> Result<String, Error> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| broken(format!("the path `{}` is not UTF-8; use another directory", path.display())))
}

fn broken(reason: String) -> Error {
    Error::Broken { kind: KIND, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_output_makes_room_for_the_newest() {
        let directory = tempfile::tempdir().unwrap();
        let mut spills = Spills::default();
        for number in 0..7 {
            let file = directory.path().join(number.to_string());
            std::fs::write(&file, "").unwrap();
            spills.add(file, SPILL_MAX);
        }
        let mut left: Vec<_> =
            std::fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        left.sort();
        assert_eq!((left, spills.bytes), (["3", "4", "5", "6"].map(Into::into).into(), SPILLS_MAX));
    }
}

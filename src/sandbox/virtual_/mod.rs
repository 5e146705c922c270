//! Files and a shell inside our process. The files start as a directory of this machine looks, are
//! read from there when needed, and are written in memory only: nothing here changes the host.
//!
//! - The workspace is `/workspace`; `/tmp` is writable too, and nothing else is.
//! - What was written is part of the instance: [`Sandbox::take_changes`] hands it to the log,
//!   [`Sandbox::restore`] puts it back in another process.
//! - Every command starts a fresh shell: files stay, variables and the working directory do not.
//! - There is no network, no `git`, no compiler, and no process of the host.
//! - A call is atomic: what its command wrote is seen by others when it has ended, and never when
//!   it had to be left behind. When two run at once, the later one wins, file by file.

mod changes;
mod fault;
mod links;
mod mount;
mod seed;
mod shell;
mod tree;

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};

use self::fault::{Fault, Refused};
use self::links::follow;
use self::mount::Mount;
use self::seed::Seed;
use self::tree::{File, Node, Tree, WORKSPACE};
use super::path::plain;
use super::threads::Threads;
use super::{Capabilities, Change, DirEntry, Error, Exec, FileKind, Output, READ_MAX, Sandbox, Stat};
use crate::domain::clock::Clock;

const KIND: &str = "virtual";

/// A sandbox in memory.
pub struct Virtual {
    seed: Option<Arc<Seed>>,
    clock: Clock,
    files: Mutex<Files>,
    shells: Arc<AtomicUsize>,
    threads: Threads,
}

/// What a virtual sandbox starts from.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory of this machine whose files the workspace shows; none: an empty workspace.
    pub seed: Option<PathBuf>,
    /// Gives written files their time.
    pub clock: Clock,
    /// What its shells run on; sandboxes of one process share them.
    pub threads: Threads,
}

struct Files {
    now: Tree,
    /// As of the last [`Sandbox::take_changes`].
    taken: Tree,
}

impl Virtual {
    /// Opens the seed directory, and reads nothing in it until a path is asked for.
    pub fn new(options: Options) -> Result<Self, Error> {
        let Options { seed, clock, threads } = options;
        let seed = match seed {
            Some(path) => Some(Seed::open(&path).map_err(|source| error(&path.display().to_string(), source))?),
            None => None,
        };
        let tree = Tree::new(seed.as_ref().map(Seed::top), clock.now().into());
        let files = Mutex::new(Files { now: tree.clone(), taken: tree });
        Ok(Self { seed, clock, files, shells: Arc::default(), threads })
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree(&self) -> Tree {
        self.files().now.clone()
    }

    fn now(&self) -> SystemTime {
        self.clock.now().into()
    }

    async fn run(&self, exec: Exec) -> Result<Output, Error> {
        exec.command.program()?;
        let before = self.tree();
        let cwd = self.directory(&before, exec.cwd.as_deref().unwrap_or(WORKSPACE))?;
        let mount = Mount::new(before.clone(), self.clock.clone());
        let mut ran = shell::run(mount.clone(), cwd, exec, &self.shells, &self.threads).await?;
        if ran.settled
            && let Err(refused) = self.merge(&before, mount.tree())
        {
            ran.printed.notes.push(format!("not everything the command wrote was kept: {refused}"));
        }
        let spill = match ran.printed.spill.take() {
            None => None,
            Some(everything) => self.keep(everything).map_err(|note| ran.printed.notes.push(note)).ok(),
        };
        let mut notes = ran.printed.notes;
        notes.extend(self.seed.iter().flat_map(|seed| seed.notes()));
        Ok(Output { exit: ran.exit, end: ran.end, tail: ran.printed.tail, bytes: ran.printed.bytes, spill, notes })
    }

    fn directory(&self, tree: &Tree, cwd: &str) -> Result<String, Error> {
        let path = follow(tree, &plain(WORKSPACE, cwd), true).map_err(|source| error(cwd, source))?;
        match tree.get(&path).map_err(|source| error(cwd, source))? {
            Node::Directory(_) => Ok(path),
            _ => Err(Error::NotDirectory(cwd.to_owned())),
        }
    }

    /// Takes over what a command made of `before`, on top of what others wrote meanwhile.
    fn merge(&self, before: &Tree, after: Tree) -> io::Result<()> {
        let mut files = self.files();
        if files.now.same(before) {
            files.now = after;
            return Ok(());
        }
        let now = self.now();
        changes::between(before, &after).into_iter().try_for_each(|change| changes::apply(&mut files.now, change, now))
    }

    /// Puts the whole output of a command into a file of its own.
    fn keep(&self, everything: Vec<u8>) -> Result<String, String> {
        let mut files = self.files();
        let mut number = 1_u64;
        let path = loop {
            let path = format!("/tmp/output-{number}.txt");
            if files.now.get(&path).is_err() {
                break path;
            }
            number += 1;
        };
        let node = Node::File(Arc::new(File::own(everything, 0o644, self.now())));
        let kept = files.now.put(&path, node);
        kept.map(|()| path).map_err(|error| format!("the whole output could not be kept, only the end of it: {error}"))
    }

    fn file(&self, path: &str) -> io::Result<Bytes> {
        let tree = self.tree();
        match tree.get(&follow(&tree, &plain(WORKSPACE, path), true)?)? {
            Node::File(file) => file.read(),
            Node::Directory(_) => Err(Fault::IsADirectory.into()),
            Node::Link(_) => Err(Fault::NotFound.into()),
        }
    }

    fn put(&self, path: &str, content: &[u8]) -> io::Result<()> {
        let now = self.now();
        let mut files = self.files();
        let path = follow(&files.now, &plain(WORKSPACE, path), true)?;
        let mode = match files.now.get(&path) {
            Ok(Node::Directory(_)) => return Err(Fault::IsADirectory.into()),
            Ok(Node::File(old)) => old.mode,
            _ => 0o644,
        };
        let mut tree = files.now.clone();
        changes::make_way(&mut tree, &path, now)?;
        tree.put(&path, Node::File(Arc::new(File::own(content.to_vec(), mode, now))))?;
        files.now = tree;
        Ok(())
    }

    fn members(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        let tree = self.tree();
        let Node::Directory(directory) = tree.get(&follow(&tree, &plain(WORKSPACE, path), true)?)? else {
            return Err(Fault::NotADirectory.into());
        };
        let entry = |(name, node): (&String, &Node)| DirEntry { name: name.clone(), stat: stat(node) };
        Ok(directory.children().iter().map(entry).collect())
    }

    fn standing(&self, path: &str) -> io::Result<Stat> {
        let tree = self.tree();
        let node = tree.get(&follow(&tree, &plain(WORKSPACE, path), false)?)?;
        Ok(stat(&node))
    }

    fn take_out(&self, path: &str) -> io::Result<()> {
        let mut files = self.files();
        let path = follow(&files.now, &plain(WORKSPACE, path), false)?;
        files.now.take(&path).map(drop)
    }
}

impl Sandbox for Virtual {
    fn capabilities(&self) -> Capabilities {
        let confinement = match self.seed {
            Some(_) => "in memory, on a copy of the working directory's files; no network, no processes",
            None => "in memory, with no files of this machine; no network, no processes",
        };
        Capabilities { kind: KIND, confinement: confinement.to_owned(), contained: true }
    }

    fn workspace(&self) -> &str {
        WORKSPACE
    }

    fn exec(&self, exec: Exec) -> BoxFuture<'_, Result<Output, Error>> {
        self.run(exec).boxed()
    }

    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Bytes, Error>> {
        async move { self.file(path).map_err(|source| error(path, source)) }.boxed()
    }

    fn write<'a>(&'a self, path: &'a str, content: &'a [u8]) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let size = content.len() as u64;
            if size > READ_MAX {
                return Err(Error::TooLarge { path: path.to_owned(), size, most: READ_MAX });
            }
            self.put(path, content).map_err(|source| error(path, source))
        }
        .boxed()
    }

    fn list<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<DirEntry>, Error>> {
        async move { self.members(path).map_err(|source| error(path, source)) }.boxed()
    }

    fn stat<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Stat, Error>> {
        async move { self.standing(path).map_err(|source| error(path, source)) }.boxed()
    }

    fn remove<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move { self.take_out(path).map_err(|source| error(path, source)) }.boxed()
    }

    fn take_changes(&self) -> Vec<Change> {
        let (before, now) = {
            let mut files = self.files();
            let now = files.now.clone();
            (std::mem::replace(&mut files.taken, now.clone()), now)
        };
        changes::between(&before, &now)
    }

    fn restore(&self, changes: &mut dyn Iterator<Item = Change>) -> Result<(), Error> {
        let now = self.now();
        let mut files = self.files();
        let mut tree = files.now.clone();
        for change in changes {
            let path = change.path.clone();
            changes::apply(&mut tree, change, now).map_err(|source| error(&path, source))?;
        }
        *files = Files { now: tree.clone(), taken: tree };
        Ok(())
    }

    fn left_out(&self) -> Option<String> {
        self.seed.as_ref()?.left_out()
    }
}

fn stat(node: &Node) -> Stat {
    match node {
        Node::Directory(directory) => Stat { kind: FileKind::Directory, size: 0, mode: directory.mode },
        Node::File(file) => Stat { kind: FileKind::File, size: file.size(), mode: file.mode },
        Node::Link(link) => Stat { kind: FileKind::Link, size: link.target.len() as u64, mode: 0o777 },
    }
}

fn error(path: &str, source: io::Error) -> Error {
    let path = path.to_owned();
    if let Some(Refused(reason)) = source.get_ref().and_then(|refused| refused.downcast_ref()) {
        return Error::Denied { path, reason };
    }
    match source.kind() {
        ErrorKind::NotFound => Error::NotFound(path),
        ErrorKind::IsADirectory => Error::IsDirectory(path),
        ErrorKind::NotADirectory => Error::NotDirectory(path),
        _ => Error::Io { path, source },
    }
}

//! A tree as the file system of the virtual shell. The shell puts its own `/etc`, `/proc` and `/bin`
//! around it and follows links; here a link is a link.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bashkit::{DirEntry, FileType, FsBackend, Metadata, Result, async_trait};

use super::fault::Fault;
use super::tree::{Directory, File, Link, Node, Tree, names, split};
use crate::domain::clock::Clock;

/// Random bytes that one reading of `/dev/urandom` gives.
const RANDOM: usize = 64 << 10;

/// The shell's hold on a tree. Clones hold the same tree.
#[derive(Clone)]
pub(super) struct Mount {
    tree: Arc<Mutex<Tree>>,
    clock: Clock,
}

impl Mount {
    /// A copy of `tree` to write to.
    pub(super) fn new(tree: Tree, clock: Clock) -> Self {
        Self { tree: Arc::new(Mutex::new(tree)), clock }
    }

    /// The tree as it is now.
    pub(super) fn tree(&self) -> Tree {
        self.with(|tree| tree.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Tree) -> T) -> T {
        // A tree is replaced part by part; after a panic it still is one.
        act(&mut self.tree.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now(&self) -> SystemTime {
        self.clock.now().into()
    }
}

#[async_trait]
impl FsBackend for Mount {
    async fn read(&self, path: &Path) -> Result<Vec<u8>> {
        if let Some(device) = Device::at(path) {
            return Ok(device.read()?);
        }
        let path = text(path)?;
        let node = self.with(|tree| tree.get(path))?;
        match node {
            Node::File(file) => Ok(file.read()?.into()),
            Node::Directory(_) => Err(io::Error::from(Fault::IsADirectory).into()),
            Node::Link(_) => Err(io::Error::from(Fault::NotFound).into()),
        }
    }

    async fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        if Device::at(path).is_some() {
            return Ok(());
        }
        let (path, now) = (text(path)?, self.now());
        self.with(|tree| {
            let mode = match tree.get(path) {
                Ok(Node::File(old)) => old.mode,
                _ => 0o644,
            };
            tree.put(path, Node::File(Arc::new(File::own(content.to_vec(), mode, now))))
        })?;
        Ok(())
    }

    async fn append(&self, path: &Path, content: &[u8]) -> Result<()> {
        if Device::at(path).is_some() {
            return Ok(());
        }
        let (at, now) = (text(path)?, self.now());
        match self.with(|tree| tree.append(at, content, now)) {
            Ok(true) => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => {
                let mut all = match self.with(|tree| tree.get(at)) {
                    Ok(Node::File(file)) => file.read()?.to_vec(),
                    _ => Vec::new(),
                };
                all.extend_from_slice(content);
                self.write(path, &all).await
            }
        }
    }

    async fn mkdir(&self, path: &Path, recursive: bool) -> Result<()> {
        let (path, now) = (text(path)?, self.now());
        let new = || Node::Directory(Arc::new(Directory::empty(0o755, now)));
        self.with(|tree| {
            let mut missing = Vec::new();
            let mut above = path;
            while recursive && tree.get(above).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                missing.push(above);
                let Some((next, _)) = split(above) else { break };
                above = next;
            }
            if !recursive {
                missing.push(path);
            }
            missing.into_iter().rev().try_for_each(|path| tree.put(path, new()))
        })?;
        Ok(())
    }

    async fn remove(&self, path: &Path, recursive: bool) -> Result<()> {
        let path = text(path)?;
        self.with(|tree| {
            if let Node::Directory(directory) = tree.get(path)?
                && !recursive
                && !directory.children().is_empty()
            {
                return Err(Fault::DirectoryNotEmpty.into());
            }
            tree.take(path)
        })?;
        Ok(())
    }

    async fn stat(&self, path: &Path) -> Result<Metadata> {
        if let Some(device) = Device::at(path) {
            return Ok(device.metadata());
        }
        let path = text(path)?;
        if path == "/dev" {
            return Ok(metadata(&Node::Directory(Arc::new(Directory::empty(0o755, SystemTime::UNIX_EPOCH)))));
        }
        let node = self.with(|tree| tree.get(path))?;
        Ok(metadata(&node))
    }

    async fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>> {
        let path = text(path)?;
        if path == "/dev" {
            return Ok(Device::ALL
                .iter()
                .map(|d| DirEntry { name: d.name().into(), metadata: d.metadata() })
                .collect());
        }
        let Node::Directory(directory) = self.with(|tree| tree.get(path))? else {
            return Err(io::Error::from(Fault::NotADirectory).into());
        };
        let entry = |(name, node): (&String, &Node)| DirEntry { name: name.clone(), metadata: metadata(node) };
        Ok(directory.children().iter().map(entry).collect())
    }

    async fn exists(&self, path: &Path) -> Result<bool> {
        match self.stat(path).await {
            Ok(_) => Ok(true),
            Err(bashkit::Error::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(bashkit::Error::Io(error)) if error.kind() == ErrorKind::NotADirectory => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (text(from)?, text(to)?);
        self.with(|tree| {
            let node = tree.get(from)?;
            if from == to {
                return Ok(());
            }
            let old = tree.get(to);
            match (&node, &old) {
                (Node::Directory(_), _) if names(to).zip(names(from)).all(|(a, b)| a == b) && to.len() > from.len() => {
                    return Err(io::Error::new(ErrorKind::InvalidInput, "cannot move a directory into itself"));
                }
                (Node::Directory(_), Ok(Node::Directory(old))) if !old.children().is_empty() => {
                    return Err(Fault::DirectoryNotEmpty.into());
                }
                (Node::Directory(_), Ok(Node::File(_) | Node::Link(_))) => return Err(Fault::NotADirectory.into()),
                (Node::File(_) | Node::Link(_), Ok(Node::Directory(_))) => return Err(Fault::IsADirectory.into()),
                _ => {}
            }
            // On a copy, so that a refused half leaves nothing behind.
            let mut moved = tree.clone();
            moved.take(from)?;
            let node = moved.adopted(to, &node)?;
            moved.put(to, node)?;
            *tree = moved;
            Ok(())
        })?;
        Ok(())
    }

    async fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let (from, to, now) = (text(from)?, text(to)?, self.now());
        self.with(|tree| {
            let Node::File(file) = tree.get(from)? else {
                return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
            };
            let copy = File { modified: now, ..file.owned()? };
            tree.put(to, Node::File(Arc::new(copy)))
        })?;
        Ok(())
    }

    async fn symlink(&self, target: &Path, link: &Path) -> Result<()> {
        let (target, link, modified) = (text(target)?.to_owned(), text(link)?, self.now());
        self.with(|tree| match tree.get(link) {
            Ok(_) => Err(Fault::AlreadyExists.into()),
            Err(_) => tree.put(link, Node::Link(Arc::new(Link { target, modified }))),
        })?;
        Ok(())
    }

    async fn read_link(&self, path: &Path) -> Result<PathBuf> {
        let path = text(path)?;
        match self.with(|tree| tree.get(path))? {
            Node::Link(link) => Ok(link.target.clone().into()),
            _ => Err(io::Error::new(ErrorKind::InvalidInput, "not a symbolic link").into()),
        }
    }

    async fn chmod(&self, path: &Path, mode: u32) -> Result<()> {
        self.change(path, |node| {
            match node {
                Node::File(file) => *file = Arc::new(File { mode: mode & 0o777, ..file.owned()? }),
                Node::Directory(directory) => Arc::make_mut(directory).mode = mode & 0o777,
                Node::Link(_) => {}
            }
            Ok(())
        })
    }

    async fn set_modified_time(&self, path: &Path, time: SystemTime) -> Result<()> {
        self.change(path, |node| {
            match node {
                Node::File(file) => Arc::make_mut(file).modified = time,
                Node::Directory(directory) => Arc::make_mut(directory).modified = time,
                Node::Link(_) => {}
            }
            Ok(())
        })
    }
}

impl Mount {
    fn change(&self, path: &Path, act: impl FnOnce(&mut Node) -> io::Result<()>) -> Result<()> {
        let path = text(path)?;
        self.with(|tree| {
            let mut node = tree.get(path)?;
            act(&mut node)?;
            tree.put(path, node)
        })?;
        Ok(())
    }
}

/// Devices that scripts count on.
#[derive(Clone, Copy)]
enum Device {
    Null,
    Random,
    Urandom,
}

impl Device {
    const ALL: [Self; 3] = [Self::Null, Self::Random, Self::Urandom];

    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Random => "random",
            Self::Urandom => "urandom",
        }
    }

    fn at(path: &Path) -> Option<Self> {
        let name = path.strip_prefix("/dev").ok()?.to_str()?;
        Self::ALL.into_iter().find(|device| device.name() == name)
    }

    fn read(self) -> io::Result<Vec<u8>> {
        let mut bytes = match self {
            Self::Null => return Ok(Vec::new()),
            Self::Random | Self::Urandom => vec![0; RANDOM],
        };
        let filled = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())?;
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn metadata(self) -> Metadata {
        let epoch = SystemTime::UNIX_EPOCH;
        Metadata { file_type: FileType::File, size: 0, mode: 0o666, modified: epoch, created: epoch }
    }
}

fn metadata(node: &Node) -> Metadata {
    let (file_type, size, mode, modified) = match node {
        Node::Directory(directory) => (FileType::Directory, 0, directory.mode, directory.modified),
        Node::File(file) => (FileType::File, file.size(), file.mode, file.modified),
        Node::Link(link) => (FileType::Symlink, link.target.len() as u64, 0o777, link.modified),
    };
    Metadata { file_type, size, mode, modified, created: modified }
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::new(ErrorKind::InvalidFilename, "a file name must be UTF-8"))
}

//! The files of a virtual sandbox: a tree whose parts are shared until one of them is written. A
//! copy costs one count, and two copies differ only where their parts are not the same.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;

use super::fault::{Fault, Refused};
use super::seed::{Original, Place};
use crate::sandbox::READ_MAX;

/// Where the files of the agent are.
pub(super) const WORKSPACE: &str = "/workspace";
/// Where temporary files are.
pub(super) const TEMPORARY: &str = "/tmp";
/// The home directory of the virtual user.
pub(super) const HOME: &str = "/tmp/home";

/// Bytes written to a tree in all.
const BYTES_MAX: u64 = 256 << 20;
/// Files, directories and links made in a tree.
const NODES_MAX: u64 = 100_000;
/// Names in one path.
const DEPTH_MAX: usize = 64;
/// Bytes of one name, as on Linux.
const NAME_MAX: usize = 255;

/// A tree of files. Paths are absolute and plain: no `.`, no `..`, no `//`.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    root: Arc<Directory>,
    weight: Weight,
}

/// What stands at a path.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Directory(Arc<Directory>),
    File(Arc<File>),
    Link(Arc<Link>),
}

/// A directory; one that comes from the host is looked into when first needed.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    written: Option<BTreeMap<String, Node>>,
    listed: OnceLock<BTreeMap<String, Node>>,
    seed: Option<Place>,
    pub(super) mode: u32,
    pub(super) modified: SystemTime,
}

/// A file.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) content: Content,
    pub(super) mode: u32,
    pub(super) modified: SystemTime,
}

/// Where a file's bytes are.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// On the host, unchanged.
    Seed(Original),
    /// Here.
    Own(Arc<Vec<u8>>),
}

/// A symbolic link.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) target: String,
    pub(super) modified: SystemTime,
}

/// How much of a tree was written, as against taken from the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Weight {
    bytes: u64,
    nodes: u64,
}

impl Tree {
    /// A workspace that looks like `seed` (or is empty), a temporary directory, a home.
    pub(super) fn new(seed: Option<Place>, now: SystemTime) -> Self {
        let empty = || Directory::empty(0o755, now);
        let workspace = match seed {
            Some(place) => Directory::seeded(place, 0o755, now),
            None => empty(),
        };
        let temporary = Directory { mode: 0o777, ..empty() }.with("home", empty());
        let root = empty().with("workspace", workspace).with("tmp", temporary);
        Self { root: Arc::new(root), weight: Weight::default() }
    }

    /// Both are one and the same: nothing was written to either since one was copied.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// The top directory.
    pub(super) fn root(&self) -> &Directory {
        &self.root
    }

    /// What stands at `path`; a link is not followed, not even on the way.
    pub(super) fn get(&self, path: &str) -> io::Result<Node> {
        let mut node = Node::Directory(Arc::clone(&self.root));
        for name in names(path) {
            let Node::Directory(directory) = &node else { return Err(Fault::NotADirectory.into()) };
            let child = directory.children().get(name).ok_or(Fault::NotFound)?.clone();
            node = child;
        }
        Ok(node)
    }

    /// Puts `node` at `path`, in place of what stands there. Its directory must exist.
    pub(super) fn put(&mut self, path: &str, node: Node) -> io::Result<()> {
        let weight = self.allowed(path, &node)?;
        let (directory, name) = self.parent_mut(path)?;
        directory.children_mut().insert(name.to_owned(), node);
        self.weight = weight;
        Ok(())
    }

    /// Takes out what stands at `path`, with all that it holds.
    pub(super) fn take(&mut self, path: &str) -> io::Result<Node> {
        writable(path)?;
        let node = self.get(path)?;
        let (directory, name) = self.parent_mut(path)?;
        directory.children_mut().remove(name);
        self.weight = self.weight.less(node.weight());
        Ok(node)
    }

    /// `node` as it can be put at `path` when it comes from elsewhere: nothing of it is the host's any
    /// more, since the log will hold it, and each name beneath it may be written there.
    pub(super) fn adopted(&self, path: &str, node: &Node) -> io::Result<Node> {
        adopt(node, path, &mut { self.weight })
    }

    /// Adds to the end of a file of its own, in place where nobody else holds it. False when
    /// there is no such file and it has to be put.
    pub(super) fn append(&mut self, path: &str, more: &[u8], now: SystemTime) -> io::Result<bool> {
        writable(path)?;
        let Node::File(file) = self.get(path)? else { return Ok(false) };
        if !matches!(file.content, Content::Own(_)) {
            return Ok(false);
        }
        fits(file.size() + more.len() as u64)?;
        let weight = self.weight.more(Weight { bytes: more.len() as u64, nodes: 0 })?;
        drop(file);
        let (directory, name) = self.parent_mut(path)?;
        let Some(Node::File(file)) = directory.children_mut().get_mut(name) else { return Ok(false) };
        let file = Arc::make_mut(file);
        let Content::Own(content) = &mut file.content else { return Ok(false) };
        Arc::make_mut(content).extend_from_slice(more);
        file.modified = now;
        self.weight = weight;
        Ok(true)
    }

    /// The weight after `node` replaced what stands at `path`, when that is within the limits.
    fn allowed(&self, path: &str, node: &Node) -> io::Result<Weight> {
        writable(path)?;
        if let Node::File(file) = node {
            fits(file.size())?;
        }
        let before = self.get(path).map_or(Weight::default(), |node| node.weight());
        self.weight.less(before).more(node.weight())
    }

    fn parent_mut<'a, 'b>(&'a mut self, path: &'b str) -> io::Result<(&'a mut Directory, &'b str)> {
        let (parent, name) = split(path).ok_or(Refused("it is the top directory"))?;
        let Node::Directory(directory) = self.get(parent)? else { return Err(Fault::NotADirectory.into()) };
        // Looked into before it is copied, so that both copies share what it holds.
        let _ = directory.children();
        drop(directory);
        let mut here = Arc::make_mut(&mut self.root);
        for name in names(parent) {
            let Some(Node::Directory(next)) = here.children_mut().get_mut(name) else {
                return Err(Fault::NotFound.into());
            };
            here = Arc::make_mut(next);
        }
        Ok((here, name))
    }
}

/// `weight` is the tree's with what was taken from the host so far.
fn adopt(node: &Node, path: &str, weight: &mut Weight) -> io::Result<Node> {
    writable(path)?;
    Ok(match node {
        Node::Directory(directory) => {
            let child =
                |(name, node): (&String, &Node)| Ok((name.clone(), adopt(node, &format!("{path}/{name}"), weight)?));
            let children = directory.children().iter().map(child).collect::<io::Result<_>>()?;
            let empty = Directory::empty(directory.mode, directory.modified);
            Node::Directory(Arc::new(Directory { written: Some(children), ..empty }))
        }
        Node::File(file) if matches!(file.content, Content::Seed(_)) => {
            let own = Node::File(Arc::new(file.owned()?));
            *weight = weight.more(own.weight())?;
            own
        }
        Node::File(_) | Node::Link(_) => node.clone(),
    })
}

impl Node {
    fn weight(&self) -> Weight {
        match self {
            Self::Directory(directory) => directory.weight(),
            Self::File(file) => match &file.content {
                Content::Seed(_) => Weight::default(),
                Content::Own(content) => Weight { bytes: content.len() as u64, nodes: 1 },
            },
            Self::Link(_) => Weight { bytes: 0, nodes: 1 },
        }
    }
}

impl Directory {
    /// With nothing in it.
    pub(super) fn empty(mode: u32, modified: SystemTime) -> Self {
        Self { written: Some(BTreeMap::new()), listed: OnceLock::new(), seed: None, mode, modified }
    }

    /// With what the host has at `place`, once it is looked into.
    pub(super) fn seeded(place: Place, mode: u32, modified: SystemTime) -> Self {
        Self { written: None, listed: OnceLock::new(), seed: Some(place), mode, modified }
    }

    /// It is the host's, with what was written beneath it.
    pub(super) fn is_seeded(&self) -> bool {
        self.seed.is_some()
    }

    /// What it holds, by name.
    pub(super) fn children(&self) -> &BTreeMap<String, Node> {
        match &self.written {
            Some(written) => written,
            None => self.listed.get_or_init(|| list(self.seed.as_ref())),
        }
    }

    fn children_mut(&mut self) -> &mut BTreeMap<String, Node> {
        let (listed, seed) = (&mut self.listed, self.seed.as_ref());
        self.written.get_or_insert_with(|| listed.take().unwrap_or_else(|| list(seed)))
    }

    fn with(mut self, name: &str, child: Directory) -> Self {
        self.children_mut().insert(name.to_owned(), Node::Directory(Arc::new(child)));
        self
    }

    /// What was written beneath it; what is as on the host weighs nothing.
    fn weight(&self) -> Weight {
        let own = Weight { bytes: 0, nodes: u64::from(self.seed.is_none()) };
        let children = self.written.iter().flat_map(BTreeMap::values);
        children
            .map(Node::weight)
            .fold(own, |sum, weight| Weight { bytes: sum.bytes + weight.bytes, nodes: sum.nodes + weight.nodes })
    }
}

fn list(seed: Option<&Place>) -> BTreeMap<String, Node> {
    seed.map(Place::list).unwrap_or_default()
}

impl File {
    /// A file with these bytes.
    pub(super) fn own(content: Vec<u8>, mode: u32, modified: SystemTime) -> Self {
        Self { content: Content::Own(Arc::new(content)), mode, modified }
    }

    /// The same file, not on the host any more.
    pub(super) fn owned(&self) -> io::Result<Self> {
        let content = match &self.content {
            Content::Seed(original) => Arc::new(original.read()?),
            Content::Own(content) => Arc::clone(content),
        };
        Ok(Self { content: Content::Own(content), ..*self })
    }

    /// Its length in bytes.
    pub(super) fn size(&self) -> u64 {
        match &self.content {
            Content::Seed(original) => original.size,
            Content::Own(content) => content.len() as u64,
        }
    }

    /// All of it; from the host when nobody wrote it.
    pub(super) fn read(&self) -> io::Result<Bytes> {
        match &self.content {
            Content::Seed(original) => original.read().map(Bytes::from),
            Content::Own(content) => Ok(Bytes::from_owner(Shared(Arc::clone(content)))),
        }
    }
}

/// Bytes of a file, lent without a copy.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Weight {
    fn less(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(other.bytes), nodes: self.nodes.saturating_sub(other.nodes) }
    }

    fn more(self, other: Self) -> io::Result<Self> {
        let sum = Self { bytes: self.bytes + other.bytes, nodes: self.nodes + other.nodes };
        if sum.bytes > BYTES_MAX {
            return Err(full(format!("no space left: the virtual sandbox holds at most {BYTES_MAX} written bytes")));
        }
        if sum.nodes > NODES_MAX {
            return Err(full(format!("no space left: the virtual sandbox holds at most {NODES_MAX} new files")));
        }
        Ok(sum)
    }
}

/// The names in a plain path, from the top.
pub(super) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// A plain path's directory and last name; nothing for the top.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    path.rsplit_once('/').filter(|(_, name)| !name.is_empty())
}

/// Whether an agent may change what stands at a plain path: beneath the workspace or the temporary
/// directory, and not in a `.git`.
pub(super) fn writable(path: &str) -> io::Result<()> {
    let beneath = |top: &str| path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'));
    if !beneath(WORKSPACE) && !beneath(TEMPORARY) {
        return Err(Refused("only /workspace and /tmp can be written").into());
    }
    if beneath(WORKSPACE) && names(path).any(|name| name == ".git") {
        return Err(Refused(".git cannot be written").into());
    }
    if names(path).count() > DEPTH_MAX || names(path).any(|name| name.len() > NAME_MAX) {
        return Err(io::Error::new(ErrorKind::InvalidFilename, "file name too long"));
    }
    Ok(())
}

fn fits(size: u64) -> io::Result<()> {
    if size > READ_MAX {
        let message = format!("a file of the virtual sandbox is at most {READ_MAX} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(())
}

fn full(message: String) -> io::Error {
    io::Error::new(ErrorKind::StorageFull, message)
}

//! The directory of this machine that a virtual sandbox starts from. It is only ever read: a
//! directory when it is first looked into, a file each time it is read. Nothing is kept in memory
//! but names, so a run that never touches a file pays nothing.
//!
//! Left out: `.git`, what `.gitignore` and `.git/info/exclude` name, `.env` and `.env.*`, names
//! that are not UTF-8, and whatever is not a file, a directory or a link.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{AtFlags, Dir, FileType, OFlags, Stat};

use super::fault::Refused;
use super::tree::{Content, Directory, File, Link, Node};
use crate::sandbox::beneath::Root;

/// Names taken from the host in all; those beyond are left out, and said. Fewer in unit tests, which
/// would otherwise spend half a minute on making files.
const NAMES_MAX: u64 = if cfg!(test) { 2_000 } else { 50_000 };

/// Largest file read from the host; larger ones are listed, and refused when read.
const FILE_MAX: u64 = 8 << 20;

/// Largest `.gitignore` that counts.
const IGNORE_MAX: u64 = 1 << 20;

/// A directory of this machine, and how much of it was taken.
#[derive(Debug)]
pub(super) struct Seed {
    root: Root,
    names: AtomicU64,
    left_out: AtomicBool,
    too_large: AtomicBool,
}

/// One directory in a seed.
#[derive(Clone, Debug)]
pub(super) struct Place {
    seed: Arc<Seed>,
    path: String,
    ignores: Arc<Ignores>,
}

/// One file in a seed.
#[derive(Clone, Debug)]
pub(super) struct Original {
    seed: Arc<Seed>,
    path: String,
    /// Bytes it had when its directory was looked into.
    pub(super) size: u64,
}

/// The rules of a directory, and of those above it.
#[derive(Debug)]
struct Ignores {
    rules: Gitignore,
    above: Option<Arc<Ignores>>,
}

impl Seed {
    /// Opens `path`; looks at nothing in it yet.
    pub(super) fn open(path: &Path) -> io::Result<Arc<Self>> {
        let root = Root::open(path)?;
        Ok(Arc::new(Self { root, names: AtomicU64::new(0), left_out: false.into(), too_large: false.into() }))
    }

    /// The top of it.
    pub(super) fn top(self: &Arc<Self>) -> Place {
        let exclude = Ignores { rules: self.rules("", ".git/info/exclude"), above: None };
        Place { seed: Arc::clone(self), path: String::new(), ignores: Arc::new(exclude) }
    }

    /// Whether files were left out so far, for the model.
    pub(super) fn left_out(&self) -> Option<String> {
        let say = || format!("the workspace has more than {NAMES_MAX} files; the rest of them is not visible here");
        self.left_out.load(Ordering::Relaxed).then(say)
    }

    /// What cannot be seen or read here, as far as it was met; for the model.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::from_iter(self.left_out());
        if self.too_large.load(Ordering::Relaxed) {
            notes.push(format!("files of the workspace larger than {FILE_MAX} bytes cannot be read here"));
        }
        notes
    }

    fn read(&self, path: &str, most: u64) -> io::Result<Vec<u8>> {
        let fd = self.root.open_at(path, OFlags::RDONLY | OFlags::NOFOLLOW)?;
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Refused("it is not a regular file").into());
        }
        let mut content = Vec::with_capacity(usize::try_from(size(&stat).min(most)).unwrap_or(0));
        std::fs::File::from(fd).take(most + 1).read_to_end(&mut content)?;
        if content.len() as u64 > most {
            let message = format!("larger than {most} bytes, which a virtual sandbox does not read");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(content)
    }

    /// The rules in `file` for what lies beneath `directory`; none when it cannot be read.
    fn rules(&self, directory: &str, file: &str) -> Gitignore {
        let Ok(content) = self.read(file, IGNORE_MAX) else {
            return Gitignore::empty();
        };
        let mut builder = GitignoreBuilder::new(Path::new("/").join(directory));
        for line in String::from_utf8_lossy(&content).lines() {
            // A line that is no pattern is skipped, as git does.
            let _ = builder.add_line(None, line);
        }
        builder.build().unwrap_or_else(|_| Gitignore::empty())
    }
}

impl Original {
    /// Both are the same file of the same host directory.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.seed, &other.seed) && self.path == other.path
    }

    /// All of it, as it is on the host now.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let content = self.seed.read(&self.path, FILE_MAX);
        if content.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::FileTooLarge) {
            self.seed.too_large.store(true, Ordering::Relaxed);
        }
        content
    }
}

impl Place {
    /// What it holds; nothing when the host does not let us look.
    pub(super) fn list(&self) -> BTreeMap<String, Node> {
        self.try_list().unwrap_or_default()
    }

    fn try_list(&self) -> io::Result<BTreeMap<String, Node>> {
        let fd = self.seed.root.open_at(&self.path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW)?;
        let rules = self.seed.rules(&self.path, &join(&self.path, ".gitignore"));
        let ignores = match rules.is_empty() {
            true => Arc::clone(&self.ignores),
            false => Arc::new(Ignores { rules, above: Some(Arc::clone(&self.ignores)) }),
        };
        let mut found = BTreeMap::new();
        for entry in Dir::read_from(&fd)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | ".." | ".git" | ".env") || name.starts_with(".env.") {
                continue;
            }
            let Ok(stat) = rustix::fs::statat(&fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let kind = FileType::from_raw_mode(stat.st_mode);
            let path = join(&self.path, name);
            if ignores.cover(&path, kind == FileType::Directory) {
                continue;
            }
            let Some(node) = self.node(kind, &stat, &fd, entry.file_name(), path, &ignores) else { continue };
            if self.seed.names.fetch_add(1, Ordering::Relaxed) >= NAMES_MAX {
                self.seed.left_out.store(true, Ordering::Relaxed);
                break;
            }
            found.insert(name.to_owned(), node);
        }
        Ok(found)
    }

    fn node(
        &self,
        kind: FileType,
        stat: &Stat,
        fd: &rustix::fd::OwnedFd,
        name: &std::ffi::CStr,
        path: String,
        ignores: &Arc<Ignores>,
    ) -> Option<Node> {
        let (mode, modified) = (stat.st_mode & 0o777, modified(stat));
        Some(match kind {
            FileType::Directory => {
                let place = Place { seed: Arc::clone(&self.seed), path, ignores: Arc::clone(ignores) };
                Node::Directory(Arc::new(Directory::seeded(place, mode, modified)))
            }
            FileType::RegularFile => {
                let original = Original { seed: Arc::clone(&self.seed), path, size: size(stat) };
                Node::File(Arc::new(File { content: Content::Seed(original), mode, modified }))
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(fd, name, Vec::new()).ok()?.into_string().ok()?;
                Node::Link(Arc::new(Link { target, modified }))
            }
            _ => return None,
        })
    }
}

impl Ignores {
    /// Whether the nearest rule about `path` leaves it out.
    fn cover(&self, path: &str, is_directory: bool) -> bool {
        let matched = self.rules.matched(Path::new("/").join(path), is_directory);
        if matched.is_none() {
            return self.above.as_ref().is_some_and(|above| above.cover(path, is_directory));
        }
        matched.is_ignore()
    }
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

fn modified(stat: &Stat) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0))
}

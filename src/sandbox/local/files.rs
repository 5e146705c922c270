//! Files of this machine, beneath the workspace or the sandbox's temporary directory.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Root, text};
use crate::sandbox::path::plain;
use crate::sandbox::{DirEntry, Error, FileKind, READ_MAX, Stat};

/// Members of one directory that are listed.
const LIST_MAX: usize = 100_000;

/// Directories within directories that are removed at once.
const DEPTH_MAX: usize = 256;

/// Files of killed writers in one directory that are passed over.
const LEFT_MAX: usize = 100;

const OUTSIDE: &str = "it is outside of the workspace";
const SPECIAL: &str = "it is not a regular file";
const GIT: &str = ".git is read-only";

/// The two directories that file calls may reach.
pub(super) struct Files {
    workspace: Root,
    temporary: Root,
    text: String,
    written: AtomicU64,
}

/// A path, taken apart.
struct Place<'a> {
    root: &'a Root,
    /// Below the root; empty for the root itself.
    below: String,
    /// As asked for.
    asked: &'a str,
}

impl Files {
    pub(super) fn new(workspace: Root, temporary: Root) -> Result<Self, Error> {
        let text = text(workspace.path())?;
        Ok(Self { workspace, temporary, text, written: AtomicU64::new(0) })
    }

    /// Absolute path of the workspace.
    pub(super) fn workspace(&self) -> &str {
        &self.text
    }

    /// The real directory at `path`, for a command to start in.
    pub(super) fn directory(&self, path: &str) -> Result<PathBuf, Error> {
        let place = self.place(path)?;
        let fd = place.open(OFlags::PATH | OFlags::DIRECTORY)?;
        let real = place.root.real(&fd).ok_or_else(|| place.denied(OUTSIDE))?;
        Ok(place.root.path().join(real))
    }

    pub(super) fn read(&self, path: &str) -> Result<Bytes, Error> {
        let place = self.place(path)?;
        let fd = place.open(OFlags::RDONLY)?;
        let stat = place.stat(&fd)?;
        match stat.kind {
            FileKind::File => {}
            FileKind::Directory => return Err(Error::IsDirectory(path.to_owned())),
            FileKind::Link | FileKind::Other => return Err(place.denied(SPECIAL)),
        }
        let mut content = Vec::with_capacity(usize::try_from(stat.size.min(READ_MAX)).unwrap_or(0));
        let read = File::from(fd).take(READ_MAX + 1).read_to_end(&mut content);
        read.map_err(|source| place.io(source))?;
        let size = stat.size.max(content.len() as u64);
        if size > READ_MAX {
            return Err(Error::TooLarge { path: path.to_owned(), size, most: READ_MAX });
        }
        Ok(content.into())
    }

    /// Into a new file beside the old one, which then takes its place: a reader sees one or the
    /// other, and a killed writer leaves the old one.
    pub(super) fn write(&self, path: &str, content: &[u8]) -> Result<(), Error> {
        let place = self.place(path)?;
        let size = content.len() as u64;
        if size > READ_MAX {
            return Err(Error::TooLarge { path: path.to_owned(), size, most: READ_MAX });
        }
        let (parent, name, mode) = self.target(&place)?;
        let (mut file, new) = self.beside(&parent).map_err(|errno| place.errno(errno))?;
        let filled = file.write_all(content).and_then(|()| match mode {
            Some(mode) => Ok(rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?),
            None => Ok(()),
        });
        let moved = filled.and_then(|()| Ok(rustix::fs::renameat(&parent, &new, &parent, &name)?));
        moved.map_err(|source| {
            // The first error is the one to tell.
            let _ = rustix::fs::unlinkat(&parent, &new, AtFlags::empty());
            place.io(source)
        })
    }

    /// A new file in an open directory, and its name. A writer that was killed may have left one:
    /// in a container the next hob often has the same process number.
    fn beside(&self, parent: &OwnedFd) -> Result<(File, String), Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for _ in 0..LEFT_MAX {
            let number = self.written.fetch_add(1, Ordering::Relaxed);
            let name = format!(".hob-{}-{number}", std::process::id());
            match rustix::fs::openat(parent, &name, flags, Mode::from_raw_mode(0o666)) {
                Err(Errno::EXIST) => {}
                opened => return Ok((File::from(opened?), name)),
            }
        }
        Err(Errno::EXIST)
    }

    pub(super) fn list(&self, path: &str) -> Result<Vec<DirEntry>, Error> {
        let place = self.place(path)?;
        let fd = place.open(OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut found = Vec::new();
        for entry in Dir::read_from(&fd).map_err(|errno| place.errno(errno))? {
            let entry = entry.map_err(|errno| place.errno(errno))?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            // Gone since it was listed.
            let Ok(stat) = rustix::fs::statat(&fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if found.len() == LIST_MAX {
                return Err(place.denied("it has more than 100000 members; list it with a command"));
            }
            found.push(DirEntry { name: entry.file_name().to_string_lossy().into_owned(), stat: describe(&stat) });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    pub(super) fn stat(&self, path: &str) -> Result<Stat, Error> {
        let place = self.place(path)?;
        let fd = place.open(OFlags::PATH | OFlags::NOFOLLOW)?;
        place.stat(&fd)
    }

    pub(super) fn remove(&self, path: &str) -> Result<(), Error> {
        let place = self.place(path)?;
        let (above, name) = place.split().ok_or_else(|| place.denied("it is the top directory"))?;
        let parent = place.open_at(above, OFlags::RDONLY | OFlags::DIRECTORY)?;
        place.writable(&parent, name)?;
        clear(&place, &parent, name.as_ref(), DEPTH_MAX)
    }

    /// Where `path` leads: a relative one from the workspace. Dots are resolved here, so that what
    /// is checked is what is opened.
    fn place<'a>(&'a self, path: &'a str) -> Result<Place<'a>, Error> {
        let denied = |reason| Error::Denied { path: path.to_owned(), reason };
        if path.contains('\0') {
            return Err(denied("a path has no NUL"));
        }
        let plain = plain(&self.text, path);
        for root in [&self.workspace, &self.temporary] {
            if let Ok(below) = Path::new(&plain).strip_prefix(root.path()) {
                let below = below.to_str().ok_or_else(|| denied(OUTSIDE))?.to_owned();
                return Ok(Place { root, below, asked: path });
            }
        }
        Err(denied(OUTSIDE))
    }

    /// The directory to write in, made when missing; the name to write there; the mode to keep.
    fn target(&self, place: &Place<'_>) -> Result<(OwnedFd, String, Option<u32>), Error> {
        let (above, name) = place.split().ok_or_else(|| Error::IsDirectory(place.asked.to_owned()))?;
        match place.root.open_at(&place.below, OFlags::PATH) {
            Ok(old) => {
                let stat = place.stat(&old)?;
                match stat.kind {
                    FileKind::File => {}
                    FileKind::Directory => return Err(Error::IsDirectory(place.asked.to_owned())),
                    FileKind::Link | FileKind::Other => return Err(place.denied(SPECIAL)),
                }
                // Behind links it is the file at their end that is replaced, not the links.
                let real = place.root.real(&old).ok_or_else(|| place.denied(OUTSIDE))?;
                let real = real.to_str().ok_or_else(|| place.denied(OUTSIDE))?;
                let (above, name) = real.rsplit_once('/').unwrap_or(("", real));
                let parent = place.open_at(above, OFlags::RDONLY | OFlags::DIRECTORY)?;
                place.writable(&parent, name)?;
                Ok((parent, name.to_owned(), Some(stat.mode)))
            }
            Err(Errno::NOENT) => {
                let parent = place.make(above)?;
                place.writable(&parent, name)?;
                if rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                    return Err(place.denied("it is a link to nothing"));
                }
                Ok((parent, name.to_owned(), None))
            }
            Err(errno) => Err(place.errno(errno)),
        }
    }
}

impl Place<'_> {
    fn open(&self, flags: OFlags) -> Result<OwnedFd, Error> {
        self.open_at(&self.below, flags)
    }

    fn open_at(&self, below: &str, flags: OFlags) -> Result<OwnedFd, Error> {
        self.root.open_at(below, flags).map_err(|errno| self.errno(errno))
    }

    /// The directory above and the last name; nothing for the root.
    fn split(&self) -> Option<(&str, &str)> {
        let (above, name) = self.below.rsplit_once('/').unwrap_or(("", &self.below));
        (!name.is_empty()).then_some((above, name))
    }

    /// Opens the directory at `below`, and makes what is missing of it.
    fn make(&self, below: &str) -> Result<OwnedFd, Error> {
        let directory = OFlags::RDONLY | OFlags::DIRECTORY;
        match self.root.open_at(below, directory) {
            Err(Errno::NOENT) if !below.is_empty() => {}
            other => return other.map_err(|errno| self.errno(errno)),
        }
        let (above, name) = below.rsplit_once('/').unwrap_or(("", below));
        let parent = self.make(above)?;
        self.writable(&parent, name)?;
        match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => self.open_at(below, directory),
            Err(errno) => Err(self.errno(errno)),
        }
    }

    /// Whether `name` in the open directory may be written: by where that really is, not by how it
    /// was spelled.
    fn writable(&self, parent: impl AsFd, name: &str) -> Result<(), Error> {
        let real = self.root.real(parent).ok_or_else(|| self.denied(OUTSIDE))?;
        if name == ".git" || real.components().any(|part| part.as_os_str() == ".git") {
            return Err(self.denied(GIT));
        }
        Ok(())
    }

    fn stat(&self, fd: impl AsFd) -> Result<Stat, Error> {
        rustix::fs::fstat(fd).map(|stat| describe(&stat)).map_err(|errno| self.errno(errno))
    }

    fn denied(&self, reason: &'static str) -> Error {
        Error::Denied { path: self.asked.to_owned(), reason }
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Io { path: self.asked.to_owned(), source }
    }

    fn errno(&self, errno: Errno) -> Error {
        match errno {
            Errno::NOENT => Error::NotFound(self.asked.to_owned()),
            Errno::NOTDIR => Error::NotDirectory(self.asked.to_owned()),
            Errno::ISDIR => Error::IsDirectory(self.asked.to_owned()),
            Errno::XDEV => self.denied(OUTSIDE),
            // What a socket or a device without a driver says.
            Errno::NXIO | Errno::NODEV => self.denied(SPECIAL),
            errno => self.io(errno.into()),
        }
    }
}

/// Removes `name` in `parent` with all that it holds. Links are removed, never followed.
fn clear(place: &Place<'_>, parent: &OwnedFd, name: &std::ffi::OsStr, depth: usize) -> Result<(), Error> {
    if name == ".git" {
        return Err(place.denied(GIT));
    }
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| place.errno(errno))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return rustix::fs::unlinkat(parent, name, AtFlags::empty()).map_err(|errno| place.errno(errno));
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(place.denied("its directories are too deep; remove it with a command"));
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(parent, name, flags, Mode::empty()).map_err(|errno| place.errno(errno))?;
    for entry in Dir::read_from(&fd).map_err(|errno| place.errno(errno))? {
        let entry = entry.map_err(|errno| place.errno(errno))?;
        let bytes = entry.file_name().to_bytes();
        if !matches!(bytes, b"." | b"..") {
            use std::os::unix::ffi::OsStrExt as _;
            clear(place, &fd, std::ffi::OsStr::from_bytes(bytes), depth)?;
        }
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).map_err(|errno| place.errno(errno))
}

fn describe(stat: &rustix::fs::Stat) -> Stat {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    };
    let size = if kind == FileKind::Directory { 0 } else { u64::try_from(stat.st_size).unwrap_or(0) };
    Stat { kind, size, mode: stat.st_mode & 0o7777 }
}

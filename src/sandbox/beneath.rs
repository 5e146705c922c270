//! Opens what lies beneath one directory of this machine, and nothing else: a `..`, an absolute
//! link or a swapped directory ends in an error, never outside.
//!
//! The kernel decides (`openat2` with `RESOLVE_BENEATH`). Where it cannot (before Linux 5.6, or a
//! seccomp profile that does not know the call) every step is opened by itself and links are not
//! followed at all: less works there, nothing more.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// `openat2` may ask for another try when the tree moves under it.
const TRIES: usize = 16;

/// A directory that is the edge of the world.
#[derive(Debug)]
pub(super) struct Root {
    fd: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// The directory at `path`, links in it resolved. A relative path is an error.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if !path.is_absolute() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not an absolute path"));
        }
        let path = std::fs::canonicalize(path)?;
        let fd = rustix::fs::openat(CWD, &path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { fd, path })
    }

    /// Where it really is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens `relative` beneath it. Never blocks on a pipe and never takes a terminal; `XDEV` means
    /// that the path leads outside.
    pub(super) fn open_at(&self, relative: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let relative = if relative.is_empty() { "." } else { relative };
        let mut flags = flags | OFlags::CLOEXEC;
        if !flags.contains(OFlags::PATH) {
            flags |= OFlags::NONBLOCK | OFlags::NOCTTY;
        }
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..TRIES {
            match rustix::fs::openat2(&self.fd, relative, flags, Mode::empty(), beneath) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::NOSYS | Errno::PERM) => return self.step_by_step(relative, flags),
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    /// Where an open file really is, relative to this directory; nothing when it is not beneath it.
    pub(super) fn real(&self, fd: impl AsFd) -> Option<PathBuf> {
        use std::os::fd::AsRawFd as _;
        let link = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
        let real = std::fs::read_link(link).ok()?;
        real.strip_prefix(&self.path).ok().map(Path::to_owned)
    }

    fn step_by_step(&self, relative: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut here = rustix::fs::openat(&self.fd, ".", step, Mode::empty())?;
        let mut names = Path::new(relative).components().peekable();
        while let Some(name) = names.next() {
            let name = match name {
                Component::Normal(name) => name,
                Component::CurDir => continue,
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(Errno::XDEV),
            };
            if names.peek().is_none() {
                return rustix::fs::openat(&here, name, flags | OFlags::NOFOLLOW, Mode::empty());
            }
            here = rustix::fs::openat(&here, name, step, Mode::empty())?;
        }
        rustix::fs::openat(&here, ".", flags, Mode::empty())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    type Open = fn(&Root, &str) -> Result<OwnedFd, Errno>;

    #[test]
    fn nothing_outside_is_opened_by_either_way() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let inside = outside.path().join("inside");
        std::fs::create_dir_all(inside.join("a/b")).unwrap();
        std::fs::write(inside.join("a/file"), "f").unwrap();
        symlink("../secret", inside.join("up")).unwrap();
        symlink("a", inside.join("across")).unwrap();
        symlink(outside.path(), inside.join("absolute")).unwrap();
        symlink("loop", inside.join("loop")).unwrap();
        let root = Root::open(&inside).unwrap();

        let kernel: Open = |root, path| root.open_at(path, OFlags::RDONLY);
        let steps: Open = |root, path| root.step_by_step(path, OFlags::RDONLY | OFlags::CLOEXEC);
        for open in [kernel, steps] {
            assert!(open(&root, "a/file").is_ok());
            assert!(open(&root, "./a").is_ok());
            for path in
                ["../secret", "a/../../secret", "up", "absolute/secret", "/etc/passwd", "loop", "/proc/self/root"]
            {
                assert!(open(&root, path).is_err(), "`{path}` was opened");
            }
        }
        assert!(kernel(&root, "across/file").is_ok(), "a link that stays inside is followed");
        assert!(steps(&root, "across/file").is_err(), "the careful way follows no link");
    }

    #[test]
    fn the_real_place_of_a_file_behind_a_link_is_known() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".git")).unwrap();
        std::fs::write(dir.path().join(".git/config"), "").unwrap();
        symlink(".git", dir.path().join("x")).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let fd = root.open_at("x/config", OFlags::PATH).unwrap();
        assert_eq!(root.real(&fd).unwrap(), Path::new(".git/config"));
    }
}

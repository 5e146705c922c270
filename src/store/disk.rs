//! Files that are durable when the call returns, in directories that only their owner can read.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::Error;

/// A directory, with those above it that were missing, durable with their names; sessions are
/// nobody else's to read.
pub(super) fn create_dir(path: &Path) -> Result<(), Error> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| !above.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| failed(path, "create", source))?;
    for above in missing.into_iter().filter_map(Path::parent) {
        // The parent of a bare name is the working directory.
        sync_dir(if above.as_os_str().is_empty() { Path::new(".") } else { above })?;
    }
    Ok(())
}

/// Makes names in a directory durable.
pub(super) fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|source| failed(path, "sync", source))
}

/// Opens a regular file to read, and to write when asked; a link, a pipe or a device is refused.
pub(super) fn open(path: &Path, write: bool) -> Result<File, Error> {
    open_with(path, OpenOptions::new().read(true).write(write))
}

/// Makes an empty file unless somebody else made it, durable with its name.
pub(super) fn create(path: &Path) -> Result<(), Error> {
    let file = open_with(path, OpenOptions::new().write(true).create(true).truncate(false).mode(0o600))?;
    file.sync_all().map_err(|source| failed(path, "create", source))?;
    path.parent().map_or(Ok(()), sync_dir)
}

fn open_with(path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    let nofollow = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(nofollow.bits()).unwrap_or_default();
    let file = options.custom_flags(flags).open(path).map_err(|source| failed(path, "open", source))?;
    let meta = file.metadata().map_err(|source| failed(path, "look at", source))?;
    if !meta.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        return Err(failed(path, "open", source));
    }
    Ok(file)
}

/// Opens a file that every bundle has: when the directory is there and the file is not, that is
/// damage.
pub(super) fn open_part(path: &Path, write: bool) -> Result<File, Error> {
    match open(path, write) {
        Err(Error::Io { source, .. })
            if source.kind() == io::ErrorKind::NotFound && path.parent().is_some_and(Path::is_dir) =>
        {
            Err(Error::Damaged { path: path.to_owned(), line: 1, offset: 0, what: "is missing".to_owned() })
        }
        opened => opened,
    }
}

/// Puts a whole file at a path, durable with its name: either the old or the new content is there
/// whatever happens. The caller syncs the directory.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), Error> {
    let temporary = beside(path);
    // What a process that died left behind.
    match std::fs::remove_file(&temporary) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(failed(&temporary, "remove", source)),
        _ => {}
    }
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|source| {
        let _ = std::fs::remove_file(&temporary);
        failed(path, "write", source)
    })
}

/// Where something is made before it gets its name.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// What the operating system said about a path.
pub(super) fn failed(path: &Path, doing: &'static str, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), doing, source }
}

/// What to do about a disk that says no, after what it said; nothing where that says it all.
pub(super) fn next_move(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room, then run the same command again",
        io::ErrorKind::FileTooLarge => "; raise the limit on the size of files, then run the same command again",
        _ if source.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
            "; look after the disk, then run the same command again"
        }
        _ => "",
    }
}

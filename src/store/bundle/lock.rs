//! One writer for each instance: a lock held by an open file, so that it ends with its process.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::super::disk::{self, failed};
use super::super::{Error, Holder};

/// The right to write, until it is dropped or the process ends however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, but for a child that was just forked and still has the file open.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Longest content that is believed to be a [`Holder`].
const HOLDER_MAX: u64 = 4096;

/// Takes the lock and says who holds it; a file without a lock on it is stale and just taken.
pub(super) fn take(path: &Path, holder: &Holder) -> Result<Lock, Error> {
    loop {
        // Whoever removes an instance removes this file with it: then that lock is on nothing.
        if let Some(lock) = take_once(path, holder)?.filter(|lock| is_at(&lock.file, path)) {
            return Ok(lock);
        }
    }
}

/// Whether somebody holds it, as far as can be told.
pub(super) fn is_taken(path: &Path) -> bool {
    held(path).is_ok_and(|held| held.is_some())
}

/// Who holds it now, for people.
pub(super) fn held(path: &Path) -> Result<Option<String>, Error> {
    let mut file = match disk::open(path, false) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    // For a moment, and beside others that look: see `take_once`.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => Ok(Some(read(&mut file))),
        Err(errno) => Err(failed(path, "look at", errno.into())),
        Ok(()) => {
            // Closing would do, but for a child that was just forked and still has the file open.
            let _ = flock(&file, FlockOperation::Unlock);
            Ok(None)
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let id = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
    let (Ok(file), Ok(path)) = (file.metadata(), std::fs::symlink_metadata(path)) else { return false };
    id(file) == id(path)
}

/// Whether those who have it only look whether it is taken.
fn looked_at(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockShared).is_ok()
}

/// `None` when somebody was just looking.
fn take_once(path: &Path, holder: &Holder) -> Result<Option<Lock>, Error> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags)
        .open(path)
        .map_err(|source| failed(path, "open", source))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) if looked_at(&file) => return Ok(None),
        Err(Errno::WOULDBLOCK) => return Err(Error::Held { by: read(&mut file) }),
        Err(errno) => return Err(failed(path, "lock", errno.into())),
    }
    let content = serde_json::to_string(holder).unwrap_or_default();
    // For people only: the lock is the open file, so this need not be durable.
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(content.as_bytes()))
        .map_err(|source| failed(path, "write", source))?;
    Ok(Some(Lock { file }))
}

/// Who holds it, as far as the file tells.
fn read(file: &mut File) -> String {
    let mut content = Vec::new();
    let _ = file.take(HOLDER_MAX).read_to_end(&mut content);
    match serde_json::from_slice::<Holder>(&content) {
        Ok(holder) => holder.to_string(),
        Err(_) => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(what: &str) -> Holder {
        let since = "2026-03-01T09:00:00Z".parse().unwrap();
        Holder { pid: 71, host: "desk".into(), since, what: what.into(), process: None }
    }

    #[test]
    fn a_second_writer_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let first = take(&path, &holder("hob run triage")).unwrap();
        let error = take(&path, &holder("hob run assist")).unwrap_err();
        insta::assert_snapshot!(error, @"this instance is worked on by process 71 on desk since 2026-03-01T09:00:00Z (hob run triage); wait until it is done, or stop it");
        drop(first);
        take(&path, &holder("hob run assist")).unwrap();
    }

    #[test]
    fn a_holder_written_by_an_older_hob_is_read() {
        let text = r#"{"pid":71,"host":"desk","since":"2026-03-01T09:00:00Z","what":"hob run triage"}"#;
        assert_eq!(serde_json::from_str::<Holder>(text).unwrap(), holder("hob run triage"));
        assert_eq!(serde_json::to_string(&holder("hob run triage")).unwrap(), text);
    }

    #[test]
    fn who_looks_sees_the_holder_and_stands_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        assert_eq!(held(&path).unwrap(), None);
        let lock = take(&path, &holder("hob run triage")).unwrap();
        assert_eq!(held(&path).unwrap(), Some(holder("hob run triage").to_string()));
        drop(lock);
        assert_eq!(held(&path).unwrap(), None);
        std::thread::scope(|scope| {
            let looker = scope.spawn(|| (0..2000).for_each(|_| drop(held(&path).unwrap())));
            while !looker.is_finished() {
                drop(take(&path, &holder("hob run assist")).unwrap());
            }
        });
    }

    #[test]
    fn a_stale_lock_file_is_just_taken_whatever_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        std::fs::write(&path, [0xff; 9000]).unwrap();
        take(&path, &holder("hob run triage")).unwrap();
        assert_eq!(serde_json::from_slice::<Holder>(&std::fs::read(&path).unwrap()).unwrap(), holder("hob run triage"));
    }
}

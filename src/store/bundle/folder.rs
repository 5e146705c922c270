//! One instance as a directory.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};

use super::super::chain::{Lines, Tail, Verifier};
use super::super::disk::{self, failed};
use super::super::medium::{Bid, Change, Each, Inbox, Medium, Part, Written};
use super::super::record::Sum;
use super::super::{Error, Holder, Manifest, manifest};
use super::blobs::Blobs;
use super::file::ChainFile;
use super::lock::{self, Lock};
use crate::domain::id::{Epoch, InstanceId, RunId};
use crate::telemetry::failpoint::{self, Failpoints};

/// The directory of one instance.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    /// Which directory that was when it was found, and whose; `None` where nobody removes it.
    found: Option<(Arc<File>, InstanceId)>,
    log: ChainFile,
    inbox: ChainFile,
    applied: ChainFile,
    blobs: Blobs,
    /// The one right to write, from [`Medium::hold`] until this is dropped.
    lock: Option<Arc<Lock>>,
    /// The same right, held by the one that this is the twin of.
    twins: Weak<Lock>,
    failpoints: Failpoints,
}

impl Folder {
    pub(super) fn new(dir: &Path, failpoints: Failpoints) -> Self {
        let file = |part: Part| ChainFile::new(dir.join(part.file()));
        Self {
            log: file(Part::Log),
            inbox: file(Part::Inbox),
            applied: file(Part::Applied),
            blobs: Blobs::new(dir),
            dir: dir.to_owned(),
            found: None,
            lock: None,
            twins: Weak::new(),
            failpoints,
        }
    }

    /// One of many; `None` when there is no such directory.
    pub(super) fn find(dir: &Path, instance: &InstanceId, failpoints: Failpoints) -> Result<Option<Self>, Error> {
        match File::open(dir) {
            Ok(found) => {
                Ok(Some(Self { found: Some((Arc::new(found), instance.clone())), ..Self::new(dir, failpoints) }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed(dir, "open", source)),
        }
    }

    /// Refuses a directory that was removed, whatever stands in its place now.
    fn there(&self) -> Result<(), Error> {
        let id = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
        match &self.found {
            Some((found, instance)) if found.metadata().ok().map(id) != std::fs::metadata(&self.dir).ok().map(id) => {
                Err(Error::Gone { instance: Box::new(instance.clone()) })
            }
            _ => Ok(()),
        }
    }

    fn file(&mut self, part: Part) -> &mut ChainFile {
        match part {
            Part::Log => &mut self.log,
            Part::Inbox => &mut self.inbox,
            Part::Applied => &mut self.applied,
        }
    }

    fn look_into_inbox(&mut self, run: &RunId) -> Result<Inbox, Error> {
        self.there()?;
        let path = self.inbox.path().to_owned();
        let mut verifier = Verifier::new(&path, Tail::START, &[]);
        // Every run stands in its row, which nobody can write who was not asked for one of that name.
        let name = format!("\"id\":\"{run}\"");
        let mut knows = false;
        let is_there = self.inbox.lines(&Tail::START, &mut |line, length| {
            verifier.line(line, length, |record| {
                knows |= record.body.get().contains(&name) && is_of(record.body.get(), run);
                Ok(())
            })
        })?;
        if !is_there {
            return Err(Error::Damaged { path, line: 1, offset: 0, what: "is missing".to_owned() });
        }
        let epoch = Manifest::parse(&self.dir.join(manifest::NAME), &read_cover(&self.dir)?)?.epoch;
        Ok(Inbox { tail: verifier.end()?, epoch, knows })
    }

    /// Takes the lock, unless it is held here already.
    fn take(&mut self, holder: &Holder) -> Result<(), Error> {
        self.there()?;
        if self.lock.is_none() {
            let lock = lock::take(&lock_of(&self.dir), holder)?;
            // Nobody removes it from here on.
            self.there()?;
            self.lock = Some(Arc::new(lock));
        }
        Ok(())
    }

    /// Gives the claim to who holds the lock, and so is the only one who changes the cover.
    fn give(&mut self, bid: &Bid<'_>) -> Result<Written, Error> {
        let newest = Manifest::parse(&self.dir.join(manifest::NAME), &read_cover(&self.dir)?)?.epoch;
        // Others may have worked on it until the lock was free.
        if newest.0.checked_add(1) != Some(bid.epoch.0) {
            return Ok(Written::Moved);
        }
        for (part, end) in Part::ALL.into_iter().zip(&bid.ends) {
            if self.file(part).has_more(end)? {
                return Ok(Written::Moved);
            }
        }
        write_cover(&self.dir, bid.cover)?;
        Ok(Written::Done)
    }

    fn put(&mut self, change: &Change<'_>) -> Result<Written, Error> {
        self.there()?;
        let Change { fence, lines, cover, ends, settled: _, bills: _ } = change;
        if let (Some(fence), None) = (fence, &self.lock) {
            return Err(Error::Fenced { given: *fence });
        }
        if let Some((part, lines)) = lines {
            if *part == Part::Log {
                self.blobs.sync()?;
            }
            if self.file(*part).append(lines)? == Written::Moved {
                return Ok(Written::Moved);
            }
            if *part == Part::Applied && cover.is_some() {
                self.failpoints.hit(failpoint::EFFECT_DONE);
            }
        }
        if *ends {
            self.failpoints.hit(failpoint::SETTLING);
        }
        // Without the lock, somebody else may be about to change it.
        if let (Some((_, cover)), Some(_)) = (cover, &self.lock) {
            write_cover(&self.dir, cover)?;
        }
        Ok(Written::Done)
    }
}

/// Whether a row admits this run, and does not only speak of it.
fn is_of(row: &str, run: &RunId) -> bool {
    #[derive(serde::Deserialize)]
    struct Named {
        id: RunId,
    }
    serde_json::from_str::<Named>(row).is_ok_and(|named| named.id == *run)
}

/// Reads the cover of the instance in this directory.
pub(super) fn read_cover(dir: &Path) -> Result<Vec<u8>, Error> {
    let path = dir.join(manifest::NAME);
    let mut content = Vec::new();
    let file: File = disk::open_part(&path, false)?;
    file.take(manifest::SIZE_MAX).read_to_end(&mut content).map_err(|source| failed(&path, "read", source))?;
    Ok(content)
}

/// Replaces the cover in this directory, durably.
pub(super) fn write_cover(dir: &Path, cover: &str) -> Result<(), Error> {
    disk::replace(&dir.join(manifest::NAME), cover.as_bytes())?;
    disk::sync_dir(dir)
}

/// The file that is locked for the one right to write.
pub(super) fn lock_of(dir: &Path) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

impl Medium for Folder {
    fn path(&self, part: Part) -> PathBuf {
        self.dir.join(part.file())
    }

    fn place(&self) -> PathBuf {
        self.dir.clone()
    }

    fn twin(&self) -> Box<dyn Medium> {
        let twins = self.lock.as_ref().map(Arc::downgrade).unwrap_or_default();
        Box::new(Self { twins, found: self.found.clone(), ..Self::new(&self.dir, self.failpoints.clone()) })
    }

    fn hold<'a>(&'a mut self, holder: &'a Holder) -> BoxFuture<'a, Result<(), Error>> {
        ready(self.take(holder)).boxed()
    }

    fn cover(&mut self) -> BoxFuture<'_, Result<Vec<u8>, Error>> {
        ready(self.there().and_then(|()| read_cover(&self.dir))).boxed()
    }

    fn lines<'a>(&'a mut self, part: Part, from: &'a Tail, each: Each<'a>) -> BoxFuture<'a, Result<bool, Error>> {
        ready(self.there().and_then(|()| self.file(part).lines(from, each))).boxed()
    }

    fn cut<'a>(&'a mut self, part: Part, end: &'a Tail) -> BoxFuture<'a, Result<Option<String>, Error>> {
        ready(self.file(part).cut(end)).boxed()
    }

    fn inbox<'a>(&'a mut self, run: &'a RunId) -> BoxFuture<'a, Result<Inbox, Error>> {
        ready(self.look_into_inbox(run)).boxed()
    }

    fn enter<'a>(&'a mut self, rows: &'a Lines, _: Option<&'a RunId>) -> BoxFuture<'a, Result<Written, Error>> {
        ready(self.there().and_then(|()| self.inbox.append(rows))).boxed()
    }

    fn claim<'a>(&'a mut self, bid: Bid<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        ready(self.take(bid.holder).and_then(|()| self.give(&bid))).boxed()
    }

    fn held(&mut self) -> BoxFuture<'_, Result<Option<String>, Error>> {
        ready(lock::held(&lock_of(&self.dir))).boxed()
    }

    fn renew(&mut self, fence: Epoch, _: Duration) -> BoxFuture<'_, Result<(), Error>> {
        let is_held = self.lock.is_some() || self.twins.strong_count() > 0;
        ready(if is_held { Ok(()) } else { Err(Error::Fenced { given: fence }) }).boxed()
    }

    fn release(&mut self, _: Epoch) -> BoxFuture<'_, Result<(), Error>> {
        self.lock = None;
        ready(Ok(())).boxed()
    }

    fn write<'a>(&'a mut self, change: Change<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        ready(self.put(&change)).boxed()
    }

    fn put_blob<'a>(&'a mut self, digest: Sum, content: &'a [u8]) -> BoxFuture<'a, Result<(), Error>> {
        ready(self.there().and_then(|()| self.blobs.put(digest, content))).boxed()
    }

    fn blob(&mut self, digest: Sum) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        ready(self.blobs.get(digest)).boxed()
    }

    fn digests(&mut self) -> BoxFuture<'_, Result<Vec<Sum>, Error>> {
        ready(self.blobs.digests()).boxed()
    }
}

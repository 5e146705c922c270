//! `blobs/<sha256>`: content that entries name by its digest.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};

use super::super::Error;
use super::super::disk::{self, failed};
use super::super::record::Sum;

/// Name of the directory.
pub(super) const NAME: &str = "blobs";

/// Largest blob that is read.
const SIZE_MAX: u64 = 64 << 20;

/// The blobs of one bundle.
#[derive(Debug)]
pub(super) struct Blobs {
    dir: PathBuf,
    /// Names were added that a power cut could still take away.
    unsynced: bool,
}

impl Blobs {
    pub(super) fn new(bundle: &Path) -> Self {
        // A process that died may have left names unsynced.
        Self { dir: bundle.join(NAME), unsynced: true }
    }

    /// Writes content unless it is there already; durable with the next [`Blobs::sync`].
    pub(super) fn put(&mut self, digest: Sum, content: &[u8]) -> Result<(), Error> {
        // One that is there may be another writer's, who has not made its name durable.
        self.unsynced = true;
        if self.has(digest)? {
            return Ok(());
        }
        // Nobody else writes the same one meanwhile.
        let one = File::open(&self.dir).map_err(|source| failed(&self.dir, "open", source))?;
        flock(&one, FlockOperation::LockExclusive).map_err(|errno| failed(&self.dir, "lock", errno.into()))?;
        if !self.has(digest)? {
            disk::replace(&self.dir.join(digest.as_str()), content)?;
        }
        Ok(())
    }

    /// One that is there but damaged is not what was put.
    fn has(&self, digest: Sum) -> Result<bool, Error> {
        Ok(self.get(digest)?.is_some_and(|stored| Sum::of(&stored) == digest))
    }

    /// Makes every blob that was put durable under its name.
    pub(super) fn sync(&mut self) -> Result<(), Error> {
        if self.unsynced {
            disk::sync_dir(&self.dir)?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// What stands under a digest.
    pub(super) fn get(&self, digest: Sum) -> Result<Option<Bytes>, Error> {
        let path = self.dir.join(digest.as_str());
        let file = match disk::open(&path, false) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut content = Vec::new();
        file.take(SIZE_MAX + 1).read_to_end(&mut content).map_err(|source| failed(&path, "read", source))?;
        Ok(Some(content.into()))
    }

    /// The names of the blobs that are there, in order; a file that is still being written has another.
    pub(super) fn digests(&self) -> Result<Vec<Sum>, Error> {
        let members = std::fs::read_dir(&self.dir).map_err(|source| failed(&self.dir, "read", source))?;
        let mut digests = Vec::new();
        for member in members {
            let name = member.map_err(|source| failed(&self.dir, "read", source))?.file_name();
            digests.extend(name.to_str().and_then(Sum::parse));
        }
        digests.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        Ok(digests)
    }
}

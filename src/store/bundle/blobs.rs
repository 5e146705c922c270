//! `blobs/<sha256>`: content that entries name by its digest.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::super::Error;
use super::disk::{self, failed};
use super::record::Sum;

/// Name of the directory.
pub(super) const NAME: &str = "blobs";

/// Largest blob.
const SIZE_MAX: usize = 64 << 20;

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
    pub(super) fn put(&mut self, content: &[u8]) -> Result<String, Error> {
        if content.len() > SIZE_MAX {
            return Err(Error::TooLarge { what: "a blob".to_owned(), most: SIZE_MAX as u64 });
        }
        let sum = Sum::of(content);
        let path = self.dir.join(sum.as_str());
        // One that is there but damaged is written again.
        if read(&path, sum).is_err() {
            disk::replace(&path, content)?;
            self.unsynced = true;
        }
        Ok(sum.as_str().to_owned())
    }

    /// Makes every blob that was put durable under its name.
    pub(super) fn sync(&mut self) -> Result<(), Error> {
        if self.unsynced {
            disk::sync_dir(&self.dir)?;
            self.unsynced = false;
        }
        Ok(())
    }
}

/// The content of a blob of the bundle in this directory, verified.
pub(super) fn get(bundle: &Path, digest: &str) -> Result<Bytes, Error> {
    // Nothing but a digest becomes a path.
    let Some(sum) = Sum::parse(digest) else {
        return Err(Error::NoBlob { digest: digest.chars().take(80).collect(), what: "is not a SHA-256" });
    };
    read(&bundle.join(NAME).join(sum.as_str()), sum)
}

fn read(path: &Path, sum: Sum) -> Result<Bytes, Error> {
    let wrong = |what| Error::NoBlob { digest: sum.as_str().to_owned(), what };
    let file: File = match disk::open(path, false) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Err(wrong("is missing")),
        opened => opened?,
    };
    let mut content = Vec::new();
    file.take(SIZE_MAX as u64 + 1).read_to_end(&mut content).map_err(|source| failed(path, "read", source))?;
    if Sum::of(&content) == sum { Ok(content.into()) } else { Err(wrong("does not match its digest")) }
}

//! A bundle as one file that can travel: a zip archive, made by [`pack()`] and opened by [`unpack()`].
//!
//! ```text
//! manifest.json  log.jsonl  inbox.jsonl  applied.jsonl  blobs/<sha256>
//! ```
//!
//! Where it comes back from, strangers can write too. So an archive is taken for nothing but bytes:
//! only these names, only plain files, each once; bounded by what comes out and not by what its
//! headers say; and nothing of it stands at the bundle's place before the whole of it was opened
//! and verified there.

mod pack;
#[cfg(test)]
mod tests;
mod unpack;

pub use pack::pack;
pub use unpack::{Reach, Unpacked, unpack, whose};

use super::super::manifest;
use super::super::medium::Part as Chain;
use super::super::record::Sum;
use super::blobs;
use crate::domain::id::InstanceId;

/// Largest archive, in bytes.
pub const ARCHIVE_MAX: usize = 64 << 20;
/// Most files in an archive.
const ENTRIES_MAX: usize = 20_000;
/// Most bytes that come out of an archive.
const CONTENT_MAX: u64 = 512 << 20;
/// So many bytes may come out of an archive however small it is.
const FREE: u64 = 1 << 20;
/// Beyond those, so many for each byte of the archive: more is a bomb, or nothing but zeros.
const RATIO_MAX: u64 = 200;

/// Most bytes that may come out of an archive of this size.
fn content_max(archive: usize) -> u64 {
    (archive as u64).saturating_mul(RATIO_MAX).saturating_add(FREE).min(CONTENT_MAX)
}

/// What the name of an entry says about its content; nothing when a bundle has no such file.
fn part(name: &str) -> Option<Part> {
    match name.split_once('/') {
        None if name == manifest::NAME || Chain::ALL.iter().any(|chain| chain.file() == name) => Some(Part::File),
        None => None,
        Some((folder, digest)) if folder == blobs::NAME => Sum::parse(digest).map(Part::Blob),
        Some(_) => None,
    }
}

/// A file of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// One that the bundle verifies when it is opened.
    File,
    /// Content with this digest.
    Blob(Sum),
}

/// Why nothing of an archive was taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No archive at all, or a cut one.
    #[error("the archive {what}; nothing of it was taken: delete it, so that an earlier one is found")]
    Archive {
        /// The rest of the sentence.
        what: String,
    },
    /// A file in it that no bundle has, or that is not what was packed.
    #[error(
        "`{entry}` in the archive {what}; nothing of it was taken: delete the archive, so that an earlier one is found"
    )]
    Entry {
        /// Its name, harmless to print.
        entry: String,
        /// The rest of the sentence.
        what: String,
    },
    /// More than is ever packed.
    #[error(
        "the archive holds more than {most} {unit}; nothing of it was taken: delete it, so that an earlier one is found"
    )]
    TooMuch {
        /// The bound.
        most: u64,
        /// Of what.
        unit: &'static str,
    },
    /// Another instance's bundle.
    #[error("the archive holds {found}, not {asked}; nothing of it was taken: delete it, and look who put it there")]
    Foreign {
        /// Whose it is.
        found: Box<InstanceId>,
        /// Whose it should be.
        asked: Box<InstanceId>,
    },
    /// A later version wrote it in a way that cannot be known here.
    #[error("`{entry}` in the archive was written by a newer hob ({found}); use that version or a later one")]
    Newer {
        /// The file.
        entry: String,
        /// What says so.
        found: String,
    },
    /// The place where it should stand: the disk, or the bundle that stands there.
    #[error(transparent)]
    Place(#[from] super::super::Error),
}

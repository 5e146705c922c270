//! From an archive to a bundle's directory. What is read here may come from anybody.

use std::fs::OpenOptions;
use std::io::{self, Cursor, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zip::read::{ArchiveOffset, Config, ZipFileEntry};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::super::super::disk::{self, failed};
use super::super::super::log::Log;
use super::super::super::manifest::{self, Manifest};
use super::super::super::medium::LEASE;
use super::super::super::read::{Verify, read};
use super::super::super::record::Sum;
use super::super::super::{Error as StoreError, Holder};
use super::super::folder::{Folder, lock_of};
use super::super::{blobs, clear, lock};
use super::{ARCHIVE_MAX, ENTRIES_MAX, Error, Part, content_max, part};
use crate::domain::id::{Epoch, InstanceId, Seq};
use crate::telemetry::failpoint::{self, Failpoints};

/// What came of an archive that is as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpacked {
    /// It stands at the bundle's place.
    Taken {
        /// How far it had come.
        reach: Reach,
        /// Where the older bundle is now that stood there.
        before: Option<PathBuf>,
        /// For people: what had to be cut off.
        notes: Vec<String>,
    },
    /// What stands there had come as far, or further; it was left as it was.
    Left {
        /// How far that had come.
        here: Reach,
        /// How far the archive had come.
        archive: Reach,
    },
}

/// How far a bundle has come: of two, the one with the higher epoch, then the longer log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    /// The newest that was given out.
    pub epoch: Epoch,
    /// The place of the next entry.
    pub next: Seq,
}

/// Opens an archive beside the bundle's place under `root`, verifies all of it, and only then
/// gives it its name, under the lock of the instance. An older bundle that stands there is moved
/// aside, one as new is left.
///
/// # Errors
/// [`Error`]; what stood at the place stands there still.
pub async fn unpack(
    archive: &[u8],
    root: &Path,
    instance: &InstanceId,
    holder: &Holder,
    failpoints: &Failpoints,
) -> Result<Unpacked, Error> {
    bounded(archive)?;
    let dir = root.join(instance.external());
    disk::create_dir(root)?;
    let _lock = lock::take(&lock_of(&dir), holder)?;
    let new = disk::beside(&dir);
    clear(&new)?;
    let unpacked = beside(archive, &new, &dir, instance, holder, failpoints).await;
    let cleared = clear(&new);
    let unpacked = unpacked?;
    cleared?;
    Ok(unpacked)
}

/// Whose bundle is in an archive, as its cover says; nothing else of it is looked at.
///
/// # Errors
/// When it is no archive, or has no cover.
pub fn whose(archive: &[u8]) -> Result<InstanceId, Error> {
    bounded(archive)?;
    let mut zip = opened(archive)?;
    let content = zip.by_name(manifest::NAME).map_err(not_one)?;
    let mut cover = Vec::new();
    content.take(manifest::SIZE_MAX).read_to_end(&mut cover).map_err(|error| not_one(error.into()))?;
    Ok(Manifest::parse(manifest::NAME.as_ref(), &cover).map_err(in_archive)?.instance)
}

/// Refuses what is too large before its list of files is read into memory.
fn bounded(archive: &[u8]) -> Result<(), Error> {
    if archive.len() > ARCHIVE_MAX {
        return Err(Error::TooMuch { most: ARCHIVE_MAX as u64, unit: "bytes" });
    }
    if entries(archive)? > ENTRIES_MAX {
        return Err(Error::TooMuch { most: ENTRIES_MAX as u64, unit: "files" });
    }
    Ok(())
}

fn not_one(error: ZipError) -> Error {
    Error::Archive { what: format!("cannot be read: {error}") }
}

fn opened(archive: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, Error> {
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    ZipArchive::with_config(config, Cursor::new(archive)).map_err(not_one)
}

/// Works in the directory `new`, which is nobody else's.
async fn beside(
    archive: &[u8],
    new: &Path,
    dir: &Path,
    instance: &InstanceId,
    holder: &Holder,
    failpoints: &Failpoints,
) -> Result<Unpacked, Error> {
    let made = new.join(instance.external());
    disk::create_dir(&made.join(blobs::NAME))?;
    inflate(archive, &made)?;
    let (coming, notes) = verify(&made, instance, holder).await?;
    failpoints.hit(failpoint::UNPACKED);
    let mut before = None;
    if std::fs::symlink_metadata(dir).is_ok() {
        let here = read(&mut Folder::new(dir, Failpoints::default()), Verify::All).await?;
        let here = Reach { epoch: here.manifest.epoch, next: here.log.next };
        if here >= coming {
            return Ok(Unpacked::Left { here, archive: coming });
        }
        let aside = aside(dir);
        clear(&aside)?;
        std::fs::rename(dir, &aside).map_err(|source| failed(dir, "move aside", source))?;
        failpoints.hit(failpoint::MOVED_ASIDE);
        before = Some(aside);
    }
    std::fs::rename(&made, dir).map_err(|source| failed(dir, "create", source))?;
    disk::sync_dir(dir.parent().unwrap_or(dir))?;
    Ok(Unpacked::Taken { reach: coming, before, notes })
}

/// Opens the bundle that was made, as the next writer will.
async fn verify(made: &Path, instance: &InstanceId, holder: &Holder) -> Result<(Reach, Vec<String>), Error> {
    let folder = Box::new(Folder::new(made, Failpoints::default()));
    let (log, notes) = Log::open(folder, holder.clone(), LEASE, Failpoints::default()).await.map_err(in_archive)?;
    if log.instance() != instance {
        let (found, asked) = (Box::new(log.instance().clone()), Box::new(instance.clone()));
        return Err(Error::Foreign { found, asked });
    }
    let reach = Reach { epoch: log.manifest().epoch, next: log.next() };
    // It is about to get another name, and its own is known to the reader.
    let plain = |note: String| note.replace(&format!("{}/", made.display()), "");
    Ok((reach, notes.into_iter().map(plain).collect()))
}

/// What a store says about the copy, as what it says about the archive.
fn in_archive(error: StoreError) -> Error {
    let entry = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match error {
        StoreError::Damaged { path, line, offset, what } => {
            Error::Entry { entry: entry(&path), what: format!("is damaged: line {line} (byte {offset}) {what}") }
        }
        StoreError::Newer { path, found } => Error::Newer { entry: entry(&path), found },
        StoreError::Foreign { path: _, found, asked } => Error::Foreign { found, asked },
        other => Error::Place(other),
    }
}

/// Writes the files of the archive into a directory with an empty `blobs`.
fn inflate(archive: &[u8], dir: &Path) -> Result<(), Error> {
    let mut zip = opened(archive)?;
    if zip.has_duplicate_names() {
        return Err(Error::Archive { what: "holds two files of one name".to_owned() });
    }
    // No bytes belong to two files, or hide between them, and each file's two headers agree.
    zip.validate_header_consistency().map_err(not_one)?;
    let most = content_max(archive.len());
    let mut left = most;
    for index in 0..zip.len() {
        let (name, part) = check(&zip.by_index_data(index).map_err(not_one)?)?;
        let wrong = |what: String| Error::Entry { entry: name.clone(), what };
        let unreadable = |error: &dyn std::error::Error| wrong(format!("cannot be read: {error}"));
        let content = zip.by_index(index).map_err(|error| unreadable(&error))?;
        let path = dir.join(&name);
        match write(content, &path, &mut left) {
            Ok(sum) if matches!(part, Part::Blob(digest) if digest != sum) => {
                return Err(wrong("does not match its digest".to_owned()));
            }
            Ok(_) => {}
            Err(Cut::Source(error)) => return Err(unreadable(&error)),
            Err(Cut::TooMuch) => return Err(Error::TooMuch { most, unit: "bytes" }),
            Err(Cut::Disk(source)) => return Err(failed(&path, "write", source).into()),
        }
    }
    disk::sync_dir(&dir.join(blobs::NAME))?;
    disk::sync_dir(dir)?;
    Ok(())
}

/// How many files the archive lists, by the 22 bytes that [`pack`](super::pack()) ends one with: no
/// comment, no second disk, none of the larger numbers of zip64, and the list right before them.
fn entries(archive: &[u8]) -> Result<usize, Error> {
    let no_end = || Error::Archive { what: "does not end as hob ends one: it was cut, or is none".to_owned() };
    let (rest, end) = archive.split_last_chunk::<22>().ok_or_else(no_end)?;
    let [b'P', b'K', 5, 6, 0, 0, 0, 0, l, h, low, high, s0, s1, s2, s3, o0, o1, o2, o3, 0, 0] = *end else {
        return Err(no_end());
    };
    let (size, offset) = (u32::from_le_bytes([s0, s1, s2, s3]), u32::from_le_bytes([o0, o1, o2, o3]));
    let zip64 = rest.last_chunk::<20>().is_some_and(|locator| locator.starts_with(b"PK\x06\x07"));
    if zip64 || (l, h) != (low, high) || u64::from(size) + u64::from(offset) != rest.len() as u64 {
        return Err(no_end());
    }
    Ok(usize::from(u16::from_le_bytes([low, high])))
}

/// The name of an entry and what it must hold, when a bundle has such a file.
fn check(entry: &ZipFileEntry<'_>) -> Result<(String, Part), Error> {
    let raw = entry.name_raw();
    let shown = || String::from_utf8_lossy(raw).escape_debug().take(80).collect::<String>();
    let wrong = |what: &str| Error::Entry { entry: shown(), what: what.to_owned() };
    let name = str::from_utf8(raw).map_err(|_| wrong("has a name that is no text"))?;
    let part = part(name).ok_or_else(|| wrong("is no part of a bundle"))?;
    // What a stranger's archive could make of a plain name.
    const KIND: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    if !entry.is_file() || entry.unix_mode().is_some_and(|mode| ![0, REGULAR].contains(&(mode & KIND))) {
        return Err(wrong("is not a plain file"));
    }
    if entry.encrypted() {
        return Err(wrong("is encrypted"));
    }
    if ![CompressionMethod::Stored, CompressionMethod::Deflated].contains(&entry.compression()) {
        return Err(wrong("is compressed in a way that hob never uses"));
    }
    Ok((name.to_owned(), part))
}

/// Why an entry did not become a file.
enum Cut {
    Source(io::Error),
    TooMuch,
    Disk(io::Error),
}

/// Writes what comes out of an entry, at most the bytes that are left, and returns its digest.
fn write(mut content: impl Read, path: &Path, left: &mut u64) -> Result<Sum, Cut> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(Cut::Disk)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Cut::Source(error)),
        };
        *left = left.checked_sub(length as u64).ok_or(Cut::TooMuch)?;
        let piece = buffer.get(..length).unwrap_or_default();
        hash.update(piece);
        file.write_all(piece).map_err(Cut::Disk)?;
    }
    file.sync_all().map_err(Cut::Disk)?;
    Ok(Sum::finish(hash))
}

/// Where an older bundle goes.
fn aside(dir: &Path) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(".before");
    name.into()
}

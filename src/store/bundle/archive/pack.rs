//! From a bundle's directory to an archive, also while its writer is at work.

use std::fs::File;
use std::io::{self, Cursor, Read as _, Write as _};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::super::super::Error;
use super::super::super::manifest::{self, Manifest};
use super::super::super::medium::Part;
use super::super::super::record::Sum;
use super::super::blobs;
use super::super::disk::{self, failed};
use super::super::folder::read_cover;
use super::{ARCHIVE_MAX, CONTENT_MAX, ENTRIES_MAX, content_max};
use crate::domain::id::Epoch;

/// How often a writer may begin an epoch while the bundle is read.
const TRIES: usize = 8;

/// The bundle in this directory as an archive: the same bytes for the same bundle. Takes no lock; a
/// writer's last transaction is in it as far as it was written.
///
/// # Errors
/// When it cannot be read, or is larger than [`unpack`](super::unpack()) takes.
pub fn pack(dir: &Path) -> Result<Vec<u8>, Error> {
    for _ in 0..TRIES {
        let epoch = epoch(dir)?;
        let names = self::names(dir);
        let mut packed = write(dir, &names, CompressionMethod::Deflated)?;
        if packed.content > content_max(packed.archive.len()) {
            // So many equal bytes that it looks like a bomb.
            packed = write(dir, &names, CompressionMethod::Stored)?;
        }
        // No line may belong to an epoch that the packed manifest does not know, and it may know no file
        // that was made in between.
        if self::epoch(dir)? != epoch || self::names(dir) != names {
            continue;
        }
        if packed.archive.len() > ARCHIVE_MAX {
            return Err(Error::TooLarge { what: too_large(dir), most: ARCHIVE_MAX as u64 });
        }
        return Ok(packed.archive);
    }
    Err(Error::Held { by: "a writer that begins one attempt after the other".to_owned() })
}

fn epoch(dir: &Path) -> Result<Epoch, Error> {
    Ok(Manifest::parse(&dir.join(manifest::NAME), &read_cover(dir)?)?.epoch)
}

/// The files to pack, in the order in which they are read: each may only run ahead of the ones
/// before it, and the blobs that the log names were there before it named them. Rows about effects
/// name the end of the log, so they come before it; not every bundle has them.
fn names(dir: &Path) -> Vec<&'static str> {
    let applied = Part::Applied.file();
    let is_there = |name: &&str| *name != applied || dir.join(name).exists();
    [manifest::NAME, applied, Part::Log.file(), Part::Inbox.file()].into_iter().filter(is_there).collect()
}

struct Packed {
    archive: Vec<u8>,
    /// Bytes that went into it.
    content: u64,
}

fn write(dir: &Path, names: &[&str], method: CompressionMethod) -> Result<Packed, Error> {
    let mut writing = Writing { zip: ZipWriter::new(Cursor::new(Vec::new())), method, content: 0 };
    for name in names {
        writing.add(dir, name)?;
    }
    for digest in digests(dir)? {
        writing.add(dir, &format!("{}/{digest}", blobs::NAME))?;
    }
    let archive = writing.zip.finish().map_err(|error| failed(dir, "pack", error.into()))?;
    Ok(Packed { archive: archive.into_inner(), content: writing.content })
}

/// The names of the blobs that are there, in order; a file that is still being written has another.
fn digests(dir: &Path) -> Result<Vec<String>, Error> {
    let dir = dir.join(blobs::NAME);
    let members = std::fs::read_dir(&dir).map_err(|source| failed(&dir, "read", source))?;
    let mut digests = Vec::new();
    for member in members {
        let name = member.map_err(|source| failed(&dir, "read", source))?.file_name();
        digests.extend(name.into_string().ok().filter(|name| Sum::parse(name).is_some()));
    }
    if digests.len() > ENTRIES_MAX - 4 {
        return Err(Error::TooLarge { what: too_large(&dir), most: ENTRIES_MAX as u64 });
    }
    digests.sort_unstable();
    Ok(digests)
}

struct Writing {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    method: CompressionMethod,
    content: u64,
}

impl Writing {
    /// Packs a file as long as it was when it was opened.
    fn add(&mut self, dir: &Path, name: &str) -> Result<(), Error> {
        let path = dir.join(name);
        let file: File = disk::open_part(&path, false)?;
        let length = file.metadata().map_err(|source| failed(&path, "look at", source))?.len();
        if self.content.saturating_add(length) > CONTENT_MAX {
            return Err(Error::TooLarge { what: too_large(dir), most: CONTENT_MAX });
        }
        // Times and rights say nothing here, and would make two archives of one bundle differ.
        let options = SimpleFileOptions::default()
            .compression_method(self.method)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o600);
        let pack = |zip: &mut ZipWriter<_>| -> io::Result<u64> {
            zip.start_file(name, options)?;
            let length = io::copy(&mut file.take(length), zip)?;
            zip.flush()?;
            Ok(length)
        };
        self.content += pack(&mut self.zip).map_err(|source| failed(&path, "pack", source))?;
        Ok(())
    }
}

fn too_large(dir: &Path) -> String {
    format!("`{}`, packed to travel,", dir.display())
}

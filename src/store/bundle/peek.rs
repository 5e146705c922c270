//! Looking at bundles without writing, also while a writer is at work.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::super::Error;
use super::chain::{self, Fault, Named};
use super::disk::{self, failed};
use super::open::{self, INBOX, LOG};
use super::record::Record;
use super::runs::Runs;
use super::{Effects, Manifest, applied, blobs};
use crate::domain::entry::Entry;
use crate::domain::run::{Run, State};

/// A bundle as it stood at one moment.
#[derive(Debug)]
pub struct Peek {
    dir: PathBuf,
    /// Its cover.
    pub manifest: Manifest,
    /// Its log, up to the last whole transaction.
    pub entries: Vec<Entry>,
    /// What was done about effects.
    pub effects: Effects,
    runs: Runs,
}

impl Peek {
    /// What was admitted, in the order of admission, and how far it got.
    pub fn runs(&self) -> impl Iterator<Item = (&Run, State)> {
        self.runs.all().iter().map(|run| (run, self.runs.state(&run.id).unwrap_or(State::Queued)))
    }

    /// Content by its digest, verified.
    ///
    /// # Errors
    /// When it is missing or not what its digest says.
    pub fn blob(&self, digest: &str) -> Result<Bytes, Error> {
        blobs::get(&self.dir, digest)
    }
}

/// Reads and verifies the bundle in this directory. Takes no lock and changes nothing: what a
/// writer has not finished is left out.
///
/// # Errors
/// When it is not there, is damaged, or a newer hob wrote it.
pub fn peek(dir: &Path) -> Result<Peek, Error> {
    // A writer that opens it at this moment cuts a torn end off, and what looked like damage is gone.
    match look(dir) {
        Err(Error::Damaged { .. }) => look(dir),
        looked => looked,
    }
}

/// The runs that were ever admitted to the bundle in this directory, without a look at its log: what
/// became of them only [`peek`] can tell.
///
/// # Errors
/// As for [`peek`], as far as manifest and inbox go.
pub fn admitted(dir: &Path) -> Result<Vec<Run>, Error> {
    let manifest = Manifest::read(dir)?;
    let inbox = dir.join(INBOX);
    let row = |line: &Record<'_>| open::row(line, &manifest.instance);
    let (_, rows) = chain::scan(&inbox, &disk::open(&inbox, false)?, &[Named::by_manifest(manifest.inbox)], row)?;
    Ok(rows.into_iter().flatten().collect())
}

fn look(dir: &Path) -> Result<Peek, Error> {
    // Manifest, effects, log, inbox: each may only run ahead of the one read before it.
    let manifest = Manifest::read(dir)?;
    let instance = &manifest.instance;
    let effects = match applied::marks(dir, &manifest) {
        None => Vec::new(),
        Some(marks) => read(&dir.join(applied::NAME), &marks, applied::row)?,
    };
    let marks = applied::log_marks(&manifest, &effects);
    let entries = read(&dir.join(LOG), &marks, |line| open::entry(line, instance))?;
    let rows = read(&dir.join(INBOX), &[Named::by_manifest(manifest.inbox)], |line| open::row(line, instance))?;
    let runs = open::fold(rows, &entries);
    Ok(Peek { dir: dir.to_owned(), effects: applied::fold(effects), manifest, entries, runs })
}

fn read<T>(path: &Path, marks: &[Named], item: impl FnMut(&Record<'_>) -> Result<T, Fault>) -> Result<Vec<T>, Error> {
    let (_, items) = chain::scan(path, &disk::open_part(path, false)?, marks, item)?;
    Ok(items)
}

/// A bundle found under a root.
#[derive(Debug)]
pub struct Listed {
    /// Its directory, for [`peek`].
    pub dir: PathBuf,
    /// Its cover, or why that cannot be read.
    pub manifest: Result<Manifest, Error>,
}

/// The bundles under a root, by their covers alone: newest first, unreadable ones last. A root
/// that does not exist holds none.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(root: &Path) -> Result<Vec<Listed>, Error> {
    let members = match std::fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        members => members.map_err(|source| failed(root, "read", source))?,
    };
    let mut found = Vec::new();
    for member in members {
        let member = member.map_err(|source| failed(root, "read", source))?;
        if member.file_name().to_str().is_some_and(is_external) {
            let dir = member.path();
            found.push(Listed { manifest: Manifest::read(&dir), dir });
        }
    }
    found.sort_by_cached_key(|listed| {
        (std::cmp::Reverse(listed.manifest.as_ref().ok().map(|manifest| manifest.updated_at)), listed.dir.clone())
    });
    Ok(found)
}

/// Whether a name is one that [`crate::domain::id::InstanceId::external`] makes.
fn is_external(name: &str) -> bool {
    name.strip_prefix("hob-")
        .is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

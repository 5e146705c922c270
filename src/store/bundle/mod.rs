//! Instances as directories that can travel.
//!
//! ```text
//! ROOT/hob-<32 hex>/manifest.json   whose it is, newest epoch, how far the files must reach
//!                   log.jsonl       the log: written by the holder of the claim alone
//!                   inbox.jsonl     rows: what was admitted
//!                   applied.jsonl   rows: what was done about effects; made with the first one
//!                   blobs/<sha256>  content that entries name
//! ROOT/hob-<32 hex>.lock            held by the writer's open file; says who that is
//! ```
//!
//! A claim is the lock on that file, so it ends with its process and never by time.

pub mod archive;
mod blobs;
mod file;
mod folder;
mod lock;
mod waiting;

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use rustix::fs::{FlockOperation, flock};

use super::disk::{self, failed};
use super::medium::{Backend, Cover, Medium, Part, Whole, Written};
use super::{Error, Holder, Manifest, manifest};
use crate::domain::id::InstanceId;
use crate::telemetry::failpoint::{self, Failpoints};
use folder::{Folder, lock_of, read_cover};
use waiting::Waiting;

/// How often a directory is looked at for what other processes wrote.
const POLL: Duration = Duration::from_millis(500);

/// A directory of bundles.
#[derive(Debug)]
pub(super) struct Bundles {
    root: PathBuf,
    failpoints: Failpoints,
    waiting: Waiting,
}

impl Bundles {
    pub(super) fn new(root: &Path, failpoints: Failpoints) -> Self {
        Self { root: root.to_owned(), failpoints, waiting: Waiting::default() }
    }

    /// The directories that are bundles, by their names.
    fn dirs(&self) -> Result<Vec<PathBuf>, Error> {
        let members = match std::fs::read_dir(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            members => members.map_err(|source| failed(&self.root, "read", source))?,
        };
        let mut dirs = Vec::new();
        for member in members {
            let member = member.map_err(|source| failed(&self.root, "read", source))?;
            if member.file_name().to_str().is_some_and(is_external) {
                dirs.push(member.path());
            }
        }
        dirs.sort_unstable();
        Ok(dirs)
    }
}

impl Backend for Bundles {
    fn find<'a>(&'a self, instance: &'a InstanceId) -> BoxFuture<'a, Result<Option<Box<dyn Medium>>, Error>> {
        let dir = self.root.join(instance.external());
        let folder = Folder::find(&dir, instance, self.failpoints.clone());
        ready(folder.map(|folder| folder.map(|folder| Box::new(folder) as Box<dyn Medium>))).boxed()
    }

    fn make<'a>(&'a self, whole: &'a Whole<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        ready(make(&self.root, whole)).boxed()
    }

    fn remove<'a>(&'a self, instance: &'a InstanceId, holder: &'a Holder) -> BoxFuture<'a, Result<bool, Error>> {
        ready(remove(&self.root.join(instance.external()), holder, &self.failpoints)).boxed()
    }

    fn covers(&self) -> BoxFuture<'_, Result<Vec<Cover>, Error>> {
        let cover = |dir: PathBuf| Cover { place: dir.display().to_string(), content: read_cover(&dir) };
        ready(self.dirs().map(|dirs| dirs.into_iter().map(cover).collect())).boxed()
    }

    fn waiting(&self, most: usize) -> BoxFuture<'_, Result<Vec<InstanceId>, Error>> {
        async move {
            let mut waiting = self.waiting.of(self.dirs()?).await;
            waiting.truncate(most);
            Ok(waiting)
        }
        .boxed()
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        tokio::time::sleep(POLL).boxed()
    }
}

/// Whose bundle is in a directory, as its cover says.
///
/// # Errors
/// When the cover cannot be read.
pub fn whose(dir: &Path) -> Result<InstanceId, Error> {
    Ok(Manifest::parse(&dir.join(manifest::NAME), &read_cover(dir)?)?.instance)
}

/// Makes the whole directory beside its place, then gives it its name: there is no half of one.
fn make(root: &Path, whole: &Whole<'_>) -> Result<Written, Error> {
    let dir = root.join(whole.instance.external());
    disk::create_dir(root)?;
    // Nobody else makes one meanwhile.
    let one = File::open(root).map_err(|source| failed(root, "open", source))?;
    flock(&one, FlockOperation::LockExclusive).map_err(|errno| failed(root, "lock", errno.into()))?;
    if std::fs::symlink_metadata(&dir).is_ok() {
        return Ok(Written::Moved);
    }
    let new = disk::beside(&dir);
    clear(&new)?;
    disk::create_dir(&new.join(blobs::NAME))?;
    disk::replace(&new.join(Part::Inbox.file()), b"")?;
    for (part, lines) in &whole.chains {
        disk::replace(&new.join(part.file()), lines.text.as_bytes())?;
    }
    for (digest, content) in &whole.blobs {
        disk::replace(&new.join(blobs::NAME).join(digest.as_str()), content)?;
    }
    disk::sync_dir(&new.join(blobs::NAME))?;
    disk::replace(&new.join(manifest::NAME), whole.cover.as_bytes())?;
    disk::sync_dir(&new)?;
    std::fs::rename(&new, &dir).map_err(|source| failed(&dir, "create", source))?;
    disk::sync_dir(root)?;
    Ok(Written::Done)
}

/// Takes the directory its name first: what is left of it is no bundle then, and removed by the next
/// one that is made there.
fn remove(dir: &Path, holder: &Holder, failpoints: &Failpoints) -> Result<bool, Error> {
    if std::fs::symlink_metadata(dir).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(false);
    }
    let lock = lock::take(&lock_of(dir), holder)?;
    let gone = disk::beside(dir);
    clear(&gone)?;
    std::fs::rename(dir, &gone).map_err(|source| failed(dir, "remove", source))?;
    disk::sync_dir(dir.parent().unwrap_or(dir))?;
    failpoints.hit(failpoint::FORGETTING);
    clear(&gone)?;
    // With the lock still held: who waits for it sees that its file is another one now.
    std::fs::remove_file(lock_of(dir)).map_err(|source| failed(dir, "remove", source))?;
    drop(lock);
    Ok(true)
}

/// Removes a directory of ours that may be there.
fn clear(dir: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(dir) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(failed(dir, "remove", source)),
        _ => Ok(()),
    }
}

/// Whether a name is one that [`InstanceId::external`] makes.
fn is_external(name: &str) -> bool {
    name.strip_prefix("hob-")
        .is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

//! Opening a bundle to write: lock it, make it when it is not there, verify all of it.

use std::path::Path;

use super::super::Error;
use super::chain::{Chain, Fault, Named};
use super::disk::{self, failed};
use super::lock::{self, Holder};
use super::record::{self, Place, Record, Sum};
use super::runs::Runs;
use super::{Blobs, Bundle, Manifest, applied, blobs};
use crate::domain::entry::{Body, Entry, Header};
use crate::domain::id::{Epoch, InstanceId, Seq};
use crate::domain::run::Run;
use crate::telemetry::failpoint::Failpoints;

/// Name of the log's file.
pub(super) const LOG: &str = "log.jsonl";
/// Name of the inbox's file.
pub(super) const INBOX: &str = "inbox.jsonl";
/// The inbox's row for an admitted run.
pub(super) const ADMITTED: &str = "admitted";

/// Major version of the log's entries; in its header.
const VERSION: u32 = 1;

/// What it takes to open a bundle.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// The directory of all bundles.
    pub root: &'a Path,
    /// Which one.
    pub instance: &'a InstanceId,
    /// How people call it: `acme/widgets#42 (triage)`.
    pub label: &'a str,
    /// Who is about to write.
    pub holder: Holder,
    /// Version of this hob, for people.
    pub hob: &'a str,
    /// Where a test kills the process.
    pub failpoints: Failpoints,
}

impl Bundle {
    /// Opens the bundle of an instance for writing, or makes it, and verifies every byte of it.
    /// Returns notes for people beside it: what a process that died had left was cut off.
    ///
    /// # Errors
    /// When another process writes to it, it is damaged, or a newer hob wrote it.
    pub fn open(opening: Opening<'_>) -> Result<(Self, Vec<String>), Error> {
        let Opening { root, instance, label, holder, hob, failpoints } = opening;
        let name = instance.external();
        let dir = root.join(&name);
        disk::create_dir(root)?;
        let lock = lock::take(&root.join(format!("{name}.lock")), &holder)?;
        if std::fs::symlink_metadata(&dir).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            create(root, &dir, Manifest::new(hob, instance, label, holder.since), &holder)?;
        }

        let mut manifest = Manifest::read(&dir)?;
        if manifest.instance != *instance {
            let (found, asked) = (Box::new(manifest.instance), Box::new(instance.clone()));
            return Err(Error::Foreign { path: dir, found, asked });
        }
        // Written with the next claim.
        label.clone_into(&mut manifest.label);
        hob.clone_into(&mut manifest.hob);

        let newest = manifest.epoch;
        let given_out = |line: &Record<'_>| match line.epoch <= newest {
            true => Ok(()),
            false => Err(Fault::Damage(format!("was written under epoch {}, which was never given out", line.epoch))),
        };
        let (mut applied, effects) = match applied::marks(&dir, &manifest) {
            None => (None, Vec::new()),
            Some(marks) => {
                let read = |line: &Record<'_>| given_out(line).and_then(|()| applied::row(line));
                let (chain, rows) = Chain::open(dir.join(applied::NAME), &marks, read)?;
                (Some(chain), rows)
            }
        };
        let marks = applied::log_marks(&manifest, &effects);
        let (mut log, entries) =
            Chain::open(dir.join(LOG), &marks, |line| given_out(line).and_then(|()| entry(line, instance)))?;
        let marks = [Named::by_manifest(manifest.inbox)];
        let (mut inbox, rows) =
            Chain::open(dir.join(INBOX), &marks, |line| given_out(line).and_then(|()| row(line, instance)))?;
        // All of it is whole: what was refused until here stays as it is.
        let mut notes = Vec::new();
        for chain in [&mut log, &mut inbox].into_iter().chain(&mut applied) {
            notes.extend(chain.cut()?);
        }
        let bundle = Self {
            blobs: Blobs::new(&dir),
            runs: fold(rows, &entries),
            dir,
            manifest,
            log,
            inbox,
            applied,
            effects: applied::fold(effects),
            entries,
            claimed: None,
            broken: false,
            failpoints,
            _lock: lock,
        };
        Ok((bundle, notes))
    }
}

/// Makes the whole directory beside its place, then gives it its name: there is no half of one.
fn create(root: &Path, dir: &Path, mut manifest: Manifest, holder: &Holder) -> Result<(), Error> {
    let new = disk::beside(dir);
    match std::fs::remove_dir_all(&new) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => return Err(failed(&new, "remove", source)),
        _ => {}
    }
    let header =
        Body::Header(Header { version: VERSION, instance: manifest.instance.clone(), hob: manifest.hob.clone() });
    let json = header.write().map_err(|source| Error::Unstorable { kind: header.kind().to_owned(), source })?;
    let mut line = String::new();
    let place = Place { seq: Seq(0), epoch: Epoch(0), prev: Sum::ZERO, at: holder.since, more: false };
    let head = record::write(
        &mut line,
        place,
        &record::Draft { session: None, parent: None, kind: header.kind(), body: &json },
    );
    manifest.log.entries = 1;
    manifest.log.head = head;

    disk::create_dir(&new.join(blobs::NAME))?;
    disk::replace(&new.join(LOG), line.as_bytes())?;
    disk::replace(&new.join(INBOX), b"")?;
    manifest.write(&new)?;
    std::fs::rename(&new, dir).map_err(|source| failed(dir, "create", source))?;
    disk::sync_dir(root)
}

/// A line of the log as an entry.
pub(super) fn entry(line: &Record<'_>, instance: &InstanceId) -> Result<Entry, Fault> {
    match (line.seq, line.parent, &*line.kind) {
        (Seq(0), None, "header") => header(line, instance)?,
        (Seq(0), ..) => return Err(Fault::Damage("is not the header of a log".to_owned())),
        (seq, Some(parent), kind) if parent < seq && kind != "header" => {}
        _ => return Err(Fault::Damage("does not follow an entry before it".to_owned())),
    }
    // The checksum is right, so this is what was written.
    let body = Body::read(&line.kind, line.body)
        .map_err(|error| Fault::Newer(format!("is another `{}` entry: {error}", line.kind.escape_debug())))?;
    let Record { seq, epoch, at, parent, .. } = *line;
    Ok(Entry { seq, epoch, at, session: line.session.clone(), parent, body })
}

fn header(line: &Record<'_>, instance: &InstanceId) -> Result<(), Fault> {
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    let wrong = |error: serde_json::Error| Fault::Damage(format!("is not the header of a log: {error}"));
    // The version first: a newer header may have another shape.
    let Version { version } = serde_json::from_str(line.body.get()).map_err(wrong)?;
    if version > VERSION {
        return Err(Fault::Newer(format!("begins a log of version {version}")));
    }
    let header: Header = serde_json::from_str(line.body.get()).map_err(wrong)?;
    if header.instance == *instance {
        Ok(())
    } else {
        Err(Fault::Damage(format!("begins the log of another instance, {}", header.instance)))
    }
}

/// A line of the inbox as a run; `None` for a kind that a newer version brought.
pub(super) fn row(line: &Record<'_>, instance: &InstanceId) -> Result<Option<Run>, Fault> {
    if line.kind != ADMITTED {
        return Ok(None);
    }
    let run: Run = serde_json::from_str(line.body.get())
        .map_err(|error| Fault::Newer(format!("is another `{ADMITTED}` row: {error}")))?;
    if run.instance == *instance {
        Ok(Some(run))
    } else {
        Err(Fault::Damage(format!("admits a run of another instance, {}", run.instance)))
    }
}

pub(super) fn fold(rows: Vec<Option<Run>>, entries: &[Entry]) -> Runs {
    let mut runs = Runs::default();
    for run in rows.into_iter().flatten() {
        runs.admit(run);
    }
    for entry in entries {
        runs.see(&entry.body);
    }
    runs
}

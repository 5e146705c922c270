//! An instance as a directory that can travel.
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
//! The log is the truth: a run is begun or settled when the log says so. The manifest is written
//! after it, and proves that nothing settled or claimed was cut off.

mod applied;
pub mod archive;
mod blobs;
mod chain;
mod disk;
mod lock;
mod manifest;
mod open;
mod peek;
mod record;
mod runs;

use std::path::PathBuf;

use bytes::Bytes;
use jiff::Timestamp;

pub use applied::Effects;
pub use lock::Holder;
pub use manifest::Manifest;
pub use open::Opening;
pub use peek::{Listed, Peek, admitted, list, peek};

use super::{Admission, Blob, Draft, Error};
use crate::domain::entry::{Body, Entry};
use crate::domain::id::{Epoch, RunId, Seq};
use crate::domain::run::{Run, State};
use crate::telemetry::failpoint::{self, Failpoints};

use blobs::Blobs;
use chain::Chain;
use lock::Lock;
use runs::Runs;

/// One instance, open for its one writer.
#[derive(Debug)]
pub struct Bundle {
    dir: PathBuf,
    manifest: Manifest,
    log: Chain,
    inbox: Chain,
    applied: Option<Chain>,
    blobs: Blobs,
    runs: Runs,
    effects: Effects,
    /// Read at the opening, until somebody takes them.
    entries: Vec<Entry>,
    /// The epoch of the claim under way.
    claimed: Option<Epoch>,
    /// A write failed.
    broken: bool,
    failpoints: Failpoints,
    _lock: Lock,
}

/// What came of an admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It stands in the inbox now.
    New,
    /// It stood there already, and this is how far it got.
    Known(State),
}

impl Bundle {
    /// The entries that were in the log at the opening, in order; empty the second time.
    pub fn take_entries(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// What was admitted, in the order of admission.
    pub fn runs(&self) -> &[Run] {
        self.runs.all()
    }

    /// How far a run got; `None` when it was never admitted.
    pub fn state(&self, run: &RunId) -> Option<State> {
        self.runs.state(run)
    }

    /// The place of the next entry.
    pub fn next(&self) -> Seq {
        self.log.tail().next
    }

    /// The cover, as it was last written.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Puts a run into the inbox, unless it is there.
    ///
    /// # Errors
    /// When it belongs to another instance, or cannot be written.
    pub fn admit(&mut self, admission: Admission, at: Timestamp) -> Result<Admitted, Error> {
        let Admission { run, json } = admission;
        if run.instance != self.manifest.instance {
            let (found, asked) = (Box::new(self.manifest.instance.clone()), Box::new(run.instance));
            return Err(Error::Foreign { path: self.dir.clone(), found, asked });
        }
        if let Some(state) = self.state(&run.id) {
            return Ok(Admitted::Known(state));
        }
        self.durably(|this| {
            let row = record::Draft { session: None, parent: None, kind: open::ADMITTED, body: &json };
            this.inbox.append(this.manifest.epoch, at, &[row])
        })?;
        self.runs.admit(run);
        self.failpoints.hit(failpoint::ADMITTED);
        Ok(Admitted::New)
    }

    /// Gives out a new epoch; the one before it may not write any more.
    ///
    /// # Errors
    /// When it cannot be written, or the manifest names the last epoch there can be.
    pub fn claim(&mut self, at: Timestamp) -> Result<Epoch, Error> {
        self.claimed = None;
        let Some(epoch) = self.manifest.epoch.0.checked_add(1).map(Epoch) else {
            let path = self.dir.join(manifest::NAME);
            let what = format!("names epoch {}, which no hob ever reached", self.manifest.epoch);
            return Err(Error::Damaged { path, line: 1, offset: 0, what });
        };
        self.durably(|this| this.cover(epoch, at))?;
        self.claimed = Some(epoch);
        self.failpoints.hit(failpoint::CLAIMED);
        Ok(epoch)
    }

    /// Appends entries, all or none, and returns them with their places.
    ///
    /// # Errors
    /// When the claim is over, a parent is not before its entry, a run would be settled twice, or
    /// it cannot be written.
    pub fn append(&mut self, fence: Epoch, drafts: Vec<Draft>, at: Timestamp) -> Result<Vec<Entry>, Error> {
        self.check(fence, &drafts)?;
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.next().0;
        self.failpoints.hit(failpoint::APPENDING);
        self.durably(|this| {
            this.blobs.sync()?;
            let lines: Vec<_> = drafts.iter().map(line).collect();
            this.log.append(fence, at, &lines)
        })?;
        self.failpoints.hit(failpoint::APPENDED);
        let place = |(n, draft)| {
            let Draft { session, parent, body, json: _ } = draft;
            Entry { seq: Seq(n), epoch: fence, at, session, parent: Some(parent), body }
        };
        let entries: Vec<Entry> = (first..).zip(drafts).map(place).collect();
        for entry in &entries {
            self.runs.see(&entry.body);
        }
        Ok(entries)
    }

    /// Appends the last entries of a run, its outcome among them, and ends the claim.
    ///
    /// # Errors
    /// As for [`Bundle::append`]. When only the manifest could not be written the run is settled
    /// all the same: the next opening finds its outcome in the log.
    pub fn settle(&mut self, fence: Epoch, drafts: Vec<Draft>, at: Timestamp) -> Result<Vec<Entry>, Error> {
        let entries = self.append(fence, drafts, at)?;
        self.failpoints.hit(failpoint::SETTLING);
        self.claimed = None;
        self.durably(|this| this.cover(this.manifest.epoch, at))?;
        Ok(entries)
    }

    /// Keeps content and returns its digest; durable with the entries that name it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_blob(&mut self, blob: &Blob<'_>) -> Result<String, Error> {
        self.durably(|this| this.blobs.put(&blob.0))
    }

    /// Content by its digest, verified.
    ///
    /// # Errors
    /// When it is missing or not what its digest says.
    pub fn blob(&self, digest: &str) -> Result<Bytes, Error> {
        blobs::get(&self.dir, digest)
    }

    /// Refuses what must not be written, before anything is.
    fn check(&self, fence: Epoch, drafts: &[Draft]) -> Result<(), Error> {
        if self.claimed != Some(fence) {
            return Err(Error::Fenced { given: fence });
        }
        let mut settled = None;
        for (seq, draft) in (self.next().0..).map(Seq).zip(drafts) {
            if draft.parent >= seq {
                return Err(Error::Parent { seq, parent: draft.parent });
            }
            self.runs.check(&draft.body)?;
            if let Body::Settled(body) = &draft.body
                && let Some(outcome) = settled.replace(body.outcome.clone())
            {
                return Err(Error::Settled { run: body.run.clone(), outcome });
            }
        }
        Ok(())
    }

    /// Writes the manifest anew, for the files as they are now.
    fn cover(&mut self, epoch: Epoch, at: Timestamp) -> Result<(), Error> {
        let mut manifest = self.manifest.clone();
        manifest.epoch = epoch;
        manifest.log = self.log.tail().mark();
        manifest.inbox = self.inbox.tail().mark();
        manifest.applied = self.applied.as_ref().map(|chain| chain.tail().mark());
        manifest.updated_at = at;
        manifest.write(&self.dir)?;
        self.manifest = manifest;
        Ok(())
    }

    /// Runs a write; after one that failed nothing more is written.
    fn durably<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.broken {
            return Err(Error::Broken { path: self.dir.clone() });
        }
        let written = write(self);
        self.broken = matches!(written, Err(Error::Io { .. }));
        written
    }
}

fn line(draft: &Draft) -> record::Draft<'_> {
    let Draft { session, parent, body, json } = draft;
    record::Draft { session: Some(session), parent: Some(*parent), kind: body.kind(), body: json }
}

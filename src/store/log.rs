//! One instance, open for its one writer.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::chain::{Lines, Named, Tail};
use super::effects::Effects;
use super::holder::Holder;
use super::manifest::Manifest;
use super::medium::{Change, Medium, Part, Written};
use super::read::{self, Read, Verify};
use super::record::{self, Sum};
use super::rows;
use super::runs::Runs;
use super::spending::Bills;
use super::{Blob, Draft, Error};
use crate::domain::budget::Day;
use crate::domain::clock;
use crate::domain::entry::{Body, Entry, Header, Settled};
use crate::domain::id::{Epoch, InstanceId, RunId, Seq};
use crate::domain::run::{Run, State};
use crate::telemetry::failpoint::{self, Failpoints};

/// Largest blob.
const BLOB_MAX: usize = 64 << 20;

/// How often others may write while a verb is tried.
pub(super) const TRIES: usize = 64;

/// The log of one instance and the rows beside it.
///
/// The log is the truth: a run is begun or settled when the log says so. The cover is written after
/// it, and proves that nothing settled or claimed was cut off.
#[derive(Debug)]
pub struct Log {
    pub(super) medium: Box<dyn Medium>,
    pub(super) holder: Holder,
    pub(super) lease: Duration,
    pub(super) manifest: Manifest,
    pub(super) log: Tail,
    pub(super) inbox: Tail,
    pub(super) applied: Tail,
    pub(super) runs: Runs,
    pub(super) effects: Effects,
    /// Read at the opening, until somebody takes them.
    entries: Vec<Entry>,
    /// The epoch of the claim under way.
    pub(super) claimed: Option<Epoch>,
    /// A write failed.
    pub(super) broken: bool,
    pub(super) failpoints: Failpoints,
}

impl Log {
    /// Verifies an instance as far as it must be, and makes it ready to be written. Returns notes for people
    /// beside it: what a process that died had left was cut off.
    pub(super) async fn open(
        mut medium: Box<dyn Medium>,
        holder: Holder,
        lease: Duration,
        failpoints: Failpoints,
    ) -> Result<(Self, Vec<String>), Error> {
        medium.hold(&holder).await?;
        let Read { manifest, log, inbox, applied, entries, runs, effects } =
            read::read(&mut *medium, Verify::Kept).await?;
        // All of it is whole: what was refused until here stays as it is.
        let mut notes = Vec::new();
        for (part, tail) in [(Part::Log, &log), (Part::Inbox, &inbox), (Part::Applied, &applied)] {
            notes.extend(medium.cut(part, tail).await?);
        }
        let log = Self {
            medium,
            holder,
            lease,
            manifest,
            log,
            inbox,
            applied,
            runs,
            effects,
            entries,
            claimed: None,
            broken: false,
            failpoints,
        };
        Ok((log, notes))
    }

    /// How people call the instance from now on, and which hob says so; written with the next claim.
    pub(super) fn call(&mut self, label: &str, hob: &str) {
        label.clone_into(&mut self.manifest.label);
        hob.clone_into(&mut self.manifest.hob);
    }

    /// Whose log it is.
    pub fn instance(&self) -> &InstanceId {
        &self.manifest.instance
    }

    /// The entries that were in the log at the opening, in order; empty the second time. In a database, what
    /// tools said before the first entry that the last compaction kept is left out of them.
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

    /// Who asked for the end of a run that has no outcome yet.
    pub fn abort_asked(&self, run: &RunId) -> Option<&str> {
        self.runs.abort(run)
    }

    /// What was done about effects.
    pub fn effects(&self) -> &Effects {
        &self.effects
    }

    /// The place of the next entry.
    pub fn next(&self) -> Seq {
        self.log.next
    }

    /// The cover, as it was last written here.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Looks what others wrote since: runs that were admitted, ends that were asked for, and, where
    /// another process worked on the instance in between, its entries, which are returned.
    ///
    /// # Errors
    /// When it cannot be read, or what is there is damaged.
    pub async fn refresh(&mut self) -> Result<Vec<Entry>, Error> {
        let instance = self.manifest.instance.clone();
        let Manifest { epoch, log, applied, .. } = read::cover(&mut *self.medium).await?;
        (self.manifest.epoch, self.manifest.log, self.manifest.applied) = (epoch, log, applied);
        let mut entries = Vec::new();
        let tail = read::chain(&mut *self.medium, Part::Log, &self.log, &[Named::by_manifest(log)], |line| {
            entries.push(rows::entry(line, &instance)?);
            Ok(())
        })
        .await?;
        // What another writer has not finished is left for the next look.
        entries.truncate(usize::try_from(tail.next.0.saturating_sub(self.log.next.0)).unwrap_or(usize::MAX));
        self.log = tail;
        for entry in &entries {
            self.runs.see(&entry.body);
        }
        self.refresh_effects().await?;
        self.inbox = read::refresh_inbox(&mut *self.medium, &instance, &self.inbox, &mut self.runs).await?;
        Ok(entries)
    }

    /// Looks what was admitted and which ends were asked for since: less than [`Log::refresh`], and all
    /// there can be while the log is written here.
    ///
    /// # Errors
    /// When it cannot be read, or what is there is damaged.
    pub async fn look(&mut self) -> Result<(), Error> {
        let instance = self.manifest.instance.clone();
        self.inbox = read::refresh_inbox(&mut *self.medium, &instance, &self.inbox, &mut self.runs).await?;
        Ok(())
    }

    /// Appends entries, all or none, and returns them with their places.
    ///
    /// # Errors
    /// When the claim is over, a parent is not before its entry, a run would be settled twice, or
    /// it cannot be written.
    pub async fn append(&mut self, fence: Epoch, drafts: Vec<Draft>, at: Timestamp) -> Result<Vec<Entry>, Error> {
        self.write(fence, drafts, at, false).await
    }

    /// Appends the last entries of a run, its outcome among them, and ends the claim.
    ///
    /// # Errors
    /// As for [`Log::append`]. Where the outcome reached the log the run is settled all the same: the
    /// next opening finds it there.
    pub async fn settle(&mut self, fence: Epoch, drafts: Vec<Draft>, at: Timestamp) -> Result<Vec<Entry>, Error> {
        let entries = self.write(fence, drafts, at, true).await?;
        self.claimed = None;
        Ok(entries)
    }

    async fn write(
        &mut self,
        fence: Epoch,
        drafts: Vec<Draft>,
        at: Timestamp,
        settles: bool,
    ) -> Result<Vec<Entry>, Error> {
        self.check(fence, &drafts)?;
        if drafts.is_empty() && !settles {
            return Ok(Vec::new());
        }
        self.sound()?;
        let first = self.next().0;
        let lines: Vec<_> = drafts.iter().map(line).collect();
        let lines = self.log.add(&self.medium.path(Part::Log), fence, at, &lines)?;
        let bills = Bills::of(&drafts, at);
        let settled = drafts.iter().filter(|draft| matches!(draft.body, Body::Settled(_))).count();
        let before = std::mem::replace(&mut self.log, lines.to);
        let cover = if settles { Some(self.cover(self.manifest.epoch, at)?) } else { None };
        self.failpoints.hit(failpoint::APPENDING);
        let change = Change {
            fence: Some(fence),
            lines: (!drafts.is_empty()).then_some((Part::Log, &lines)),
            cover: cover.as_ref().map(|(manifest, line)| (manifest.epoch, line.as_str())),
            settled: u32::try_from(settled).unwrap_or(u32::MAX),
            ends: settles,
            bills: bills.as_ref(),
        };
        let written = self.medium.write(change).await;
        let written = self.durably(written).inspect_err(|_| self.log = before)?;
        if written == Written::Moved {
            self.log = before;
            return Err(Error::Fenced { given: fence });
        }
        self.failpoints.hit(failpoint::APPENDED);
        if let Some((manifest, _)) = cover {
            self.manifest = manifest;
        }
        let place = |(n, draft)| {
            let Draft { session, parent, body, json: _, bill: _ } = draft;
            Entry { seq: Seq(n), epoch: fence, at, session, parent: Some(parent), body }
        };
        let entries: Vec<Entry> = (first..).zip(drafts).map(place).collect();
        for entry in &entries {
            self.runs.see(&entry.body);
        }
        Ok(entries)
    }

    /// What the model calls of the agent in its repository have cost on the UTC day of `at`, those of all
    /// instances together, and those for `actor` among them; `None` where the store does not count that.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn spent(&mut self, actor: Option<u64>, at: Timestamp) -> Result<Option<Day>, Error> {
        let day = self.medium.spent(clock::day(at), actor.unwrap_or_default()).await?;
        // What nobody started is nobody's part.
        Ok(day.map(|day| if actor.is_some() { day } else { Day { actor_nano_usd: 0, ..day } }))
    }

    /// Keeps content and returns its digest; durable with the entries that name it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_blob(&mut self, blob: &Blob<'_>) -> Result<String, Error> {
        if blob.0.len() > BLOB_MAX {
            return Err(Error::TooLarge { what: "a blob".to_owned(), most: BLOB_MAX as u64 });
        }
        self.sound()?;
        let sum = Sum::of(&blob.0);
        let written = self.medium.put_blob(sum, &blob.0).await;
        self.durably(written)?;
        Ok(sum.as_str().to_owned())
    }

    /// Content by its digest, verified.
    ///
    /// # Errors
    /// When it is missing or not what its digest says.
    pub async fn blob(&mut self, digest: &str) -> Result<Bytes, Error> {
        blob(&mut *self.medium, digest).await
    }

    /// Refuses what must not be written, before anything is.
    fn check(&self, fence: Epoch, drafts: &[Draft]) -> Result<(), Error> {
        if self.claimed != Some(fence) {
            return Err(Error::Fenced { given: fence });
        }
        let mut settled: Vec<&Settled> = Vec::new();
        for (seq, draft) in (self.next().0..).map(Seq).zip(drafts) {
            if draft.parent >= seq {
                return Err(Error::Parent { seq, parent: draft.parent });
            }
            self.runs.check(&draft.body)?;
            if let Body::Settled(body) = &draft.body {
                if let Some(Settled { run, outcome, .. }) = settled.iter().find(|first| first.run == body.run) {
                    return Err(Error::Settled { run: run.clone(), outcome: outcome.clone() });
                }
                settled.push(body);
            }
        }
        Ok(())
    }

    /// The cover for the chains as they are now.
    pub(super) fn cover(&self, epoch: Epoch, at: Timestamp) -> Result<(Manifest, String), Error> {
        let mut manifest = self.manifest.clone();
        manifest.epoch = epoch;
        manifest.log = self.log.mark();
        manifest.inbox = self.inbox.mark();
        manifest.applied = (self.applied != Tail::START).then(|| self.applied.mark());
        manifest.updated_at = at;
        let line = manifest.line()?;
        Ok((manifest, line))
    }

    /// After a write that failed nothing more is written.
    pub(super) fn sound(&self) -> Result<(), Error> {
        if self.broken { Err(Error::Broken { path: self.medium.place() }) } else { Ok(()) }
    }

    pub(super) fn durably<T>(&mut self, written: Result<T, Error>) -> Result<T, Error> {
        self.broken |= matches!(written, Err(Error::Io { .. } | Error::Database { .. }));
        written
    }
}

/// Content by its digest, verified.
pub(super) async fn blob(medium: &mut dyn Medium, digest: &str) -> Result<Bytes, Error> {
    // Nothing but a digest becomes a name.
    let Some(sum) = Sum::parse(digest) else {
        return Err(Error::NoBlob { digest: digest.chars().take(80).collect(), what: "is not a SHA-256" });
    };
    let wrong = |what| Error::NoBlob { digest: digest.to_owned(), what };
    let content = medium.blob(sum).await?.ok_or_else(|| wrong("is missing"))?;
    if Sum::of(&content) == sum { Ok(content) } else { Err(wrong("does not match its digest")) }
}

fn line(draft: &Draft) -> record::Draft<'_> {
    let Draft { session, parent, body, json, bill: _ } = draft;
    record::Draft { session: Some(session), parent: Some(*parent), kind: body.kind(), body: json }
}

/// The first line of a log.
pub(super) fn header(path: &Path, manifest: &Manifest, at: Timestamp) -> Result<Lines, Error> {
    let header =
        Body::Header(Header { version: rows::VERSION, instance: manifest.instance.clone(), hob: manifest.hob.clone() });
    let json = header.write().map_err(|source| Error::Unstorable { kind: header.kind().to_owned(), source })?;
    let draft = record::Draft { session: None, parent: None, kind: header.kind(), body: &json };
    Tail::START.add(path, Epoch(0), at, &[draft])
}

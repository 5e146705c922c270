//! What a writer does with an instance, as statements. Each verb first looks, then writes; of one
//! that refuses nothing stays.

use std::path::PathBuf;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::chain::Lines;
use super::super::manifest::{self, Manifest};
use super::super::medium::{Part, Written};
use super::super::record::Sum;
use super::super::{Error, Holder};
use super::lease::{Claim, Now};
use super::refused::Refused;
use crate::domain::id::{Epoch, InstanceId, RunId, Seq};

/// One instance of a file.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    /// Its `instances.id`, which is never given again.
    pub(super) number: i64,
    pub(super) id: InstanceId,
    /// For people.
    pub(super) place: PathBuf,
}

/// What [`Change`](super::super::medium::Change) says, on its way to another thread.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) fence: Option<Epoch>,
    pub(super) lines: Option<(Part, Lines)>,
    pub(super) cover: Option<(Epoch, String)>,
    pub(super) settled: u32,
    pub(super) ends: bool,
    /// Content that the lines may name.
    pub(super) blobs: Vec<(Sum, Bytes)>,
}

/// An instance as it stands, without its chains.
#[derive(Debug)]
struct Standing {
    epoch: Epoch,
    cover: String,
    claim: Option<Claim>,
}

impl Instance {
    /// Where a chain is, for people.
    pub(super) fn path(&self, part: Part) -> PathBuf {
        self.place.join(part.file())
    }

    /// Adds rows to the inbox, which admit these runs.
    pub(super) fn enter(&self, db: &Connection, rows: &Lines, admits: &[RunId]) -> Result<Written, Refused> {
        self.standing(db)?;
        if self.add(db, Part::Inbox, rows)? == Written::Moved {
            return Ok(Written::Moved);
        }
        self.admit(db, admits)?;
        Ok(Written::Done)
    }

    /// Gives the next epoch out, after a log of this length.
    pub(super) fn claim(
        &self,
        db: &Connection,
        holder: &Holder,
        epoch: Epoch,
        log: Seq,
        cover: &str,
    ) -> Result<Written, Refused> {
        let standing = self.standing(db)?;
        let now = Now::read();
        if let Some(by) = standing.claim.and_then(|claim| claim.holds(&now)) {
            return Err(Error::Held { by }.into());
        }
        if standing.epoch.0.checked_add(1) != Some(epoch.0) {
            self.agree(standing.epoch, &standing.cover)?;
            return Ok(Written::Moved);
        }
        if self.next(db, Part::Log)? != log {
            return Ok(Written::Moved);
        }
        let holder =
            serde_json::to_string(holder).map_err(|source| Error::Unstorable { kind: "holder".to_owned(), source })?;
        db.prepare_cached(
            "update instances set epoch = ?2, cover = ?3, holder = ?4, boot = ?5, until = ?6 where id = ?1",
        )?
        .execute(params![self.number, epoch.0.cast_signed(), text(cover), holder, now.boot, now.lease()])?;
        Ok(Written::Done)
    }

    /// Keeps a claim for another lease.
    pub(super) fn renew(&self, db: &Connection, fence: Epoch) -> Result<(), Refused> {
        let standing = self.standing(db)?;
        standing.fence(fence)?;
        let now = Now::read();
        db.prepare_cached("update instances set boot = ?2, until = ?3 where id = ?1")?.execute(params![
            self.number,
            now.boot,
            now.lease()
        ])?;
        Ok(())
    }

    /// Ends a claim, if it is not over.
    pub(super) fn release(&self, db: &Connection, fence: Epoch) -> Result<(), Refused> {
        if self.standing(db)?.fence(fence).is_ok() {
            self.end(db)?;
        }
        Ok(())
    }

    /// Writes a change.
    pub(super) fn write(&self, db: &Connection, change: &Change) -> Result<Written, Refused> {
        let Change { fence, lines, cover, settled, ends, blobs } = change;
        let standing = self.standing(db)?;
        if let Some(fence) = fence {
            standing.fence(*fence)?;
        }
        if let Some((part, lines)) = lines
            && self.add(db, *part, lines)? == Written::Moved
        {
            return Ok(Written::Moved);
        }
        self.keep(db, blobs)?;
        if let Some((epoch, cover)) = cover
            && *epoch == standing.epoch
        {
            db.prepare_cached("update instances set cover = ?2 where id = ?1")?
                .execute(params![self.number, text(cover)])?;
        }
        if *settled > 0 {
            self.settle(db, *settled)?;
        }
        if *ends {
            self.end(db)?;
        }
        Ok(Written::Done)
    }

    /// Removes it with all it has; whether it was there.
    pub(super) fn remove(&self, db: &Connection) -> Result<bool, Refused> {
        let standing = match self.standing(db) {
            Err(Refused::Store(Error::Gone { .. })) => return Ok(false),
            standing => standing?,
        };
        if let Some(by) = standing.claim.and_then(|claim| claim.holds(&Now::read())) {
            return Err(Error::Held { by }.into());
        }
        db.prepare_cached("delete from instances where id = ?1")?.execute([self.number])?;
        Ok(true)
    }

    /// Adds lines, if they follow the present end of their chain: lines are never changed, so that
    /// their number tells.
    pub(super) fn add(&self, db: &Connection, part: Part, lines: &Lines) -> Result<Written, Refused> {
        if self.next(db, part)? != lines.from.next {
            return Ok(Written::Moved);
        }
        let table = table(part);
        let insert = format!("insert into {table} (instance, seq, ends, line) values (?1, ?2, ?3, ?4)");
        let mut insert = db.prepare_cached(&insert)?;
        let mut ends = lines.from.len;
        for (seq, line) in lines.each() {
            ends += line.len() as u64;
            insert.execute(params![self.number, seq.0.cast_signed(), ends.cast_signed(), text(line)])?;
        }
        Ok(Written::Done)
    }

    /// Notes runs that the newest row of all inboxes admits, or one before it.
    pub(super) fn admit(&self, db: &Connection, runs: &[RunId]) -> Result<(), Refused> {
        let since: i64 = db.query_row("select coalesce(max(id), 0) from inbox_lines", [], |row| row.get(0))?;
        let mut insert = db.prepare_cached("insert or ignore into runs (instance, run, since) values (?1, ?2, ?3)")?;
        for run in runs {
            insert.execute(params![self.number, run.as_str(), since])?;
        }
        if !runs.is_empty() {
            let count = i64::try_from(runs.len()).unwrap_or(i64::MAX);
            db.prepare_cached(
                "update instances set unsettled = unsettled + ?2, waits = coalesce(waits, ?3) where id = ?1",
            )?
            .execute(params![self.number, count, since])?;
        }
        Ok(())
    }

    /// So many more runs have their outcome. They are worked on in the order of their admission, so
    /// the newest ones are those that wait.
    pub(super) fn settle(&self, db: &Connection, count: u32) -> Result<(), Refused> {
        let left: i64 = db
            .prepare_cached(
                "update instances set unsettled = max(unsettled - ?2, 0) where id = ?1 returning unsettled",
            )?
            .query_row(params![self.number, count], |row| row.get(0))?;
        let mut first =
            db.prepare_cached("select since from runs where instance = ?1 order by since desc limit 1 offset ?2")?;
        let waits: Option<i64> = match left {
            0 => None,
            left => first.query_row([self.number, left - 1], |row| row.get(0)).optional()?,
        };
        db.prepare_cached("update instances set waits = ?2 where id = ?1")?.execute(params![self.number, waits])?;
        Ok(())
    }

    /// Keeps content.
    pub(super) fn keep(&self, db: &Connection, blobs: &[(Sum, Bytes)]) -> Result<(), Refused> {
        let mut insert =
            db.prepare_cached("insert or ignore into blobs (instance, digest, content) values (?1, ?2, ?3)")?;
        for (digest, content) in blobs {
            insert.execute(params![self.number, digest.as_str(), &content[..]])?;
        }
        Ok(())
    }

    fn end(&self, db: &Connection) -> Result<(), Refused> {
        db.prepare_cached("update instances set holder = null, boot = null, until = null where id = ?1")?
            .execute([self.number])?;
        Ok(())
    }

    /// The place of the next line of a chain.
    fn next(&self, db: &Connection, part: Part) -> Result<Seq, Refused> {
        let last = format!("select max(seq) from {} where instance = ?1", table(part));
        let last: Option<i64> = db.prepare_cached(&last)?.query_row([self.number], |row| row.get(0))?;
        Ok(Seq(last.map_or(0, |last| last.cast_unsigned().saturating_add(1))))
    }

    fn standing(&self, db: &Connection) -> Result<Standing, Refused> {
        let standing = db
            .prepare_cached("select epoch, cover, holder, boot, until from instances where id = ?1")?
            .query_row([self.number], |row| {
                let epoch: i64 = row.get("epoch")?;
                Ok(Standing { epoch: Epoch(epoch.cast_unsigned()), cover: row.get("cover")?, claim: Claim::of(row)? })
            })
            .optional()?;
        standing.ok_or_else(|| Error::Gone { instance: Box::new(self.id.clone()) }.into())
    }

    /// Whether the cover names the newest epoch.
    fn agree(&self, epoch: Epoch, cover: &str) -> Result<(), Error> {
        let path = self.place.join(manifest::NAME);
        let named = Manifest::parse(&path, &line(cover.as_bytes()))?.epoch;
        if named == epoch {
            return Ok(());
        }
        let what = format!("names epoch {named}, and epoch {epoch} was given out last");
        Err(Error::Damaged { path, line: 1, offset: 0, what })
    }
}

impl Standing {
    /// Refuses a writer whose claim is over.
    fn fence(&self, given: Epoch) -> Result<(), Error> {
        if self.epoch == given && self.claim.is_some() { Ok(()) } else { Err(Error::Fenced { given }) }
    }
}

/// Where the lines of a chain are.
pub(super) fn table(part: Part) -> &'static str {
    match part {
        Part::Log => "log_lines",
        Part::Inbox => "inbox_lines",
        Part::Applied => "applied_lines",
    }
}

/// A line as it is stored: without its end.
pub(super) fn text(line: &str) -> &str {
    line.strip_suffix('\n').unwrap_or(line)
}

/// A stored line as it was.
pub(super) fn line(text: &[u8]) -> Vec<u8> {
    [text, b"\n"].concat()
}

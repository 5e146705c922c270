//! What a writer does with an instance, as statements. Each verb first looks, then writes; of one
//! that refuses nothing stays.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::Error;
use super::super::chain::Lines;
use super::super::compacted::{self, Filed};
use super::super::manifest::{self, Manifest};
use super::super::medium::{Part, Written};
use super::super::record::Sum;
use super::super::rows;
use super::super::spending::Bills;
use super::lease::{Claim, Now};
use super::refused::Refused;
use super::spending;
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
    pub(super) bills: Option<Bills>,
    /// Content that the lines may name.
    pub(super) blobs: Vec<(Sum, Bytes)>,
}

/// What [`Bid`](super::super::medium::Bid) says, on its way to another thread.
#[derive(Debug)]
pub(super) struct Bid {
    /// JSON.
    pub(super) holder: String,
    pub(super) epoch: Epoch,
    pub(super) cover: String,
    /// The place after the last line of each chain.
    pub(super) ends: [Seq; 3],
    pub(super) lease: Duration,
}

/// Who may write to an instance.
#[derive(Clone, Copy, Debug)]
struct Fence {
    epoch: Epoch,
    is_claimed: bool,
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

    /// Adds the row to the inbox that admits a run. Refuses before it has written anything, or not at all.
    pub(super) fn admit(&self, db: &Connection, row: &Lines, run: &RunId) -> Result<Written, Refused> {
        let mut insert = db.prepare_cached(
            "insert into inbox_lines (instance, seq, ends, line, run)
             select id, ?2, ?3, ?4, ?5 from instances where id = ?1 and epoch <= ?6
             on conflict do nothing",
        )?;
        let (seq, ends) = (row.from.next.0.cast_signed(), row.to.len.cast_signed());
        let epoch = row.to.epoch.0.cast_signed();
        if insert.execute(params![self.number, seq, ends, text(&row.text), run.as_str(), epoch])? == 0 {
            // It may be gone.
            self.fence(db)?;
            return Ok(Written::Moved);
        }
        self.wait(db, 1, db.last_insert_rowid())?;
        Ok(Written::Done)
    }

    /// Adds rows to the inbox that ask for something.
    pub(super) fn ask(&self, db: &Connection, rows: &Lines) -> Result<Written, Refused> {
        self.fence(db)?;
        self.add(db, Part::Inbox, rows)
    }

    /// Gives the next epoch out.
    pub(super) fn claim(&self, db: &Connection, bid: &Bid) -> Result<Written, Refused> {
        let Bid { holder, epoch, cover, ends, lease } = bid;
        let standing = self.standing(db)?;
        let now = Now::read();
        if let Some(by) = standing.claim.and_then(|claim| claim.holds(&now)) {
            return Err(Error::Held { by }.into());
        }
        if standing.epoch.0.checked_add(1) != Some(epoch.0) {
            self.agree(standing.epoch, &standing.cover)?;
            return Ok(Written::Moved);
        }
        for (part, end) in Part::ALL.into_iter().zip(ends) {
            if self.next(db, part)? != *end {
                return Ok(Written::Moved);
            }
        }
        let until = now.after(*lease);
        db.prepare_cached(
            "update instances set epoch = ?2, cover = ?3, holder = ?4, boot = ?5, renewed = ?6, until = ?7 where id = ?1",
        )?
        .execute(params![self.number, epoch.0.cast_signed(), text(cover), holder, now.boot, now.at, until])?;
        Ok(Written::Done)
    }

    /// Keeps a claim for another lease.
    pub(super) fn renew(&self, db: &Connection, fence: Epoch, lease: Duration) -> Result<(), Refused> {
        self.fence(db)?.check(fence)?;
        let now = Now::read();
        db.prepare_cached("update instances set boot = ?2, renewed = ?3, until = ?4 where id = ?1")?
            .execute(params![self.number, now.boot, now.at, now.after(lease)])?;
        Ok(())
    }

    /// Ends a claim, if it is not over.
    pub(super) fn release(&self, db: &Connection, fence: Epoch) -> Result<(), Refused> {
        if self.fence(db)?.check(fence).is_ok() {
            self.end(db)?;
        }
        Ok(())
    }

    /// Writes a change.
    pub(super) fn write(&self, db: &Connection, change: &Change) -> Result<Written, Refused> {
        let Change { fence, lines, cover, settled, ends, bills, blobs } = change;
        let standing = self.fence(db)?;
        if let Some(fence) = fence {
            standing.check(*fence)?;
        }
        if let Some((part, lines)) = lines
            && self.add(db, *part, lines)? == Written::Moved
        {
            return Ok(Written::Moved);
        }
        self.keep(db, blobs)?;
        if let Some(bills) = bills {
            spending::add(db, &self.id, bills)?;
        }
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
        for table in ["log_lines", "inbox_lines", "applied_lines", "blobs", "waiting"] {
            db.execute(&format!("delete from {table} where instance = ?1"), [self.number])?;
        }
        db.execute("delete from instances where id = ?1", [self.number])?;
        Ok(true)
    }

    /// Adds lines, if nobody wrote at their place: lines are never changed, so that their number tells.
    pub(super) fn add(&self, db: &Connection, part: Part, lines: &Lines) -> Result<Written, Refused> {
        let mut insert = db.prepare_cached(match part {
            Part::Log => {
                "insert into log_lines (instance, seq, ends, line, kind, short) values (?1, ?2, ?3, ?4, ?5, ?6)
                 on conflict do nothing"
            }
            Part::Inbox => {
                "insert into inbox_lines (instance, seq, ends, line, run) values (?1, ?2, ?3, ?4, ?5)
                 on conflict do nothing"
            }
            Part::Applied => {
                "insert into applied_lines (instance, seq, ends, line) values (?1, ?2, ?3, ?4) on conflict do nothing"
            }
        })?;
        let mut ends = lines.from.len;
        for (seq, line) in lines.each() {
            let offset = ends;
            ends += line.len() as u64;
            let (place, ends, line) = (seq.0.cast_signed(), ends.cast_signed(), text(line));
            let added = match part {
                Part::Log => {
                    let Filed { kind, short } = compacted::file(line);
                    insert.execute(params![self.number, place, ends, line, kind, short])?
                }
                Part::Inbox => {
                    let run = rows::admits(line);
                    insert.execute(params![self.number, place, ends, line, run.as_ref().map(RunId::as_str)])?
                }
                Part::Applied => insert.execute(params![self.number, place, ends, line])?,
            };
            if added == 0 && seq == lines.from.next {
                return Ok(Written::Moved);
            }
            if added == 0 {
                let (path, line) = (self.path(part), seq.0.saturating_add(1));
                return Err(Error::Damaged { path, line, offset, what: "follows no line".to_owned() }.into());
            }
        }
        Ok(Written::Done)
    }

    /// Notes that so many more runs have no outcome, the first of them since a row of the inboxes.
    pub(super) fn wait(&self, db: &Connection, count: u32, since: i64) -> Result<(), Refused> {
        db.prepare_cached(
            "insert into waiting (instance, unsettled, since) values (?1, ?2, ?3)
             on conflict (instance) do update set unsettled = unsettled + excluded.unsettled",
        )?
        .execute(params![self.number, count, since])?;
        Ok(())
    }

    /// So many more runs have their outcome. They are worked on in the order of their admission, so
    /// the newest ones are those that wait.
    pub(super) fn settle(&self, db: &Connection, count: u32) -> Result<(), Refused> {
        let left: Option<i64> = db
            .prepare_cached("update waiting set unsettled = unsettled - ?2 where instance = ?1 returning unsettled")?
            .query_row(params![self.number, count], |row| row.get(0))
            .optional()?;
        let since: Option<i64> = match left {
            None => return Ok(()),
            Some(left) if left <= 0 => None,
            Some(left) => db
                .prepare_cached(
                    "select id from inbox_lines where instance = ?1 and run is not null
                     order by seq desc limit 1 offset ?2",
                )?
                .query_row([self.number, left - 1], |row| row.get(0))
                .optional()?,
        };
        match since {
            Some(since) => {
                db.prepare_cached("update waiting set since = ?2 where instance = ?1")?.execute([self.number, since])?
            }
            None => db.prepare_cached("delete from waiting where instance = ?1")?.execute([self.number])?,
        };
        Ok(())
    }

    /// Keeps content.
    pub(super) fn keep(&self, db: &Connection, blobs: &[(Sum, Bytes)]) -> Result<(), Refused> {
        let mut insert = db.prepare_cached(
            "insert into blobs (instance, digest, content) values (?1, ?2, ?3) on conflict do nothing",
        )?;
        for (digest, content) in blobs {
            insert.execute(params![self.number, digest.as_str(), &content[..]])?;
        }
        Ok(())
    }

    fn end(&self, db: &Connection) -> Result<(), Refused> {
        db.prepare_cached(
            "update instances set holder = null, boot = null, renewed = null, until = null where id = ?1",
        )?
        .execute([self.number])?;
        Ok(())
    }

    /// The place of the next line of a chain.
    fn next(&self, db: &Connection, part: Part) -> Result<Seq, Refused> {
        let last = format!("select max(seq) from {} where instance = ?1", table(part));
        let last: Option<i64> = db.prepare_cached(&last)?.query_row([self.number], |row| row.get(0))?;
        Ok(Seq(last.map_or(0, |last| last.cast_unsigned().saturating_add(1))))
    }

    fn fence(&self, db: &Connection) -> Result<Fence, Refused> {
        let fence = db
            .prepare_cached("select epoch, holder is not null from instances where id = ?1")?
            .query_row([self.number], |row| {
                Ok(Fence { epoch: Epoch(row.get::<_, i64>(0)?.cast_unsigned()), is_claimed: row.get(1)? })
            })
            .optional()?;
        fence.ok_or_else(|| self.gone())
    }

    fn standing(&self, db: &Connection) -> Result<Standing, Refused> {
        let standing = db
            .prepare_cached("select epoch, cover, holder, boot, renewed, until from instances where id = ?1")?
            .query_row([self.number], |row| {
                let epoch: i64 = row.get("epoch")?;
                Ok(Standing { epoch: Epoch(epoch.cast_unsigned()), cover: row.get("cover")?, claim: Claim::of(row)? })
            })
            .optional()?;
        standing.ok_or_else(|| self.gone())
    }

    fn gone(&self) -> Refused {
        Error::Gone { instance: Box::new(self.id.clone()) }.into()
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

impl Fence {
    /// Refuses a writer whose claim is over.
    fn check(&self, given: Epoch) -> Result<(), Error> {
        if self.epoch == given && self.is_claimed { Ok(()) } else { Err(Error::Fenced { given }) }
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

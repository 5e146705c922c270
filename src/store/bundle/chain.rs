//! A file of chained lines: read and verified once, then only appended to.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::Error;
use super::disk::{self, failed};
use super::record::{self, Draft, Expected, LINE_MAX, Place, Record, Sum};
use crate::domain::id::{Epoch, Seq};

/// Largest file of lines.
const FILE_MAX: u64 = 1 << 30;

/// How far a file had come when the manifest was written: what must still be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredMark", into = "StoredMark")]
pub(super) struct Mark {
    pub(super) entries: u64,
    pub(super) head: Sum,
}

#[derive(Serialize, Deserialize)]
struct StoredMark {
    entries: u64,
    head: String,
}

/// A mark, and what it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) mark: Mark,
    pub(super) by: &'static str,
}

impl Named {
    pub(super) fn by_manifest(mark: Mark) -> Self {
        Self { mark, by: "the manifest" }
    }
}

/// Where a file ends, as far as its transactions are whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    /// The place of the next line; line numbers count from 1, places from 0.
    pub(super) next: Seq,
    /// Of the last line.
    epoch: Epoch,
    sum: Sum,
    /// Bytes of whole transactions.
    len: u64,
}

impl Tail {
    const START: Self = Self { next: Seq(0), epoch: Epoch(0), sum: Sum::ZERO, len: 0 };

    pub(super) fn mark(&self) -> Mark {
        Mark { entries: self.next.0, head: self.sum }
    }
}

/// Why the content of a line with a right checksum is not taken.
#[derive(Debug)]
pub(super) enum Fault {
    /// As the rest of "line 3 …".
    Damage(String),
    /// Whole, but not known here; as the rest of "a newer hob: line 3 …".
    Newer(String),
}

/// Reads a file from its start, one line in memory at a time, and verifies all of it against
/// `marks`. What follows the last whole transaction is torn: it is not looked at.
pub(super) fn scan<T>(
    path: &Path,
    file: &File,
    marks: &[Named],
    mut read: impl FnMut(&Record<'_>) -> Result<T, Fault>,
) -> Result<(Tail, Vec<T>), Error> {
    let size = file.metadata().map_err(|source| failed(path, "look at", source))?.len();
    if size > FILE_MAX {
        return Err(Error::TooLarge { what: path.display().to_string(), most: FILE_MAX });
    }
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut marks = marks.to_vec();
    marks.sort_by_key(|named| named.mark.entries);
    let mut items = Vec::new();
    let mut line = Vec::new();
    // `last` runs ahead of `whole` within a transaction of several lines.
    let (mut whole, mut last) = (Tail::START, Tail::START);
    let mut next = marks.iter().peekable();
    loop {
        let damaged = |what| Error::Damaged { path: path.to_owned(), line: last.next.0 + 1, offset: last.len, what };
        line.clear();
        let read_bytes = reader
            .by_ref()
            .take(LINE_MAX as u64)
            .read_until(b'\n', &mut line)
            .map_err(|source| failed(path, "read", source))?;
        if line.pop_if(|end| *end == b'\n').is_none() {
            if read_bytes == LINE_MAX {
                return Err(damaged("is longer than any line hob writes".to_owned()));
            }
            break;
        }
        let expected = Expected { seq: last.next, epoch: last.epoch, prev: last.sum };
        let (record, sum) = record::read(&line, expected).map_err(damaged)?;
        while let Some(named) = next.next_if(|named| named.mark.entries <= record.seq.0 + 1) {
            if named.mark.entries == record.seq.0 + 1 && named.mark.head != sum {
                return Err(damaged(format!("is not the one that {} names", named.by)));
            }
        }
        items.push(read(&record).map_err(|fault| match fault {
            Fault::Damage(what) => damaged(what),
            Fault::Newer(what) => {
                Error::Newer { path: path.to_owned(), found: format!("line {} {what}", record.seq.0 + 1) }
            }
        })?);
        last = Tail {
            next: Seq(record.seq.0 + 1),
            epoch: record.epoch,
            sum,
            len: last.len.saturating_add(read_bytes as u64),
        };
        if !record.more {
            whole = last;
        }
    }
    if let Some(Named { mark, by }) = marks.iter().find(|named| named.mark.entries > whole.next.0) {
        let what = format!("is missing or cut: {by} names {} lines", mark.entries);
        return Err(Error::Damaged { path: path.to_owned(), line: whole.next.0 + 1, offset: whole.len, what });
    }
    items.truncate(usize::try_from(whole.next.0).unwrap_or(usize::MAX));
    Ok((whole, items))
}

/// A verified file, open for appending.
#[derive(Debug)]
pub(super) struct Chain {
    path: PathBuf,
    file: File,
    tail: Tail,
}

impl Chain {
    /// Verifies the file and changes nothing; to be [cut](Chain::cut) before anything is appended.
    pub(super) fn open<T>(
        path: PathBuf,
        marks: &[Named],
        read: impl FnMut(&Record<'_>) -> Result<T, Fault>,
    ) -> Result<(Self, Vec<T>), Error> {
        let file = disk::open_part(&path, true)?;
        let (tail, items) = scan(&path, &file, marks, read)?;
        Ok((Self { path, file, tail }, items))
    }

    /// Begins a file that is not there yet, durably.
    pub(super) fn create(path: PathBuf) -> Result<Self, Error> {
        disk::replace(&path, b"")?;
        path.parent().map_or(Ok(()), disk::sync_dir)?;
        let file = disk::open_part(&path, true)?;
        Ok(Self { path, file, tail: Tail::START })
    }

    /// Cuts off what a writer that died left of its last transaction; the note says so.
    pub(super) fn cut(&mut self) -> Result<Option<String>, Error> {
        let Self { path, file, tail } = self;
        let size = file.metadata().map_err(|source| failed(path, "look at", source))?.len();
        let torn = size.saturating_sub(tail.len);
        if torn == 0 {
            return Ok(None);
        }
        file.set_len(tail.len)
            .and_then(|()| file.sync_data())
            .map_err(|source| failed(path, "cut the torn end off", source))?;
        let path = path.display();
        Ok(Some(format!("`{path}` ended in the middle of a write: cut {torn} bytes off after line {}", tail.next)))
    }

    pub(super) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Appends lines as one transaction: one write, durable when it returns. On an error nothing
    /// of it stays, as far as the disk lets us.
    pub(super) fn append(&mut self, epoch: Epoch, at: Timestamp, drafts: &[Draft<'_>]) -> Result<(), Error> {
        let mut lines = String::new();
        let Tail { mut next, mut sum, len, .. } = self.tail;
        for (n, draft) in drafts.iter().enumerate() {
            let from = lines.len();
            let place = Place { seq: next, epoch, prev: sum, at, more: n + 1 < drafts.len() };
            sum = record::write(&mut lines, place, draft);
            if lines.len() - from > LINE_MAX {
                return Err(Error::TooLarge { what: format!("a `{}` entry", draft.kind), most: LINE_MAX as u64 });
            }
            next = Seq(next.0 + 1);
        }
        let end = len + lines.len() as u64;
        if end > FILE_MAX {
            return Err(Error::TooLarge { what: self.path.display().to_string(), most: FILE_MAX });
        }
        let written = self.file.write_all_at(lines.as_bytes(), len).and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            let _ = self.file.set_len(len).and_then(|()| self.file.sync_data());
            return Err(failed(&self.path, "append to", source));
        }
        self.tail = Tail { next, epoch, sum, len: end };
        Ok(())
    }
}

impl TryFrom<StoredMark> for Mark {
    type Error = io::Error;

    fn try_from(StoredMark { entries, head }: StoredMark) -> io::Result<Self> {
        let head = Sum::parse(&head).ok_or_else(|| io::Error::other("`head` is not a SHA-256"))?;
        Ok(Self { entries, head })
    }
}

impl From<Mark> for StoredMark {
    fn from(Mark { entries, head }: Mark) -> Self {
        Self { entries, head: head.as_str().to_owned() }
    }
}

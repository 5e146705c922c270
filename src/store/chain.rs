//! Chained lines: verified once from the first, then only added to.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Error;
use super::record::{self, Draft, Expected, LINE_MAX, Place, Record, Sum};
use crate::domain::id::{Epoch, Seq};

/// Largest chain, in bytes.
pub(super) const CHAIN_MAX: u64 = 1 << 30;

/// How far a chain had come when the cover was written: what must still be there.
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

/// Where a chain ends, as far as its transactions are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// The place of the next line; line numbers count from 1, places from 0.
    pub(super) next: Seq,
    /// Of the last line.
    pub(super) epoch: Epoch,
    pub(super) sum: Sum,
    /// Bytes of whole transactions.
    pub(super) len: u64,
}

impl Tail {
    /// Of a chain without a line.
    pub(super) const START: Self = Self { next: Seq(0), epoch: Epoch(0), sum: Sum::ZERO, len: 0 };

    pub(super) fn mark(&self) -> Mark {
        Mark { entries: self.next.0, head: self.sum }
    }

    /// The lines of one transaction after this end.
    pub(super) fn add(&self, path: &Path, epoch: Epoch, at: Timestamp, drafts: &[Draft<'_>]) -> Result<Lines, Error> {
        let mut lines = Lines { from: *self, to: *self, text: String::new(), ends: Vec::with_capacity(drafts.len()) };
        let Some(_) = drafts.first() else { return Ok(lines) };
        let Self { mut next, mut sum, len, .. } = *self;
        for (n, draft) in drafts.iter().enumerate() {
            let from = lines.text.len();
            let place = Place { seq: next, epoch, prev: sum, at, more: n + 1 < drafts.len() };
            sum = record::write(&mut lines.text, place, draft);
            if lines.text.len() - from > LINE_MAX {
                return Err(Error::TooLarge { what: format!("a `{}` entry", draft.kind), most: LINE_MAX as u64 });
            }
            lines.ends.push(lines.text.len());
            next = Seq(next.0 + 1);
        }
        let end = len + lines.text.len() as u64;
        if end > CHAIN_MAX {
            return Err(Error::TooLarge { what: path.display().to_string(), most: CHAIN_MAX });
        }
        lines.to = Self { next, epoch, sum, len: end };
        Ok(lines)
    }
}

/// The lines of one transaction.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// What they follow.
    pub(super) from: Tail,
    /// The end after them.
    pub(super) to: Tail,
    /// All of them, each with its end.
    pub(super) text: String,
    /// Where each ends in `text`.
    ends: Vec<usize>,
}

impl Lines {
    /// Of a whole chain with this end; none yet.
    pub(super) fn up_to(to: Tail) -> Self {
        Self { from: Tail::START, to, text: String::new(), ends: Vec::new() }
    }

    /// Takes the next line that was verified before, without its end; what follows the end of the chain is
    /// left out.
    pub(super) fn push(&mut self, line: &str) {
        if (self.ends.len() as u64) < self.to.next.0 {
            self.text.push_str(line);
            self.text.push('\n');
            self.ends.push(self.text.len());
        }
    }

    /// Each line, with its place and its end.
    pub(super) fn each(&self) -> impl Iterator<Item = (Seq, &str)> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let places = (self.from.next.0..).map(Seq);
        places.zip(begins.zip(&self.ends).map(|(from, to)| self.text.get(from..*to).unwrap_or_default()))
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

impl Fault {
    /// As the error of the line at this place, which begins at this byte.
    pub(super) fn told(self, path: &Path, seq: Seq, offset: u64) -> Error {
        let (path, line) = (path.to_owned(), seq.0.saturating_add(1));
        match self {
            Self::Damage(what) => Error::Damaged { path, line, offset, what },
            Self::Newer(what) => Error::Newer { path, found: format!("line {line} {what}") },
        }
    }
}

/// Verifies a chain line by line, from any end that was verified before, against the marks that it
/// must reach.
#[derive(Debug)]
pub(super) struct Verifier {
    /// For people: which chain.
    path: PathBuf,
    marks: Vec<Named>,
    /// The next mark to be passed.
    next: usize,
    /// `last` runs ahead of `whole` within a transaction of several lines.
    whole: Tail,
    last: Tail,
}

impl Verifier {
    pub(super) fn new(path: &Path, from: Tail, marks: &[Named]) -> Self {
        let mut marks = marks.to_vec();
        marks.sort_by_key(|named| named.mark.entries);
        let next = marks.partition_point(|named| named.mark.entries <= from.next.0);
        Self { path: path.to_owned(), marks, next, whole: from, last: from }
    }

    /// The next line without its end, which is `length` bytes long with it.
    pub(super) fn line<T>(
        &mut self,
        line: &[u8],
        length: usize,
        read: impl FnOnce(&Record<'_>) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let expected = Expected { seq: self.last.next, epoch: self.last.epoch, prev: self.last.sum };
        let (record, sum) = record::read(line, expected).map_err(|what| self.damaged(what))?;
        while let Some(named) = self.marks.get(self.next).filter(|named| named.mark.entries <= record.seq.0 + 1) {
            if named.mark.entries == record.seq.0 + 1 && named.mark.head != sum {
                return Err(self.damaged(format!("is not the one that {} names", named.by)));
            }
            self.next += 1;
        }
        let item = read(&record).map_err(|fault| fault.told(&self.path, record.seq, self.last.len))?;
        let len = self.last.len.saturating_add(length as u64);
        self.last = Tail { next: Seq(record.seq.0 + 1), epoch: record.epoch, sum, len };
        if !record.more {
            self.whole = self.last;
        }
        Ok(item)
    }

    /// What is wrong with the line that would be next.
    pub(super) fn damaged(&self, what: String) -> Error {
        Error::Damaged { path: self.path.clone(), line: self.last.next.0 + 1, offset: self.last.len, what }
    }

    /// The end of the last whole transaction, if every mark was reached. What came after it is torn.
    pub(super) fn end(self) -> Result<Tail, Error> {
        let Self { path, marks, whole, .. } = self;
        if let Some(Named { mark, by }) = marks.iter().find(|named| named.mark.entries > whole.next.0) {
            let what = format!("is missing or cut: {by} names {} lines", mark.entries);
            return Err(Error::Damaged { path, line: whole.next.0 + 1, offset: whole.len, what });
        }
        Ok(whole)
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

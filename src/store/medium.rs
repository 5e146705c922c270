//! What an instance is written on: a directory, the rows of a database, memory.
//!
//! A backend knows nothing of runs and outcomes: it keeps chained lines, covers and blobs, and the
//! one right to write. Every verb is one transaction, durable when it returns, and safe to say again
//! when nobody knows whether it was done: what it expects to find tells.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::civil::Date;

use super::Error;
use super::chain::{Lines, Tail};
use super::holder::Holder;
use super::record::Sum;
use super::spending::Bills;
use crate::domain::budget::Day;
use crate::domain::id::{Epoch, InstanceId, RunId};

/// How long a claim lives without a renewal, unless the store was told otherwise.
pub(super) const LEASE: Duration = Duration::from_secs(15);

/// A chain of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Part {
    /// The log: written by the holder of the claim alone.
    Log,
    /// Rows: what was admitted, what was asked to end.
    Inbox,
    /// Rows: what was done about effects; there from the first one on.
    Applied,
}

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::Log, Self::Inbox, Self::Applied];

    /// The name of its file in a bundle.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Log => "log.jsonl",
            Self::Inbox => "inbox.jsonl",
            Self::Applied => "applied.jsonl",
        }
    }
}

/// Takes one line, without its end, and its length with it.
pub(super) type Each<'a> = &'a mut (dyn FnMut(&[u8], usize) -> Result<(), Error> + Send);

/// What the holder of a claim, or who sends effects, writes at once.
#[derive(Debug, Default)]
pub(super) struct Change<'a> {
    /// The claim that it is written under; `None` for what is done about effects, which any process may.
    pub(super) fence: Option<Epoch>,
    /// Lines that follow the present end of their chain.
    pub(super) lines: Option<(Part, &'a Lines)>,
    /// The cover from then on, unless an epoch was given out that it does not know.
    pub(super) cover: Option<(Epoch, &'a str)>,
    /// Runs of the inbox that have their outcome now.
    pub(super) settled: u32,
    /// The claim is over.
    pub(super) ends: bool,
    /// What the lines tell of has cost so much.
    pub(super) bills: Option<&'a Bills>,
}

/// A claim that somebody asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bid<'a> {
    pub(super) holder: &'a Holder,
    /// One more than the newest one.
    pub(super) epoch: Epoch,
    /// The cover from then on.
    pub(super) cover: &'a str,
    /// Where each chain ends, in the order of [`Part::ALL`], as far as the bidder knows: who has not seen
    /// all of it gets nothing.
    pub(super) ends: [Tail; 3],
    /// How long the claim lives without a renewal, where claims end by time.
    pub(super) lease: Duration,
}

/// An inbox, as far as an admission asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inbox {
    pub(super) tail: Tail,
    /// The newest one that was given out.
    pub(super) epoch: Epoch,
    /// Whether the run that was asked for stands in it.
    pub(super) knows: bool,
}

/// An instance that was found for an admission.
pub(super) type Asked = (Box<dyn Medium>, Inbox);

/// What became of a verb that expects the instance to stand as it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Written {
    /// Durably there.
    Done,
    /// Others wrote in between: nothing was written.
    Moved,
}

/// Where one instance is kept. When it is removed every verb says [`Error::Gone`], even after another
/// one was made under its name.
pub(super) trait Medium: Debug + Send {
    /// Where a chain is, for people.
    fn path(&self, part: Part) -> PathBuf;

    /// Where the instance is, for people.
    fn place(&self) -> PathBuf;

    /// Another hand on the same instance and the same claim, for what is done while this one writes.
    fn twin(&self) -> Box<dyn Medium>;

    /// Makes ready to write: where one open file is the right to write, takes it.
    ///
    /// # Errors
    /// [`Error::Held`]
    fn hold<'a>(&'a mut self, holder: &'a Holder) -> BoxFuture<'a, Result<(), Error>>;

    /// The cover as it stands.
    fn cover(&mut self) -> BoxFuture<'_, Result<Vec<u8>, Error>>;

    /// Gives every line of a chain after `from`, in order. `false` when there is no such chain.
    fn lines<'a>(&'a mut self, part: Part, from: &'a Tail, each: Each<'a>) -> BoxFuture<'a, Result<bool, Error>>;

    /// Gives the lines of the log, in order, that an opening need not verify, in short; and returns their
    /// end: none, and the start, where nobody but their writer vouches for them.
    fn trusted<'a>(&'a mut self, each: Each<'a>) -> BoxFuture<'a, Result<Tail, Error>> {
        let _ = each;
        Box::pin(async { Ok(Tail::START) })
    }

    /// Cuts off what a writer that died left after `end`; a note for people if there was something.
    fn cut<'a>(&'a mut self, part: Part, end: &'a Tail) -> BoxFuture<'a, Result<Option<String>, Error>> {
        let _ = (part, end);
        Box::pin(async { Ok(None) })
    }

    /// The end of the inbox, under which epoch its next row is written, and whether a run stands in it.
    fn inbox<'a>(&'a mut self, run: &'a RunId) -> BoxFuture<'a, Result<Inbox, Error>>;

    /// Adds rows to the inbox; one alone may admit a run. Needs no claim. [`Written::Moved`] when the inbox
    /// ends elsewhere.
    fn enter<'a>(&'a mut self, rows: &'a Lines, admits: Option<&'a RunId>) -> BoxFuture<'a, Result<Written, Error>>;

    /// Takes the right to write under a new epoch, until it is given back, or its lease ran out and
    /// somebody else took it, or its process is gone. Always durable. [`Written::Moved`] when the epoch
    /// or the end of a chain is not the one that the bid expects.
    ///
    /// # Errors
    /// [`Error::Held`] while somebody else has it.
    fn claim<'a>(&'a mut self, bid: Bid<'a>) -> BoxFuture<'a, Result<Written, Error>>;

    /// Who has the right to write now, for people.
    fn held(&mut self) -> BoxFuture<'_, Result<Option<String>, Error>>;

    /// Keeps the claim for another lease. One that ran out, and that nobody took since, goes on.
    ///
    /// # Errors
    /// [`Error::Fenced`] when it is over.
    fn renew(&mut self, fence: Epoch, lease: Duration) -> BoxFuture<'_, Result<(), Error>>;

    /// Gives the claim back. One that is over already is right as it is.
    fn release(&mut self, fence: Epoch) -> BoxFuture<'_, Result<(), Error>>;

    /// Writes a change.
    ///
    /// # Errors
    /// [`Error::Fenced`] when its claim is over.
    fn write<'a>(&'a mut self, change: Change<'a>) -> BoxFuture<'a, Result<Written, Error>>;

    /// What the model calls of the agent in its repository cost on a day, and which part of it those for an
    /// actor; `None` where that is not counted.
    fn spent(&mut self, day: Date, actor: u64) -> BoxFuture<'_, Result<Option<Day>, Error>> {
        let _ = (day, actor);
        Box::pin(async { Ok(None) })
    }

    /// Keeps content under its digest; durable with the change that names it.
    fn put_blob<'a>(&'a mut self, digest: Sum, content: &'a [u8]) -> BoxFuture<'a, Result<(), Error>>;

    /// The content under a digest, not verified; `None` when it is not there.
    fn blob(&mut self, digest: Sum) -> BoxFuture<'_, Result<Option<Bytes>, Error>>;

    /// The digests of all blobs, in order.
    fn digests(&mut self) -> BoxFuture<'_, Result<Vec<Sum>, Error>>;
}

/// A whole instance on its way into a store.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    pub(super) instance: &'a InstanceId,
    pub(super) epoch: Epoch,
    pub(super) cover: &'a str,
    /// The chains that it has.
    pub(super) chains: Vec<(Part, Lines)>,
    pub(super) blobs: Vec<(Sum, Bytes)>,
    /// Every run that its inbox admits.
    pub(super) runs: Vec<RunId>,
    /// How many of them have no outcome.
    pub(super) unsettled: u32,
}

/// The cover of one instance of many.
#[derive(Debug)]
pub(super) struct Cover {
    /// Where the instance is, for people.
    pub(super) place: String,
    /// Its bytes, or why they cannot be read.
    pub(super) content: Result<Vec<u8>, Error>,
}

/// Where instances are kept.
pub(super) trait Backend: Debug + Send + Sync {
    /// An instance that is there.
    fn find<'a>(&'a self, instance: &'a InstanceId) -> BoxFuture<'a, Result<Option<Box<dyn Medium>>, Error>>;

    /// An instance that is there, and its inbox, as far as the admission of a run asks. May be what this
    /// process saw of it last: who enters a row then is told when that is not so any more.
    fn find_for<'a>(&'a self, instance: &'a InstanceId, run: &'a RunId) -> BoxFuture<'a, Result<Option<Asked>, Error>> {
        Box::pin(async move {
            let Some(mut medium) = self.find(instance).await? else { return Ok(None) };
            match medium.inbox(run).await {
                // Somebody removed it just now.
                Err(Error::Gone { .. }) => Ok(None),
                inbox => Ok(Some((medium, inbox?))),
            }
        })
    }

    /// Makes an instance at once, with all it has; [`Written::Moved`] when it is there already.
    fn make<'a>(&'a self, whole: &'a Whole<'a>) -> BoxFuture<'a, Result<Written, Error>>;

    /// Removes an instance with all it has; whether it was there.
    ///
    /// # Errors
    /// [`Error::Held`] while somebody works on it.
    fn remove<'a>(&'a self, instance: &'a InstanceId, holder: &'a Holder) -> BoxFuture<'a, Result<bool, Error>>;

    /// The covers of all instances.
    fn covers(&self) -> BoxFuture<'_, Result<Vec<Cover>, Error>>;

    /// Instances with a run that has no outcome and that nobody works on, as far as can be told; whose
    /// run has waited longest comes first.
    fn waiting(&self, most: usize) -> BoxFuture<'_, Result<Vec<InstanceId>, Error>>;

    /// Ends when something may have been admitted or asked by another process; never earlier than that
    /// is worth a look.
    fn news(&self) -> BoxFuture<'_, ()>;
}

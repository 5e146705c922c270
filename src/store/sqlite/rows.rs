//! One instance as rows of a file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use jiff::civil::Date;
use rusqlite::Connection;

use super::super::chain::{Lines, Tail};
use super::super::medium::{Bid, Change, Each, Inbox, Medium, Part, Written};
use super::super::record::Sum;
use super::super::{Error, Holder};
use super::database::Database;
use super::lease::Now;
use super::look;
use super::refused::Refused;
use super::spending;
use super::trusted::trusted;
use super::verbs::{self, Instance};
use super::writer::Undo;
use crate::domain::budget::Day;
use crate::domain::id::{Epoch, RunId};
use crate::telemetry::failpoint;

/// The rows of one instance.
#[derive(Debug)]
pub(super) struct Rows {
    database: Arc<Database>,
    instance: Arc<Instance>,
    /// Content on its way: written with the change that may name it.
    blobs: Vec<(Sum, Bytes)>,
}

impl Rows {
    pub(super) fn of(database: Arc<Database>, instance: Arc<Instance>) -> Self {
        Self { database, instance, blobs: Vec::new() }
    }

    /// Looks at it; what finds nothing means that it is gone.
    fn look<T>(&self, verb: impl FnOnce(&Connection, &Instance) -> Result<Option<T>, Refused>) -> Result<T, Error> {
        let found = self.database.look(|db| verb(db, &self.instance))?.flatten();
        found.ok_or_else(|| {
            self.database.inboxes.gone(&self.instance);
            Error::Gone { instance: Box::new(self.instance.id.clone()) }
        })
    }

    /// Asks the writer for a verb.
    fn ask<T: Send + 'static>(
        &self,
        doing: &'static str,
        verb: impl FnOnce(&Connection, &Instance) -> Result<T, Refused> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let instance = self.instance.clone();
        self.database.write(doing, Undo::Savepoint, move |db| verb(db, &instance))
    }
}

impl Medium for Rows {
    fn path(&self, part: Part) -> PathBuf {
        self.instance.path(part)
    }

    fn place(&self) -> PathBuf {
        self.instance.place.clone()
    }

    fn twin(&self) -> Box<dyn Medium> {
        Box::new(Self { database: self.database.clone(), instance: self.instance.clone(), blobs: Vec::new() })
    }

    fn hold<'a>(&'a mut self, _: &'a Holder) -> BoxFuture<'a, Result<(), Error>> {
        ready(Ok(())).boxed()
    }

    fn cover(&mut self) -> BoxFuture<'_, Result<Vec<u8>, Error>> {
        ready(self.look(look::cover)).boxed()
    }

    fn lines<'a>(&'a mut self, part: Part, from: &'a Tail, each: Each<'a>) -> BoxFuture<'a, Result<bool, Error>> {
        ready(self.look(|db, instance| look::lines(db, instance, part, from, each))).boxed()
    }

    fn trusted<'a>(&'a mut self, each: Each<'a>) -> BoxFuture<'a, Result<Tail, Error>> {
        ready(self.look(|db, instance| trusted(db, instance, each))).boxed()
    }

    fn cut<'a>(&'a mut self, part: Part, end: &'a Tail) -> BoxFuture<'a, Result<Option<String>, Error>> {
        ready(self.look(|db, instance| look::torn(db, instance, part, end)).map(|()| None)).boxed()
    }

    fn inbox<'a>(&'a mut self, run: &'a RunId) -> BoxFuture<'a, Result<Inbox, Error>> {
        ready(self.look(look::inbox).map(|seen| seen.asked(run))).boxed()
    }

    fn enter<'a>(&'a mut self, rows: &'a Lines, admits: Option<&'a RunId>) -> BoxFuture<'a, Result<Written, Error>> {
        async move {
            let entered = match admits.cloned() {
                Some(run) => {
                    let (instance, rows) = (self.instance.clone(), rows.clone());
                    self.database.write("admit", Undo::Nothing, move |db| instance.admit(db, &rows, &run))
                }
                None => {
                    let rows = rows.clone();
                    self.ask("abort", move |db, instance| instance.ask(db, &rows))
                }
            };
            let written = entered.await;
            match written {
                Ok(Written::Done) => self.database.inboxes.entered(&self.instance, rows, admits),
                _ => self.database.inboxes.moved(&self.instance, &rows.from),
            }
            self.database.news.notify_waiters();
            written
        }
        .boxed()
    }

    fn claim<'a>(&'a mut self, bid: Bid<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        let Bid { holder, epoch, cover, ends, lease } = bid;
        let holder = match serde_json::to_string(holder) {
            Ok(holder) => holder,
            Err(source) => return ready(Err(Error::Unstorable { kind: "holder".to_owned(), source })).boxed(),
        };
        let bid = verbs::Bid { holder, epoch, cover: cover.to_owned(), ends: ends.map(|end| end.next), lease };
        async move {
            let claimed = self.ask("claim", move |db, instance| instance.claim(db, &bid)).await;
            if let Ok(Written::Done) = claimed {
                self.database.inboxes.claimed(&self.instance, epoch);
            }
            claimed
        }
        .boxed()
    }

    fn held(&mut self) -> BoxFuture<'_, Result<Option<String>, Error>> {
        let claim = self.look(look::claim);
        ready(claim.map(|claim| claim.and_then(|claim| claim.holds(&Now::read())))).boxed()
    }

    fn renew(&mut self, fence: Epoch, lease: Duration) -> BoxFuture<'_, Result<(), Error>> {
        self.ask("renew a claim", move |db, instance| instance.renew(db, fence, lease))
    }

    fn release(&mut self, fence: Epoch) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let released = self.ask("release a claim", move |db, instance| instance.release(db, fence)).await;
            self.database.news.notify_waiters();
            released
        }
        .boxed()
    }

    fn write<'a>(&'a mut self, change: Change<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        let Change { fence, lines, cover, settled, ends, bills } = change;
        let change = verbs::Change {
            fence,
            lines: lines.map(|(part, lines)| (part, lines.clone())),
            cover: cover.map(|(epoch, cover)| (epoch, cover.to_owned())),
            settled,
            ends,
            bills: bills.cloned(),
            blobs: self.blobs.clone(),
        };
        async move {
            let failpoints = self.database.failpoints.clone();
            let written = self.ask("append", move |db, instance| {
                let written = instance.write(db, &change)?;
                if matches!(change.lines, Some((Part::Applied, _))) && change.cover.is_some() {
                    failpoints.hit(failpoint::EFFECT_DONE);
                }
                if change.ends {
                    failpoints.hit(failpoint::SETTLING);
                }
                Ok(written)
            });
            let written = written.await?;
            if written == Written::Done {
                self.blobs.clear();
            }
            if ends {
                self.database.news.notify_waiters();
            }
            Ok(written)
        }
        .boxed()
    }

    fn spent(&mut self, day: Date, actor: u64) -> BoxFuture<'_, Result<Option<Day>, Error>> {
        ready(self.look(|db, instance| spending::of(db, &instance.id, day, actor).map(Some)).map(Some)).boxed()
    }

    fn put_blob<'a>(&'a mut self, digest: Sum, content: &'a [u8]) -> BoxFuture<'a, Result<(), Error>> {
        if self.blobs.iter().all(|(known, _)| *known != digest) {
            self.blobs.push((digest, Bytes::copy_from_slice(content)));
        }
        ready(Ok(())).boxed()
    }

    fn blob(&mut self, digest: Sum) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let content = match self.blobs.iter().find(|(known, _)| *known == digest) {
            Some((_, content)) => Ok(Some(content.clone())),
            None => self.look(|db, instance| look::blob(db, instance, digest).map(Some)),
        };
        ready(content).boxed()
    }

    fn digests(&mut self) -> BoxFuture<'_, Result<Vec<Sum>, Error>> {
        let digests = self.look(|db, instance| look::digests(db, instance).map(Some)).map(|mut digests| {
            digests.extend(self.blobs.iter().map(|(digest, _)| *digest));
            digests.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
            digests.dedup();
            digests
        });
        ready(digests).boxed()
    }
}

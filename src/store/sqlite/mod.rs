//! Instances in one SQLite file, for one machine: its processes may share it, other machines may not.
//!
//! ```text
//! instances      name, newest epoch, cover, who has the claim
//! waiting        those with a run that has no outcome
//! log_lines      \
//! inbox_lines     > every line as it was written
//! applied_lines  /
//! blobs          content that entries name
//! spent          what model calls cost, day by day
//! ```
//!
//! Read it with `sqlite3`, through the views that say what the lines mean:
//!
//! ```text
//! sqlite> select seq, kind, at from log where instance = 'github.com/700100/issue/42/triage';
//! sqlite> select instance, body ->> 'id' from inbox where kind = 'admitted';
//! sqlite> select name, epoch, cover ->> 'label' from waiting join instances on id = instance order by since;
//! sqlite> select day, agent, sum(nano_usd) / 1e9 as usd from spent group by day, host, repo, agent;
//! ```
//!
//! Each process has one thread that writes. What waits for it is committed together, each verb that may
//! stop halfway in a savepoint of its own, and is told when the disk has it. Readers see the last commit
//! meanwhile.
//!
//! A claim lasts for a lease of this machine's time since its start, which no process can set back;
//! one of a process that has ended is over at once.

mod database;
mod inboxes;
mod lease;
mod look;
mod refused;
mod rows;
mod schema;
mod spending;
mod trusted;
mod verbs;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::medium::{Asked, Backend, Cover, Medium, Whole, Written};
use super::{Error, Holder};
use crate::domain::id::{InstanceId, RunId};
use crate::telemetry::failpoint::{self, Failpoints};
use database::Database;
use inboxes::Seen;
use lease::{Claim, Now};
use refused::Refused;
use rows::Rows;
use verbs::{Instance, line, text};
use writer::Undo;

/// How often a file is looked at for what other processes wrote, and for owners that have ended, which
/// write nothing any more.
const POLL: Duration = Duration::from_millis(250);

/// How long others may keep a process from writing. More than two leases: who was stopped in the
/// middle of a write goes on, or is found out, before anybody gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A file of instances.
#[derive(Debug)]
pub(super) struct Sqlite {
    database: Arc<Database>,
}

impl Sqlite {
    pub(super) fn new(path: &Path, failpoints: Failpoints, patience: Duration) -> Self {
        Self { database: Arc::new(Database::new(path, failpoints, patience)) }
    }
}

impl Backend for Sqlite {
    fn find<'a>(&'a self, instance: &'a InstanceId) -> BoxFuture<'a, Result<Option<Box<dyn Medium>>, Error>> {
        let found = self.database.look(|db| numbered(db, &self.database.path, instance));
        let rows = |instance| Box::new(Rows::of(self.database.clone(), Arc::new(instance))) as Box<dyn Medium>;
        ready(found.map(|found| found.flatten().map(rows))).boxed()
    }

    fn find_for<'a>(&'a self, instance: &'a InstanceId, run: &'a RunId) -> BoxFuture<'a, Result<Option<Asked>, Error>> {
        let rows = |instance| Box::new(Rows::of(self.database.clone(), instance)) as Box<dyn Medium>;
        if let Some((instance, inbox)) = self.database.inboxes.ask(instance, run) {
            return ready(Ok(Some((rows(instance), inbox)))).boxed();
        }
        let found = self.database.look(|db| seen(db, &self.database.path, instance));
        let asked = |(instance, seen): (Instance, Seen)| {
            let (instance, inbox) = (Arc::new(instance), seen.asked(run));
            self.database.inboxes.saw(&instance, seen);
            (rows(instance), inbox)
        };
        ready(found.map(|found| found.flatten().map(asked))).boxed()
    }

    fn make<'a>(&'a self, whole: &'a Whole<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        let Whole { instance, epoch, cover, chains, blobs, runs, unsettled } = whole;
        let (id, epoch, cover) = ((*instance).clone(), epoch.0.cast_signed(), text(cover).to_owned());
        let (chains, blobs) = (chains.clone(), blobs.clone());
        let admitted = u32::try_from(runs.len()).unwrap_or(u32::MAX);
        let unsettled = *unsettled;
        let path = self.database.path.clone();
        let made = self.database.write("create an instance", Undo::Savepoint, move |db| {
            let name = id.to_string();
            let new = db
                .prepare_cached(
                    "insert into instances (name, epoch, cover) values (?1, ?2, ?3) on conflict do nothing",
                )?
                .execute(params![name, epoch, cover])?;
            if new == 0 {
                return Ok(Written::Moved);
            }
            let instance = Instance { number: db.last_insert_rowid(), place: path.join(name), id };
            for (part, lines) in &chains {
                // They begin where an empty chain ends.
                let _ = instance.add(db, *part, lines)?;
            }
            instance.keep(db, &blobs)?;
            if unsettled > 0 {
                instance.wait(db, admitted, 0)?;
                instance.settle(db, admitted.saturating_sub(unsettled))?;
            }
            Ok(Written::Done)
        });
        async move {
            let made = made.await;
            self.database.news.notify_waiters();
            made
        }
        .boxed()
    }

    fn remove<'a>(&'a self, instance: &'a InstanceId, _: &'a Holder) -> BoxFuture<'a, Result<bool, Error>> {
        let (path, id) = (self.database.path.clone(), instance.clone());
        async move {
            if self.find(&id).await?.is_none() {
                return Ok(false);
            }
            let failpoints = self.database.failpoints.clone();
            let remove = move |db: &Connection| match numbered(db, &path, &id)? {
                Some(instance) => {
                    let removed = instance.remove(db)?;
                    failpoints.hit(failpoint::FORGETTING);
                    Ok(removed)
                }
                None => Ok(false),
            };
            self.database.write("remove an instance", Undo::Savepoint, remove).await
        }
        .boxed()
    }

    fn covers(&self) -> BoxFuture<'_, Result<Vec<Cover>, Error>> {
        let covers = self.database.look(|db| {
            let mut select = db.prepare_cached("select name, cover from instances order by name")?;
            let covers = select.query_map([], |row| {
                let (name, cover): (String, String) = (row.get(0)?, row.get(1)?);
                let place = self.database.path.join(name).display().to_string();
                Ok(Cover { place, content: Ok(line(cover.as_bytes())) })
            })?;
            Ok(covers.collect::<Result<_, _>>()?)
        });
        ready(covers.map(Option::unwrap_or_default)).boxed()
    }

    fn waiting(&self, most: usize) -> BoxFuture<'_, Result<Vec<InstanceId>, Error>> {
        let waiting = self.database.look(|db| {
            let now = Now::read();
            let mut select = db.prepare_cached(
                "select name, holder, boot, renewed, until from waiting join instances on id = instance order by since",
            )?;
            let mut rows = select.query([])?;
            let mut waiting = Vec::new();
            while waiting.len() < most
                && let Some(row) = rows.next()?
            {
                if Claim::of(row)?.and_then(|claim| claim.holds(&now)).is_none() {
                    // A name that damage made unreadable is told by whoever lists the file.
                    waiting.extend(row.get::<_, String>("name")?.parse::<InstanceId>());
                }
            }
            Ok(waiting)
        });
        ready(waiting.map(Option::unwrap_or_default)).boxed()
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        tokio::time::timeout(POLL, self.database.news.notified()).map(|_| ()).boxed()
    }
}

/// An instance by its name, and its inbox.
fn seen(db: &Connection, path: &Path, id: &InstanceId) -> Result<Option<(Instance, Seen)>, Refused> {
    // All of it as of one commit.
    let all = db.unchecked_transaction()?;
    let Some(instance) = numbered(&all, path, id)? else { return Ok(None) };
    let seen = look::inbox(&all, &instance)?;
    all.commit()?;
    Ok(seen.map(|seen| (instance, seen)))
}

/// An instance by its name.
fn numbered(db: &Connection, path: &Path, id: &InstanceId) -> Result<Option<Instance>, Refused> {
    let name = id.to_string();
    let mut select = db.prepare_cached("select id from instances where name = ?1")?;
    let number: Option<i64> = select.query_row([&name], |row| row.get(0)).optional()?;
    Ok(number.map(|number| Instance { number, id: id.clone(), place: path.join(name) }))
}

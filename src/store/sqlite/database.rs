//! One SQLite file, as this process has it open.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use rusqlite::Connection;
use tokio::sync::Notify;

use super::super::Error;
use super::inboxes::Inboxes;
use super::refused::Refused;
use super::schema;
use super::writer::{Undo, Writer};
use crate::telemetry::failpoint::Failpoints;

/// How many connections that only read are kept open.
const READERS: usize = 4;

/// A file: opened when it is first used, made when it is first written to.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) path: PathBuf,
    pub(super) failpoints: Failpoints,
    /// How long others may keep it locked.
    patience: Duration,
    /// Something was written here that others may wait for.
    pub(super) news: Notify,
    pub(super) inboxes: Inboxes,
    /// Those that nobody uses just now. Closed before the writer, which then leaves one file behind.
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Option<Writer>>,
}

impl Database {
    pub(super) fn new(path: &Path, failpoints: Failpoints, patience: Duration) -> Self {
        Self {
            path: path.to_owned(),
            failpoints,
            patience,
            news: Notify::new(),
            inboxes: Inboxes::default(),
            readers: Mutex::new(Vec::new()),
            writer: Mutex::new(None),
        }
    }

    /// Looks at what is committed; `None` while nothing was ever kept in the file.
    pub(super) fn look<T>(&self, verb: impl FnOnce(&Connection) -> Result<T, Refused>) -> Result<Option<T>, Error> {
        let kept = lock(&self.readers).pop();
        let Some(db) = kept.map_or_else(|| schema::reader(&self.path, self.patience), |db| Ok(Some(db)))? else {
            return Ok(None);
        };
        let seen = verb(&db).map_err(|refused| refused.at(&self.path, "read"))?;
        let mut readers = lock(&self.readers);
        if readers.len() < READERS {
            readers.push(db);
        }
        Ok(Some(seen))
    }

    /// Asks the writer for a verb: it is durable when this returns.
    pub(super) fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        undo: Undo,
        verb: impl FnOnce(&Connection) -> Result<T, Refused> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let mut writer = lock(&self.writer);
        let started = match writer.take() {
            Some(writer) => Ok(writer),
            None => schema::writer(&self.path, self.patience).and_then(|db| Writer::start(db, &self.path)),
        };
        match started {
            Ok(started) => writer.insert(started).ask(doing, undo, verb),
            Err(error) => ready(Err(error)).boxed(),
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

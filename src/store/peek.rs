//! An instance as it stood at one moment, without the right to write to it.

use bytes::Bytes;
use jiff::Timestamp;

use super::Error;
use super::effects::Effects;
use super::log;
use super::manifest::Manifest;
use super::medium::Medium;
use super::read::{Read, Verify, read};
use super::runs::Runs;
use crate::domain::clock;
use crate::domain::entry::Entry;
use crate::domain::id::RunId;
use crate::domain::run::{Run, State};

/// An instance as it stood at one moment. What a writer has not finished is left out.
#[derive(Debug)]
pub struct Peek {
    medium: Box<dyn Medium>,
    /// Its cover.
    pub manifest: Manifest,
    /// Its log, up to the last whole transaction.
    pub entries: Vec<Entry>,
    /// What was done about effects.
    pub effects: Effects,
    /// Bytes of its log and of the rows beside it.
    pub bytes: u64,
    runs: Runs,
}

impl Peek {
    pub(super) async fn of(mut medium: Box<dyn Medium>) -> Result<Self, Error> {
        let Read { manifest, log, inbox, applied, entries, effects, runs } = read(&mut *medium, Verify::All).await?;
        let bytes = [log, inbox, applied].iter().map(|tail| tail.len).sum();
        Ok(Self { medium, manifest, entries, effects, bytes, runs })
    }

    /// What was admitted, in the order of admission, and how far it got.
    pub fn runs(&self) -> impl Iterator<Item = (&Run, State)> {
        self.runs.all().iter().map(|run| (run, self.runs.state(&run.id).unwrap_or(State::Queued)))
    }

    /// Who asked for the end of a run that has no outcome yet.
    pub fn abort_asked(&self, run: &RunId) -> Option<&str> {
        self.runs.abort(run)
    }

    /// Who works on it now, for people.
    ///
    /// # Errors
    /// When that cannot be asked.
    pub async fn held(&mut self) -> Result<Option<String>, Error> {
        self.medium.held().await
    }

    /// What the model calls of its agent have cost in its repository on the UTC day of `at`, in nano-dollars;
    /// `None` where the store does not count that.
    ///
    /// # Errors
    /// When that cannot be asked.
    pub async fn spent(&mut self, at: Timestamp) -> Result<Option<u64>, Error> {
        Ok(self.medium.spent(clock::day(at), 0).await?.map(|day| day.agent_nano_usd))
    }

    /// Content by its digest, verified.
    ///
    /// # Errors
    /// When it is missing or not what its digest says.
    pub async fn blob(&mut self, digest: &str) -> Result<Bytes, Error> {
        log::blob(&mut *self.medium, digest).await
    }
}

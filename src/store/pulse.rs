//! The beat of a claim: keeps it while its log is busy elsewhere, and hears who wants its run to end.

use std::time::Duration;

use super::Error;
use super::chain::Tail;
use super::holder::Holder;
use super::log::Log;
use super::medium::Medium;
use super::read;
use super::runs::Runs;
use crate::domain::id::{Epoch, InstanceId, RunId};
use crate::telemetry::failpoint::{self, Failpoints};

/// A second hand on a claim, beside the [`Log`] that writes under it.
#[derive(Debug)]
pub struct Pulse {
    medium: Box<dyn Medium>,
    instance: InstanceId,
    holder: Holder,
    fence: Epoch,
    lease: Duration,
    /// How far the inbox was read.
    inbox: Tail,
    /// Who asked for which end since.
    heard: Runs,
    failpoints: Failpoints,
}

/// How a claim stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Beat {
    /// It lives for another lease.
    Held,
    /// It lives, and somebody wants its run to end.
    AbortAsked {
        /// Who.
        by: String,
    },
    /// It is over: nothing more may be written under it.
    Lost,
}

impl Log {
    /// A second hand on the claim under way; `None` while there is no claim.
    pub fn pulse(&self) -> Option<Pulse> {
        Some(Pulse {
            fence: self.claimed?,
            medium: self.medium.twin(),
            instance: self.instance().clone(),
            holder: self.holder.clone(),
            lease: self.lease,
            inbox: self.inbox,
            heard: Runs::default(),
            failpoints: self.failpoints.clone(),
        })
    }
}

impl Pulse {
    /// How long the claim lives after a beat, where claims end by time.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Keeps the claim for another lease, and looks whether somebody asked for the end of `run` since
    /// this pulse was taken.
    ///
    /// # Errors
    /// When the store cannot be asked: then nobody knows how the claim stands.
    pub async fn beat(&mut self, run: &RunId) -> Result<Beat, Error> {
        match self.medium.renew(self.fence, self.lease).await {
            Err(Error::Fenced { .. } | Error::Gone { .. }) => return Ok(Beat::Lost),
            renewed => renewed?,
        }
        self.failpoints.hit(failpoint::RENEWED);
        self.inbox = read::refresh_inbox(&mut *self.medium, &self.instance, &self.inbox, &mut self.heard).await?;
        Ok(match self.heard.abort(run) {
            Some(by) => Beat::AbortAsked { by: by.to_owned() },
            None => Beat::Held,
        })
    }

    /// Ends the claim, for who has lost its log.
    ///
    /// # Errors
    /// When the store cannot be told: then it ends by itself.
    pub async fn release(&mut self) -> Result<(), Error> {
        self.medium.release(self.fence).await
    }

    /// Ends the claim and opens the instance anew, with notes for people: for a claim whose log was lost
    /// with the work that held it. What that work may still do elsewhere is written by nobody.
    ///
    /// # Errors
    /// As for [`Store::open`](super::Store::open).
    pub async fn reopen(mut self) -> Result<(Log, Vec<String>), Error> {
        self.release().await?;
        Log::open(self.medium, self.holder, self.lease, self.failpoints).await
    }
}

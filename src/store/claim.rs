//! The right to write to an instance, as who opened it takes it, keeps it and gives it back.

use jiff::Timestamp;

use super::Error;
use super::log::{Log, TRIES};
use super::manifest;
use super::medium::{Bid, Written};
use crate::domain::entry::Entry;
use crate::domain::id::Epoch;
use crate::telemetry::failpoint;

impl Log {
    /// Gives out a new epoch; one that was claimed here before is given back. What was written since the
    /// opening is seen then; entries of others are returned with it.
    ///
    /// # Errors
    /// When another process holds the claim, it cannot be written, or the cover names the last epoch
    /// there can be.
    pub async fn claim(&mut self, at: Timestamp) -> Result<(Epoch, Vec<Entry>), Error> {
        match self.claim_if(at, |_| true).await? {
            (Some(epoch), entries) => Ok((epoch, entries)),
            (None, _) => Err(Error::Held { by: "others, one after the other".to_owned() }),
        }
    }

    /// The same as long as the log is one that is `wanted`, with all in it that others wrote; else `None`.
    /// Where they wrote nothing since the last look, it is not looked at again.
    ///
    /// # Errors
    /// As for [`Log::claim`].
    pub async fn claim_if(
        &mut self,
        at: Timestamp,
        wanted: impl Fn(&Self) -> bool,
    ) -> Result<(Option<Epoch>, Vec<Entry>), Error> {
        self.release().await?;
        let mut entries = Vec::new();
        for _ in 0..TRIES {
            if wanted(self)
                && let Some(epoch) = self.bid(at).await?
            {
                return Ok((Some(epoch), entries));
            }
            entries.extend(self.refresh().await?);
            if !wanted(self) {
                return Ok((None, entries));
            }
        }
        Err(Error::Held { by: "others, one after the other".to_owned() })
    }

    /// Takes the claim, if others wrote nothing since the last look.
    async fn bid(&mut self, at: Timestamp) -> Result<Option<Epoch>, Error> {
        let Some(epoch) = self.manifest.epoch.0.checked_add(1).map(Epoch) else {
            let path = self.medium.place().join(manifest::NAME);
            let what = format!("names epoch {}, which no hob ever reached", self.manifest.epoch);
            return Err(Error::Damaged { path, line: 1, offset: 0, what });
        };
        let (manifest, line) = self.cover(epoch, at)?;
        self.sound()?;
        let ends = [self.log, self.inbox, self.applied];
        let bid = Bid { holder: &self.holder, epoch, cover: &line, ends, lease: self.lease };
        let written = self.medium.claim(bid).await;
        if self.durably(written)? == Written::Moved {
            return Ok(None);
        }
        self.manifest = manifest;
        self.claimed = Some(epoch);
        self.failpoints.hit(failpoint::CLAIMED);
        Ok(Some(epoch))
    }

    /// Keeps the claim for another lease. One that ran out, and that nobody took since, goes on.
    ///
    /// # Errors
    /// When it is over, or the store cannot be asked.
    pub async fn renew(&mut self, fence: Epoch) -> Result<(), Error> {
        if self.claimed != Some(fence) {
            return Err(Error::Fenced { given: fence });
        }
        self.medium.renew(fence, self.lease).await
    }

    /// Gives the claim back without an outcome.
    ///
    /// # Errors
    /// When that cannot be written: then the claim ends by itself.
    pub async fn release(&mut self) -> Result<(), Error> {
        match self.claimed.take() {
            Some(fence) if !self.broken => self.medium.release(fence).await,
            _ => Ok(()),
        }
    }
}

//! What a run may still take of the day's money, which it shares with the other runs of its agent.

use jiff::civil::Date;

use super::{Error, Session};
use crate::domain::budget::Shared;
use crate::domain::clock;

/// A day as an attempt sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Today {
    date: Date,
    pub(super) shared: Shared,
}

impl Session {
    /// Looks what all of them have cost today: before each step, for others spend meanwhile. So many may be
    /// over the limit by one model call at most, each of them.
    pub(super) async fn look_at_day(&mut self) -> Result<(), Error> {
        let at = self.journal.clock.now();
        let Some(now) = self.journal.log.spent(self.journal.actor, at).await? else { return Ok(()) };
        let date = clock::day(at);
        let before = match self.today {
            Some(today) if today.date == date => today.shared.before,
            // A new day has new money.
            Some(_) | None => now,
        };
        self.today = Some(Today { date, shared: Shared { before, now } });
        Ok(())
    }
}

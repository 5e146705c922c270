//! What a run may still take of the day's money, which it shares with the other runs of its agent.

use super::{Error, Session};
use crate::domain::clock;

impl Session {
    /// Looks what all of them have cost today: before each step, for others spend meanwhile. So many may be
    /// over the limit by one model call at most, each of them.
    pub(super) async fn look_at_day(&mut self) -> Result<(), Error> {
        let at = self.journal.clock.now();
        let now = self.journal.log.lock().await.spent(self.journal.actor, at).await?;
        if let Some(now) = now {
            self.parts.purse.see_day(clock::day(at), now);
        }
        Ok(())
    }
}

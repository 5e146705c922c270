//! What a conversation has used of what it may, together with those beneath it, while they work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use tokio::time::Instant;

use super::history::{count, is_turn};
use crate::domain::budget::{Day, Limits, Spent, Standing};
use crate::domain::entry::Body;

/// The account of one conversation. What it uses is paid from those above it, too.
#[derive(Debug)]
pub struct Purse {
    above: Option<Arc<Purse>>,
    limits: Limits,
    /// When the attempt began.
    started: Instant,
    /// How long earlier attempts worked.
    before: Duration,
    spent: Mutex<Spent>,
    /// The day that the last look was on, where the store counts its money: of the outermost.
    day: Mutex<Option<Date>>,
}

impl Purse {
    /// An account from which `spent` was used before `started`.
    pub fn new(above: Option<Arc<Self>>, limits: Limits, started: Instant, spent: Spent) -> Arc<Self> {
        Arc::new(Self { above, limits, started, before: spent.time, spent: Mutex::new(spent), day: Mutex::default() })
    }

    /// What was used, this attempt's time included.
    pub(super) fn spent(&self) -> Spent {
        Spent { time: self.before + self.started.elapsed(), ..*self.lock() }
    }

    /// Takes off what an entry of this conversation cost.
    pub(super) fn pay(&self, body: &Body) {
        for purse in self.and_above() {
            count(&mut purse.lock(), body);
        }
        // Each conversation has turns of its own.
        self.lock().turns += u32::from(is_turn(body));
    }

    /// Takes up what the day has cost by now, which is the outermost conversation's matter.
    pub(super) fn see_day(&self, date: Date, now: Day) {
        let Some(outermost) = self.and_above().last() else { return };
        let mut day = outermost.day.lock().unwrap_or_else(PoisonError::into_inner);
        let mut spent = outermost.lock();
        spent.day.now = now;
        // A new day has new money.
        if day.replace(date) != Some(date) {
            spent.day.before = now;
        }
    }

    /// The tightest of all.
    pub(super) fn standing(&self) -> Standing {
        let own = self.limits.standing(&self.spent());
        let above = self.and_above().skip(1).map(|above| above.limits.standing(&Spent { turns: 0, ..above.spent() }));
        above.fold(own, tighter)
    }

    /// Tool calls that are left.
    pub(super) fn calls(&self) -> u32 {
        let left = |purse: &Self| purse.limits.calls.saturating_sub(purse.lock().calls);
        self.and_above().map(left).min().unwrap_or_default()
    }

    /// When the first of them has no time any more.
    pub(super) fn deadline(&self) -> Instant {
        let end = |purse: &Self| purse.started + purse.limits.time().saturating_sub(purse.before);
        self.and_above().map(end).min().unwrap_or(self.started)
    }

    fn and_above(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |purse| purse.above.as_deref())
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tighter(one: Standing, other: Standing) -> Standing {
    match (one, other) {
        (Standing::Over(_), _) | (Standing::Land(_), Standing::Free | Standing::Land(_)) => one,
        _ => other,
    }
}

//! What model calls cost, by UTC day: of an agent in a repository, over all its instances, for each actor.
//!
//! A bill is written in the one transaction that writes the entry which tells of the call: so a crash neither
//! loses money nor counts it twice, and what a run has spent counts before it has its outcome. Bills say no
//! more than numbers, and outlive the instances they are of: to forget a session makes nobody richer. Days are
//! kept for a month.
//!
//! Only a store that several runs share counts. A directory of bundles does not: an instance there is on its
//! own, wherever it is carried.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::Draft;
use crate::domain::budget::Day;
use crate::domain::clock;
use crate::domain::id::InstanceId;
use crate::domain::name::Name;

/// How many days are kept before the last one that was written to.
pub(super) const DAYS: i32 = 31;

/// Most that one model call is believed to cost, in nano-dollars: a million dollars. What a model's server says
/// of tokens is foreign, and sums must not overflow.
const MOST: u64 = 1_000_000_000_000_000;

/// What one model call cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bill {
    /// The host's numeric id of who started its run; `None` for the operator.
    pub actor: Option<u64>,
    /// As far as the price is known.
    pub nano_usd: u64,
}

/// The bills of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bills {
    pub(super) day: Date,
    /// In the order of actors, 0 for nobody: who counts them at once does so in one order.
    pub(super) by_actor: BTreeMap<u64, u64>,
}

impl Bills {
    /// `None` when there is nothing to pay.
    pub(super) fn of(drafts: &[Draft], at: Timestamp) -> Option<Self> {
        let mut by_actor = BTreeMap::<u64, u64>::new();
        for Bill { actor, nano_usd } in drafts.iter().filter_map(|draft| draft.bill).filter(|bill| bill.nano_usd > 0) {
            let sum = by_actor.entry(actor.unwrap_or_default()).or_default();
            *sum = sum.saturating_add(nano_usd).min(MOST);
        }
        (!by_actor.is_empty()).then(|| Self { day: clock::day(at), by_actor })
    }

    /// Actors and their sums, as databases count.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) fn rows(&self) -> impl Iterator<Item = (i64, i64)> {
        self.by_actor.iter().map(|(actor, nano_usd)| (actor.cast_signed(), nano_usd.cast_signed()))
    }
}

/// The days that memory keeps.
#[derive(Debug, Default)]
pub(super) struct Spending(BTreeMap<Date, BTreeMap<Whose, u64>>);

/// Host, repository, agent, actor.
type Whose = (String, u64, Name, u64);

impl Spending {
    pub(super) fn add(&mut self, instance: &InstanceId, bills: &Bills) {
        let oldest = bills.day.saturating_sub(jiff::Span::new().days(DAYS));
        self.0.retain(|day, _| *day >= oldest);
        let day = self.0.entry(bills.day).or_default();
        for (actor, nano_usd) in &bills.by_actor {
            let InstanceId { host, repo, agent, .. } = instance;
            let sum = day.entry((host.clone(), *repo, agent.clone(), *actor)).or_default();
            *sum = sum.saturating_add(*nano_usd);
        }
    }

    pub(super) fn of(&self, instance: &InstanceId, day: Date, actor: u64) -> Day {
        let mut sums = Day::default();
        for ((host, repo, agent, by), nano_usd) in self.0.get(&day).into_iter().flatten() {
            if (host, *repo, agent) == (&instance.host, instance.repo, &instance.agent) {
                let of_actor = if *by == actor { *nano_usd } else { 0 };
                sums.agent_nano_usd = sums.agent_nano_usd.saturating_add(*nano_usd);
                sums.actor_nano_usd = sums.actor_nano_usd.saturating_add(of_actor);
            }
        }
        sums
    }
}

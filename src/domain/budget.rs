//! How much a run may use, and how much it has used.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::Usage;

/// In nano-dollars.
const DOLLAR: u64 = 1_000_000_000;

/// What a run may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Model calls.
    pub turns: u32,
    /// Tokens, in and out, cached ones counted.
    pub tokens: u64,
    /// Tool calls.
    pub calls: u32,
    /// Money, in nano-dollars; not counted for models without a known price.
    pub cost_nano_usd: u64,
    /// Wall clock of all attempts together, seconds.
    pub seconds: u64,
    /// Money of all runs of the agent in one repository in a UTC day, in nano-dollars; counted where
    /// several runs share a store.
    pub per_day_nano_usd: u64,
    /// The same for the runs that one actor started; `None` where nobody's part is bounded.
    pub per_actor_day_nano_usd: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            turns: 50,
            tokens: 1_000_000,
            calls: 200,
            cost_nano_usd: 2 * DOLLAR,
            seconds: 30 * 60,
            per_day_nano_usd: 20 * DOLLAR,
            per_actor_day_nano_usd: None,
        }
    }
}

impl Limits {
    /// Wall clock of all attempts together.
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Which limit ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limited {
    /// Model calls.
    Turns,
    /// Tokens.
    Tokens,
    /// Tool calls.
    Calls,
    /// Money.
    Cost,
    /// Wall clock.
    Time,
    /// The same call again and again, with the same result.
    Loop,
    /// Money of a day.
    PerDay,
    /// Money of a day for one actor.
    PerActorDay,
}

impl Limited {
    /// The word as users read it: what is set in the agent's head has its key's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::Tokens => "tokens",
            Self::Calls => "calls",
            Self::Cost => "cost",
            Self::Time => "time",
            Self::Loop => "loop",
            Self::PerDay => "per_day",
            Self::PerActorDay => "per_actor_day",
        }
    }

    /// What is used up then, as the model reads it.
    pub fn budget(self) -> String {
        match self {
            Self::PerDay => "what was left of today's money for this agent".to_owned(),
            Self::PerActorDay => "what was left of today's money for who asked".to_owned(),
            own => format!("this run's budget of {}", own.as_str()),
        }
    }
}

/// Money that model calls of one UTC day cost, in nano-dollars: those of every run in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Of the agent in the repository.
    pub agent_nano_usd: u64,
    /// The part of it that one actor's runs cost; nothing where nobody started them.
    pub actor_nano_usd: u64,
}

/// How the day goes on that a run shares with others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// When the attempt first looked that day: what was left then is what it can share in.
    pub before: Day,
    /// Now.
    pub now: Day,
}

/// What a run has used so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Model calls that were answered.
    pub turns: u32,
    /// Sum of their tokens.
    pub usage: Usage,
    /// Tool calls that have a result.
    pub calls: u32,
    /// Price of the model calls in nano-dollars; `None` once a model without a sourced price answered.
    pub cost_nano_usd: Option<u64>,
    /// The part of that price which is known.
    pub paid_nano_usd: u64,
    /// Wall clock of all attempts together.
    pub time: Duration,
    /// What all runs of the day have cost; nothing where the store does not count that.
    pub day: Shared,
}

impl Default for Spent {
    fn default() -> Self {
        Self {
            turns: 0,
            usage: Usage::default(),
            calls: 0,
            cost_nano_usd: Some(0),
            paid_nano_usd: 0,
            time: Duration::ZERO,
            day: Shared::default(),
        }
    }
}

/// Where a run stands against its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Below 80 % of every limit.
    Free,
    /// At 80 % of this one: the model is told to land.
    Land(Limited),
    /// At 100 % of this one: no further model call.
    Over(Limited),
}

impl Limits {
    /// Which of the day's limits lets no run begin, with what was spent and what may be.
    pub fn day_over(&self, day: Day) -> Option<(Limited, u64, u64)> {
        let agent = (Limited::PerDay, day.agent_nano_usd, self.per_day_nano_usd);
        let actor = self.per_actor_day_nano_usd.map(|most| (Limited::PerActorDay, day.actor_nano_usd, most));
        [Some(agent), actor].into_iter().flatten().find(|(_, spent, most)| spent >= most)
    }

    /// Compares what was used with what may be.
    pub fn standing(&self, spent: &Spent) -> Standing {
        let Shared { before, now } = spent.day;
        let shared = |limit, now: u64, before: u64, most: u64| {
            (limit, u128::from(now.saturating_sub(before)), u128::from(most.saturating_sub(before)))
        };
        let of_actor = self.per_actor_day_nano_usd.unwrap_or(u64::MAX);
        let used = [
            (Limited::Turns, u128::from(spent.turns), u128::from(self.turns)),
            (Limited::Tokens, u128::from(spent.usage.total()), u128::from(self.tokens)),
            (Limited::Calls, u128::from(spent.calls), u128::from(self.calls)),
            (Limited::Cost, u128::from(spent.paid_nano_usd), u128::from(self.cost_nano_usd)),
            (Limited::Time, spent.time.as_millis(), self.time().as_millis()),
            shared(Limited::PerDay, now.agent_nano_usd, before.agent_nano_usd, self.per_day_nano_usd),
            shared(Limited::PerActorDay, now.actor_nano_usd, before.actor_nano_usd, of_actor),
        ];
        let reached =
            |tenths: u128| used.iter().find(|(_, used, most)| used * 10 >= most * tenths).map(|(which, _, _)| *which);
        match (reached(10), reached(8)) {
            (Some(which), _) => Standing::Over(which),
            (None, Some(which)) => Standing::Land(which),
            (None, None) => Standing::Free,
        }
    }
}

/// Money as people read it: `20.03 USD`, rounded down.
pub fn dollars(nano_usd: u64) -> String {
    let cents = nano_usd / (DOLLAR / 100);
    format!("{}.{:02} USD", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_day_that_is_shared_what_was_left_at_first_is_what_a_run_can_share_in() {
        let limits = Limits { per_day_nano_usd: 100, per_actor_day_nano_usd: Some(30), ..Limits::default() };
        let day = |agent_nano_usd, actor_nano_usd| Day { agent_nano_usd, actor_nano_usd };
        for (before, now, expected) in [
            (day(0, 0), day(79, 23), Standing::Free),
            (day(0, 0), day(80, 0), Standing::Land(Limited::PerDay)),
            // Most of the day is gone, and nothing of what was left.
            (day(90, 0), day(90, 0), Standing::Free),
            (day(90, 0), day(98, 0), Standing::Land(Limited::PerDay)),
            (day(90, 0), day(100, 0), Standing::Over(Limited::PerDay)),
            (day(100, 0), day(100, 0), Standing::Over(Limited::PerDay)),
            (day(120, 0), day(120, 0), Standing::Over(Limited::PerDay)),
            (day(20, 20), day(28, 28), Standing::Land(Limited::PerActorDay)),
            (day(20, 20), day(31, 31), Standing::Over(Limited::PerActorDay)),
        ] {
            let spent = Spent { day: Shared { before, now }, ..Spent::default() };
            assert_eq!(limits.standing(&spent), expected, "{before:?}, {now:?}");
        }
    }

    #[test]
    fn a_run_is_told_at_80_percent_and_stopped_at_100() {
        let limits =
            Limits { turns: 10, tokens: 1000, calls: 20, cost_nano_usd: 500, seconds: 100, ..Limits::default() };
        let spent = |turns, tokens, seconds| Spent {
            turns,
            usage: Usage { input: tokens, ..Usage::default() },
            time: Duration::from_secs(seconds),
            ..Spent::default()
        };
        for (given, expected) in [
            (spent(0, 0, 0), Standing::Free),
            (spent(7, 799, 79), Standing::Free),
            (spent(8, 0, 0), Standing::Land(Limited::Turns)),
            (spent(0, 800, 0), Standing::Land(Limited::Tokens)),
            (spent(9, 1000, 0), Standing::Over(Limited::Tokens)),
            (spent(10, 1000, 0), Standing::Over(Limited::Turns)),
            (spent(0, 0, 100), Standing::Over(Limited::Time)),
            (Spent { calls: 16, ..Spent::default() }, Standing::Land(Limited::Calls)),
            (Spent { calls: 20, ..Spent::default() }, Standing::Over(Limited::Calls)),
            (Spent { paid_nano_usd: 400, ..Spent::default() }, Standing::Land(Limited::Cost)),
            (Spent { paid_nano_usd: 501, cost_nano_usd: None, ..Spent::default() }, Standing::Over(Limited::Cost)),
            // What a model costs that nobody knows a price of is not counted.
            (Spent { cost_nano_usd: None, ..Spent::default() }, Standing::Free),
        ] {
            assert_eq!(limits.standing(&given), expected, "{given:?}");
        }
    }
}

//! How much a run may use, and how much it has used.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::Usage;

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
}

impl Default for Limits {
    fn default() -> Self {
        Self { turns: 50, tokens: 1_000_000, calls: 200, cost_nano_usd: 2_000_000_000, seconds: 30 * 60 }
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
}

impl Limited {
    /// The word as users read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::Tokens => "tokens",
            Self::Calls => "calls",
            Self::Cost => "cost",
            Self::Time => "time",
            Self::Loop => "loop",
        }
    }
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
    /// Compares what was used with what may be.
    pub fn standing(&self, spent: &Spent) -> Standing {
        let used = [
            (Limited::Turns, u128::from(spent.turns), u128::from(self.turns)),
            (Limited::Tokens, u128::from(spent.usage.total()), u128::from(self.tokens)),
            (Limited::Calls, u128::from(spent.calls), u128::from(self.calls)),
            (Limited::Cost, u128::from(spent.paid_nano_usd), u128::from(self.cost_nano_usd)),
            (Limited::Time, spent.time.as_millis(), self.time().as_millis()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_at_80_percent_and_stopped_at_100() {
        let limits = Limits { turns: 10, tokens: 1000, calls: 20, cost_nano_usd: 500, seconds: 100 };
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

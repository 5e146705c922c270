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
    /// Wall clock of all attempts together, seconds.
    pub seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { turns: 50, tokens: 1_000_000, seconds: 30 * 60 }
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
    /// Money (part of the stored words; nothing counts it yet).
    Cost,
    /// Wall clock.
    Time,
}

impl Limited {
    /// The word as users read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
            Self::Time => "time",
        }
    }
}

/// What a run has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Model calls that were answered.
    pub turns: u32,
    /// Sum of their tokens.
    pub usage: Usage,
    /// Wall clock of all attempts together.
    pub time: Duration,
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
        let limits = Limits { turns: 10, tokens: 1000, seconds: 100 };
        let spent = |turns, tokens, seconds| Spent {
            turns,
            usage: Usage { input: tokens, ..Usage::default() },
            time: Duration::from_secs(seconds),
        };
        for (given, expected) in [
            (spent(0, 0, 0), Standing::Free),
            (spent(7, 799, 79), Standing::Free),
            (spent(8, 0, 0), Standing::Land(Limited::Turns)),
            (spent(0, 800, 0), Standing::Land(Limited::Tokens)),
            (spent(9, 1000, 0), Standing::Over(Limited::Tokens)),
            (spent(10, 1000, 0), Standing::Over(Limited::Turns)),
            (spent(0, 0, 100), Standing::Over(Limited::Time)),
        ] {
            assert_eq!(limits.standing(&given), expected, "{given:?}");
        }
    }
}

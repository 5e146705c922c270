//! Whether there is money left today to begin a run with.

use jiff::Timestamp;

use super::claimed::Instance;
use super::settle::Verdict;
use crate::domain::budget::{Limited, Limits, dollars};
use crate::domain::run::Run;
use crate::store;

/// How a run ends that cannot be begun today; `None` where it can, and where it was begun: that one ends in
/// its conversation, with what exists.
pub(super) async fn used_up(
    instance: &mut Instance,
    run: &Run,
    limits: &Limits,
    at: Timestamp,
) -> Result<Option<Verdict>, store::Error> {
    if instance.history.find(&run.id).is_some_and(|known| known.attempts > 0) {
        return Ok(None);
    }
    let day = instance.log.spent(run.actor(), at).await?;
    let over = day.and_then(|day| limits.day_over(day));
    Ok(over.map(|(limit, spent, most)| Verdict::not_begun(limit, words(limit, spent, most, at))))
}

/// For who waits for an answer.
fn words(limit: Limited, spent: u64, most: u64, at: Timestamp) -> String {
    let whose =
        if limit == Limited::PerActorDay { "one person's runs of this agent" } else { "the runs of this agent" };
    let (spent, most, key) = (dollars(spent), dollars(most), limit.as_str());
    format!(
        "hob did not begin this run: {whose} have cost {spent} in this repository today, and its `{key}` is {most}. The \
         day ends at 00:00 UTC, in {}: start it again then, or raise `{key}` in the agent's `limits`.",
        left_of_day(at)
    )
}

/// `2 h 5 min`: rounded up.
fn left_of_day(at: Timestamp) -> String {
    let minutes = 24 * 60 - at.as_second().rem_euclid(24 * 3600) / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_what_is_used_up_and_when_it_ends() {
        let at = |time: &str| format!("2026-03-01T{time}Z").parse().unwrap();
        insta::assert_snapshot!(words(Limited::PerDay, 20_039_000_000, 20_000_000_000, at("18:47:30")), @"hob did not begin this run: the runs of this agent have cost 20.03 USD in this repository today, and its `per_day` is 20.00 USD. The day ends at 00:00 UTC, in 5 h 13 min: start it again then, or raise `per_day` in the agent's `limits`.");
        insta::assert_snapshot!(words(Limited::PerActorDay, 5_000_000_000, 5_000_000_000, at("00:00:00")), @"hob did not begin this run: one person's runs of this agent have cost 5.00 USD in this repository today, and its `per_actor_day` is 5.00 USD. The day ends at 00:00 UTC, in 24 h: start it again then, or raise `per_actor_day` in the agent's `limits`.");
        assert_eq!(left_of_day(at("23:59:59")), "1 min");
    }
}

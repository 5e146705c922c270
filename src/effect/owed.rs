//! What is owed: the proposals of runs that completed, less what the rows say is done. Pure.

use crate::domain::effect::{Effect, State, Write};
use crate::domain::outcome::Outcome;
use crate::store::Effects;

/// A run that is over.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// How it ended.
    pub outcome: &'a Outcome,
    /// What stands in its plan, in the order it was proposed.
    pub proposed: &'a [Effect],
}

/// An effect without a final state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// What is to be written.
    pub effect: Effect,
    /// What the same run proposed before it, for the rules.
    pub earlier: Vec<Effect>,
    /// A later run of the instance has another text for the same object: it is not sent.
    pub superseded: bool,
}

/// What is owed, in the order of runs and of proposals. `finished` is in the order of the runs. Of
/// the statuses of an instance only the newest is sent, whatever became of it; a run that failed or
/// was stopped leaves nothing behind.
pub fn owed<'a>(finished: impl IntoIterator<Item = Finished<'a>>, effects: &Effects) -> Vec<Owed> {
    let plans: Vec<&[Effect]> = finished
        .into_iter()
        .filter(|run| matches!(run.outcome, Outcome::Completed { .. }))
        .map(|run| run.proposed)
        .collect();
    let is_status = |effect: &&Effect| matches!(effect.write, Write::Status { .. });
    let newest = plans.iter().copied().flatten().rfind(is_status).map(|effect| &effect.run);
    let mut owed = Vec::new();
    for plan in plans {
        for (at, effect) in plan.iter().enumerate() {
            if effects.state(effect).is_some_and(State::is_final) {
                continue;
            }
            let superseded = is_status(&effect) && newest.is_some_and(|newest| *newest != effect.run);
            let earlier = plan.iter().take(at).cloned().collect();
            owed.push(Owed { effect: effect.clone(), earlier, superseded });
        }
    }
    owed
}

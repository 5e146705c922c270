//! What the job writes: what settled runs of the instance proposed, and what became of it.

use super::ending::{Fate, Written};
use crate::cli::live::words;
use crate::domain::effect::{Effect, State};
use crate::domain::id::RunId;
use crate::effect::{self, Came, Finished, Owed};
use crate::session::history::History;
use crate::store::Effects;

/// Columns of what is written, in a line of the log.
const GIST: usize = 100;

/// What no job has written yet.
pub(super) fn owed(history: &History, effects: &Effects) -> Vec<Owed> {
    let finished = history.runs.iter().filter_map(|run| {
        let settled = run.settled.as_ref()?;
        Some(Finished { outcome: &settled.outcome, proposed: &run.proposed })
    });
    effect::owed(finished, effects)
}

/// What came of writes when sending them was given up in the middle.
pub(super) fn cut_short(owed: Vec<Effect>, effects: &Effects) -> Vec<(Effect, Came)> {
    let came = |effect: &Effect| match effects.state(effect) {
        Some(state) => Came::Done(state.clone()),
        None => Came::Waiting { reason: "hob was told to stop".to_owned() },
    };
    let with = |effect: Effect| {
        let came = came(&effect);
        (effect, came)
    };
    owed.into_iter().map(with).collect()
}

/// What became of a write, as a line of the log.
pub(super) fn line(effect: &Effect, came: &Came, is_remembered: bool) -> String {
    let what = words::proposed(effect, GIST);
    match came {
        Came::Done(State::Applied(object) | State::Found(object)) if !object.url.is_empty() => {
            format!("{what}: {}", object.url)
        }
        Came::Done(State::Applied(_) | State::Found(_)) => format!("{what}: done"),
        Came::Done(state) => format!("{what}: {state}"),
        Came::Waiting { reason } if is_remembered => format!("{what} waits for the next job: {reason}"),
        Came::Waiting { reason } => format!("{what}: not written, run the job again: {reason}"),
    }
}

/// A write, and what became of it in this job or before.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    effect: Effect,
    came: Came,
}

impl Sent {
    /// Everything that a run proposed and everything that this job wrote for others, in their order.
    pub(super) fn of(run: &RunId, history: &History, effects: &Effects, came: Vec<(Effect, Came)>) -> Vec<Self> {
        let mut sent: Vec<Self> = came.into_iter().map(|(effect, came)| Self { effect, came }).collect();
        let proposed = history.find(run).map_or(&[][..], |known| known.proposed.as_slice());
        let before = proposed.iter().filter_map(|effect| {
            let is_new = sent.iter().any(|new| new.effect.key == effect.key && new.effect.run == effect.run);
            let state = effects.state(effect).filter(|_| !is_new)?;
            Some(Self { effect: effect.clone(), came: Came::Done(state.clone()) })
        });
        let before: Vec<Self> = before.collect();
        sent.splice(0..0, before);
        sent
    }

    /// Whether it stands on the forge, or need not.
    pub(super) fn is_well(&self) -> bool {
        matches!(self.came, Came::Done(State::Applied(_) | State::Found(_) | State::Superseded))
    }

    /// Whether the next job has it to do.
    pub(super) fn waits(&self) -> bool {
        matches!(self.came, Came::Waiting { .. } | Came::Done(State::Unknown { .. }))
    }

    /// As it is shown.
    pub(super) fn written(&self) -> Written<'_> {
        let fate = match &self.came {
            Came::Done(State::Applied(object)) => Fate::Applied { url: &object.url },
            Came::Done(State::Found(object)) => Fate::Found { url: &object.url },
            Came::Done(State::Superseded) => Fate::Superseded,
            Came::Done(State::Dropped { reason }) => Fate::Dropped { reason },
            Came::Done(State::Unknown { reason }) | Came::Waiting { reason } => Fate::Waiting { reason },
        };
        Written { effect: &self.effect, fate }
    }
}

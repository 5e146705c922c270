//! What this process last saw of inboxes, so that an admission need not look.
//!
//! It may be old: who enters a row is told when it is not the next one any more, or when a newer epoch
//! was given out, and looks.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::chain::{Lines, Tail};
use super::super::medium::Inbox;
use super::verbs::Instance;
use crate::domain::id::{Epoch, InstanceId, RunId};

/// How many instances are remembered.
const INSTANCES: usize = 1024;

/// And how many of their runs.
const RUNS: usize = 1 << 16;

/// An inbox as it stood.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) tail: Tail,
    /// The newest one that was given out.
    pub(super) epoch: Epoch,
    /// All that it admits.
    pub(super) runs: HashSet<RunId>,
}

impl Seen {
    pub(super) fn asked(&self, run: &RunId) -> Inbox {
        Inbox { tail: self.tail, epoch: self.epoch, knows: self.runs.contains(run) }
    }
}

/// The inboxes of a file.
#[derive(Debug, Default)]
pub(super) struct Inboxes(Mutex<HashMap<InstanceId, (Arc<Instance>, Seen)>>);

impl Inboxes {
    /// An inbox, as far as the admission of a run asks.
    pub(super) fn ask(&self, instance: &InstanceId, run: &RunId) -> Option<(Arc<Instance>, Inbox)> {
        let all = self.all();
        let (instance, seen) = all.get(instance)?;
        Some((instance.clone(), seen.asked(run)))
    }

    pub(super) fn saw(&self, instance: &Arc<Instance>, seen: Seen) {
        let mut all = self.all();
        let runs: usize = all.values().map(|(_, seen)| seen.runs.len()).sum();
        if all.len() >= INSTANCES || runs >= RUNS {
            all.clear();
        }
        all.insert(instance.id.clone(), (instance.clone(), seen));
    }

    /// Rows were entered here, of which one alone may admit a run.
    pub(super) fn entered(&self, instance: &Instance, rows: &Lines, admits: Option<&RunId>) {
        if let Some((known, seen)) = self.all().get_mut(&instance.id)
            && known.number == instance.number
            && seen.tail == rows.from
        {
            seen.tail = rows.to;
            seen.runs.extend(admits.cloned());
        }
    }

    /// An epoch was given out here.
    pub(super) fn claimed(&self, instance: &Instance, epoch: Epoch) {
        if let Some((known, seen)) = self.all().get_mut(&instance.id)
            && known.number == instance.number
        {
            seen.epoch = epoch;
        }
    }

    /// It was removed.
    pub(super) fn gone(&self, instance: &Instance) {
        let mut all = self.all();
        if all.get(&instance.id).is_some_and(|(known, _)| known.number == instance.number) {
            all.remove(&instance.id);
        }
    }

    /// It does not stand any more as it did when it ended like this.
    pub(super) fn moved(&self, instance: &Instance, tail: &Tail) {
        let mut all = self.all();
        if all.get(&instance.id).is_some_and(|(_, seen)| seen.tail == *tail) {
            all.remove(&instance.id);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<InstanceId, (Arc<Instance>, Seen)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

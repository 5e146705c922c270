//! What was admitted and what became of it, folded from the inbox and the log.

use std::collections::BTreeMap;

use super::super::Error;
use crate::domain::entry::Body;
use crate::domain::id::RunId;
use crate::domain::run::{Run, State};

/// The runs of one instance in the order of their admission.
#[derive(Debug, Default)]
pub(super) struct Runs {
    admitted: Vec<Run>,
    /// Of runs that were begun; all others are queued.
    begun: BTreeMap<RunId, State>,
}

impl Runs {
    /// A row of the inbox. A run is unique on its id: the first row counts.
    pub(super) fn admit(&mut self, run: Run) {
        if self.get(&run.id).is_none() {
            self.admitted.push(run);
        }
    }

    /// An entry of the log. The first outcome counts, for ever.
    pub(super) fn see(&mut self, body: &Body) {
        match body {
            Body::AttemptStarted(started) => {
                self.begun.entry(started.run.clone()).or_insert(State::Running);
            }
            Body::Input(input) => {
                self.begun.entry(input.run.clone()).or_insert(State::Running);
            }
            Body::Settled(settled) => {
                let state = self.begun.entry(settled.run.clone()).or_insert(State::Running);
                if *state == State::Running {
                    *state = State::Settled(settled.outcome.clone());
                }
            }
            _ => {}
        }
    }

    /// Refuses an entry that would settle a run twice, or one that was never admitted.
    pub(super) fn check(&self, body: &Body) -> Result<(), Error> {
        let Body::Settled(settled) = body else { return Ok(()) };
        match self.state(&settled.run) {
            None => Err(Error::NotAdmitted { run: settled.run.clone() }),
            Some(State::Settled(outcome)) => Err(Error::Settled { run: settled.run.clone(), outcome }),
            Some(State::Queued | State::Running) => Ok(()),
        }
    }

    pub(super) fn all(&self) -> &[Run] {
        &self.admitted
    }

    pub(super) fn state(&self, id: &RunId) -> Option<State> {
        self.get(id)?;
        Some(self.begun.get(id).cloned().unwrap_or(State::Queued))
    }

    fn get(&self, id: &RunId) -> Option<&Run> {
        self.admitted.iter().find(|run| run.id == *id)
    }
}

//! What was admitted and what became of it, folded from the inbox and the log.

use std::collections::HashMap;

use super::Error;
use super::rows::{Abort, Row};
use crate::domain::entry::Body;
use crate::domain::id::RunId;
use crate::domain::run::{Run, State};

/// What is known of one run.
#[derive(Debug, Default)]
struct Known {
    admitted: bool,
    /// `None` until it was begun.
    begun: Option<State>,
    /// Who asked first for its end.
    abort: Option<String>,
}

/// The runs of one instance in the order of their admission.
#[derive(Debug, Default)]
pub(super) struct Runs {
    admitted: Vec<Run>,
    /// By id, of every run that a row or an entry names.
    known: HashMap<RunId, Known>,
}

impl Runs {
    /// A row of the inbox.
    pub(super) fn row(&mut self, row: Row) {
        match row {
            Row::Admitted(run) => self.admit(*run),
            Row::Abort(Abort { run, by }) => _ = self.known.entry(run).or_default().abort.get_or_insert(by),
        }
    }

    /// A run is unique on its id: the first row counts.
    pub(super) fn admit(&mut self, run: Run) {
        let known = self.known.entry(run.id.clone()).or_default();
        if !known.admitted {
            known.admitted = true;
            // Most instances have one, and a run is large.
            self.admitted.reserve_exact(usize::from(self.admitted.is_empty()));
            self.admitted.push(run);
        }
    }

    /// An entry of the log. The first outcome counts, for ever.
    pub(super) fn see(&mut self, body: &Body) {
        match body {
            Body::AttemptStarted(started) => _ = self.begin(&started.run),
            Body::Input(input) => _ = self.begin(&input.run),
            Body::Settled(settled) => {
                let state = self.begin(&settled.run);
                if *state == State::Running {
                    *state = State::Settled(settled.outcome.clone());
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, id: &RunId) -> &mut State {
        self.known.entry(id.clone()).or_default().begun.get_or_insert(State::Running)
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

    /// Who asked for the end of a run that has no outcome yet.
    pub(super) fn abort(&self, id: &RunId) -> Option<&str> {
        let known = self.known.get(id)?;
        if matches!(known.begun, Some(State::Settled(_))) { None } else { known.abort.as_deref() }
    }

    /// How many have no outcome.
    pub(super) fn unsettled(&self) -> usize {
        self.admitted.iter().filter(|run| !matches!(self.state(&run.id), Some(State::Settled(_)))).count()
    }

    pub(super) fn all(&self) -> &[Run] {
        &self.admitted
    }

    pub(super) fn state(&self, id: &RunId) -> Option<State> {
        let known = self.known.get(id).filter(|known| known.admitted)?;
        Some(known.begun.clone().unwrap_or(State::Queued))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{EventKey, InstanceId};
    use crate::domain::run::{Authority, Task};

    #[test]
    fn thirty_thousand_runs_are_found_by_their_ids() {
        let instance: InstanceId = "github.com/700100/issue/42/triage".parse().unwrap();
        let admitted_at = "2026-03-01T09:00:00Z".parse().unwrap();
        let run = |n: usize| {
            let event_key = EventKey::from_parts(["local", &n.to_string()]);
            let id = RunId::derive(&instance, &event_key, None);
            Run {
                id,
                instance: instance.clone(),
                event_key,
                attempt_tag: None,
                admitted_at,
                authority: Authority::default(),
                task: Task::default(),
            }
        };
        let many: Vec<Run> = (0..30_000).map(run).collect();
        let mut runs = Runs::default();
        // One look at each run for every row would take minutes.
        for run in many.iter().chain(&many) {
            runs.admit(run.clone());
        }
        assert!(many.iter().all(|run| runs.state(&run.id) == Some(State::Queued)));
        assert_eq!(runs.all().len(), many.len());
        assert_eq!(runs.state(&run(30_000).id), None);
    }
}

//! What is wanted of an instance, compared with what its inbox holds: the same wish again is the
//! same run.

use super::kept;
use super::refusal::Refusal;
use crate::channel::{Asked, AskedWrong};
use crate::domain::entry::Entry;
use crate::domain::event::Event;
use crate::domain::id::{InstanceId, RunId};
use crate::domain::run::{Authority, Run, State};
use crate::embed::machine::clock;
use crate::queue;
use crate::store::{Log, Store};
use crate::telemetry::redact::Redactor;

/// What is wanted of an instance.
pub(super) struct Wish {
    /// Something to do; else to go on with what was left.
    asked: Result<Asked, AskedWrong>,
    again: Again,
}

/// What is wanted where the event is settled.
pub(super) enum Again {
    /// What it came to.
    Shown,
    /// A new run, each time.
    Anew,
    /// A new run, once for each attempt with such a tag.
    Attempt(String),
}

impl Wish {
    /// A wish as its run would be kept, so that it can be compared with those that are.
    pub(super) fn new(asked: Result<Asked, AskedWrong>, again: Again, redactor: &Redactor) -> Self {
        let kept = |asked: Asked| {
            let json = serde_json::to_string(&asked.task).ok();
            let task = json.and_then(|json| serde_json::from_str(&redactor.redact_json(&json)).ok());
            Asked { task: task.unwrap_or(asked.task), ..asked }
        };
        Self { asked: asked.map(kept), again }
    }

    /// The run that is this wish and is settled, with its log. Asked of a look alone: it is shown without
    /// a model, a sandbox or the right to write. Refuses when there is neither something to do nor left.
    pub(super) async fn settled(
        &self,
        store: &Store,
        instance: &InstanceId,
    ) -> Result<Option<(Run, Vec<Entry>)>, Refusal> {
        let peeked = kept::look(store, instance, |run| self.may_be(run)).await?;
        let known =
            peeked.as_ref().and_then(|peeked| self.known(peeked.runs())).map(|(run, state)| (run.clone(), state));
        match (known, peeked, &self.asked) {
            (Some((run, State::Settled(_))), Some(peeked), _) => Ok(Some((run, peeked.entries))),
            (None, _, Err(nothing)) => Err(Refusal::usage(nothing)),
            _ => Ok(None),
        }
    }

    /// Admits the run that is wished for on this authority, or finds it, with the one that it was admitted on.
    pub(super) async fn admit(
        self,
        authority: Authority,
        store: &Store,
        log: &mut Log,
        redactor: &Redactor,
    ) -> Result<Run, Refusal> {
        if let Some((run, _)) = self.known(states(log)) {
            return Ok(run.clone());
        }
        let Asked { instance, key, task } = self.asked.map_err(Refusal::usage)?;
        let same = log.runs().iter().filter(|run| run.event_key == key).count();
        let attempt_tag = match self.again {
            Again::Attempt(tag) => Some(tag),
            Again::Shown | Again::Anew => (same > 0).then(|| format!("again-{same}")),
        };
        let run = Run {
            id: RunId::derive(&instance, &key, attempt_tag.as_deref()),
            instance,
            event_key: key,
            attempt_tag,
            admitted_at: clock().now(),
            authority,
            task,
        };
        let label = log.manifest().label.clone();
        queue::admit(store, &run, &label, redactor).await?;
        log.refresh().await?;
        Ok(run)
    }

    /// Whether the run may be this wish already, by what was asked of it.
    fn may_be(&self, run: &Run) -> bool {
        self.asked.as_ref().map_or(true, |asked| run.event_key == asked.key || run.task == asked.task)
    }

    /// The run that is this wish already. Words and data are a new run each time, unless the same
    /// ones were left unfinished: whoever says them again means that run.
    fn known<'a>(&self, runs: impl Iterator<Item = (&'a Run, State)>) -> Option<(&'a Run, State)> {
        let is_left = |state: &State| !matches!(state, State::Settled(_));
        let newest = match &self.asked {
            Ok(Asked { key, task, .. }) => {
                runs.filter(|(run, state)| run.event_key == *key || (is_left(state) && run.task == *task)).last()
            }
            Err(_) => runs.filter(|(_, state)| is_left(state)).last(),
        };
        newest.filter(|(run, state)| match &self.again {
            Again::Shown => true,
            Again::Anew => is_left(state),
            Again::Attempt(tag) => is_left(state) || run.attempt_tag.as_ref() == Some(tag),
        })
    }
}

/// Runs without an outcome that are worked on before this one.
pub(super) fn left_before(run: &Run, log: &Log) -> Vec<Run> {
    let before = states(log).take_while(|(earlier, _)| earlier.id != run.id);
    before.filter(|(_, state)| !matches!(state, State::Settled(_))).map(|(run, _)| run.clone()).collect()
}

/// How people call what the instance continues on.
pub(super) fn label(instance: &InstanceId, event: Option<&Event>) -> String {
    let thing = event.map_or_else(|| instance.key.clone(), Event::reference);
    format!("{thing} ({})", instance.agent)
}

fn states(log: &Log) -> impl Iterator<Item = (&Run, State)> {
    log.runs().iter().filter_map(|run| Some((run, log.state(&run.id)?)))
}

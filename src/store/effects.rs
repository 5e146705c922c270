//! Rows about effects: what was done about them. The log says what is owed, these rows what came of
//! it; each names how far the log had come, so that it means nothing beside another log.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Error;
use super::chain::{Fault, Mark, Named};
use super::manifest::Manifest;
use super::record::Record;
use crate::domain::effect::{Claimed, Done, Effect, EffectKey, Row, State};
use crate::domain::id::RunId;
use crate::telemetry::redact::Redactor;

/// An effect is about to be sent.
pub(super) const CLAIMED: &str = "effect_claimed";
/// This came of it.
pub(super) const DONE: &str = "effect_done";

/// A row as it is stored, without secrets: its JSON, and what that reads back as.
pub(super) fn stored<T: Serialize + for<'de> Deserialize<'de>>(
    kind: &'static str,
    row: &T,
    log: Mark,
    redactor: &Redactor,
) -> Result<(String, T), Error> {
    let unstorable = |source| Error::Unstorable { kind: kind.to_owned(), source };
    let json = redactor.redact_json(&serde_json::to_string(&Bound { row, log }).map_err(unstorable)?).into_owned();
    let stored = serde_json::from_str(&json).map_err(unstorable)?;
    Ok((json, stored))
}

/// A row, and the end of the log it was written for.
#[derive(Serialize)]
struct Bound<'a, T> {
    #[serde(flatten)]
    row: &'a T,
    log: Mark,
}

/// A row as it was read: the end of the log at that time, and the row, `None` for a kind that a newer
/// version brought.
pub(super) type Line = (Mark, Option<Row>);

/// What the log must reach: the manifest says so, and every row.
pub(super) fn log_marks(manifest: &Manifest, rows: &[Line]) -> Vec<Named> {
    let by_row = |(mark, _): &Line| Named { mark: *mark, by: "`applied.jsonl`" };
    std::iter::once(Named::by_manifest(manifest.log)).chain(rows.iter().map(by_row)).collect()
}

/// Reads a line.
pub(super) fn row(line: &Record<'_>) -> Result<Line, Fault> {
    #[derive(Deserialize)]
    struct End {
        log: Mark,
    }
    fn read<'a, T: Deserialize<'a>>(line: &Record<'a>) -> Result<T, Fault> {
        let newer = |error| Fault::Newer(format!("is another `{}` row: {error}", line.kind.escape_debug()));
        serde_json::from_str(line.body.get()).map_err(newer)
    }
    let row = match &*line.kind {
        CLAIMED => Some(Row::Claimed(read(line)?)),
        DONE => Some(Row::Done(read(line)?)),
        _ => None,
    };
    let End { log } = read(line)?;
    Ok((log, row))
}

/// What was done about the effects of one instance, folded from the rows.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// By run, because a `status` has one key for all runs.
    known: HashMap<RunId, HashMap<EffectKey, Known>>,
    /// The newest object that stands on the forge for a key.
    objects: HashMap<EffectKey, u64>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    claimed: bool,
    state: Option<State>,
}

impl Effects {
    /// How an effect stands; `None` when nothing came of it yet.
    pub fn state(&self, effect: &Effect) -> Option<&State> {
        self.find(effect)?.state.as_ref()
    }

    /// Whether somebody was about to send it.
    pub fn is_claimed(&self, effect: &Effect) -> bool {
        self.find(effect).is_some_and(|known| known.claimed)
    }

    /// The forge's id of what was left there last under this key.
    pub fn object(&self, key: &EffectKey) -> Option<u64> {
        self.objects.get(key).copied()
    }

    fn find(&self, effect: &Effect) -> Option<&Known> {
        self.known.get(&effect.run)?.get(&effect.key)
    }

    /// Refuses an effect of which nothing is owed any more.
    pub(super) fn check(&self, effect: &Effect) -> Result<(), Error> {
        match self.state(effect) {
            Some(state) if state.is_final() => {
                Err(Error::Done { key: effect.key.clone(), run: effect.run.clone(), state: state.clone() })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn see(&mut self, row: Row) {
        let (Row::Claimed(Claimed { key, run, .. }) | Row::Done(Done { key, run, .. })) = &row;
        let known = self.known.entry(run.clone()).or_default().entry(key.clone()).or_default();
        match row {
            Row::Claimed(_) => known.claimed = true,
            Row::Done(_) if known.state.as_ref().is_some_and(State::is_final) => {}
            Row::Done(Done { key, state, .. }) => {
                if let Some(object) = state.object().and_then(|object| object.object) {
                    self.objects.insert(key, object);
                }
                known.state = Some(state);
            }
        }
    }
}

impl FromIterator<Row> for Effects {
    fn from_iter<T: IntoIterator<Item = Row>>(rows: T) -> Self {
        let mut effects = Self::default();
        for row in rows {
            effects.see(row);
        }
        effects
    }
}

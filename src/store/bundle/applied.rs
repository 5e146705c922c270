//! `applied.jsonl`: what was done about effects. The log says what is owed, these rows what came
//! of it; each names how far the log had come, so that it means nothing beside another log.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::Error;
use super::chain::{Chain, Fault, Mark, Named};
use super::record::{self, Record};
use super::{Bundle, Manifest};
use crate::domain::effect::{Claimed, Done, Effect, EffectKey, Row, State};
use crate::domain::id::RunId;
use crate::telemetry::failpoint;
use crate::telemetry::redact::Redactor;

/// Name of the file.
pub(super) const NAME: &str = "applied.jsonl";

const CLAIMED: &str = "effect_claimed";
const DONE: &str = "effect_done";

impl Bundle {
    /// What was done about effects.
    pub fn effects(&self) -> &Effects {
        &self.effects
    }

    /// Says that an effect is about to be sent. Who finds this and no state must look up what came
    /// of it before sending it again.
    ///
    /// # Errors
    /// When it has a final state, or cannot be written.
    pub fn effect_claim(&mut self, effect: &Effect, at: Timestamp) -> Result<(), Error> {
        self.owed(effect)?;
        let Effect { key, run, ordinal, write } = effect;
        let claimed = Claimed {
            key: key.clone(),
            run: run.clone(),
            ordinal: *ordinal,
            kind: write.kind(),
            digest: write.digest(),
        };
        self.add(CLAIMED, &claimed, &Redactor::default(), at)?;
        self.effects.see(Row::Claimed(claimed));
        self.failpoints.hit(failpoint::EFFECT_CLAIMED);
        Ok(())
    }

    /// Says what came of an effect, and returns it as it is stored: what the forge said is kept
    /// without secrets.
    ///
    /// # Errors
    /// When it has a final state, stands on the forge without a claim, or cannot be written. When
    /// only the manifest could not be written the state is kept all the same.
    pub fn effect_done(
        &mut self,
        effect: &Effect,
        state: State,
        redactor: &Redactor,
        at: Timestamp,
    ) -> Result<State, Error> {
        self.owed(effect)?;
        let (key, run) = (effect.key.clone(), effect.run.clone());
        let unsent = matches!(state, State::Superseded | State::Dropped { .. });
        if !unsent && !self.effects.is_claimed(effect) {
            return Err(Error::NotClaimed { key, run });
        }
        let done = self.add(DONE, &Done { key, run, state }, redactor, at)?;
        let state = done.state.clone();
        self.effects.see(Row::Done(done));
        self.failpoints.hit(failpoint::EFFECT_DONE);
        self.durably(|this| this.cover(this.manifest.epoch, at))?;
        Ok(state)
    }

    /// Refuses an effect of which nothing is owed any more.
    fn owed(&self, effect: &Effect) -> Result<(), Error> {
        match self.effects.state(effect) {
            Some(state) if state.is_final() => {
                Err(Error::Done { key: effect.key.clone(), run: effect.run.clone(), state: state.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Appends a row, and returns it as it is stored.
    fn add<T: Serialize + for<'de> Deserialize<'de>>(
        &mut self,
        kind: &'static str,
        row: &T,
        redactor: &Redactor,
        at: Timestamp,
    ) -> Result<T, Error> {
        let unstorable = |source| Error::Unstorable { kind: kind.to_owned(), source };
        let bound = Bound { row, log: self.log.tail().mark() };
        let json = redactor.redact_json(&serde_json::to_string(&bound).map_err(unstorable)?).into_owned();
        let stored = serde_json::from_str(&json).map_err(unstorable)?;
        self.durably(|this| {
            let chain = match &mut this.applied {
                Some(chain) => chain,
                none => none.insert(Chain::create(this.dir.join(NAME))?),
            };
            chain.append(this.manifest.epoch, at, &[record::Draft { session: None, parent: None, kind, body: &json }])
        })?;
        Ok(stored)
    }
}

/// A row, and the end of the log it was written for.
#[derive(Serialize)]
struct Bound<'a, T> {
    #[serde(flatten)]
    row: &'a T,
    log: Mark,
}

/// A line of the file: the end of the log at that time, and the row, `None` for a kind that a newer
/// version brought.
pub(super) type Line = (Mark, Option<Row>);

/// What the file must reach; `None` when there is none, because nothing was ever done about an effect.
pub(super) fn marks(dir: &Path, manifest: &Manifest) -> Option<Vec<Named>> {
    let is_there = || dir.join(NAME).symlink_metadata().is_ok();
    match manifest.applied {
        Some(mark) => Some(vec![Named::by_manifest(mark)]),
        None => is_there().then(Vec::new),
    }
}

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

pub(super) fn fold(rows: Vec<Line>) -> Effects {
    rows.into_iter().filter_map(|(_, row)| row).collect()
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

    fn see(&mut self, row: Row) {
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

//! What is owed to the outside, as its sender sees it: rows beside the log, which need no claim.

use jiff::Timestamp;

use super::Error;
use super::effects;
use super::log::{Log, TRIES};
use super::manifest::Manifest;
use super::medium::{Change, Part, Written};
use super::read;
use super::record;
use crate::domain::effect::{Claimed, Done, Effect, Row, State};
use crate::telemetry::failpoint;
use crate::telemetry::redact::Redactor;

impl Log {
    /// Says that an effect is about to be sent. Who finds this and no state must look up what came
    /// of it before sending it again.
    ///
    /// # Errors
    /// When it has a final state, or cannot be written.
    pub async fn effect_claim(&mut self, effect: &Effect, at: Timestamp) -> Result<(), Error> {
        let Effect { key, run, ordinal, write } = effect;
        let claimed = Claimed {
            key: key.clone(),
            run: run.clone(),
            ordinal: *ordinal,
            kind: write.kind(),
            digest: write.digest(),
        };
        self.add(effect, Row::Claimed(claimed), &Redactor::default(), at).await?;
        self.failpoints.hit(failpoint::EFFECT_CLAIMED);
        Ok(())
    }

    /// Says what came of an effect, and returns it as it is stored: what the forge said is kept
    /// without secrets.
    ///
    /// # Errors
    /// When it has a final state, stands on the forge without a claim, or cannot be written.
    pub async fn effect_done(
        &mut self,
        effect: &Effect,
        state: State,
        redactor: &Redactor,
        at: Timestamp,
    ) -> Result<State, Error> {
        let (key, run) = (effect.key.clone(), effect.run.clone());
        let stored = self.add(effect, Row::Done(Done { key, run, state: state.clone() }), redactor, at).await?;
        Ok(match stored {
            Row::Done(done) => done.state,
            Row::Claimed(_) => state,
        })
    }

    /// Adds a row about an effect, and returns it as it is stored.
    async fn add(&mut self, effect: &Effect, row: Row, redactor: &Redactor, at: Timestamp) -> Result<Row, Error> {
        for _ in 0..TRIES {
            // Others may have sent it.
            self.refresh_effects().await?;
            self.effects.check(effect)?;
            let mark = self.log.mark();
            let (kind, json, stored) = match &row {
                Row::Claimed(claimed) => {
                    let (json, stored) = effects::stored(effects::CLAIMED, claimed, mark, redactor)?;
                    (effects::CLAIMED, json, Row::Claimed(stored))
                }
                Row::Done(done) => {
                    let unsent = matches!(done.state, State::Superseded | State::Dropped { .. });
                    if !unsent && !self.effects.is_claimed(effect) {
                        return Err(Error::NotClaimed { key: effect.key.clone(), run: effect.run.clone() });
                    }
                    let (json, stored) = effects::stored(effects::DONE, done, mark, redactor)?;
                    (effects::DONE, json, Row::Done(stored))
                }
            };
            self.sound()?;
            let draft = record::Draft { session: None, parent: None, kind, body: &json };
            let path = self.medium.path(Part::Applied);
            // Others may have written under a newer one; epochs never fall.
            let epoch = self.manifest.epoch.max(self.applied.epoch);
            let lines = self.applied.add(&path, epoch, at, &[draft])?;
            let cover = match row {
                Row::Claimed(_) => None,
                Row::Done(_) => {
                    // As it stands: what others put on it, this log may not have seen.
                    let mut manifest = read::cover(&mut *self.medium).await?;
                    (manifest.applied, manifest.updated_at) = (Some(lines.to.mark()), at);
                    let line = manifest.line()?;
                    Some((manifest, line))
                }
            };
            let before = std::mem::replace(&mut self.applied, lines.to);
            let change = Change {
                lines: Some((Part::Applied, &lines)),
                cover: cover.as_ref().map(|(manifest, line)| (manifest.epoch, line.as_str())),
                ..Change::default()
            };
            let written = self.medium.write(change).await;
            let written = self.durably(written).inspect_err(|_| self.applied = before)?;
            if written == Written::Done {
                if let Some((Manifest { applied, updated_at, .. }, _)) = cover {
                    (self.manifest.applied, self.manifest.updated_at) = (applied, updated_at);
                }
                self.effects.see(stored.clone());
                return Ok(stored);
            }
            self.applied = before;
        }
        Err(Error::Held { by: "others that send effects, one after the other".to_owned() })
    }

    /// Looks what others did about effects since.
    pub(super) async fn refresh_effects(&mut self) -> Result<(), Error> {
        let mut rows = Vec::new();
        self.applied = read::chain(&mut *self.medium, Part::Applied, &self.applied, &[], |line| {
            rows.push(effects::row(line)?);
            Ok(())
        })
        .await?;
        rows.into_iter().filter_map(|(_, row)| row).for_each(|row| self.effects.see(row));
        Ok(())
    }
}

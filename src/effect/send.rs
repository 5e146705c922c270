//! One try at one effect: the rules decide, the claim is written, the forge is asked whether it is
//! there, and only then told to write.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::look_up::{self, look_up};
use super::{Corridor, Owed};
use crate::domain::effect::{Effect, Object, State, Write};
use crate::domain::name::EffectKind;
use crate::forge::{self, Posted};
use crate::rules::{marker, neutralise, policy};
use crate::store::{Bundle, Error};
use crate::telemetry::failpoint;
use crate::telemetry::progress::Progress;

/// How far the clocks of a machine and of its forge may be apart.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// What came of a try.
pub(super) enum Step {
    /// To be recorded.
    Done(State),
    /// Nothing was written.
    Later {
        reason: String,
        /// How long the forge asks to wait.
        after: Option<Duration>,
    },
    /// Something may have been written.
    Unsure { reason: String },
}

/// Tries. After an `unsure` try the forge is only looked at; labels alone are said again.
pub(super) async fn send(
    bundle: &mut Bundle,
    owed: &Owed,
    unsure: bool,
    corridor: &Corridor<'_>,
) -> Result<Step, Error> {
    let effect = &owed.effect;
    if !unsure && let Some(never) = never(bundle, owed, corridor) {
        return Ok(Step::Done(never));
    }
    if !bundle.effects().is_claimed(effect) {
        bundle.effect_claim(effect, corridor.clock.now())?;
    }
    Ok(match &effect.write {
        Write::Label { add, remove } => {
            let labelled = corridor.forge.label(corridor.thread, add, remove).await;
            corridor.failpoints.hit(failpoint::EFFECT_SENT);
            wrote(labelled.map(|()| Object::default()))
        }
        Write::Status { body } | Write::Comment { body } => {
            let place = Place { known: bundle.effects().object(&effect.key), since: since(bundle, effect), unsure };
            speak(effect, body, place, corridor).await
        }
    })
}

/// Why an effect is not sent at all: the decision that counts.
fn never(bundle: &Bundle, owed: &Owed, corridor: &Corridor<'_>) -> Option<State> {
    if owed.superseded {
        return Some(State::Superseded);
    }
    // What was dropped takes nobody's place.
    let dropped = |effect: &&Effect| matches!(bundle.effects().state(effect), Some(State::Dropped { .. }));
    let earlier: Vec<Effect> = owed.earlier.iter().filter(|effect| !dropped(effect)).cloned().collect();
    let decided = policy::decide(&owed.effect.write, &earlier, corridor.allowances, corridor.dialect);
    decided.err().map(|refusal| State::Dropped { reason: refusal.to_string() })
}

/// Where a comment of ours may be.
struct Place {
    /// Id of the one that stood there last.
    known: Option<u64>,
    since: Option<Timestamp>,
    unsure: bool,
}

/// Makes a comment say what it should.
async fn speak(effect: &Effect, body: &str, place: Place, corridor: &Corridor<'_>) -> Step {
    let Corridor { forge, thread, secret, failpoints, .. } = *corridor;
    let found = match look_up(&effect.key, place.known, place.since, corridor).await {
        Ok(found) => found,
        Err(error) => return unseen(&error, place.unsure),
    };
    failpoints.hit(failpoint::EFFECT_LOOKED_UP);

    let cut = neutralise::cut(body, corridor.dialect);
    let body = marker::mark(secret, &effect.key, cut.as_deref().unwrap_or(body));
    let is_comment = matches!(effect.write, Write::Comment { .. });
    let written = match found {
        Some(there) if is_comment || reads_as(&there.body, &body) => {
            let object = object(there);
            return Step::Done(if place.unsure { State::Applied(object) } else { State::Found(object) });
        }
        _ if place.unsure => {
            let reason = "the forge did not answer a write, and does not show it".to_owned();
            return Step::Unsure { reason };
        }
        Some(there) => match forge.edit(thread, there.id, &body).await {
            // Who hob is now may not change what hob wrote as somebody else.
            Err(forge::Error::Refused { .. }) if !look_up::wrote(corridor.own, &there.author) => {
                let note = format!(
                    "a comment of ours by the earlier account `{}` cannot be changed, so it is posted anew: {}",
                    there.author.login, there.url
                );
                corridor.observer.see(Progress::Note(&note));
                forge.post(thread, &body).await
            }
            edited => edited,
        },
        None => forge.post(thread, &body).await,
    };
    failpoints.hit(failpoint::EFFECT_SENT);
    wrote(written.map(object))
}

/// What the answer to a write means.
fn wrote(answer: Result<Object, forge::Error>) -> Step {
    match answer {
        Ok(object) => Step::Done(State::Applied(object)),
        Err(error) => match error {
            forge::Error::Refused { .. } => Step::Done(State::Dropped { reason: error.to_string() }),
            forge::Error::Later { after, .. } => Step::Later { reason: error.to_string(), after },
            forge::Error::Unknown { .. } | forge::Error::Unreadable { .. } => {
                Step::Unsure { reason: error.to_string() }
            }
        },
    }
}

/// What a look that failed means.
fn unseen(error: &forge::Error, unsure: bool) -> Step {
    let reason = error.to_string();
    match error {
        forge::Error::Refused { .. } if unsure => Step::Unsure { reason },
        forge::Error::Refused { .. } => Step::Done(State::Dropped { reason }),
        forge::Error::Later { after, .. } => Step::Later { reason, after: *after },
        forge::Error::Unknown { .. } | forge::Error::Unreadable { .. } => Step::Later { reason, after: None },
    }
}

fn object(posted: Posted) -> Object {
    Object { object: Some(posted.id), url: posted.url }
}

/// Whether two texts are one: forges change the ends of lines and of texts.
fn reads_as(there: &str, body: &str) -> bool {
    let lines = |text: &str| text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    lines(there) == lines(body)
}

/// Since when a comment of this effect may stand there: it came after the event, whichever process
/// posted it, and its process may have lost the rows. A `status` may be older than the run.
fn since(bundle: &Bundle, effect: &Effect) -> Option<Timestamp> {
    if effect.write.kind() == EffectKind::Status {
        return None;
    }
    let run = bundle.runs().iter().find(|run| run.id == effect.run)?;
    let happened = run.task.event.as_ref().map_or(run.admitted_at, |event| event.at);
    happened.min(run.admitted_at).checked_sub(CLOCKS_APART).ok()
}

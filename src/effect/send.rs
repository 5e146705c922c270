//! One try at one effect: the rules decide, the claim is written, the forge is asked whether it is
//! there, and only then told to write.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::look_up::{self, look_up, reads_as};
use super::{Corridor, Owed};
use crate::domain::effect::{Effect, Object, State, Write};
use crate::domain::name::EffectKind;
use crate::domain::run::Run;
use crate::forge::{self, Posted};
use crate::rules::neutralise::{Place, neutralise};
use crate::rules::{marker, policy};
use crate::store::{Error, Log};
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
pub(super) async fn send(log: &mut Log, owed: &Owed, unsure: bool, corridor: &Corridor<'_>) -> Result<Step, Error> {
    let effect = &owed.effect;
    if !unsure && let Some(never) = never(log, owed, corridor) {
        return Ok(Step::Done(never));
    }
    if !log.effects().is_claimed(effect) {
        log.effect_claim(effect, corridor.clock.now()).await?;
    }
    Ok(match &effect.write {
        Write::Label { add, remove } => {
            let labelled = corridor.forge.label(corridor.thread, add, remove).await;
            corridor.failpoints.hit(failpoint::EFFECT_SENT);
            wrote(labelled.map(|()| Object::default()))
        }
        Write::Status { body } | Write::Comment { body } => {
            let known = log.effects().object(&effect.key);
            let at = Whereabouts { known, since: since(log, effect), holds_at: holds_at(log, effect), unsure };
            speak(effect, body, at, corridor).await
        }
    })
}

/// Why an effect is not sent at all: the decision that counts.
fn never(log: &Log, owed: &Owed, corridor: &Corridor<'_>) -> Option<State> {
    if owed.superseded {
        return Some(State::Superseded);
    }
    // What was dropped takes nobody's place.
    let dropped = |effect: &&Effect| matches!(log.effects().state(effect), Some(State::Dropped { .. }));
    let earlier: Vec<Effect> = owed.earlier.iter().filter(|effect| !dropped(effect)).cloned().collect();
    let decided = policy::decide(&owed.effect.write, &earlier, corridor.allowances, corridor.place.forge);
    if let Err(refusal) = decided {
        return Some(State::Dropped { reason: refusal.to_string() });
    }
    let (Write::Status { body } | Write::Comment { body }) = &owed.effect.write else { return None };
    // It was neutral when it was recorded: whoever changed it since then is not hob.
    let neutral = neutralise(body, &place(log, &owed.effect, corridor));
    (neutral.text != *body).then(|| State::Dropped {
        reason: "its text is not as the rules leave one: have the agent propose it again".to_owned(),
    })
}

/// Where the text of an effect will stand. The people on the thread are those its own run knew.
fn place(log: &Log, effect: &Effect, corridor: &Corridor<'_>) -> Place {
    let event = run_of(log, effect).and_then(|run| run.task.event.as_ref());
    let people = event.map_or_else(|| corridor.place.people.clone(), |event| Place::of(event).people);
    Place { people, ..corridor.place.clone() }
}

/// Where a comment of ours may be.
struct Whereabouts {
    /// Id of the one that stood there last.
    known: Option<u64>,
    since: Option<Timestamp>,
    /// Since when its text holds.
    holds_at: Option<Timestamp>,
    unsure: bool,
}

/// Makes a comment say what it should.
async fn speak(effect: &Effect, body: &str, at: Whereabouts, corridor: &Corridor<'_>) -> Step {
    let Corridor { forge, thread, secret, failpoints, .. } = *corridor;
    let found = match look_up(&effect.key, at.known, at.since, corridor).await {
        Ok(found) => found,
        Err(error) => return unseen(&error, at.unsure),
    };
    failpoints.hit(failpoint::EFFECT_LOOKED_UP);

    if let (Some(there), Some(ours)) = (&found, at.holds_at)
        && let Some(theirs) = marker::marked_at(secret, &there.body)
        && is_later(theirs, ours, corridor)
    {
        return Step::Done(State::Superseded);
    }
    let body = marker::mark(secret, &effect.key, at.holds_at, body);
    let is_comment = matches!(effect.write, Write::Comment { .. });
    let written = match found {
        Some(there) if is_comment || reads_as(&there.body, &body) => {
            let object = object(there);
            return Step::Done(if at.unsure { State::Applied(object) } else { State::Found(object) });
        }
        _ if at.unsure => {
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
            forge::Error::Refused { .. } | forge::Error::Unfit { .. } => {
                Step::Done(State::Dropped { reason: error.to_string() })
            }
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
        forge::Error::Refused { .. } | forge::Error::Unfit { .. } => Step::Done(State::Dropped { reason }),
        forge::Error::Later { after, .. } => Step::Later { reason, after: *after },
        forge::Error::Unknown { .. } | forge::Error::Unreadable { .. } => Step::Later { reason, after: None },
    }
}

fn object(posted: Posted) -> Object {
    Object { object: Some(posted.id), url: posted.url }
}

/// Whether what stands there is of a later run, which this log never heard of. A time that is yet
/// to come is nobody's.
fn is_later(theirs: Timestamp, ours: Timestamp, corridor: &Corridor<'_>) -> bool {
    theirs.as_second() > ours.as_second() && theirs.duration_since(corridor.clock.now()) <= CLOCKS_APART
}

/// Since when the text of a `status` holds: since its run was admitted.
fn holds_at(log: &Log, effect: &Effect) -> Option<Timestamp> {
    let is_status = effect.write.kind() == EffectKind::Status;
    is_status.then(|| run_of(log, effect).map(|run| run.admitted_at)).flatten()
}

/// Since when a comment of this effect may stand there: it came after the event, whichever process
/// posted it, and its process may have lost the rows. A `status` may be older than the run.
fn since(log: &Log, effect: &Effect) -> Option<Timestamp> {
    if effect.write.kind() == EffectKind::Status {
        return None;
    }
    let run = run_of(log, effect)?;
    let happened = run.task.event.as_ref().map_or(run.admitted_at, |event| event.at);
    happened.min(run.admitted_at).checked_sub(CLOCKS_APART).ok()
}

/// The run that proposed an effect.
fn run_of<'a>(log: &'a Log, effect: &Effect) -> Option<&'a Run> {
    log.runs().iter().find(|run| run.id == effect.run)
}

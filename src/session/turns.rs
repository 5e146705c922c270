//! The loop: ask the model, run what it asks for, until the run is over or must stop.
//!
//! Every step is recorded before the next one depends on it, so the process may die anywhere.

use futures::FutureExt as _;
use tokio::time::Instant;

use super::history::{LAND, LOOP, REMINDER, Turn};
use super::join::Joins;
use super::resume::{self, Ending, Progress};
use super::{Error, Session};
use crate::domain::budget::{Limited, Standing};
use crate::domain::entry::{Body, MessageInterrupted, Note};
use crate::domain::id::RunId;
use crate::domain::message::{Message, Stop};
use crate::provider::{self, Delta, ErrorKind, Place, Purpose, retry};
use crate::telemetry::failpoint;
use crate::telemetry::progress::Progress as Seen;

/// Tries to finish with a result before a run fails.
const TRIES: u32 = 5;

/// Answers in a row that may be cut before a run fails.
const CUTS: u32 = 5;

/// After so many times the model is told that it makes the same call again and again.
const REPEATS_TOLD: u32 = 4;

/// After so many the run ends with what exists.
const REPEATS: u32 = 10;

/// Bytes of a cut answer kept for people.
const PARTIAL_MAX: usize = 4096;

/// How a conversation stopped.
#[derive(Debug)]
pub enum Stopped {
    /// The run is over: settle it.
    Over(Ending),
    /// A budget ended it, with what exists.
    Limited(Limited),
    /// It cannot be done, and trying again as it is would not help.
    Failed(String),
    /// Somebody asked this process to stop; the run goes on another time.
    Interrupted,
    /// The attempt had no more time, and the run has: it goes on another time.
    OutOfTime,
    /// The model's service did not answer, however often it was asked; the run goes on another time.
    Unanswered(String),
    /// What the operator gave to reach the model is wrong (key, model's name, address, credit,
    /// recording); mended, the run goes on.
    Misconfigured(String),
}

impl Session {
    /// Goes on with `run` until it stops. Runs that come meanwhile wait, unless `joins` lets them in.
    ///
    /// # Errors
    /// When the log or the sandbox fails; what was recorded stays.
    pub async fn run(&mut self, run: &RunId, joins: Option<&dyn Joins>) -> Result<Stopped, Error> {
        // Calls that an earlier attempt left without a result may have run.
        let mut left_over = true;
        loop {
            if self.parts.cancel.is_cancelled() {
                return Ok(Stopped::Interrupted);
            }
            self.look_at_day().await?;
            let standing = self.standing();
            match resume::progress(&self.history, run, self.parts.needs_result) {
                Progress::NotAsked | Progress::Settled => return Err(Error::NoPrompt(run.clone())),
                Progress::Done(ending) => return Ok(Stopped::Over(ending)),
                _ if self.is_at_end() && !matches!(standing, Standing::Over(_)) => return Ok(Stopped::OutOfTime),
                Progress::Tools(calls) => {
                    if let Some(stopped) = self.run_tools(run, calls, left_over).await? {
                        return Ok(stopped);
                    }
                }
                Progress::Turn => {
                    if let Standing::Over(limit) = standing {
                        return Ok(Stopped::Limited(limit));
                    }
                    if self.history.find(run).is_some_and(|known| known.repeated.times >= REPEATS) {
                        return Ok(Stopped::Limited(Limited::Loop));
                    }
                    if let Some(joins) = joins {
                        self.look_behind(run, joins).boxed().await?;
                    }
                    if let Some(reason) = self.make_room(run).await? {
                        return Ok(Stopped::Failed(reason));
                    }
                    if let Some(reason) = self.prepare(run, standing).await? {
                        return Ok(Stopped::Failed(reason));
                    }
                    if let Some(stopped) = self.ask(run).await? {
                        return Ok(stopped);
                    }
                }
            }
            left_over = false;
        }
    }

    /// Says what the model must know before it is asked again; a reason when asking is pointless.
    async fn prepare(&mut self, run: &RunId, standing: Standing) -> Result<Option<String>, Error> {
        let Some(known) = self.history.find(run) else { return Ok(None) };
        if known.cut >= CUTS {
            return Ok(Some(format!(
                "{CUTS} answers in a row were cut at the model's limit of output tokens, or called tools without ending as a \
                 tool call does"
            )));
        }
        if known.unfinished >= TRIES {
            return Ok(Some(format!("the model did not end with a result that fits after {TRIES} tries")));
        }
        let text = match (self.history.turns.last(), standing) {
            (Some(Turn::Answer(answer)), _) if answer.stop == Stop::Length => {
                "Your answer was cut at the limit of output tokens. Go on from where it was cut, and be brief."
                    .to_owned()
            }
            (Some(Turn::Answer(_)), _) => format!(
                "{REMINDER} this run ends only when you call `{}` with the result, or `{}` with the reason why there is none.",
                resume::FINISH,
                resume::GIVE_UP
            ),
            _ if known.repeated.times >= REPEATS_TOLD && !known.repeated.told => format!(
                "{LOOP} your last {} calls were the same, and so were their results. Another one will not differ: do \
                 something else, or say what is in the way. After {REPEATS} the run ends.",
                known.repeated.times
            ),
            (_, Standing::Land(limit)) if !known.told_to_land => format!(
                "{LAND} more than 80 % of {} is used. Bring it to an end now: propose what is ready and answer.",
                limit.budget()
            ),
            _ => return Ok(None),
        };
        self.say(Body::Note(Note { text })).await?;
        Ok(None)
    }

    /// One model call. `None` when its answer is recorded or it may be asked again at once.
    async fn ask(&mut self, run: &RunId) -> Result<Option<Stopped>, Error> {
        let place = self.place(run);
        let turn = place.turn;
        let (observer, failpoints) = (self.parts.observer.clone(), self.journal.failpoints.clone());
        observer.see(Seen::Asked { turn: turn + 1 });
        let mut partial = String::new();
        let mut on = |delta: Delta<'_>| match delta {
            Delta::Text(text) => {
                failpoints.hit(failpoint::STREAMING);
                if partial.len() < PARTIAL_MAX {
                    partial.push_str(text);
                }
                observer.see(Seen::Text(text));
            }
            Delta::Reasoning(text) => observer.see(Seen::Reasoning(text)),
            Delta::Call(_) => {}
        };
        let asked = tokio::select! {
            biased;
            () = self.parts.cancel.cancelled() => Err("stopped".to_owned()),
            () = tokio::time::sleep_until(self.deadline()) => Err("out of time".to_owned()),
            answer = async {
                // Never closed; without a permit it would only be asked at once.
                let _permit = self.parts.asking.acquire().await;
                self.conversation.ask(place, &mut on).await
            } => Ok(answer),
        };
        match asked {
            Ok(Ok(answer)) => {
                observer.see(Seen::Answered { usage: answer.usage });
                self.say(Body::Message(Message::Assistant(answer))).await?;
                failpoints.hit(failpoint::ANSWERED);
                Ok(None)
            }
            Ok(Err(error)) => {
                let transient = matches!(error.kind, ErrorKind::Transient { .. });
                let unshown = error.kind == ErrorKind::Fatal && self.history.has_unread_images();
                self.interrupted(error.message.clone(), transient, partial, unshown).await?;
                if unshown {
                    return self.without_images(run, &error).await;
                }
                self.after_failure(run, error).await
            }
            Err(reason) => {
                self.interrupted(reason, false, partial, false).await?;
                Ok(None)
            }
        }
    }

    /// What follows a model call that brought no answer.
    async fn after_failure(&mut self, run: &RunId, error: provider::Error) -> Result<Option<Stopped>, Error> {
        match error.kind {
            ErrorKind::Auth | ErrorKind::Config => Ok(Some(Stopped::Misconfigured(error.message))),
            ErrorKind::Overflow if self.shorten(run).await? => Ok(None),
            ErrorKind::Overflow | ErrorKind::Fatal => Ok(Some(Stopped::Failed(error.message))),
            ErrorKind::Transient { after } => {
                // Counted from the log, so that a restart does not reset it; after the last try it
                // begins anew, because then somebody has asked again.
                let failures = self.history.find(run).map_or(1, |known| known.failures);
                let failures = (failures.max(1) - 1) % retry::TRIES + 1;
                let Some(wait) = retry::wait(failures, after, (self.parts.jitter)()) else {
                    return self.fall_back(run, error.message).await;
                };
                self.parts.observer.see(Seen::Retrying { reason: &error.message, wait });
                tokio::select! {
                    () = self.parts.cancel.cancelled() => {}
                    () = tokio::time::sleep_until(self.deadline()) => {}
                    () = tokio::time::sleep(wait) => {}
                }
                Ok(None)
            }
        }
    }

    /// Goes on with the next model, if there is one.
    async fn fall_back(&mut self, run: &RunId, said: String) -> Result<Option<Stopped>, Error> {
        let Some(next) = self.parts.fallback.pop_front() else { return Ok(Some(Stopped::Unanswered(said))) };
        let note = format!("{} does not answer; {} does from here on", self.parts.provider.model(), next.model());
        self.parts.observer.see(Seen::Note(&note));
        self.parts.provider = next;
        self.converse_anew(run).await?;
        Ok(None)
    }

    /// Asks again without the images that came since the last answer: one that a vendor does not take must
    /// not be the end of the conversation.
    async fn without_images(&mut self, run: &RunId, error: &provider::Error) -> Result<Option<Stopped>, Error> {
        let note = format!("{}: it is asked again without the images that it has not read", error.message);
        self.parts.observer.see(Seen::Note(&note));
        self.converse_anew(run).await?;
        Ok(None)
    }

    async fn interrupted(
        &mut self,
        reason: String,
        transient: bool,
        mut partial: String,
        unshown: bool,
    ) -> Result<(), Error> {
        partial.truncate(partial.floor_char_boundary(PARTIAL_MAX));
        self.record(vec![Body::MessageInterrupted(MessageInterrupted { reason, transient, partial, unshown })]).await
    }

    /// When the run's time is used up, or that of the attempt; what earlier attempts took is gone.
    pub(super) fn deadline(&self) -> Instant {
        let own = self.parts.purse.deadline();
        self.parts.ends.map_or(own, |ends| ends.min(own))
    }

    /// Which model call comes next.
    pub(super) fn place(&self, run: &RunId) -> Place {
        let session = self.history.session.clone();
        Place { run: self.history.ordinal(run), session, turn: self.parts.purse.spent().turns, purpose: Purpose::Turn }
    }
}

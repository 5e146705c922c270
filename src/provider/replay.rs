//! A recorded conversation in the place of a model: no key, no network, the same answers.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::blocks::show;
use super::digest::Conversed;
use super::tape::Tape;
use super::{Conversation, Delta, Error, ErrorKind, Opening, Place, Provider, Purpose, Said};
use crate::domain::image::Sight;
use crate::domain::message::Answer;
use crate::telemetry::progress::{Observer, Progress};

/// Plays a file that [`super::record()`] wrote.
pub(super) struct Replay {
    /// `replay/FILE`: who answers now. The answers name the model that gave them.
    full: String,
    /// As the user wrote it.
    path: String,
    tape: Arc<Tape>,
    observer: Arc<dyn Observer>,
}

impl Replay {
    pub(super) fn new(full: String, path: String, tape: Tape, observer: Arc<dyn Observer>) -> Self {
        Self { full, path, tape: Arc::new(tape), observer }
    }
}

impl Provider for Replay {
    fn model(&self) -> &str {
        &self.full
    }

    /// That of the model that was recorded: what it cut then is cut now.
    fn window(&self) -> Option<u64> {
        super::catalog::find(&self.tape.model).map(|row| row.window)
    }

    /// Likewise.
    fn sight(&self) -> Sight {
        super::catalog::sight(&self.tape.model)
    }

    fn open(&self, opening: Opening<'_>) -> Box<dyn Conversation> {
        Box::new(Talk {
            path: self.path.clone(),
            tape: Arc::clone(&self.tape),
            observer: Arc::clone(&self.observer),
            conversed: Conversed::open(opening),
        })
    }
}

struct Talk {
    path: String,
    tape: Arc<Tape>,
    observer: Arc<dyn Observer>,
    conversed: Conversed,
}

impl Conversation for Talk {
    fn push(&mut self, said: Said<'_>) {
        self.conversed.push(said);
    }

    fn ask<'a>(
        &'a mut self,
        place: Place,
        on: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let Self { path, tape, observer, conversed } = self;
            let Some(take) = tape.takes.get(&place) else { return Err(missing(tape, path, &place)) };
            let asked = conversed.digest();
            if take.request.as_ref().is_some_and(|recorded| *recorded != asked) {
                observer.see(Progress::Note(&format!(
                    "replay: {place} is not asked what it was asked when `{path}` was recorded; its \
                     answer is used all the same"
                )));
            }
            let answer = take.answer.clone().answer(&tape.model, asked);
            show(&answer.blocks, on);
            Ok(answer)
        })
    }
}

/// Why there is no answer.
fn missing(tape: &Tape, path: &str, place: &Place) -> Error {
    let summary = |cut| Place { purpose: Purpose::Summary { cut }, ..place.clone() };
    let was_cut = tape.takes.range(summary(0)..=summary(u32::MAX)).next().is_some();
    if place.purpose == Purpose::Turn && was_cut {
        let message = format!("replay file `{path}`: {place} was too long for the model when it was recorded");
        return Error { kind: ErrorKind::Overflow, message };
    }
    let end = match tape.takes.last_key_value() {
        Some((last, _)) => format!("it ends with {last}"),
        None => "it holds none at all".to_owned(),
    };
    let message = format!(
        "replay file `{path}` has no answer for {place} ({end}); record one with a real model and `--record FILE`"
    );
    Error { kind: ErrorKind::Config, message }
}

//! Writes what a model answers into a file that `replay/FILE` plays.
//!
//! Each answer is on disk before it is returned. A place that the file already holds is answered
//! from it, without asking the model, when the question is the same: a run that was killed between
//! the answer and its own log goes on with the answer that was paid for. When the question is
//! another one, that is an error: a file tells one story.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;

use super::blocks::show;
use super::body::json;
use super::digest::Conversed;
use super::tape::{Header, InvalidTape, Recorded, Take, TakeLine, Tape};
use super::{Conversation, Delta, Error, ErrorKind, Opening, Place, Provider, Said};
use crate::domain::image::Sight;
use crate::domain::message::Answer;
use crate::telemetry::redact::Redactor;

/// A file that cannot be recorded into.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It holds something else.
    #[error("cannot record into this file: {0}; name a new one")]
    Tape(#[from] InvalidTape),
    /// It is of another model.
    #[error("`{path}` records `{recorded}`, not `{model}`; record into a new file")]
    OtherModel {
        /// As given.
        path: String,
        /// The model it names.
        recorded: String,
        /// The model of this run.
        model: String,
    },
    /// A recording of a recording.
    #[error("`{0}` is a recording already; record from a real model")]
    Replay(String),
    /// It cannot be written.
    #[error("`{path}` cannot be written: {source}")]
    Io {
        /// As given.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Puts a recorder before `provider`. The file is made when it is missing; no secret that
/// `redactor` knows gets into it.
///
/// # Errors
/// [`RecordError`]: the file is not ours to append to.
pub fn record(provider: Arc<dyn Provider>, path: &Path, redactor: &Redactor) -> Result<Arc<dyn Provider>, RecordError> {
    let shown = path.display().to_string();
    let model = provider.model().to_owned();
    if model.starts_with("replay/") {
        return Err(RecordError::Replay(model));
    }
    let io = |source| RecordError::Io { path: shown.clone(), source };
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(path).map_err(io)?;
    let tape = if file.metadata().map_err(io)?.len() == 0 {
        write_line(&mut file, json(&Header::of(&model))).map_err(io)?;
        Tape { model: model.clone(), ..Tape::default() }
    } else {
        Tape::read(path)?
    };
    if tape.model != model {
        return Err(RecordError::OtherModel { path: shown, recorded: tape.model, model });
    }
    let reel = Reel { path: shown, redactor: redactor.clone(), state: Mutex::new((file, tape)) };
    Ok(Arc::new(Recorder { inner: provider, reel: Arc::new(reel) }))
}

struct Recorder {
    inner: Arc<dyn Provider>,
    reel: Arc<Reel>,
}

/// The open file and what is in it.
struct Reel {
    path: String,
    redactor: Redactor,
    state: Mutex<(File, Tape)>,
}

impl Provider for Recorder {
    fn model(&self) -> &str {
        self.inner.model()
    }

    fn window(&self) -> Option<u64> {
        self.inner.window()
    }

    fn sight(&self) -> Sight {
        self.inner.sight()
    }

    fn open(&self, opening: Opening<'_>) -> Box<dyn Conversation> {
        Box::new(Talk {
            inner: self.inner.open(opening),
            reel: Arc::clone(&self.reel),
            conversed: Conversed::open(opening),
        })
    }
}

struct Talk {
    inner: Box<dyn Conversation>,
    reel: Arc<Reel>,
    conversed: Conversed,
}

impl Conversation for Talk {
    fn push(&mut self, said: Said<'_>) {
        self.inner.push(said);
        self.conversed.push(said);
    }

    fn ask<'a>(
        &'a mut self,
        place: Place,
        on: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let asked = self.conversed.digest();
            if let Some(answer) = self.reel.recorded(&place, &asked)? {
                show(&answer.blocks, on);
                return Ok(answer);
            }
            let answer = self.inner.ask(place.clone(), on).await?;
            self.reel.append(place, asked, &answer)?;
            Ok(answer)
        })
    }
}

impl Reel {
    /// The answer at this place, if it was given to the same question.
    fn recorded(&self, place: &Place, asked: &str) -> Result<Option<Answer>, Error> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(take) = state.1.takes.get(place) else { return Ok(None) };
        if take.request.as_deref() != Some(asked) {
            return Err(
                self.refused(&format!("holds another conversation's answer for {place}; record into a new file"))
            );
        }
        Ok(Some(take.answer.clone().answer(&state.1.model, asked.to_owned())))
    }

    fn append(&self, place: Place, asked: String, answer: &Answer) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, tape) = &mut *state;
        let Answer { blocks, stop, model, usage, request: _ } = answer;
        let model = Some(model).filter(|model| **model != tape.model).cloned();
        let answer = Recorded { blocks: blocks.clone(), stop: *stop, model, usage: *usage };
        let take = Take { request: Some(asked), answer };
        let line = json(&TakeLine::of(place.clone(), &take));
        let line = self.redactor.redact_json(&String::from_utf8_lossy(&line)).into_owned().into_bytes();
        write_line(file, line).map_err(|error| self.refused(&format!("cannot be written: {error}")))?;
        tape.takes.insert(place, take);
        Ok(())
    }

    fn refused(&self, what: &str) -> Error {
        Error { kind: ErrorKind::Config, message: format!("recording `{}` {what}", self.path) }
    }
}

/// One write, so that no half line is left behind by a killed process.
fn write_line(file: &mut File, mut line: Vec<u8>) -> std::io::Result<()> {
    line.push(b'\n');
    file.write_all(&line)
}

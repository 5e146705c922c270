//! A model that is asked over HTTP and streams its answer: all of a provider but what its protocol
//! does in its own way.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::anthropic;
use super::blocks::{Reader, Whole};
use super::body::Body;
use super::http::Line;
use super::openai::{chat, responses};
use super::vendor::Wire;
use super::{Conversation, Delta, Error, Opening, Place, Provider, Said};
use crate::domain::message::Answer;

/// The model a conversation is with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// `provider/model`, as in the log.
    pub(super) full: &'a str,
    /// What goes into the request.
    pub(super) name: &'a str,
}

impl Wire {
    /// Begins a conversation in the protocol's bytes.
    pub(super) fn open(self, asked: Asked<'_>, opening: Opening<'_>) -> Box<dyn Transcript> {
        match self {
            Self::Messages => Box::new(anthropic::Request::open(asked, opening)),
            Self::Responses => Box::new(responses::Request::open(asked, opening)),
            Self::Chat(dialect) => Box::new(chat::Request::open(asked, dialect, opening)),
        }
    }
}

/// What was said, in the bytes of one protocol.
pub(super) trait Transcript: Send {
    /// Appends what was said, serialising it once.
    fn push(&mut self, said: Said<'_>);

    /// The request for everything pushed so far, and its SHA-256.
    fn send(&mut self) -> (Body, String);

    /// Reads the answer to the request with this digest.
    fn reader(&self, digest: &str) -> Box<dyn Reader>;
}

/// One model behind a server.
pub(super) struct Streamed {
    /// `provider/model`.
    pub(super) full: String,
    /// What goes into the request.
    pub(super) name: String,
    pub(super) wire: Wire,
    pub(super) line: Arc<Line>,
}

impl Provider for Streamed {
    fn model(&self) -> &str {
        &self.full
    }

    fn open(&self, opening: Opening<'_>) -> Box<dyn Conversation> {
        let transcript = self.wire.open(Asked { full: &self.full, name: &self.name }, opening);
        Box::new(Talk { full: self.full.clone(), line: Arc::clone(&self.line), transcript })
    }
}

struct Talk {
    full: String,
    line: Arc<Line>,
    transcript: Box<dyn Transcript>,
}

impl Conversation for Talk {
    fn push(&mut self, said: Said<'_>) {
        self.transcript.push(said);
    }

    fn ask<'a>(
        &'a mut self,
        _: Place,
        on: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let (body, request) = self.transcript.send();
            let mut reader = self.transcript.reader(&request);
            let Whole { blocks, stop, usage } = self.line.exchange(body, &mut *reader, on).await?;
            Ok(Answer { blocks, stop, model: self.full.clone(), usage, request })
        })
    }
}

//! A model that is asked over HTTP and streams its answer: all of a provider but what its protocol
//! does in its own way.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::base_url::Endpoint;
use super::blocks::{Reader, Whole};
use super::body::Body;
use super::http::Line;
use super::{Conversation, Delta, Error, Opening, Place, Provider, Said};
use crate::domain::message::Answer;

/// What a protocol does in its own way.
pub(super) struct Protocol {
    /// Its word in a model's name and in messages.
    pub(super) who: &'static str,
    pub(super) endpoint: Endpoint,
    pub(super) key: Key,
    /// What every request carries beside the key, names in lower case.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// Begins a conversation with the model that is `full` in the log and `name` to the vendor.
    pub(super) open: fn(full: &str, name: &str, opening: Opening<'_>) -> Box<dyn Transcript>,
}

/// From a variable to a header.
#[derive(Clone, Copy)]
pub(super) struct Key {
    /// Where it is looked for.
    pub(super) variable: &'static str,
    /// What it is sent in, lower case.
    pub(super) header: &'static str,
    /// What stands before it there.
    pub(super) prefix: &'static str,
    /// A server of one's own is asked without one, if there is none.
    pub(super) optional: bool,
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

/// One model behind a server that speaks a protocol.
pub(super) struct Streamed {
    /// `provider/model`.
    pub(super) full: String,
    /// What goes into the request.
    pub(super) name: String,
    pub(super) protocol: &'static Protocol,
    pub(super) line: Arc<Line>,
}

impl Provider for Streamed {
    fn model(&self) -> &str {
        &self.full
    }

    fn open(&self, opening: Opening<'_>) -> Box<dyn Conversation> {
        let transcript = (self.protocol.open)(&self.full, &self.name, opening);
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

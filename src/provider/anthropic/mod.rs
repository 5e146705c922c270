//! Anthropic Messages.

mod request;
mod stream;
mod thinking;

use std::sync::Arc;

use futures::future::BoxFuture;

use super::blocks::Whole;
use super::http::Line;
use super::{Conversation, Delta, Error, Opening, Place, Provider, Said};
use crate::domain::message::Answer;

pub(super) use request::VERSION;

/// One model behind the Messages API, or behind a server that imitates it.
pub(super) struct Anthropic {
    /// `anthropic/…`.
    full: String,
    /// What goes into the request.
    name: String,
    line: Arc<Line>,
}

impl Anthropic {
    pub(super) fn new(full: String, name: String, line: Line) -> Self {
        Self { full, name, line: Arc::new(line) }
    }
}

impl Provider for Anthropic {
    fn model(&self) -> &str {
        &self.full
    }

    fn open(&self, opening: Opening<'_>) -> Box<dyn Conversation> {
        Box::new(Talk {
            full: self.full.clone(),
            line: Arc::clone(&self.line),
            request: request::Request::open(&self.full, &self.name, opening),
        })
    }
}

struct Talk {
    full: String,
    line: Arc<Line>,
    request: request::Request,
}

impl Conversation for Talk {
    fn push(&mut self, said: Said<'_>) {
        self.request.push(said);
    }

    fn ask<'a>(
        &'a mut self,
        _: Place,
        on: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let body = self.request.body();
            let request = body.digest();
            let mut reader = stream::Stream::new(&request);
            let Whole { blocks, stop, usage } = self.line.exchange(body, &mut reader, on).await?;
            Ok(Answer { blocks, stop, model: self.full.clone(), usage, request })
        })
    }
}

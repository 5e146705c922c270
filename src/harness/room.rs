//! A run that somebody asks for by hand to make room: what was said becomes a summary, and the model is
//! asked for nothing else.

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use serde_json::json;

use crate::domain::message::{Answer, Block, Stop, Usage};
use crate::domain::run::Task;
use crate::provider::{Conversation, Delta, Error, Opening, Place, Provider, Said};

/// Marks the input of such a run.
const KEY: &str = "hob_compact";

/// What it says at its end.
const DONE: &str = "What was said before stands in a summary.";

/// What such a run is about.
pub fn task() -> Task {
    let message = Some("Put what was said so far into a summary.".to_owned());
    Task { message, input: Some(json!({ (KEY): true })), ..Task::default() }
}

/// Whether a run is about that, and nothing beside it.
pub fn is_asked(asked: &Task) -> bool {
    *asked == task()
}

/// Answers such a run in the place of a model.
pub(super) struct Done;

impl Provider for Done {
    fn model(&self) -> &str {
        "hob/compact"
    }

    fn open(&self, _: Opening<'_>) -> Box<dyn Conversation> {
        Box::new(Done)
    }
}

impl Conversation for Done {
    fn push(&mut self, _: Said<'_>) {}

    fn ask<'a>(
        &'a mut self,
        _: Place,
        _: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> BoxFuture<'a, Result<Answer, Error>> {
        let blocks = vec![Block::Text { text: DONE.to_owned() }];
        let (model, usage) = (self.model().to_owned(), Usage::default());
        ready(Ok(Answer { blocks, stop: Stop::End, model, usage, request: String::new() })).boxed()
    }
}

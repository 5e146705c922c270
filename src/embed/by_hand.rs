//! A command of the program itself, through the same loop as one of a model: recorded, with the files it
//! changed, and carried on after a crash.

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};

use crate::domain::message::{Answer, Block, Call, Stop, Usage};
use crate::provider::{Conversation, Delta, Error, Opening, Place, Provider, Said};

/// Asks for one command in a shell, and is done.
pub(super) struct ByHand {
    pub(super) command: String,
}

impl Provider for ByHand {
    fn model(&self) -> &str {
        "hob/by-hand"
    }

    fn open(&self, _: Opening<'_>) -> Box<dyn Conversation> {
        Box::new(Hand { command: self.command.clone(), said: None })
    }
}

struct Hand {
    command: String,
    /// What came of it.
    said: Option<String>,
}

impl Conversation for Hand {
    fn push(&mut self, said: Said<'_>) {
        self.said = match said {
            Said::Results(results) => results.last().map(|result| result.content.clone()),
            Said::User(_) | Said::Shown { .. } | Said::Answer(_) => None,
        };
    }

    fn ask<'a>(
        &'a mut self,
        place: Place,
        _: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> BoxFuture<'a, Result<Answer, Error>> {
        let (block, stop) = match self.said.take() {
            Some(text) => (Block::Text { text }, Stop::End),
            None => {
                let arguments = serde_json::json!({ "command": self.command }).to_string();
                let id = format!("by-hand-{}-{}", place.run, place.turn);
                (Block::Call(Call { id, name: "bash".to_owned(), arguments }), Stop::Tools)
            }
        };
        let model = "hob/by-hand".to_owned();
        let answer = Answer { blocks: vec![block], stop, model, usage: Usage::default(), request: String::new() };
        ready(Ok(answer)).boxed()
    }
}

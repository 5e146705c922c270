//! A call of the program itself, through the same loop as one of a model: recorded, with the files it
//! changed, and carried on after a crash.

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::message::{Answer, Block, Call, Stop, Usage};
use crate::domain::run::Run;
use crate::provider::{Conversation, Delta, Error, Opening, Place, Provider, Said};

/// The key of such a call in the input of its run.
const KEY: &str = "hob_by_hand";

/// Asks for one call of a tool, and is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ByHand {
    pub(super) tool: String,
    pub(super) arguments: Value,
}

impl ByHand {
    /// The call that a run is about.
    pub(super) fn of(run: &Run) -> Option<Self> {
        Self::deserialize(run.task.input.as_ref()?.get(KEY)?).ok()
    }

    /// The input of a run that is about it.
    pub(super) fn input(&self) -> Value {
        json!({ (KEY): self })
    }
}

impl Provider for ByHand {
    fn model(&self) -> &str {
        "hob/by-hand"
    }

    fn open(&self, _: Opening<'_>) -> Box<dyn Conversation> {
        Box::new(Hand { call: self.clone(), said: None })
    }
}

struct Hand {
    call: ByHand,
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
                let ByHand { tool, arguments } = &self.call;
                let id = format!("by-hand-{}-{}", place.run, place.turn);
                (Block::Call(Call { id, name: tool.clone(), arguments: arguments.to_string() }), Stop::Tools)
            }
        };
        let model = "hob/by-hand".to_owned();
        let answer = Answer { blocks: vec![block], stop, model, usage: Usage::default(), request: String::new() };
        ready(Ok(answer)).boxed()
    }
}

//! How much of a model's window a conversation takes: what the provider counted last, and an estimate
//! of what was said since.

use super::Turn;
use crate::domain::entry::Prompt;
use crate::domain::message::{Block, ToolResult};

/// Bytes of one token, about; text that is no English prose has fewer, so that this rather says too much.
const TOKEN: u64 = 3;

/// Tokens of one image, whatever its size: what the dearest vendor takes for a large one, so that this too
/// rather says too much. Of the models of Anthropic that see best it is 4784, of all others fewer.
const IMAGE: u64 = 5000;

/// In tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Estimate of what stands before the turns.
    opening: u64,
    /// Of all up to the last answer after the last compaction, as the provider counted.
    counted: Option<u64>,
    /// Estimate of what came after that.
    since: u64,
}

impl Size {
    /// All that the next request holds.
    pub fn tokens(&self) -> u64 {
        self.counted.unwrap_or(self.opening).saturating_add(self.since)
    }

    pub(super) fn open(&mut self, prompt: &Prompt) {
        let tools = prompt.tools.iter().map(|tool| tool.description.len() + tool.parameters.get().len());
        self.opening = bytes(prompt.system.len() + prompt.environment.len() + tools.sum::<usize>());
    }

    pub(super) fn add(&mut self, turn: &Turn) {
        match turn {
            // What the answer itself takes is counted with it.
            Turn::Answer(answer) if answer.usage.total() > 0 => {
                (self.counted, self.since) = (Some(answer.usage.total()), 0);
            }
            turn => self.since = self.since.saturating_add(estimate(turn)),
        }
    }

    /// Another result of the last turn.
    pub(super) fn grow(&mut self, result: &ToolResult) {
        self.since = self.since.saturating_add(of_result(result));
    }

    /// What providers counted before holds no more.
    pub(super) fn anew(&mut self, turns: &[Turn]) {
        self.counted = None;
        self.since = turns.iter().map(estimate).sum();
    }
}

/// Tokens of one turn, about.
pub(in crate::session) fn estimate(turn: &Turn) -> u64 {
    match turn {
        Turn::User(text) => bytes(text.len()),
        Turn::Results(results) => results.iter().map(of_result).sum(),
        Turn::Answer(answer) => bytes(answer.blocks.iter().map(length).sum()),
    }
}

fn of_result(result: &ToolResult) -> u64 {
    bytes(result.content.len()) + IMAGE * result.images.len() as u64
}

fn length(block: &Block) -> usize {
    match block {
        Block::Text { text } => text.len(),
        Block::Reasoning { text, signature, .. } => text.len() + signature.as_ref().map_or(0, String::len),
        Block::Call(call) => call.name.len() + call.arguments.len(),
    }
}

fn bytes(length: usize) -> u64 {
    (length as u64).div_ceil(TOKEN)
}

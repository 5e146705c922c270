//! The chunks of one streamed answer, pure: frames in, an answer out at `[DONE]`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::counted::Counted;
use super::details::Details;
use super::dialect::{Dialect, Thoughts};
use crate::domain::message::{Block, Call, Stop, Usage};
use crate::provider::blocks::{Blocks, Fault, On, Reader, Whole};
use crate::provider::{Delta, classify};

/// The protocol's end mark.
const DONE: &str = "[DONE]";
/// Key of texts and reasoning, which the protocol does not number.
const UNNUMBERED: u64 = u64::MAX;

/// One answer on its way.
pub(super) struct Stream {
    blocks: Blocks,
    stop: Option<Stop>,
    refused: bool,
    dialect: Dialect,
    details: Details,
    usage: Usage,
    ids: String,
}

impl Stream {
    /// `request` is the digest of the request, for calls that come without an id.
    pub(super) fn new(request: &str, dialect: Dialect) -> Self {
        let ids = request.chars().take(12).collect();
        let (blocks, details, usage) = (Blocks::default(), Details::default(), Usage::default());
        Self { blocks, stop: None, refused: false, dialect, details, usage, ids }
    }
}

impl Reader for Stream {
    fn frame(&mut self, data: &str, on: On<'_>) -> Result<Option<Whole>, Fault> {
        if data.trim() == DONE {
            let stop = self.stop.ok_or_else(|| Fault::Malformed("the end without a finish reason".to_owned()))?;
            let stop = match stop {
                _ if self.refused => Stop::Refused,
                Stop::End if self.dialect.calls_at_stop && self.blocks.has_calls() => Stop::Tools,
                stop => stop,
            };
            if let Some(sealed) = self.details.take() {
                self.blocks.seal(sealed)?;
            }
            return self.blocks.finish(stop, self.usage, &self.ids).map(Some);
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| Fault::Malformed(error.to_string()))?;
        if let Some(classify::Said { kind, message }) = chunk.error {
            return Err(Fault::Said { kind, message });
        }
        if let Some(counted) = chunk.usage {
            self.usage = counted.usage();
        }
        // Only one answer was asked for.
        for choice in chunk.choices.into_iter().flatten().filter(|choice| choice.index == 0) {
            let Said { content, reasoning_content, reasoning, reasoning_details, refusal, tool_calls } =
                choice.delta.unwrap_or_default();
            if let Some(piece) = reasoning_content.or(reasoning) {
                self.think(&piece, on)?;
            }
            if self.dialect.thoughts == Thoughts::Detailed {
                reasoning_details.into_iter().flatten().try_for_each(|piece| self.details.add(piece))?;
            }
            match content {
                Some(Content::Text(piece)) => self.say(&piece, on)?,
                Some(Content::Parts(parts)) => {
                    for part in parts {
                        match part {
                            Part::Text { text } => self.say(&text, on)?,
                            Part::Thinking { thinking } => {
                                thinking.iter().try_for_each(|piece| self.think(&piece.text, on))?;
                            }
                            Part::Other => {}
                        }
                    }
                }
                None => {}
            }
            if let Some(piece) = refusal {
                self.refused |= !piece.is_empty();
                self.say(&piece, on)?;
            }
            for piece in tool_calls.into_iter().flatten() {
                self.call(piece, on)?;
            }
            if let Some(reason) = choice.finish_reason {
                self.stop = Some(stop(&reason)?);
            }
        }
        Ok(None)
    }
}

impl Stream {
    fn say(&mut self, piece: &str, on: On<'_>) -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        on(Delta::Text(piece));
        if let Some(Block::Text { text }) = self.blocks.last() {
            text.push_str(piece);
            return Ok(());
        }
        self.blocks.begin(UNNUMBERED, Block::Text { text: piece.to_owned() }).map(|_| ())
    }

    fn think(&mut self, piece: &str, on: On<'_>) -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        on(Delta::Reasoning(piece));
        if let Some(Block::Reasoning { text, redacted: false, .. }) = self.blocks.last() {
            text.push_str(piece);
            return Ok(());
        }
        let block = Block::Reasoning { text: piece.to_owned(), signature: None, redacted: false };
        self.blocks.begin(UNNUMBERED, block).map(|_| ())
    }

    /// A piece belongs to the latest call of its index, unless it brings an id of its own: some
    /// servers number every call 0.
    fn call(&mut self, piece: CallPiece, on: On<'_>) -> Result<(), Fault> {
        let id = piece.id.unwrap_or_default();
        let Function { name, arguments } = piece.function.unwrap_or_default();
        let signature = piece.extra_content.and_then(|extra| extra.google?.thought_signature);
        let name = name.unwrap_or_default();
        let arguments = arguments.unwrap_or_default();
        match self.blocks.call(piece.index).filter(|call| id.is_empty() || call.id.is_empty() || call.id == id) {
            Some(call) => {
                if call.id.is_empty() {
                    call.id = id;
                }
                if call.name.is_empty() && !name.is_empty() {
                    on(Delta::Call(&name));
                    call.name = name;
                }
                call.arguments.push_str(&arguments);
            }
            None => {
                if !name.is_empty() {
                    on(Delta::Call(&name));
                }
                // A ciphertext that belongs to the call after it.
                if signature.is_some() {
                    let thought = Block::Reasoning { text: String::new(), signature, redacted: true };
                    self.blocks.begin(UNNUMBERED, thought)?;
                }
                self.blocks.begin(piece.index, Block::Call(Call { id, name, arguments }))?;
            }
        }
        Ok(())
    }
}

fn stop(reason: &str) -> Result<Stop, Fault> {
    match reason {
        "stop" | "eos" | "end_turn" | "stop_sequence" => Ok(Stop::End),
        "tool_calls" | "function_call" | "tool_use" => Ok(Stop::Tools),
        "length" | "max_tokens" => Ok(Stop::Length),
        "content_filter" | "refusal" => Ok(Stop::Refused),
        "model_context_window_exceeded" => Err(Fault::Overflow),
        "error" | "insufficient_system_resource" => {
            Err(Fault::Said { kind: "server_error".to_owned(), message: format!("it finished with `{reason}`") })
        }
        other => Err(Fault::Stop(other.to_owned())),
    }
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Counted>,
    #[serde(default)]
    error: Option<classify::Said>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    #[serde(default)]
    delta: Option<Said>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    reasoning_details: Option<Vec<Map<String, Value>>>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallPiece>>,
}

/// A text, or what Mistral's models send while they think.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text {
        #[serde(default)]
        text: String,
    },
    Thinking {
        #[serde(default)]
        thinking: Vec<Piece>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct CallPiece {
    #[serde(default)]
    index: u64,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<Function>,
    #[serde(default)]
    extra_content: Option<Extra>,
}

/// Where Google puts the signature of the thought that led to a call.
#[derive(Deserialize)]
struct Extra {
    #[serde(default)]
    google: Option<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    #[serde(default)]
    thought_signature: Option<String>,
}

#[derive(Default, Deserialize)]
struct Function {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

#[cfg(test)]
mod tests;

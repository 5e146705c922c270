//! The events of one streamed answer, pure: frames in, an answer out at `message_stop`.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::message::{Block, Call, Stop, Usage};
use crate::provider::Delta;
use crate::provider::blocks::{Blocks, Fault, On, Reader, Whole};

/// One answer on its way.
pub(super) struct Stream {
    blocks: Blocks,
    stop: Option<Stop>,
    usage: Usage,
    ids: String,
}

impl Stream {
    /// `request` is the digest of the request, for calls that come without an id.
    pub(super) fn new(request: &str) -> Self {
        let ids = request.chars().take(12).collect();
        Self { blocks: Blocks::default(), stop: None, usage: Usage::default(), ids }
    }
}

impl Reader for Stream {
    fn frame(&mut self, data: &str, on: On<'_>) -> Result<Option<Whole>, Fault> {
        let event: Event = serde_json::from_str(data).map_err(|error| Fault::Malformed(error.to_string()))?;
        match event {
            Event::MessageStart { message } => {
                message.usage.into_iter().for_each(|counted| counted.note(&mut self.usage))
            }
            Event::ContentBlockStart { index, content_block } => self.begin(index, content_block, on)?,
            Event::ContentBlockDelta { index, delta } => {
                let block = self.blocks.get(index);
                append(
                    block.ok_or_else(|| Fault::Malformed(format!("a piece of block {index}, which never began")))?,
                    delta,
                    on,
                )?;
            }
            Event::MessageDelta { delta, usage } => {
                if let Some(reason) = delta.stop_reason {
                    self.stop = Some(stop(&reason)?);
                }
                usage.into_iter().for_each(|counted| counted.note(&mut self.usage));
            }
            Event::MessageStop => {
                let stop = self.stop.ok_or_else(|| Fault::Malformed("the end without a stop reason".to_owned()))?;
                return self.blocks.finish(stop, self.usage, &self.ids).map(Some);
            }
            Event::Error { error } => return Err(Fault::Said { kind: error.kind, message: error.message }),
            // `ping`, `content_block_stop`, and whatever the API will add.
            Event::Other => {}
        }
        Ok(None)
    }
}

impl Stream {
    fn begin(&mut self, index: u64, start: Start, on: On<'_>) -> Result<(), Fault> {
        if self.blocks.get(index).is_some() {
            return Err(Fault::Malformed(format!("block {index} began twice")));
        }
        let block = match start {
            Start::Text { text } => {
                if !text.is_empty() {
                    on(Delta::Text(&text));
                }
                Block::Text { text }
            }
            Start::Thinking { thinking, signature } => Block::Reasoning {
                text: thinking,
                signature: Some(signature).filter(|signature| !signature.is_empty()),
                redacted: false,
            },
            Start::RedactedThinking { data } => {
                Block::Reasoning { text: String::new(), signature: Some(data), redacted: true }
            }
            Start::ToolUse { id, name, input } => {
                on(Delta::Call(&name));
                // The real API sends `{}` here and the text in pieces; imitators send it at once.
                let in_pieces = input.is_null() || input.as_object().is_some_and(serde_json::Map::is_empty);
                let arguments = if in_pieces { String::new() } else { input.to_string() };
                Block::Call(Call { id, name, arguments })
            }
            Start::Other => return Err(Fault::Malformed("a kind of block that hob does not know".to_owned())),
        };
        self.blocks.begin(index, block).map(|_| ())
    }
}

fn append(block: &mut Block, delta: Piece, on: On<'_>) -> Result<(), Fault> {
    match (block, delta) {
        (Block::Text { text }, Piece::TextDelta { text: piece }) => {
            on(Delta::Text(&piece));
            text.push_str(&piece);
        }
        (Block::Reasoning { text, redacted: false, .. }, Piece::ThinkingDelta { thinking }) => {
            on(Delta::Reasoning(&thinking));
            text.push_str(&thinking);
        }
        (Block::Reasoning { signature, redacted: false, .. }, Piece::SignatureDelta { signature: piece }) => {
            signature.get_or_insert_default().push_str(&piece);
        }
        (Block::Call(call), Piece::InputJsonDelta { partial_json }) => call.arguments.push_str(&partial_json),
        (_, Piece::Other) => {}
        _ => return Err(Fault::Malformed("a piece of another kind than its block".to_owned())),
    }
    Ok(())
}

/// `pause_turn` belongs to tools that run at the vendor, which are never asked for.
fn stop(reason: &str) -> Result<Stop, Fault> {
    match reason {
        "end_turn" | "stop_sequence" => Ok(Stop::End),
        "tool_use" => Ok(Stop::Tools),
        "max_tokens" => Ok(Stop::Length),
        "refusal" => Ok(Stop::Refused),
        "model_context_window_exceeded" => Err(Fault::Overflow),
        other => Err(Fault::Stop(other.to_owned())),
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: MessageStart,
    },
    ContentBlockStart {
        index: u64,
        content_block: Start,
    },
    ContentBlockDelta {
        index: u64,
        delta: Piece,
    },
    MessageDelta {
        delta: MessageDelta,
        #[serde(default)]
        usage: Option<Counted>,
    },
    MessageStop,
    Error {
        error: Said,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct MessageStart {
    #[serde(default)]
    usage: Option<Counted>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Start {
    Text {
        #[serde(default)]
        text: String,
    },
    Thinking {
        #[serde(default)]
        thinking: String,
        #[serde(default)]
        signature: String,
    },
    RedactedThinking {
        data: String,
    },
    ToolUse {
        id: String,
        name: String,
        #[serde(default)]
        input: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece {
    TextDelta {
        text: String,
    },
    ThinkingDelta {
        thinking: String,
    },
    SignatureDelta {
        signature: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct MessageDelta {
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    message: String,
}

/// Counts as they stand now; the last word holds.
#[derive(Deserialize)]
struct Counted {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
}

impl Counted {
    fn note(self, usage: &mut Usage) {
        usage.input = self.input_tokens.unwrap_or(usage.input);
        usage.output = self.output_tokens.unwrap_or(usage.output);
        usage.cache_read = self.cache_read_input_tokens.unwrap_or(usage.cache_read);
        usage.cache_write = self.cache_creation_input_tokens.unwrap_or(usage.cache_write);
    }
}

#[cfg(test)]
mod tests;

//! The events of one streamed answer, pure: frames in, an answer out at `response.completed`.

use serde::Deserialize;

use super::super::counted::Counted;
use crate::domain::message::{Block, Call, Stop};
use crate::provider::blocks::{Blocks, Fault, On, Reader, Whole};
use crate::provider::{Delta, classify};

/// One answer on its way.
pub(super) struct Stream {
    blocks: Blocks,
    /// Calls that have begun and not ended, by their place in the output.
    open: Vec<u64>,
    calls: bool,
    refused: bool,
    ids: String,
}

impl Stream {
    /// `request` is the digest of the request, for calls that come without an id.
    pub(super) fn new(request: &str) -> Self {
        let ids = request.chars().take(12).collect();
        Self { blocks: Blocks::default(), open: Vec::new(), calls: false, refused: false, ids }
    }
}

impl Reader for Stream {
    fn frame(&mut self, data: &str, on: On<'_>) -> Result<Option<Whole>, Fault> {
        let event: Event = serde_json::from_str(data).map_err(|error| Fault::Malformed(error.to_string()))?;
        match event {
            Event::Added { output_index, item } => self.begin(output_index, item, on)?,
            Event::Text { output_index, delta } => self.say(output_index, &delta, on)?,
            Event::Refusal { output_index, delta } => {
                self.refused |= !delta.is_empty();
                self.say(output_index, &delta, on)?;
            }
            Event::Part { output_index, summary_index } if summary_index > 0 => self.think(output_index, "\n\n", on)?,
            Event::Part { .. } | Event::Other => {}
            Event::Summary { output_index, delta } | Event::Reasoning { output_index, delta } => {
                self.think(output_index, &delta, on)?;
            }
            Event::Arguments { output_index, delta } => match self.blocks.call(output_index) {
                Some(call) => call.arguments.push_str(&delta),
                None => return Err(Fault::Malformed("arguments of a call that did not begin".to_owned())),
            },
            Event::Done { output_index, item } => self.end(output_index, item, on)?,
            Event::Completed { response } => {
                if !self.open.is_empty() {
                    return Err(Fault::Malformed("the end before the end of a call".to_owned()));
                }
                return self.finish(if self.calls { Stop::Tools } else { Stop::End }, response).map(Some);
            }
            Event::Incomplete { response } => {
                let reason = response.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
                let stop = match reason.unwrap_or_default() {
                    "max_output_tokens" | "max_tokens" => Stop::Length,
                    "content_filter" => Stop::Refused,
                    other => return Err(Fault::Stop(other.to_owned())),
                };
                return self.finish(stop, response).map(Some);
            }
            Event::Failed { response: Response { error, .. } } | Event::Error { error: error @ Some(_), .. } => {
                let classify::Said { kind, message } = error.unwrap_or_else(classify::Said::nothing);
                return Err(Fault::Said { kind, message });
            }
            Event::Error { error: None, code, message } => {
                return Err(Fault::Said { kind: code.unwrap_or_default(), message: message.unwrap_or_default() });
            }
        }
        Ok(None)
    }
}

impl Stream {
    fn begin(&mut self, at: u64, item: Item, on: On<'_>) -> Result<(), Fault> {
        let Item::FunctionCall { call_id, name, .. } = item else { return Ok(()) };
        on(Delta::Call(&name));
        let arguments = String::new();
        self.blocks.begin(at, Block::Call(Call { id: call_id, name, arguments }))?;
        self.open.push(at);
        self.calls = true;
        Ok(())
    }

    fn say(&mut self, at: u64, piece: &str, on: On<'_>) -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        on(Delta::Text(piece));
        if let Some(Block::Text { text }) = self.blocks.get(at) {
            text.push_str(piece);
            return Ok(());
        }
        self.blocks.begin(at, Block::Text { text: piece.to_owned() }).map(|_| ())
    }

    fn think(&mut self, at: u64, piece: &str, on: On<'_>) -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        on(Delta::Reasoning(piece));
        if let Some(Block::Reasoning { text, .. }) = self.blocks.get(at) {
            text.push_str(piece);
            return Ok(());
        }
        let block = Block::Reasoning { text: piece.to_owned(), signature: None, redacted: false };
        self.blocks.begin(at, block).map(|_| ())
    }

    /// What ended stands here whole; a server may have sent no pieces of it.
    fn end(&mut self, at: u64, item: Item, on: On<'_>) -> Result<(), Fault> {
        match item {
            Item::FunctionCall { call_id, name, arguments } => {
                if self.blocks.call(at).is_none() {
                    self.begin(at, Item::FunctionCall { call_id, name, arguments: String::new() }, on)?;
                }
                self.open.retain(|open| *open != at);
                if let Some(call) = self.blocks.call(at) {
                    call.arguments = arguments;
                }
                Ok(())
            }
            Item::Reasoning { summary, encrypted_content } => {
                if self.blocks.get(at).is_none() {
                    let texts: Vec<String> = summary.into_iter().flatten().filter_map(|part| part.text).collect();
                    self.think(at, &texts.join("\n\n"), on)?;
                }
                match (self.blocks.get(at), encrypted_content) {
                    (Some(Block::Reasoning { signature, .. }), sealed) => *signature = sealed,
                    (_, Some(sealed)) => {
                        let signature = Some(sealed);
                        let block = Block::Reasoning { text: String::new(), signature, redacted: true };
                        self.blocks.begin(at, block)?;
                    }
                    (_, None) => {}
                }
                Ok(())
            }
            Item::Message { content } => {
                if self.blocks.get(at).is_some() {
                    return Ok(());
                }
                content.into_iter().flatten().try_for_each(|part| {
                    self.refused |= part.refusal.is_some();
                    self.say(at, &part.text.or(part.refusal).unwrap_or_default(), on)
                })
            }
            Item::Other => Ok(()),
        }
    }

    fn finish(&mut self, stop: Stop, response: Response) -> Result<Whole, Fault> {
        let stop = if self.refused { Stop::Refused } else { stop };
        self.blocks.finish(stop, response.usage.map(Counted::usage).unwrap_or_default(), &self.ids)
    }
}

/// Many more are sent; they repeat what these say, or are about what was not asked for.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Event {
    #[serde(rename = "response.output_item.added")]
    Added { output_index: u64, item: Item },
    #[serde(rename = "response.output_item.done")]
    Done { output_index: u64, item: Item },
    #[serde(rename = "response.output_text.delta")]
    Text { output_index: u64, delta: String },
    #[serde(rename = "response.refusal.delta")]
    Refusal { output_index: u64, delta: String },
    #[serde(rename = "response.reasoning_summary_part.added")]
    Part { output_index: u64, summary_index: u64 },
    #[serde(rename = "response.reasoning_summary_text.delta")]
    Summary { output_index: u64, delta: String },
    /// Of models whose thoughts are open.
    #[serde(rename = "response.reasoning_text.delta")]
    Reasoning { output_index: u64, delta: String },
    #[serde(rename = "response.function_call_arguments.delta")]
    Arguments { output_index: u64, delta: String },
    #[serde(rename = "response.completed")]
    Completed { response: Response },
    #[serde(rename = "response.incomplete")]
    Incomplete { response: Response },
    #[serde(rename = "response.failed")]
    Failed { response: Response },
    #[serde(rename = "error")]
    Error {
        #[serde(default)]
        error: Option<classify::Said>,
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        message: Option<String>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    Message {
        #[serde(default)]
        content: Option<Vec<Part>>,
    },
    Reasoning {
        #[serde(default)]
        summary: Option<Vec<Part>>,
        #[serde(default)]
        encrypted_content: Option<String>,
    },
    FunctionCall {
        #[serde(default)]
        call_id: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        arguments: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    usage: Option<Counted>,
    #[serde(default)]
    incomplete_details: Option<Details>,
    #[serde(default)]
    error: Option<classify::Said>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    reason: Option<String>,
}

#[cfg(test)]
mod tests;

//! A conversation as the bytes of a request: the head once, each item once, the items last.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::list::List;
use super::super::{effort, sendable};
use super::stream::Stream;
use crate::domain::message::{Answer, Block, ToolResult};
use crate::provider::blocks::Reader;
use crate::provider::body::Body;
use crate::provider::call_ids::CallIds;
use crate::provider::image::Eyes;
use crate::provider::streamed::{Asked, Transcript};
use crate::provider::{Opening, Said, catalog};

/// Longest answer that is asked for, in tokens, reasoning counted. Sent only for models of the
/// catalogue: others have a limit of their own.
const ANSWER_TOKENS: u32 = 32_000;

/// One conversation's request.
pub(in crate::provider) struct Request {
    /// `provider/model`: reasoning and call ids of another model may not suit this one.
    full: String,
    items: List,
    ids: CallIds,
    eyes: Eyes,
}

#[derive(Serialize)]
struct Head<'a> {
    model: &'a str,
    stream: bool,
    store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning>,
    /// A model that does not reason refuses to be asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    include: Option<[&'static str; 1]>,
    instructions: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    input: [(); 0],
}

#[derive(Serialize)]
struct Reasoning {
    effort: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a RawValue,
    /// A strict schema must require every property.
    strict: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    Message { role: &'static str, content: Vec<Content<'a>> },
    Reasoning { summary: Vec<Content<'a>>, encrypted_content: &'a str },
    FunctionCall { call_id: Cow<'a, str>, name: &'a str, arguments: &'a str },
    FunctionCallOutput { call_id: &'a str, output: String },
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Content<'a> {
    #[serde(rename = "input_text")]
    Input { text: Cow<'a, str> },
    #[serde(rename = "input_image")]
    Image { image_url: String },
    #[serde(rename = "output_text")]
    Output { text: &'a str },
    #[serde(rename = "summary_text")]
    Summary { text: &'a str },
}

impl Request {
    pub(in crate::provider) fn open(asked: Asked<'_>, opening: Opening<'_>) -> Self {
        let Asked { full, name } = asked;
        let parts = [opening.system, opening.environment];
        let prompt: Vec<&str> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
        let effort = effort::in_responses(name, opening.thinking);
        let head = Head {
            model: name,
            stream: true,
            store: false,
            max_output_tokens: catalog::find(full).map(|row| row.output.min(ANSWER_TOKENS)),
            reasoning: effort.map(|effort| Reasoning { effort }),
            include: effort.map(|_| ["reasoning.encrypted_content"]),
            instructions: prompt.join("\n\n"),
            tools: opening
                .tools
                .iter()
                .map(|spec| Tool {
                    name: &spec.name,
                    description: &spec.description,
                    parameters: &spec.parameters,
                    strict: false,
                })
                .collect(),
            input: [],
        };
        Self { full: full.to_owned(), items: List::open(&head), ids: CallIds::default(), eyes: Eyes::of(full) }
    }

    fn append_answer(&mut self, answer: &Answer) {
        let own = answer.model == self.full;
        let followed = answer.blocks.iter().rposition(|block| !matches!(block, Block::Reasoning { .. })).unwrap_or(0);
        for (position, block) in answer.blocks.iter().enumerate() {
            match block {
                Block::Text { text } => {
                    self.items.append(&Item::Message { role: "assistant", content: vec![Content::Output { text }] });
                }
                Block::Reasoning { text, signature: Some(signature), .. } if own && position < followed => {
                    let summary = if text.is_empty() { Vec::new() } else { vec![Content::Summary { text }] };
                    self.items.append(&Item::Reasoning { summary, encrypted_content: signature });
                }
                Block::Reasoning { .. } => {}
                Block::Call(call) => {
                    let call_id = self.ids.of_call(&call.id, own).into_owned().into();
                    let arguments = sendable(call);
                    self.items.append(&Item::FunctionCall { call_id, name: &call.name, arguments });
                }
            }
        }
    }

    fn append_result(&mut self, result: &ToolResult) {
        let call_id = self.ids.of_result(&result.call).to_owned();
        let mark = if result.is_error { "error: " } else { "" };
        self.items.append(&Item::FunctionCallOutput { call_id: &call_id, output: format!("{mark}{}", result.content) });
    }
}

impl Transcript for Request {
    /// One item for each block or result.
    fn push(&mut self, said: Said<'_>) {
        match said {
            Said::User(text) => {
                let content = vec![Content::Input { text: text.into() }];
                self.items.append(&Item::Message { role: "user", content });
            }
            Said::Shown { text, images } => {
                let images = images.iter().map(|image| match self.eyes.send(image).url() {
                    Ok(image_url) => Content::Image { image_url },
                    Err(words) => Content::Input { text: words.into() },
                });
                let content = [Content::Input { text: text.into() }].into_iter().chain(images).collect();
                self.items.append(&Item::Message { role: "user", content });
            }
            Said::Answer(answer) => self.append_answer(answer),
            Said::Results(results) => results.iter().for_each(|result| self.append_result(result)),
        }
    }

    fn send(&mut self) -> (Body, String) {
        self.items.send()
    }

    fn reader(&self, digest: &str) -> Box<dyn Reader> {
        Box::new(Stream::new(digest))
    }
}

//! A conversation as the bytes of a request: the head once, each message once, the messages last.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::effort::Effort;
use super::super::list::List;
use super::super::sendable;
use super::dialect::{AnswerLimit, Dialect, Thoughts};
use super::stream::Stream;
use crate::domain::message::{Answer, Block, ToolResult};
use crate::provider::blocks::Reader;
use crate::provider::body::Body;
use crate::provider::call_ids::CallIds;
use crate::provider::image::Eyes;
use crate::provider::streamed::{Asked, Transcript};
use crate::provider::{Opening, Said, catalog};

/// Longest answer that is asked for, in tokens. Sent only for models of the catalogue: others
/// have a limit of their own, and local servers know the field by another name.
const ANSWER_TOKENS: u32 = 32_000;

/// What a model says to results before hob may say something, where it must.
const BETWEEN: &str = "I have the results.";

/// Whose models need that at every server.
const MISTRAL: &str = "mistralai/";

/// One conversation's request.
pub(in crate::provider) struct Request {
    /// `provider/model`: call ids of another model may not suit this one.
    full: String,
    dialect: Dialect,
    messages: List,
    /// Results were the last that was said.
    results: bool,
    ids: CallIds,
    eyes: Eyes,
}

#[derive(Serialize)]
struct Head<'a> {
    model: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(flatten)]
    effort: Effort,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    messages: [(); 0],
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct Tool<'a> {
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a RawValue,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
enum Message<'a> {
    System {
        content: String,
    },
    User {
        content: Content<'a>,
    },
    Assistant {
        content: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_content: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_details: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: String,
    },
}

impl Message<'_> {
    fn said(text: &str) -> Self {
        let content = Some(text.to_owned());
        Self::Assistant { content, reasoning_content: None, reasoning_details: None, tool_calls: Vec::new() }
    }
}

/// Text alone is a string: not every server knows parts.
#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageUrl },
}

impl<'a> Content<'a> {
    fn shown(text: &'a str, images: impl Iterator<Item = Result<String, String>>) -> Self {
        let images: Vec<_> = images.collect();
        if images.iter().all(Result::is_err) {
            let words = images.into_iter().filter_map(Result::err);
            return Self::Text([text.to_owned()].into_iter().chain(words).collect::<Vec<_>>().join("\n").into());
        }
        let images = images.into_iter().map(|image| match image {
            Ok(url) => Part::ImageUrl { image_url: ImageUrl { url } },
            Err(words) => Part::Text { text: words.into() },
        });
        Self::Parts([Part::Text { text: text.into() }].into_iter().chain(images).collect())
    }
}

#[derive(Serialize)]
struct ImageUrl {
    url: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct ToolCall<'a> {
    id: Cow<'a, str>,
    function: Called<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra<'a>>,
}

#[derive(Serialize)]
struct Extra<'a> {
    google: Signed<'a>,
}

#[derive(Serialize)]
struct Signed<'a> {
    thought_signature: &'a str,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl Request {
    pub(in crate::provider) fn open(asked: Asked<'_>, dialect: Dialect, opening: Opening<'_>) -> Self {
        let Asked { full, name } = asked;
        let answers_results = dialect.answers_results || name.starts_with(MISTRAL);
        let dialect = Dialect { answers_results, ..dialect };
        let parts = [opening.system, opening.environment];
        let prompt: Vec<&str> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
        let longest = catalog::find(full).map(|row| row.output.min(ANSWER_TOKENS));
        let head = Head {
            model: name,
            stream: true,
            stream_options: dialect.asks_for_usage.then_some(StreamOptions { include_usage: true }),
            max_tokens: longest.filter(|_| dialect.limit == AnswerLimit::MaxTokens),
            max_completion_tokens: longest.filter(|_| dialect.limit == AnswerLimit::MaxCompletionTokens),
            effort: dialect.takes.effort(name, opening.thinking, !opening.tools.is_empty()),
            tools: opening
                .tools
                .iter()
                .map(|spec| Tool {
                    function: Function {
                        name: &spec.name,
                        description: &spec.description,
                        parameters: &spec.parameters,
                    },
                })
                .collect(),
            messages: [],
        };
        let mut messages = List::open(&head);
        // One system message: many chat templates allow no second one.
        messages.append(&Message::System { content: prompt.join("\n\n") });
        Self { full: full.to_owned(), dialect, messages, results: false, ids: CallIds::default(), eyes: Eyes::of(full) }
    }
}

impl Transcript for Request {
    /// One message, or one for each result.
    fn push(&mut self, said: Said<'_>) {
        let results = std::mem::replace(&mut self.results, matches!(said, Said::Results(_)));
        if results && self.dialect.answers_results && matches!(said, Said::User(_) | Said::Shown { .. }) {
            self.messages.append(&Message::said(BETWEEN));
        }
        match said {
            Said::User(text) => self.messages.append(&Message::User { content: Content::Text(text.into()) }),
            Said::Shown { text, images } => {
                let content = Content::shown(text, images.iter().map(|image| self.eyes.send(image).url()));
                self.messages.append(&Message::User { content });
            }
            Said::Answer(answer) => {
                let own = answer.model == self.full;
                let message = message(answer, own, self.dialect.thoughts, |id| self.ids.of_call(id, own));
                self.messages.append(&message);
            }
            Said::Results(results) => {
                for result in results {
                    let id = self.ids.of_result(&result.call).to_owned();
                    self.messages.append(&result_message(&id, result));
                }
            }
        }
    }

    fn send(&mut self) -> (Body, String) {
        self.messages.send()
    }

    fn reader(&self, digest: &str) -> Box<dyn Reader> {
        Box::new(Stream::new(digest, self.dialect))
    }
}

fn message<'a>(
    answer: &'a Answer,
    own: bool,
    thoughts: Thoughts,
    mut id_of: impl FnMut(&'a str) -> Cow<'a, str>,
) -> Message<'a> {
    let mut content = String::new();
    let mut thought = String::new();
    let mut tool_calls = Vec::new();
    let mut reasoning_details = None;
    // Came right before a call, and belongs to it.
    let mut signature = None;
    for block in &answer.blocks {
        match block {
            Block::Reasoning { signature: Some(told), .. } if own && thoughts == Thoughts::Detailed => {
                reasoning_details =
                    reasoning_details.or_else(|| serde_json::from_str(told).ok().filter(|_| told.starts_with('[')));
            }
            Block::Text { text } => content.push_str(text),
            Block::Reasoning { redacted: true, signature: Some(own_signature), .. } if own => {
                signature = Some(own_signature.as_str());
                continue;
            }
            Block::Reasoning { text, .. } if own => thought.push_str(text),
            Block::Reasoning { .. } => {}
            Block::Call(call) => {
                let function = Called { name: &call.name, arguments: sendable(call) };
                let thought_signature = match thoughts {
                    Thoughts::Signed { stand_in } if !own && tool_calls.is_empty() => Some(stand_in),
                    Thoughts::Signed { .. } => signature,
                    Thoughts::Nothing | Thoughts::Sent | Thoughts::Detailed => None,
                };
                let extra_content =
                    thought_signature.map(|thought_signature| Extra { google: Signed { thought_signature } });
                tool_calls.push(ToolCall { id: id_of(&call.id), function, extra_content });
            }
        }
        signature = None;
    }
    // `null` stands beside calls only.
    let content = Some(content).filter(|content| !content.is_empty() || tool_calls.is_empty());
    let sent = thoughts == Thoughts::Sent && (!thought.is_empty() || !tool_calls.is_empty());
    Message::Assistant { content, reasoning_content: sent.then_some(thought), reasoning_details, tool_calls }
}

fn result_message<'a>(id: &'a str, result: &ToolResult) -> Message<'a> {
    let mark = if result.is_error { "error: " } else { "" };
    Message::Tool { tool_call_id: id, content: format!("{mark}{}", result.content) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::{Call, Stop, Usage};
    use crate::domain::name::Thinking;

    #[test]
    fn a_call_of_another_model_or_one_that_repeats_an_id_gets_a_new_one_with_its_result() {
        let opening = Opening { system: "s", environment: "", tools: &[], thinking: Thinking::Off };
        let asked = Asked { full: "openai-chat/m", name: "m" };
        let mut request = Request::open(asked, Dialect::OPENAI, opening);
        for (model, id) in [("openai-chat/m", "call_0"), ("openai-chat/m", "call_0"), ("anthropic/o", "toolu_1")] {
            let call = Block::Call(Call { id: id.into(), name: "t".into(), arguments: "{}".into() });
            let usage = Usage::default();
            let answer =
                Answer { blocks: vec![call], stop: Stop::Tools, model: model.into(), usage, request: String::new() };
            request.push(Said::Answer(&answer));
            let content = "x".to_owned();
            request.push(Said::Results(&[ToolResult {
                call: id.into(),
                name: "t".into(),
                content,
                is_error: false,
                images: Vec::new(),
            }]));
        }
        let sent: serde_json::Value = serde_json::from_str(&request.send().0.concat()).unwrap();
        let ids: Vec<&str> = sent["messages"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|message| message["tool_calls"][0]["id"].as_str().or(message["tool_call_id"].as_str()))
            .collect();
        let [a, b, c, d, e, f] = ids[..] else { panic!("{ids:?}") };
        assert_eq!((a, c, e), (b, d, f));
        assert_eq!(a, "call_0");
        // Nine letters and digits: what the strictest server takes.
        assert!([c, e].iter().all(|id| id.len() == 9) && c != e, "{ids:?}");
    }
}

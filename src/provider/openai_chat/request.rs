//! A conversation as the bytes of a request: the head once, each message once, the messages last.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::stream::Stream;
use crate::domain::message::{Answer, Block, Call, ToolResult};
use crate::domain::name::Thinking;
use crate::provider::blocks::Reader;
use crate::provider::body::{Body, Hashed, json};
use crate::provider::call_ids::CallIds;
use crate::provider::streamed::Transcript;
use crate::provider::{Opening, Said, catalog};

/// Longest answer that is asked for, in tokens. Sent only for models of the catalogue: others
/// have a limit of their own, and local servers know the field by another name.
const ANSWER_TOKENS: u32 = 32_000;

const END: &[u8] = b"]}";

/// One conversation's request.
pub(super) struct Request {
    /// `provider/model`: call ids of another model may not suit this one.
    full: String,
    /// Everything up to and with the system message.
    head: Bytes,
    /// Each with the comma before it.
    messages: Vec<Bytes>,
    ids: CallIds,
    hashed: Hashed,
}

#[derive(Serialize)]
struct Head<'a> {
    model: &'a str,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    messages: [Message<'a>; 1],
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
        content: &'a str,
    },
    Assistant {
        content: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: String,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct ToolCall<'a> {
    id: Cow<'a, str>,
    function: Called<'a>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl Request {
    pub(super) fn open(full: &str, name: &str, opening: Opening<'_>) -> Self {
        let parts = [opening.system, opening.environment];
        let prompt: Vec<&str> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
        let head = Head {
            model: name,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
            max_completion_tokens: catalog::find(full).map(|row| row.output.min(ANSWER_TOKENS)),
            reasoning_effort: effort(name, opening.thinking, !opening.tools.is_empty()),
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
            // One system message: many chat templates allow no second one.
            messages: [Message::System { content: prompt.join("\n\n") }],
        };
        let mut head = json(&head);
        head.truncate(head.len().saturating_sub(END.len()));
        Self {
            full: full.to_owned(),
            head: head.into(),
            messages: Vec::new(),
            ids: CallIds::default(),
            hashed: Hashed::default(),
        }
    }

    fn append(&mut self, message: &Message<'_>) {
        let mut bytes = vec![b','];
        bytes.extend(json(message));
        self.messages.push(bytes.into());
    }
}

impl Transcript for Request {
    /// One message, or one for each result.
    fn push(&mut self, said: Said<'_>) {
        match said {
            Said::User(text) => self.append(&Message::User { content: text }),
            Said::Answer(answer) => {
                let own = answer.model == self.full;
                let message = message(answer, |id| self.ids.of_call(id, own));
                self.append(&message);
            }
            Said::Results(results) => {
                for result in results {
                    let id = self.ids.of_result(&result.call).to_owned();
                    self.append(&result_message(&id, result));
                }
            }
        }
    }

    fn send(&mut self) -> (Body, String) {
        let mut body = Body::with_capacity(self.messages.len() + 2);
        body.push(self.head.clone());
        self.messages.iter().for_each(|message| body.push(message.clone()));
        body.settle();
        body.push(Bytes::from_static(END));
        let digest = self.hashed.digest(&body);
        (body, digest)
    }

    fn reader(&self, digest: &str) -> Box<dyn Reader> {
        Box::new(Stream::new(digest))
    }
}

fn message<'a>(answer: &'a Answer, mut id_of: impl FnMut(&'a str) -> Cow<'a, str>) -> Message<'a> {
    let mut content = String::new();
    let mut tool_calls = Vec::new();
    for block in &answer.blocks {
        match block {
            Block::Text { text } => content.push_str(text),
            Block::Reasoning { .. } => {}
            Block::Call(call) => {
                let function = Called { name: &call.name, arguments: arguments(call) };
                tool_calls.push(ToolCall { id: id_of(&call.id), function });
            }
        }
    }
    // `null` stands beside calls only.
    let content = Some(content).filter(|content| !content.is_empty() || tool_calls.is_empty());
    Message::Assistant { content, tool_calls }
}

fn arguments(call: &Call) -> &str {
    if call.arguments.trim().is_empty() || call.arguments().is_err() { "{}" } else { &call.arguments }
}

fn result_message<'a>(id: &'a str, result: &ToolResult) -> Message<'a> {
    let mark = if result.is_error { "error: " } else { "" };
    Message::Tool { tool_call_id: id, content: format!("{mark}{}", result.content) }
}

/// What a generation takes for `reasoning_effort`.
#[derive(Clone, Copy)]
enum Takes {
    /// `low` to `high`; always reasons.
    LowToHigh,
    /// `minimal` to `high`; always reasons.
    MinimalToHigh,
    /// `none` to `high`.
    NoneToHigh,
    /// `none` to `xhigh`, but nothing beside tools.
    NothingWithTools,
    /// `none` to `xhigh`, but only `none` beside tools, where leaving it out is refused too.
    NoneWithTools,
}

/// By the name or its beginning up to a `-`. Sources: the reference of `reasoning_effort` at
/// <https://developers.openai.com/api/docs/guides/reasoning>, and for tools on Chat Completions
/// <https://github.com/openai/openai-openapi/issues/541> and
/// <https://github.com/BerriAI/litellm/pull/34569>, seen 2026-11-23. Other models are told nothing.
const TAKES: &[(&str, Takes)] = &[
    ("o1", Takes::LowToHigh),
    ("o3", Takes::LowToHigh),
    ("o4", Takes::LowToHigh),
    ("gpt-5", Takes::MinimalToHigh),
    ("gpt-5.1", Takes::NoneToHigh),
    ("gpt-5.2", Takes::NothingWithTools),
    ("gpt-5.4", Takes::NothingWithTools),
    ("gpt-5.5", Takes::NothingWithTools),
    ("gpt-5.6", Takes::NoneWithTools),
    ("gpt-6", Takes::NoneWithTools),
];

fn effort(model: &str, thinking: Thinking, tools: bool) -> Option<&'static str> {
    let starts = |start: &str| model.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let (_, takes) = TAKES.iter().find(|(start, _)| starts(start))?;
    let word = match (takes, thinking) {
        (Takes::NothingWithTools, _) if tools => return None,
        (Takes::NoneWithTools, _) if tools => "none",
        (Takes::LowToHigh, Thinking::Off | Thinking::Minimal) => "low",
        (Takes::MinimalToHigh, Thinking::Off | Thinking::Minimal) => "minimal",
        (_, Thinking::Off) => "none",
        (_, Thinking::Minimal | Thinking::Low) => "low",
        (_, Thinking::Medium) => "medium",
        (Takes::NothingWithTools | Takes::NoneWithTools, Thinking::XHigh) => "xhigh",
        (_, Thinking::High | Thinking::XHigh) => "high",
    };
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::{Stop, Usage};

    #[test]
    fn a_call_of_another_model_or_one_that_repeats_an_id_gets_a_new_one_with_its_result() {
        let opening = Opening { system: "s", environment: "", tools: &[], thinking: Thinking::Off };
        let mut request = Request::open("openai-chat/m", "m", opening);
        for (model, id) in [("openai-chat/m", "call_0"), ("openai-chat/m", "call_0"), ("anthropic/o", "toolu_1")] {
            let call = Block::Call(Call { id: id.into(), name: "t".into(), arguments: "{}".into() });
            let usage = Usage::default();
            let answer =
                Answer { blocks: vec![call], stop: Stop::Tools, model: model.into(), usage, request: String::new() };
            request.push(Said::Answer(&answer));
            let content = "x".to_owned();
            request.push(Said::Results(&[ToolResult { call: id.into(), name: "t".into(), content, is_error: false }]));
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

    #[test]
    fn every_generation_is_told_in_its_own_words() {
        let mut table = String::new();
        for model in ["o3", "gpt-5-mini", "gpt-5.1", "gpt-5.4-mini", "gpt-5.6-luna", "gpt-50", "llama-4"] {
            for tools in [false, true] {
                let levels = [Thinking::Off, Thinking::Minimal, Thinking::Medium, Thinking::XHigh];
                let sent = levels.map(|level| effort(model, level, tools).unwrap_or("-"));
                table.push_str(&format!("{model} {} {}\n", if tools { "with tools" } else { "alone" }, sent.join(" ")));
            }
        }
        insta::assert_snapshot!(table, @r"
        o3 alone low low medium high
        o3 with tools low low medium high
        gpt-5-mini alone minimal minimal medium high
        gpt-5-mini with tools minimal minimal medium high
        gpt-5.1 alone none low medium high
        gpt-5.1 with tools none low medium high
        gpt-5.4-mini alone none low medium xhigh
        gpt-5.4-mini with tools - - - -
        gpt-5.6-luna alone none low medium xhigh
        gpt-5.6-luna with tools none none none none
        gpt-50 alone - - - -
        gpt-50 with tools - - - -
        llama-4 alone - - - -
        llama-4 with tools - - - -
        ");
    }
}

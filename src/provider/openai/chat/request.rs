//! A conversation as the bytes of a request: the head once, each message once, the messages last.

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
use crate::provider::streamed::Transcript;
use crate::provider::{Opening, Said, catalog};

/// Longest answer that is asked for, in tokens. Sent only for models of the catalogue: others
/// have a limit of their own, and local servers know the field by another name.
const ANSWER_TOKENS: u32 = 32_000;

/// One conversation's request.
pub(super) struct Request {
    /// `provider/model`: call ids of another model may not suit this one.
    full: String,
    messages: List,
    ids: CallIds,
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
            reasoning_effort: effort::in_chat(name, opening.thinking, !opening.tools.is_empty()),
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
        Self { full: full.to_owned(), messages, ids: CallIds::default() }
    }
}

impl Transcript for Request {
    /// One message, or one for each result.
    fn push(&mut self, said: Said<'_>) {
        match said {
            Said::User(text) => self.messages.append(&Message::User { content: text }),
            Said::Answer(answer) => {
                let own = answer.model == self.full;
                let message = message(answer, |id| self.ids.of_call(id, own));
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
                let function = Called { name: &call.name, arguments: sendable(call) };
                tool_calls.push(ToolCall { id: id_of(&call.id), function });
            }
        }
    }
    // `null` stands beside calls only.
    let content = Some(content).filter(|content| !content.is_empty() || tool_calls.is_empty());
    Message::Assistant { content, tool_calls }
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
}

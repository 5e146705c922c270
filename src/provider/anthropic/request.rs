//! A conversation as the bytes of a request: the head once, each message once, the messages last,
//! so that everything sent before stands at the same place in every later request.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::thinking::{self, Effort};
use crate::domain::message::{Answer, Block, Call, ToolResult};
use crate::provider::body::{Body, json};
use crate::provider::{Opening, Said, catalog};

/// Value of the `anthropic-version` header.
pub(in crate::provider) const VERSION: &str = "2023-06-01";

/// Longest answer that is asked for, in tokens, even if the model could write more.
const ANSWER_TOKENS: u32 = 32_000;
/// Longest answer of a model that the catalogue does not know; every model since 2024 takes it.
const ANSWER_TOKENS_UNKNOWN: u32 = 8192;

/// How many of the last user messages are marked for the cache; with tools and system this makes
/// the four marks that the API allows.
const MARKED: usize = 2;

/// Ends the last block of a message, its content and the message.
const CLOSE: &[u8] = b"}]}";
const MARK_AND_CLOSE: &[u8] = br#","cache_control":{"type":"ephemeral"}}]}"#;
const END: &[u8] = b"]}";

/// One conversation's request.
pub(super) struct Request {
    /// `provider/model`: reasoning of another model is not sent.
    full: String,
    /// Everything up to `"messages":[`.
    head: Bytes,
    messages: Vec<Message>,
}

/// A message as it is sent, with the comma before it.
struct Message {
    bytes: Bytes,
    user: bool,
}

#[derive(Serialize)]
struct Head<'a> {
    model: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(flatten)]
    effort: Effort,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Part<'a>>,
    messages: [(); 0],
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "ephemeral")]
struct Mark {}

#[derive(Serialize)]
struct Outer<'a> {
    role: &'static str,
    content: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Input<'a>,
    },
    ToolResult {
        tool_use_id: &'a str,
        content: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

/// A call's arguments as the model wrote them, or `{}` where they are no object.
#[derive(Serialize)]
#[serde(untagged)]
enum Input<'a> {
    Written(&'a RawValue),
    Empty {},
}

impl<'a> Input<'a> {
    fn of(call: &'a Call) -> Self {
        match call.arguments().map(|_| serde_json::from_str(&call.arguments)) {
            Ok(Ok(written)) => Self::Written(written),
            Ok(Err(_)) | Err(_) => Self::Empty {},
        }
    }
}

impl Request {
    pub(super) fn open(full: &str, name: &str, opening: Opening<'_>) -> Self {
        let max_tokens = match catalog::find(full) {
            Some(row) => row.output.min(ANSWER_TOKENS),
            None => ANSWER_TOKENS_UNKNOWN,
        };
        let last = opening.tools.len().saturating_sub(1);
        let head = Head {
            model: name,
            max_tokens,
            stream: true,
            effort: thinking::effort(name, opening.thinking, max_tokens),
            tools: opening
                .tools
                .iter()
                .enumerate()
                .map(|(at, spec)| Tool {
                    name: &spec.name,
                    description: &spec.description,
                    input_schema: &spec.parameters,
                    cache_control: (at == last).then_some(Mark {}),
                })
                .collect(),
            system: [(opening.system, true), (opening.environment, false)]
                .into_iter()
                .filter(|(text, _)| !text.trim().is_empty())
                .map(|(text, marked)| Part::Text { text, cache_control: marked.then_some(Mark {}) })
                .collect(),
            messages: [],
        };
        let mut head = json(&head);
        head.truncate(head.len().saturating_sub(END.len()));
        Self { full: full.to_owned(), head: head.into(), messages: Vec::new() }
    }

    /// Appends a message. What the API would refuse for ever after (an empty text, a message
    /// without content) is left out. Two user messages may follow each other: the API joins them.
    pub(super) fn push(&mut self, said: Said<'_>) {
        let (user, content) = match said {
            Said::User(text) => (true, vec![Part::Text { text, cache_control: None }]),
            Said::Answer(answer) => (false, self.parts(answer)),
            Said::Results(results) => (true, results.iter().map(result).collect()),
        };
        let content: Vec<Part<'_>> = content
            .into_iter()
            .filter(|part| !matches!(part, Part::Text { text, .. } if text.trim().is_empty()))
            .collect();
        if content.is_empty() {
            return;
        }
        let mut bytes = vec![b','];
        bytes.extend(json(&Outer { role: if user { "user" } else { "assistant" }, content }));
        self.messages.push(Message { bytes: bytes.into(), user });
    }

    /// Everything pushed so far, with the marks where they belong now.
    pub(super) fn body(&self) -> Body {
        let marked_from = self
            .messages
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, message)| message.user)
            .nth(MARKED - 1)
            .map_or(0, |(at, _)| at);
        let mut body = Body::with_capacity(self.messages.len() + 2 * MARKED + 2);
        body.push(self.head.clone());
        for (at, message) in self.messages.iter().enumerate() {
            let bytes = if at == 0 { message.bytes.slice(1..) } else { message.bytes.clone() };
            if message.user && at >= marked_from && bytes.ends_with(CLOSE) {
                body.push(bytes.slice(..bytes.len() - CLOSE.len()));
                body.push(Bytes::from_static(MARK_AND_CLOSE));
            } else {
                body.push(bytes);
            }
        }
        body.push(Bytes::from_static(END));
        body
    }

    /// An answer as it came; reasoning only to the model that signed it.
    fn parts<'a>(&self, answer: &'a Answer) -> Vec<Part<'a>> {
        let own = answer.model == self.full;
        answer
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Text { text } => Some(Part::Text { text, cache_control: None }),
                Block::Reasoning { text, signature: Some(signature), redacted } if own => Some(if *redacted {
                    Part::RedactedThinking { data: signature }
                } else {
                    Part::Thinking { thinking: text, signature }
                }),
                Block::Reasoning { .. } => None,
                Block::Call(call) => Some(Part::ToolUse { id: &call.id, name: &call.name, input: Input::of(call) }),
            })
            .collect()
    }
}

fn result(result: &ToolResult) -> Part<'_> {
    Part::ToolResult { tool_use_id: &result.call, content: &result.content, is_error: result.is_error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::{Stop, Usage};
    use crate::domain::name::Thinking;

    const OPENING: Opening<'_> = Opening { system: "s", environment: "", tools: &[], thinking: Thinking::Off };

    fn answer(model: &str, blocks: Vec<Block>) -> Answer {
        Answer { blocks, stop: Stop::Tools, model: model.into(), usage: Usage::default(), request: String::new() }
    }

    fn call(arguments: &str) -> Block {
        Block::Call(Call { id: "1".into(), name: "t".into(), arguments: arguments.into() })
    }

    fn messages(request: &Request) -> String {
        let body = request.body().concat();
        body.split_once("\"messages\":").unwrap().1.strip_suffix('}').unwrap().to_owned()
    }

    #[test]
    fn arguments_that_are_no_object_are_sent_back_as_an_empty_one() {
        for (written, sent) in [
            (r#"{"b": 1, "a" :2}"#, r#"{"b": 1, "a" :2}"#),
            (" {} ", "{}"),
            ("", "{}"),
            ("[1]", "{}"),
            (r#"{"a":"#, "{}"),
            (r#"{"a":"\ud800"}"#, "{}"),
            (&"[".repeat(5000), "{}"),
        ] {
            let mut request = Request::open("anthropic/m", "m", OPENING);
            request.push(Said::Answer(&answer("anthropic/m", vec![call(written)])));
            let expected = format!(
                r#"[{{"role":"assistant","content":[{{"type":"tool_use","id":"1","name":"t","input":{sent}}}]}}]"#
            );
            assert_eq!(messages(&request), expected);
        }
    }

    #[test]
    fn reasoning_goes_back_to_the_model_that_signed_it_and_to_no_other() {
        let reasoning = |signature: Option<&str>, redacted| Block::Reasoning {
            text: "hm".into(),
            signature: signature.map(str::to_owned),
            redacted,
        };
        let blocks =
            vec![reasoning(Some("sig"), false), reasoning(Some("cipher"), true), reasoning(None, false), call("{}")];
        let sent = |model: &str| {
            let mut request = Request::open("anthropic/m", "m", OPENING);
            request.push(Said::Answer(&answer(model, blocks.clone())));
            messages(&request)
        };
        insta::assert_snapshot!(sent("anthropic/m"), @r#"[{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"sig"},{"type":"redacted_thinking","data":"cipher"},{"type":"tool_use","id":"1","name":"t","input":{}}]}]"#);
        insta::assert_snapshot!(sent("anthropic/other"), @r#"[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"t","input":{}}]}]"#);
    }

    #[test]
    fn what_the_api_would_refuse_for_ever_after_is_left_out() {
        let mut request = Request::open("anthropic/m", "m", OPENING);
        request.push(Said::User(" \n"));
        request.push(Said::Answer(&answer("anthropic/m", vec![Block::Text { text: " ".into() }])));
        request.push(Said::Results(&[]));
        assert_eq!(messages(&request), "[]");
        request.push(Said::User("go"));
        assert_eq!(
            messages(&request),
            r#"[{"role":"user","content":[{"type":"text","text":"go","cache_control":{"type":"ephemeral"}}]}]"#
        );
    }
}

//! A conversation as the bytes of a request: the head once, each message once, the messages last,
//! so that everything sent before stands at the same place in every later request.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::stream::Stream;
use super::thinking::{self, Effort};
use crate::domain::message::{Answer, Block, Call, ToolResult};
use crate::domain::name::Thinking;
use crate::provider::blocks::Reader;
use crate::provider::body::{Body, Hashed, json};
use crate::provider::call_ids::CallIds;
use crate::provider::image::{Eyes, Sent};
use crate::provider::streamed::{Asked, Transcript};
use crate::provider::{Opening, Said, catalog};

/// Longest answer that is asked for, in tokens, even if the model could write more.
const ANSWER_TOKENS: u32 = 32_000;
/// Longest answer of a model that the catalogue does not know; every model since 2024 takes it.
const ANSWER_TOKENS_UNKNOWN: u32 = 8192;

/// How many of the last user messages are marked for the cache; with tools and system this makes
/// the four marks that the API allows.
const MARKED: usize = 2;

/// Longest call id of another vendor that is sent as it is; some gateways take no longer one.
const FOREIGN_ID_MAX: usize = 64;

/// Ends the last block of a message, its content and the message.
const CLOSE: &[u8] = b"}]}";
const MARK_AND_CLOSE: &[u8] = br#","cache_control":{"type":"ephemeral"}}]}"#;
const END: &[u8] = b"]}";

/// One conversation's request.
pub(in crate::provider) struct Request {
    /// `provider/model`: reasoning of another model is not sent.
    full: String,
    /// Everything up to `"messages":[`.
    head: Bytes,
    /// The same with thinking off, where an open turn without a thought would be refused.
    calm: Option<Bytes>,
    messages: Vec<Message>,
    turn: Turn,
    ids: CallIds,
    eyes: Eyes,
    hashed: Hashed,
    /// Whether `hashed` began with `calm`.
    hashed_calm: bool,
}

/// The turn under way: from what a user says to the answer without calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// No answer of it called a tool so far.
    Fresh,
    /// It is in its calls.
    Calling {
        /// It began with a thought, and no other model answered in it since.
        thought: bool,
        /// Results were the last that was said.
        results: bool,
    },
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
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Image {
        source: Source,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: Cow<'a, str>,
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

#[derive(Serialize)]
#[serde(tag = "type", rename = "base64")]
struct Source {
    media_type: &'static str,
    data: String,
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
    pub(in crate::provider) fn open(asked: Asked<'_>, opening: Opening<'_>) -> Self {
        let Asked { full, name } = asked;
        let max_tokens = match catalog::find(full) {
            Some(row) => row.output.min(ANSWER_TOKENS),
            None => ANSWER_TOKENS_UNKNOWN,
        };
        let effort = thinking::effort(name, opening.thinking, max_tokens);
        let calm = || head(name, max_tokens, thinking::effort(name, Thinking::Off, max_tokens), opening);
        Self {
            full: full.to_owned(),
            calm: effort.demands_thought().then(calm),
            head: head(name, max_tokens, effort, opening),
            messages: Vec::new(),
            turn: Turn::Fresh,
            ids: CallIds::default(),
            eyes: Eyes::of(full),
            hashed: Hashed::default(),
            hashed_calm: false,
        }
    }
}

impl Transcript for Request {
    /// Appends a message. What the API would refuse for ever after (an empty text, a thought at the
    /// end of an answer, a message without content) is left out. Two user messages may follow each
    /// other: the API joins them, so that a note after results changes no byte that was sent.
    fn push(&mut self, said: Said<'_>) {
        let mut ids = std::mem::take(&mut self.ids);
        let (user, mut content) = match said {
            Said::User(text) => (true, vec![Part::text(text)]),
            Said::Shown { text, images } => {
                let images = images.iter().map(|image| Part::shown(self.eyes.send(image)));
                (true, [Part::text(text)].into_iter().chain(images).collect())
            }
            Said::Answer(answer) => (false, self.parts(answer, &mut ids)),
            Said::Results(results) => (true, results.iter().map(|result| self::result(result, &ids)).collect()),
        };
        content.retain(|part| !part.is_blank());
        if !user {
            while content.pop_if(|part| part.is_thought()).is_some() {}
        }
        self.turn = self.turn.after(said, &self.full, content.first().is_some_and(Part::is_thought));
        if !content.is_empty() {
            let mut bytes = vec![b','];
            bytes.extend(json(&Outer { role: if user { "user" } else { "assistant" }, content }));
            self.messages.push(Message { bytes: bytes.into(), user });
        }
        self.ids = ids;
    }

    fn send(&mut self) -> (Body, String) {
        let body = self.body();
        if self.hashed_calm != self.calm().is_some() {
            self.hashed_calm = !self.hashed_calm;
            self.hashed = Hashed::default();
        }
        let digest = self.hashed.digest(&body);
        (body, digest)
    }

    fn reader(&self, digest: &str) -> Box<dyn Reader> {
        Box::new(Stream::new(digest))
    }
}

impl Request {
    /// Everything pushed so far, with the marks where they belong now.
    fn body(&self) -> Body {
        let marked_from = self
            .messages
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, message)| message.user)
            .nth(MARKED - 1)
            .map_or(0, |(at, _)| at);
        let mut body = Body::with_capacity(self.messages.len() + 2 * MARKED + 2);
        body.push(self.calm().unwrap_or(&self.head).clone());
        for (at, message) in self.messages.iter().enumerate() {
            // Marks only move on: what stands before them is as it will be.
            if at == marked_from {
                body.settle();
            }
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

    /// The head of a request in which the model must not be told to think: a budget demands a
    /// thought at the beginning of the open turn, and another model's thought cannot be sent.
    fn calm(&self) -> Option<&Bytes> {
        self.calm.as_ref().filter(|_| matches!(self.turn, Turn::Calling { thought: false, .. }))
    }

    /// An answer as it came; reasoning only to the model that signed it.
    fn parts<'a>(&self, answer: &'a Answer, ids: &mut CallIds) -> Vec<Part<'a>> {
        let own = answer.model == self.full;
        answer
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Text { text } => Some(Part::text(text)),
                Block::Reasoning { text, signature: Some(signature), redacted } if own => Some(if *redacted {
                    Part::RedactedThinking { data: signature }
                } else {
                    Part::Thinking { thinking: text, signature }
                }),
                Block::Reasoning { .. } => None,
                Block::Call(call) => Some(Part::ToolUse {
                    id: ids.of_call(&call.id, fits(&call.id, own)),
                    name: &call.name,
                    input: Input::of(call),
                }),
            })
            .collect()
    }
}

impl Turn {
    /// The turn after this was said; `thought_first` when it is sent with a thought at its beginning.
    fn after(self, said: Said<'_>, full: &str, thought_first: bool) -> Self {
        match (said, self) {
            (Said::Answer(answer), _) if !answer.blocks.iter().any(|block| matches!(block, Block::Call(_))) => {
                Self::Fresh
            }
            (Said::Answer(_), Self::Fresh) => Self::Calling { thought: thought_first, results: false },
            // A budget thinks once in a turn: later answers of it need no thought.
            (Said::Answer(answer), Self::Calling { thought, .. }) => {
                Self::Calling { thought: thought && answer.model == full, results: false }
            }
            (Said::Results(_), Self::Calling { thought, .. }) => Self::Calling { thought, results: true },
            // A note beside results is part of their message and ends no turn.
            (Said::User(_) | Said::Shown { .. }, Self::Calling { results: true, .. }) => self,
            (Said::User(_) | Said::Shown { .. } | Said::Results(_), _) => Self::Fresh,
        }
    }
}

fn result<'a>(result: &'a ToolResult, ids: &'a CallIds) -> Part<'a> {
    let ToolResult { call, content, is_error, .. } = result;
    Part::ToolResult { tool_use_id: ids.of_result(call), content, is_error: *is_error }
}

/// Everything up to `"messages":[`.
fn head(name: &str, max_tokens: u32, effort: Effort, opening: Opening<'_>) -> Bytes {
    let last = opening.tools.len().saturating_sub(1);
    let head = Head {
        model: name,
        max_tokens,
        stream: true,
        effort,
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
            .map(|(text, marked)| Part::Text { text: text.into(), cache_control: marked.then_some(Mark {}) })
            .collect(),
        messages: [],
    };
    let mut head = json(&head);
    head.truncate(head.len().saturating_sub(END.len()));
    // Kept as long as the conversation.
    head.into_boxed_slice().into()
}

impl<'a> Part<'a> {
    fn text(text: &'a str) -> Self {
        Self::Text { text: text.into(), cache_control: None }
    }

    fn shown(image: Sent) -> Self {
        match image {
            Sent::Image { media_type, data } => Self::Image { source: Source { media_type, data } },
            Sent::Words(words) => Self::Text { text: words.into(), cache_control: None },
        }
    }

    fn is_thought(&self) -> bool {
        matches!(self, Part::Thinking { .. } | Part::RedactedThinking { .. })
    }

    fn is_blank(&self) -> bool {
        matches!(self, Part::Text { text, .. } if text.trim().is_empty())
    }
}

/// Whether a call may be sent under this id.
fn fits(id: &str, own: bool) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    !id.is_empty() && id.bytes().all(word) && (own || id.len() <= FOREIGN_ID_MAX)
}

#[cfg(test)]
mod tests;

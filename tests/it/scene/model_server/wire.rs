//! One description of an answer, in the bytes of each protocol.

use hob::domain::message::Usage;
use serde_json::{Value, json};

use super::Reply;

/// The protocols the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Anthropic,
    OpenaiResponses,
    OpenaiChat,
}

/// An answer under way; ended by one of the `end…` methods.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    parts: Vec<Part>,
    usage: Usage,
    stop: [&'static str; 2],
    end_mark: bool,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Reasoning { text: String, signature: String },
    Call { id: String, name: String, arguments: String },
    Ping,
    Error { kind: String, message: String },
}

/// Begins an answer.
pub(crate) fn answer() -> Answer {
    let usage = Usage { input: 10, output: 5, cache_read: 0, cache_write: 0 };
    Answer { parts: Vec::new(), usage, stop: ["", ""], end_mark: true }
}

impl Answer {
    /// Says this, in two pieces.
    pub(crate) fn text(self, text: &str) -> Self {
        self.part(Part::Text(text.to_owned()))
    }

    /// Thinks this; Chat Completions has no signature.
    pub(crate) fn reasoning(self, text: &str, signature: &str) -> Self {
        self.part(Part::Reasoning { text: text.to_owned(), signature: signature.to_owned() })
    }

    /// Calls a tool.
    pub(crate) fn call(self, id: &str, name: &str, arguments: Value) -> Self {
        self.raw_call(id, name, &arguments.to_string())
    }

    /// Calls a tool with whatever text.
    pub(crate) fn raw_call(self, id: &str, name: &str, arguments: &str) -> Self {
        self.part(Part::Call { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() })
    }

    /// Something that keeps the connection alive.
    pub(crate) fn ping(self) -> Self {
        self.part(Part::Ping)
    }

    /// An error in the middle of the stream.
    pub(crate) fn error(self, kind: &str, message: &str) -> Self {
        self.part(Part::Error { kind: kind.to_owned(), message: message.to_owned() })
    }

    /// Costs this.
    pub(crate) fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Done.
    pub(crate) fn end(self) -> Reply {
        self.stopped(["end_turn", "stop"])
    }

    /// Waits for results.
    pub(crate) fn end_tools(self) -> Reply {
        self.stopped(["tool_use", "tool_calls"])
    }

    /// Cut by the limit of output tokens.
    pub(crate) fn end_length(self) -> Reply {
        self.stopped(["max_tokens", "length"])
    }

    /// Refused.
    pub(crate) fn end_refused(self) -> Reply {
        self.stopped(["refusal", "content_filter"])
    }

    /// Everything but the end mark, and a clean end of the body.
    pub(crate) fn end_early(mut self) -> Reply {
        self.end_mark = false;
        self.stopped(["tool_use", "tool_calls"])
    }

    /// The body in a protocol.
    pub(crate) fn encode(&self, wire: Wire) -> String {
        match wire {
            Wire::Anthropic => self.anthropic(),
            Wire::OpenaiResponses => self.openai_responses(),
            Wire::OpenaiChat => self.openai_chat(),
        }
    }

    fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    fn stopped(mut self, stop: [&'static str; 2]) -> Reply {
        self.stop = stop;
        self.into()
    }

    fn anthropic(&self) -> String {
        let Usage { input, output, cache_read, cache_write } = self.usage;
        let mut frames = Frames::default();
        let counted = json!({
            "input_tokens": input, "output_tokens": 1,
            "cache_read_input_tokens": cache_read, "cache_creation_input_tokens": cache_write,
        });
        frames.event(json!({"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "scripted",
            "stop_reason": null, "stop_sequence": null, "usage": counted,
        }}));
        let mut index = 0;
        for part in &self.parts {
            let (start, deltas) = match part {
                Part::Ping => {
                    frames.event(json!({"type": "ping"}));
                    continue;
                }
                Part::Error { kind, message } => {
                    frames.event(json!({"type": "error", "error": {"type": kind, "message": message}}));
                    continue;
                }
                Part::Text(text) => (
                    json!({"type": "text", "text": ""}),
                    halves(text).map(|half| json!({"type": "text_delta", "text": half})).to_vec(),
                ),
                Part::Reasoning { text, signature } => (
                    json!({"type": "thinking", "thinking": "", "signature": ""}),
                    vec![
                        json!({"type": "thinking_delta", "thinking": text}),
                        json!({"type": "signature_delta", "signature": signature}),
                    ],
                ),
                Part::Call { id, name, arguments } => (
                    json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                    halves(arguments).map(|half| json!({"type": "input_json_delta", "partial_json": half})).to_vec(),
                ),
            };
            frames.event(json!({"type": "content_block_start", "index": index, "content_block": start}));
            for delta in deltas {
                frames.event(json!({"type": "content_block_delta", "index": index, "delta": delta}));
            }
            frames.event(json!({"type": "content_block_stop", "index": index}));
            index += 1;
        }
        frames.event(json!({
            "type": "message_delta",
            "delta": {"stop_reason": self.stop[0], "stop_sequence": null},
            "usage": {"output_tokens": output},
        }));
        if self.end_mark {
            frames.event(json!({"type": "message_stop"}));
        }
        frames.0
    }

    fn openai_responses(&self) -> String {
        let Usage { input, output, cache_read, cache_write } = self.usage;
        let mut frames = Frames::default();
        frames.event(json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}));
        let mut at = 0;
        for part in &self.parts {
            let (begun, pieces, ended) = match part {
                Part::Ping => {
                    frames.0.push_str(": ping\n\n");
                    continue;
                }
                Part::Error { kind, message } => {
                    frames.event(json!({"type": "error", "code": kind, "message": message, "param": null}));
                    continue;
                }
                Part::Text(text) => (
                    json!({"type": "message", "role": "assistant", "content": []}),
                    halves(text).map(|half| ("response.output_text.delta", half)).to_vec(),
                    json!({"type": "message", "content": [{"type": "output_text", "text": text, "annotations": []}]}),
                ),
                Part::Reasoning { text, signature } => (
                    json!({"type": "reasoning", "summary": []}),
                    vec![("response.reasoning_summary_text.delta", text.as_str())],
                    json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": text}],
                        "encrypted_content": signature}),
                ),
                Part::Call { id, name, arguments } => (
                    json!({"type": "function_call", "call_id": id, "name": name, "arguments": ""}),
                    halves(arguments).map(|half| ("response.function_call_arguments.delta", half)).to_vec(),
                    json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments}),
                ),
            };
            frames.event(json!({"type": "response.output_item.added", "output_index": at, "item": begun}));
            for (kind, delta) in pieces {
                frames.event(json!({"type": kind, "output_index": at, "delta": delta}));
            }
            frames.event(json!({"type": "response.output_item.done", "output_index": at, "item": ended}));
            at += 1;
        }
        let input = input + cache_read + cache_write;
        let details = json!({"cached_tokens": cache_read, "cache_write_tokens": cache_write});
        let usage = json!({"input_tokens": input, "input_tokens_details": details, "output_tokens": output});
        let (kind, reason) = match self.stop[1] {
            "length" => ("response.incomplete", json!({"reason": "max_output_tokens"})),
            "content_filter" => ("response.incomplete", json!({"reason": "content_filter"})),
            _ => ("response.completed", Value::Null),
        };
        if self.end_mark {
            frames.event(json!({"type": kind, "response": {"usage": usage, "incomplete_details": reason}}));
        }
        frames.0
    }

    fn openai_chat(&self) -> String {
        let Usage { input, output, cache_read, cache_write } = self.usage;
        let mut frames = Frames::default();
        frames.delta(json!({"role": "assistant", "content": ""}), Value::Null);
        let mut index = 0;
        for part in &self.parts {
            match part {
                Part::Ping => frames.0.push_str(": ping\n\n"),
                Part::Error { kind, message } => {
                    frames.data(&json!({"error": {"type": kind, "message": message}}).to_string());
                }
                Part::Text(text) => {
                    halves(text).into_iter().for_each(|half| frames.delta(json!({"content": half}), Value::Null))
                }
                Part::Reasoning { text, .. } => frames.delta(json!({"reasoning_content": text}), Value::Null),
                Part::Call { id, name, arguments } => {
                    let function = json!({"name": name, "arguments": ""});
                    let call = json!({"index": index, "id": id, "type": "function", "function": function});
                    frames.delta(json!({"tool_calls": [call]}), Value::Null);
                    for half in halves(arguments) {
                        let piece = json!({"index": index, "function": {"arguments": half}});
                        frames.delta(json!({"tool_calls": [piece]}), Value::Null);
                    }
                    index += 1;
                }
            }
        }
        frames.delta(json!({}), json!(self.stop[1]));
        let prompt = input + cache_read + cache_write;
        frames.data(
            &json!({"object": "chat.completion.chunk", "choices": [], "usage": {
                "prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output,
                "prompt_tokens_details": {"cached_tokens": cache_read, "cache_write_tokens": cache_write},
            }})
            .to_string(),
        );
        if self.end_mark {
            frames.data("[DONE]");
        }
        frames.0
    }
}

#[derive(Default)]
struct Frames(String);

impl Frames {
    /// Anthropic and Responses name the event of each frame.
    fn event(&mut self, data: Value) {
        self.0.push_str(&format!("event: {}\n", data["type"].as_str().unwrap_or_default()));
        self.data(&data.to_string());
    }

    fn delta(&mut self, delta: Value, finish_reason: Value) {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish_reason});
        self.data(&json!({"id": "c1", "object": "chat.completion.chunk", "choices": [choice]}).to_string());
    }

    fn data(&mut self, data: &str) {
        self.0.push_str(&format!("data: {data}\n\n"));
    }
}

/// A text in two pieces, cut between characters.
fn halves(text: &str) -> [&str; 2] {
    let middle = text.char_indices().map(|(at, _)| at).nth(text.chars().count() / 2).unwrap_or(0);
    let (left, right) = text.split_at(middle);
    [left, right]
}

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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::provider::blocks::BLOCKS_MAX;
    use crate::provider::http::tests::read;
    use crate::provider::{Error, ErrorKind};

    /// Reasoning, text between two calls, pings, an event and a field nobody knows.
    const RECORDED: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"m","stop_reason":null,"usage":{"input_tokens":12,"cache_read_input_tokens":100,"cache_creation_input_tokens":7,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

: a comment
event: ping
data: {"type": "ping"}

data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me see"}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}

data: {"type":"content_block_stop","index":0}

data: {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"Y2lwaGVy"}}

data: {"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}

data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Grüße 👋"}}

data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_1","name":"read","input":{}}}

data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}}

data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"path\": \"REA"}}

data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"DME.md\"}"}}

data: {"type":"content_block_start","index":4,"content_block":{"type":"text","text":"and"}}

data: {"type":"weather_report","sky":"blue"}

data: {"type":"content_block_start","index":4294967295,"content_block":{"type":"tool_use","id":"toolu_2","name":"bash","input":{}}}

data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}

data: {"type":"message_stop"}

"#;

    fn whole(text: &str) -> Result<Whole, Error> {
        read(vec![text.as_bytes().to_vec()], &mut Stream::new("0123456789abcdef"))
    }

    /// One message whose blocks and end are given.
    fn message(frames: &[&str]) -> String {
        frames.iter().map(|frame| format!("data: {frame}\n\n")).collect()
    }

    #[test]
    fn blocks_come_back_in_the_order_they_came_with_what_signs_them() {
        insta::assert_json_snapshot!(whole(RECORDED).unwrap().blocks, @r#"
        [
          {
            "type": "reasoning",
            "text": "Let me see",
            "signature": "c2ln"
          },
          {
            "type": "reasoning",
            "text": "",
            "signature": "Y2lwaGVy",
            "redacted": true
          },
          {
            "type": "text",
            "text": "Grüße 👋"
          },
          {
            "type": "call",
            "id": "toolu_1",
            "name": "read",
            "arguments": "{\"path\": \"README.md\"}"
          },
          {
            "type": "text",
            "text": "and"
          },
          {
            "type": "call",
            "id": "toolu_2",
            "name": "bash",
            "arguments": ""
          }
        ]
        "#);
        let Whole { stop, usage, .. } = whole(RECORDED).unwrap();
        assert_eq!(stop, Stop::Tools);
        assert_eq!(usage, Usage { input: 12, output: 89, cache_read: 100, cache_write: 7 });
    }

    #[test]
    fn it_does_not_matter_where_the_network_cuts() {
        let bytes: Vec<Vec<u8>> = RECORDED.bytes().map(|byte| vec![byte]).collect();
        assert_eq!(read(bytes, &mut Stream::new("0123456789abcdef")).unwrap(), whole(RECORDED).unwrap());
        let windows = RECORDED.replace('\n', "\r\n");
        assert_eq!(whole(&windows).unwrap(), whole(RECORDED).unwrap());
    }

    #[test]
    fn a_stream_cut_at_any_byte_is_never_an_answer() {
        let bytes = RECORDED.as_bytes();
        // The last byte only closes a frame that is complete without it.
        for end in 0..bytes.len() - 1 {
            let error = read(vec![bytes[..end].to_vec()], &mut Stream::new("")).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Transient { after: None }, "cut at {end}: {error}");
        }
    }

    #[test]
    fn every_fault_has_one_clear_outcome() {
        let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}"#;
        let stop = r#"{"type":"message_stop"}"#;
        let end = |reason: &str| format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#);
        let call =
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"1","name":"t"}}"#;
        let twin =
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"1","name":"t"}}"#;
        let cases = [
            message(&[]),
            message(&["{"]),
            message(&["[]"]),
            message(&[start, start]),
            message(&[r#"{"type":"content_block_delta","index":9,"delta":{"type":"text_delta","text":"a"}}"#]),
            message(&[
                start,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"}}"#,
            ]),
            message(&[r#"{"type":"content_block_start","index":-1,"content_block":{"type":"text"}}"#]),
            message(&[r#"{"type":"content_block_start","index":0,"content_block":{"type":"video"}}"#]),
            message(&[start, stop]),
            message(&[start, &end("tool_use"), stop]),
            message(&[call, twin, &end("tool_use"), stop]),
            message(&[start, &end("pause_turn"), stop]),
            message(&[start, &end("model_context_window_exceeded"), stop]),
            message(&[start, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#]),
            message(&[start, r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#]),
            "<!doctype html><title>Sign in</title>\n\n".to_owned(),
        ];
        let said: Vec<String> =
            cases.iter().map(|text| whole(text).unwrap_err()).map(|e| format!("{:?} {e}", e.kind)).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        Transient { after: None } anthropic ended its answer without the end mark
        Transient { after: None } anthropic sent a malformed answer: EOF while parsing an object at line 1 column 1
        Transient { after: None } anthropic sent a malformed answer: missing field `type` at line 1 column 2
        Transient { after: None } anthropic sent a malformed answer: block 0 began twice
        Transient { after: None } anthropic sent a malformed answer: a piece of block 9, which never began
        Transient { after: None } anthropic sent a malformed answer: a piece of another kind than its block
        Transient { after: None } anthropic sent a malformed answer: invalid value: integer `-1`, expected u64
        Transient { after: None } anthropic sent a malformed answer: a kind of block that hob does not know
        Transient { after: None } anthropic sent a malformed answer: the end without a stop reason
        Transient { after: None } anthropic sent a malformed answer: it stopped for tools without calling one
        Transient { after: None } anthropic sent a malformed answer: two tool calls with one id
        Fatal anthropic stopped for a reason that hob does not know: `pause_turn`
        Overflow anthropic stopped: the conversation is longer than the model's window
        Transient { after: None } anthropic broke off (overloaded_error): Overloaded; it may pass
        Fatal anthropic broke off (invalid_request_error): no; asking again would bring the same
        Transient { after: None } anthropic ended its answer without the end mark
        ");
    }

    #[test]
    fn a_cut_answer_says_so_and_keeps_its_broken_call() {
        let text = message(&[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"1","name":"t","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"}}"#,
            r#"{"type":"message_stop"}"#,
        ]);
        let Whole { blocks, stop, .. } = whole(&text).unwrap();
        assert_eq!(stop, Stop::Length);
        assert_eq!(blocks, [Block::Call(Call { id: "1".into(), name: "t".into(), arguments: r#"{"a":"#.into() })]);
    }

    #[test]
    fn a_message_with_five_hundred_calls_is_not_taken() {
        let calls: Vec<String> = (0..500)
            .map(|n| format!(r#"{{"type":"content_block_start","index":{n},"content_block":{{"type":"tool_use","id":"{n}","name":"t"}}}}"#))
            .collect();
        let frames: Vec<&str> = calls.iter().map(String::as_str).collect();
        let error = whole(&message(&frames)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Fatal);
        assert!(error.message.contains(&format!("more than {BLOCKS_MAX} blocks")), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_and_no_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8)) {
            prop_assert!(read(pieces, &mut Stream::new("")).is_err());
        }

        #[test]
        fn frames_in_any_order_never_panic(order in proptest::collection::vec(0_usize..20, 0..40)) {
            let frames: Vec<&str> = RECORDED.split_inclusive("\n\n").collect();
            let text: String = order.iter().filter_map(|at| frames.get(*at).copied()).collect();
            if let Ok(answer) = whole(&text) {
                prop_assert!(answer.blocks.len() <= BLOCKS_MAX);
            }
        }
    }
}

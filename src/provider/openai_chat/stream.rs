//! The chunks of one streamed answer, pure: frames in, an answer out at `[DONE]`.

use serde::Deserialize;

use crate::domain::message::{Block, Call, Stop, Usage};
use crate::provider::Delta;
use crate::provider::blocks::{Blocks, Fault, On, Reader, Whole};

/// The protocol's end mark.
const DONE: &str = "[DONE]";
/// Key of texts and reasoning, which the protocol does not number.
const UNNUMBERED: u64 = u64::MAX;

/// One answer on its way.
pub(super) struct Stream {
    blocks: Blocks,
    stop: Option<Stop>,
    refused: bool,
    usage: Usage,
    ids: String,
}

impl Stream {
    /// `request` is the digest of the request, for calls that come without an id.
    pub(super) fn new(request: &str) -> Self {
        let ids = request.chars().take(12).collect();
        Self { blocks: Blocks::default(), stop: None, refused: false, usage: Usage::default(), ids }
    }
}

impl Reader for Stream {
    fn frame(&mut self, data: &str, on: On<'_>) -> Result<Option<Whole>, Fault> {
        if data.trim() == DONE {
            let stop = self.stop.ok_or_else(|| Fault::Malformed("the end without a finish reason".to_owned()))?;
            let stop = if self.refused { Stop::Refused } else { stop };
            return self.blocks.finish(stop, self.usage, &self.ids).map(Some);
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| Fault::Malformed(error.to_string()))?;
        if let Some(error) = chunk.error {
            return Err(error.fault());
        }
        if let Some(counted) = chunk.usage {
            self.usage = counted.usage();
        }
        // Only one answer was asked for.
        for choice in chunk.choices.into_iter().flatten().filter(|choice| choice.index == 0) {
            let Said { content, reasoning_content, reasoning, refusal, tool_calls } = choice.delta.unwrap_or_default();
            if let Some(piece) = reasoning_content.or(reasoning) {
                self.think(&piece, on)?;
            }
            if let Some(piece) = content {
                self.say(&piece, on)?;
            }
            if let Some(piece) = refusal {
                self.refused |= !piece.is_empty();
                self.say(&piece, on)?;
            }
            for piece in tool_calls.into_iter().flatten() {
                self.call(piece, on)?;
            }
            if let Some(reason) = choice.finish_reason {
                self.stop = Some(stop(&reason)?);
            }
        }
        Ok(None)
    }
}

impl Stream {
    fn say(&mut self, piece: &str, on: On<'_>) -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        on(Delta::Text(piece));
        if let Some(Block::Text { text }) = self.blocks.last() {
            text.push_str(piece);
            return Ok(());
        }
        self.blocks.begin(UNNUMBERED, Block::Text { text: piece.to_owned() }).map(|_| ())
    }

    fn think(&mut self, piece: &str, on: On<'_>) -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        on(Delta::Reasoning(piece));
        if let Some(Block::Reasoning { text, .. }) = self.blocks.last() {
            text.push_str(piece);
            return Ok(());
        }
        let block = Block::Reasoning { text: piece.to_owned(), signature: None, redacted: false };
        self.blocks.begin(UNNUMBERED, block).map(|_| ())
    }

    /// A piece belongs to the latest call of its index, unless it brings an id of its own: some
    /// servers number every call 0.
    fn call(&mut self, piece: CallPiece, on: On<'_>) -> Result<(), Fault> {
        let id = piece.id.unwrap_or_default();
        let Function { name, arguments } = piece.function.unwrap_or_default();
        let name = name.unwrap_or_default();
        let arguments = arguments.unwrap_or_default();
        match self.blocks.call(piece.index).filter(|call| id.is_empty() || call.id.is_empty() || call.id == id) {
            Some(call) => {
                if call.id.is_empty() {
                    call.id = id;
                }
                if call.name.is_empty() && !name.is_empty() {
                    on(Delta::Call(&name));
                    call.name = name;
                }
                call.arguments.push_str(&arguments);
            }
            None => {
                if !name.is_empty() {
                    on(Delta::Call(&name));
                }
                self.blocks.begin(piece.index, Block::Call(Call { id, name, arguments }))?;
            }
        }
        Ok(())
    }
}

fn stop(reason: &str) -> Result<Stop, Fault> {
    match reason {
        "stop" | "eos" | "end_turn" | "stop_sequence" => Ok(Stop::End),
        "tool_calls" | "function_call" | "tool_use" => Ok(Stop::Tools),
        "length" | "max_tokens" => Ok(Stop::Length),
        "content_filter" | "refusal" => Ok(Stop::Refused),
        "model_context_window_exceeded" => Err(Fault::Overflow),
        "error" | "insufficient_system_resource" => {
            Err(Fault::Said { kind: "server_error".to_owned(), message: format!("it finished with `{reason}`") })
        }
        other => Err(Fault::Stop(other.to_owned())),
    }
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Counted>,
    #[serde(default)]
    error: Option<SaidError>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    #[serde(default)]
    delta: Option<Said>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Deserialize)]
struct CallPiece {
    #[serde(default)]
    index: u64,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<Function>,
}

#[derive(Default, Deserialize)]
struct Function {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SaidError {
    Text(String),
    Object {
        #[serde(default, rename = "type")]
        kind: Option<String>,
        #[serde(default)]
        code: Option<serde_json::Value>,
        #[serde(default)]
        message: Option<String>,
    },
}

impl SaidError {
    fn fault(self) -> Fault {
        match self {
            Self::Text(message) => Fault::Said { kind: String::new(), message },
            Self::Object { kind, code, message } => {
                let code = code.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned);
                Fault::Said { kind: code.or(kind).unwrap_or_default(), message: message.unwrap_or_default() }
            }
        }
    }
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

impl Counted {
    /// The protocol counts cached tokens into the prompt; hob does not.
    fn usage(self) -> Usage {
        let details = self.prompt_tokens_details.unwrap_or_default();
        let cache_read = details.cached_tokens.unwrap_or(0);
        let cache_write = details.cache_write_tokens.unwrap_or(0);
        Usage {
            input: self.prompt_tokens.unwrap_or(0).saturating_sub(cache_read).saturating_sub(cache_write),
            output: self.completion_tokens.unwrap_or(0),
            cache_read,
            cache_write,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::provider::blocks::BLOCKS_MAX;
    use crate::provider::http::tests::read;
    use crate::provider::{Error, ErrorKind};

    /// Reasoning, text, two calls with text between them, usage in a chunk without a choice.
    const RECORDED: &str = r#"data: {"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}

data: {"choices":[{"index":0,"delta":{"reasoning_content":"Let me"}}]}

data: {"choices":[{"index":0,"delta":{"reasoning_content":" see"}}]}

data: {"choices":[{"index":0,"delta":{"content":"Grüße "}}]}

: keep-alive

data: {"choices":[{"index":0,"delta":{"content":"👋"}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"read","arguments":""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"path\": \"REA"}}]}}]}

data: {"choices":[{"index":0,"delta":{"content":"and"}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":4294967295,"id":"call_2","function":{"name":"bash","arguments":"{}"}},{"index":0,"function":{"arguments":"DME.md\"}"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"choices":[],"usage":{"prompt_tokens":112,"completion_tokens":89,"total_tokens":201,"prompt_tokens_details":{"cached_tokens":100}}}

data: [DONE]

"#;

    fn whole(text: &str) -> Result<Whole, Error> {
        read(vec![text.as_bytes().to_vec()], &mut Stream::new("0123456789abcdef"))
    }

    fn message(frames: &[&str]) -> String {
        frames.iter().map(|frame| format!("data: {frame}\n\n")).collect()
    }

    #[test]
    fn blocks_come_back_in_the_order_they_came() {
        insta::assert_json_snapshot!(whole(RECORDED).unwrap().blocks, @r#"
        [
          {
            "type": "reasoning",
            "text": "Let me see"
          },
          {
            "type": "text",
            "text": "Grüße 👋"
          },
          {
            "type": "call",
            "id": "call_1",
            "name": "read",
            "arguments": "{\"path\": \"README.md\"}"
          },
          {
            "type": "text",
            "text": "and"
          },
          {
            "type": "call",
            "id": "call_2",
            "name": "bash",
            "arguments": "{}"
          }
        ]
        "#);
        let Whole { stop, usage, .. } = whole(RECORDED).unwrap();
        assert_eq!(stop, Stop::Tools);
        assert_eq!(usage, Usage { input: 12, output: 89, cache_read: 100, cache_write: 0 });
    }

    #[test]
    fn a_stream_cut_at_any_byte_is_never_an_answer() {
        let bytes = RECORDED.as_bytes();
        for end in 0..bytes.len() - 1 {
            let error = read(vec![bytes[..end].to_vec()], &mut Stream::new("")).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Transient { after: None }, "cut at {end}: {error}");
        }
        let pieces = RECORDED.bytes().map(|byte| vec![byte]).collect();
        assert_eq!(read(pieces, &mut Stream::new("0123456789abcdef")).unwrap(), whole(RECORDED).unwrap());
    }

    #[test]
    fn servers_that_number_or_name_no_calls_are_understood() {
        let call = |id: &str, name: &str| {
            format!(
                r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,"id":"{id}","function":{{"name":"{name}","arguments":"{{}}"}}}}]}}}}]}}"#
            )
        };
        let end = r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#;
        let ids = |frames: &[&str]| -> Vec<String> {
            let blocks = whole(&message(frames)).unwrap().blocks;
            blocks
                .into_iter()
                .filter_map(|block| match block {
                    Block::Call(call) => Some(call.id),
                    _ => None,
                })
                .collect()
        };
        assert_eq!(ids(&[&call("a", "read"), &call("b", "bash"), end, "[DONE]"]), ["a", "b"]);
        assert_eq!(ids(&[&call("", "read"), end, "[DONE]"]), ["call_0123456789ab_0"]);
    }

    #[test]
    fn every_fault_has_one_clear_outcome() {
        let said = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
        let end = |reason: &str| format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":"{reason}"}}]}}"#);
        let call = |index: u64, id: &str, name: &str| {
            format!(
                r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{index},"id":"{id}","function":{{"name":"{name}"}}}}]}}}}]}}"#
            )
        };
        let many: String = (0..500).map(|n| message(&[&call(n, &n.to_string(), "t")])).collect();
        let cases = [
            message(&[]),
            message(&["{"]),
            message(&["[]"]),
            message(&["null"]),
            message(&[said, "[DONE]"]),
            message(&[said, &end("tool_calls"), "[DONE]"]),
            message(&[said, &end("stop")]),
            message(&[said, &end("wormhole"), "[DONE]"]),
            message(&[&call(0, "1", "t"), &call(1, "1", "t"), &end("tool_calls"), "[DONE]"]),
            message(&[&call(0, "1", ""), &end("tool_calls"), "[DONE]"]),
            message(&[r#"{"choices":[{"delta":{"tool_calls":[{"index":-1}]}}]}"#]),
            message(&[r#"{"error":{"message":"The server is overloaded","type":"server_error","code":null}}"#]),
            message(&[r#"{"error":"context_length_exceeded"}"#]),
            many,
        ];
        let said: Vec<String> =
            cases.iter().map(|text| whole(text).unwrap_err()).map(|e| format!("{:?} {e}", e.kind)).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        Transient { after: None } anthropic ended its answer without the end mark
        Transient { after: None } anthropic sent a malformed answer: EOF while parsing an object at line 1 column 1
        Transient { after: None } anthropic ended its answer without the end mark
        Transient { after: None } anthropic sent a malformed answer: invalid type: null, expected struct Chunk at line 1 column 4
        Transient { after: None } anthropic sent a malformed answer: the end without a finish reason
        Transient { after: None } anthropic sent a malformed answer: it stopped for tools without calling one
        Transient { after: None } anthropic ended its answer without the end mark
        Fatal anthropic stopped for a reason that hob does not know: `wormhole`
        Transient { after: None } anthropic sent a malformed answer: two tool calls with one id
        Transient { after: None } anthropic sent a malformed answer: a tool call without a name
        Transient { after: None } anthropic sent a malformed answer: invalid value: integer `-1`, expected u64 at line 1 column 47
        Transient { after: None } anthropic broke off (server_error): The server is overloaded; it may pass
        Overflow anthropic broke off: context_length_exceeded; the conversation is longer than the model's window
        Fatal anthropic sent more than 128 blocks in one answer; it was not taken
        ");
    }

    #[test]
    fn a_refusal_is_one_whatever_the_finish_reason() {
        let text = message(&[
            r#"{"choices":[{"delta":{"refusal":"I will not."}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            "[DONE]",
        ]);
        assert_eq!(whole(&text).unwrap().stop, Stop::Refused);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_and_no_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8)) {
            prop_assert!(read(pieces, &mut Stream::new("")).is_err());
        }

        #[test]
        fn frames_in_any_order_never_panic(order in proptest::collection::vec(0_usize..14, 0..40)) {
            let frames: Vec<&str> = RECORDED.split_inclusive("\n\n").collect();
            let text: String = order.iter().filter_map(|at| frames.get(*at).copied()).collect();
            if let Ok(answer) = whole(&text) {
                prop_assert!(answer.blocks.len() <= BLOCKS_MAX);
            }
        }
    }
}

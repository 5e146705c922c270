//! What a stream of Chat Completions chunks adds up to, and every way in which it is no answer.

use proptest::prelude::*;

use super::*;
use crate::provider::Error;
use crate::provider::http::tests::read;
use crate::provider::streams::{
    self, Fresh, assert_any_order_is_borne, assert_cuts_change_nothing, assert_no_beginning_is_an_answer, message,
};

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

const FRESH: Fresh = |request| Box::new(Stream::new(request, Dialect::OPENAI));

fn whole(text: &str) -> Result<Whole, Error> {
    streams::whole(FRESH, text)
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
fn it_does_not_matter_where_the_network_cuts() {
    assert_cuts_change_nothing(FRESH, RECORDED);
}

#[test]
fn a_stream_cut_at_any_byte_is_never_an_answer() {
    assert_no_beginning_is_an_answer(FRESH, RECORDED);
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
fn what_vendors_made_of_it_is_understood() {
    // Mistral's thoughts are parts of the content, Google's signature stands beside a call.
    let text = message(&[
        r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}}]}"#,
        r#"{"choices":[{"delta":{"content":[{"type":"text","text":"So."},{"type":"reference","ids":[1]}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"t","arguments":"{}"},"extra_content":{"google":{"thought_signature":"c2ln"}}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"prompt_cache_hit_tokens":3}}"#,
        "[DONE]",
    ]);
    let Whole { blocks, stop, usage } = whole(&text).unwrap();
    insta::assert_json_snapshot!(blocks, @r#"
    [
      {
        "type": "reasoning",
        "text": "hm"
      },
      {
        "type": "text",
        "text": "So."
      },
      {
        "type": "reasoning",
        "text": "",
        "signature": "c2ln",
        "redacted": true
      },
      {
        "type": "call",
        "id": "1",
        "name": "t",
        "arguments": "{}"
      }
    ]
    "#);
    assert_eq!((stop, usage.input, usage.cache_read), (Stop::End, 2, 3));
    let google: Fresh = |request| Box::new(Stream::new(request, Dialect { calls_at_stop: true, ..Dialect::OPENAI }));
    assert_eq!(streams::whole(google, &text).unwrap().stop, Stop::Tools);
    let silent = message(&[r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#, "[DONE]"]);
    assert_eq!(streams::whole(google, &silent).unwrap().stop, Stop::End);
    let cut = text.replace("\"stop\"", "\"length\"");
    assert_eq!(streams::whole(google, &cut).unwrap().stop, Stop::Length);
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
        prop_assert!(read(pieces, &mut Stream::new("", Dialect::OPENAI)).is_err());
    }

    #[test]
    fn frames_in_any_order_never_panic(order in proptest::collection::vec(0_usize..14, 0..40)) {
        assert_any_order_is_borne(FRESH, RECORDED, &order);
    }
}

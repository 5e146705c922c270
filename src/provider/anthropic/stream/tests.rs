//! What a stream of Messages events adds up to, and every way in which it is no answer.

use proptest::prelude::*;

use super::*;
use crate::provider::blocks::BLOCKS_MAX;
use crate::provider::http::tests::read;
use crate::provider::streams::{
    self, Fresh, assert_any_order_is_borne, assert_cuts_change_nothing, assert_no_beginning_is_an_answer, message,
};
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

const FRESH: Fresh = |request| Box::new(Stream::new(request));

fn whole(text: &str) -> Result<Whole, Error> {
    streams::whole(FRESH, text)
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
    assert_cuts_change_nothing(FRESH, RECORDED);
}

#[test]
fn a_stream_cut_at_any_byte_is_never_an_answer() {
    assert_no_beginning_is_an_answer(FRESH, RECORDED);
}

#[test]
fn every_fault_has_one_clear_outcome() {
    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}"#;
    let stop = r#"{"type":"message_stop"}"#;
    let end = |reason: &str| format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#);
    let call = r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"1","name":"t"}}"#;
    let twin = r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"1","name":"t"}}"#;
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
        assert_any_order_is_borne(FRESH, RECORDED, &order);
    }
}

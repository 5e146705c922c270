//! What a stream of Responses events adds up to, and every way in which it is no answer.

use proptest::prelude::*;

use super::*;
use crate::domain::message::Usage;
use crate::provider::Error;
use crate::provider::http::tests::read;
use crate::provider::streams::{
    self, Fresh, assert_any_order_is_borne, assert_cuts_change_nothing, assert_no_beginning_is_an_answer, message,
};

/// Reasoning in two parts, text, two calls at once, events that repeat what is known.
const RECORDED: &str = r#"event: response.created
data: {"type":"response.created","response":{"id":"resp_1","status":"in_progress","output":[],"usage":null}}

event: response.in_progress
data: {"type":"response.in_progress","response":{"id":"resp_1"}}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}

event: response.reasoning_summary_part.added
data: {"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"Let me"}

event: response.reasoning_summary_part.added
data: {"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":1,"part":{"type":"summary_text","text":""}}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":1,"delta":"see"}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":0,"item":{"id":"rs_1","type":"reasoning","encrypted_content":"c2VhbGVk","summary":[{"type":"summary_text","text":"Let me"},{"type":"summary_text","text":"see"}]}}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":1,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}

event: response.content_part.added
data: {"type":"response.content_part.added","output_index":1,"content_index":0,"part":{"type":"output_text","text":""}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Grüße "}

: keep-alive

event: response.output_text.delta
data: {"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"👋"}

event: response.output_text.done
data: {"type":"response.output_text.done","output_index":1,"content_index":0,"text":"Grüße 👋"}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":1,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Grüße 👋","annotations":[]}]}}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":2,"item":{"id":"fc_1","type":"function_call","status":"in_progress","call_id":"call_1","name":"read","arguments":""}}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":4294967295,"item":{"id":"fc_2","type":"function_call","call_id":"call_2","name":"bash","arguments":""}}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"path\": \"REA"}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","output_index":4294967295,"delta":"{}"}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","output_index":2,"delta":"DME.md\"}"}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":2,"item":{"id":"fc_1","type":"function_call","status":"completed","call_id":"call_1","name":"read","arguments":"{\"path\": \"README.md\"}"}}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":4294967295,"item":{"id":"fc_2","type":"function_call","call_id":"call_2","name":"bash","arguments":"{}"}}

event: response.completed
data: {"type":"response.completed","response":{"id":"resp_1","status":"completed","error":null,"incomplete_details":null,"usage":{"input_tokens":112,"input_tokens_details":{"cached_tokens":100},"output_tokens":89,"output_tokens_details":{"reasoning_tokens":40},"total_tokens":201}}}

"#;

const FRESH: Fresh = |request| Box::new(Stream::new(request));

fn whole(text: &str) -> Result<Whole, Error> {
    streams::whole(FRESH, text)
}

#[test]
fn blocks_come_back_in_the_order_they_came() {
    let Whole { blocks, stop, usage } = whole(RECORDED).unwrap();
    insta::assert_json_snapshot!(blocks, @r#"
    [
      {
        "type": "reasoning",
        "text": "Let me\n\nsee",
        "signature": "c2VhbGVk"
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
        "type": "call",
        "id": "call_2",
        "name": "bash",
        "arguments": "{}"
      }
    ]
    "#);
    assert_eq!((stop, usage), (Stop::Tools, Usage { input: 12, output: 89, cache_read: 100, cache_write: 0 }));
}

#[test]
fn it_does_not_matter_where_the_network_cuts() {
    assert_cuts_change_nothing(FRESH, RECORDED);
}

#[test]
fn a_stream_cut_at_any_byte_is_never_an_answer() {
    assert_no_beginning_is_an_answer(FRESH, RECORDED);
}

const COMPLETED: &str = r#"{"type":"response.completed","response":{}}"#;

#[test]
fn servers_that_send_no_pieces_are_understood() {
    let item =
        |at: u64, item: &str| format!(r#"{{"type":"response.output_item.done","output_index":{at},"item":{item}}}"#);
    let frames = [
        item(0, r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]}"#),
        item(1, r#"{"type":"reasoning","encrypted_content":"c2VhbGVk"}"#),
        item(
            2,
            r#"{"type":"message","content":[{"type":"output_text","text":"one "},{"type":"output_text","text":"two"}]}"#,
        ),
        item(3, r#"{"type":"web_search_call","action":{}}"#),
        item(4, r#"{"type":"function_call","name":"read","arguments":"{}"}"#),
    ];
    let frames: Vec<&str> = frames.iter().map(String::as_str).chain([COMPLETED]).collect();
    insta::assert_json_snapshot!(whole(&message(&frames)).unwrap().blocks, @r#"
    [
      {
        "type": "reasoning",
        "text": "hm"
      },
      {
        "type": "reasoning",
        "text": "",
        "signature": "c2VhbGVk",
        "redacted": true
      },
      {
        "type": "text",
        "text": "one two"
      },
      {
        "type": "call",
        "id": "call_0123456789ab_3",
        "name": "read",
        "arguments": "{}"
      }
    ]
    "#);
}

#[test]
fn every_fault_has_one_clear_outcome() {
    let call = |at: u64, id: &str, name: &str| {
        let item = format!(r#"{{"type":"function_call","call_id":"{id}","name":"{name}","arguments":"{{}}"}}"#);
        format!(r#"{{"type":"response.output_item.done","output_index":{at},"item":{item}}}"#)
    };
    let begun = call(0, "1", "t").replace(".done", ".added");
    let incomplete = |reason: &str| {
        format!(r#"{{"type":"response.incomplete","response":{{"incomplete_details":{{"reason":"{reason}"}}}}}}"#)
    };
    let many: String = (0..500).map(|n| message(&[&call(n, &n.to_string(), "t")])).collect();
    let cases = [
        message(&[]),
        message(&["{"]),
        message(&["[]"]),
        message(&["null"]),
        message(&["{}"]),
        message(&["[DONE]"]),
        message(&[&call(0, "1", "t")]),
        message(&[&begun, COMPLETED]),
        message(&[r#"{"type":"response.function_call_arguments.delta","output_index":7,"delta":"x"}"#]),
        message(&[r#"{"type":"response.output_text.delta","output_index":-1,"delta":"x"}"#]),
        message(&[&incomplete("wormhole")]),
        message(&[r#"{"type":"response.incomplete","response":{}}"#]),
        message(&[&call(0, "1", "t"), &call(1, "1", "t"), COMPLETED]),
        message(&[&call(0, "1", ""), COMPLETED]),
        message(&[r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"It broke."}}}"#]),
        message(&[r#"{"type":"response.failed","response":{}}"#]),
        message(&[r#"{"type":"error","code":"rate_limit_exceeded","message":"Slow down.","param":null}"#]),
        message(&[
            r#"{"type":"error","error":{"type":"invalid_request_error","code":"context_length_exceeded","message":"Too long."}}"#,
        ]),
        many,
    ];
    let said: Vec<String> =
        cases.iter().map(|text| whole(text).unwrap_err()).map(|e| format!("{:?} {e}", e.kind)).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    Transient { after: None } anthropic ended its answer without the end mark
    Transient { after: None } anthropic sent a malformed answer: EOF while parsing an object at line 1 column 1
    Transient { after: None } anthropic sent a malformed answer: missing field `type` at line 1 column 2
    Transient { after: None } anthropic sent a malformed answer: invalid type: null, expected internally tagged enum Event at line 1 column 4
    Transient { after: None } anthropic sent a malformed answer: missing field `type` at line 1 column 2
    Transient { after: None } anthropic sent a malformed answer: expected value at line 1 column 2
    Transient { after: None } anthropic ended its answer without the end mark
    Transient { after: None } anthropic sent a malformed answer: the end before the end of a call
    Transient { after: None } anthropic sent a malformed answer: arguments of a call that did not begin
    Transient { after: None } anthropic sent a malformed answer: invalid value: integer `-1`, expected u64
    Fatal anthropic stopped for a reason that hob does not know: `wormhole`
    Fatal anthropic stopped for a reason that hob does not know: ``
    Transient { after: None } anthropic sent a malformed answer: two tool calls with one id
    Transient { after: None } anthropic sent a malformed answer: a tool call without a name
    Transient { after: None } anthropic broke off (server_error): It broke.; it may pass
    Transient { after: None } anthropic broke off: it failed without a reason; it may pass
    Transient { after: None } anthropic broke off (rate_limit_exceeded): Slow down.; it may pass
    Overflow anthropic broke off (context_length_exceeded): Too long.; the conversation is longer than the model's window
    Fatal anthropic sent more than 128 blocks in one answer; it was not taken
    ");
}

#[test]
fn a_refusal_and_a_limit_are_told_apart_from_an_end() {
    let refusal = r#"{"type":"response.refusal.delta","output_index":0,"delta":"I will not."}"#;
    let incomplete = |reason: &str| {
        format!(r#"{{"type":"response.incomplete","response":{{"incomplete_details":{{"reason":"{reason}"}}}}}}"#)
    };
    let begun = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"1","name":"t"}}"#;
    for (frames, expected) in [
        (vec![COMPLETED], Stop::End),
        (vec![refusal, COMPLETED], Stop::Refused),
        (vec![&*incomplete("content_filter")], Stop::Refused),
        // A call that was cut never runs.
        (vec![begun, &*incomplete("max_output_tokens")], Stop::Length),
    ] {
        assert_eq!(whole(&message(&frames)).unwrap().stop, expected);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_error_and_no_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8)) {
        prop_assert!(read(pieces, &mut Stream::new("")).is_err());
    }

    #[test]
    fn frames_in_any_order_never_panic(order in proptest::collection::vec(0_usize..23, 0..40)) {
        assert_any_order_is_borne(FRESH, RECORDED, &order);
    }
}

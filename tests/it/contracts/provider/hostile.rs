//! Every malformed stream that can be thought of, on all protocols: one clear outcome each, the same
//! on every one of them, a bounded memory, and never a call from a message that did not end.

use hob::domain::message::{Answer, Block, Stop};
use hob::provider::{Delta, Error, ErrorKind};
use serde_json::{Value, json};

use super::{MODELS, beginning, begun, connected};
use crate::scene::model_server::{ModelServer, Reply};

const LATER: ErrorKind = ErrorKind::Transient { after: None };

/// What came of a stream.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// An answer with so many calls.
    Answer(Stop, usize),
    Fault(ErrorKind),
}

use Outcome::{Answer as Whole, Fault};

/// A piece of a stream, in no protocol's words.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Begin,
    /// A text at this place of the answer.
    Text(u64, &'a str),
    /// A whole call: place, id, name, arguments.
    Call(&'a str, &'a str, &'a str, &'a str),
    /// A kind that nobody knows.
    Unknown,
    /// The vendor gives up, for this reason.
    Error(&'a str),
    /// These bytes as the data of a frame.
    Data(&'a str),
    /// The end, with so many tokens of output.
    End(&'a str),
    /// The end that waits for results.
    EndTools,
}

use Piece::{Begin, Call, Data, End, EndTools, Error as Failed, Text, Unknown};

/// A number that JSON's own type does not hold stands for itself.
fn with(template: Value, place: &str) -> String {
    template.to_string().replace("\"PLACE\"", place)
}

impl Piece<'_> {
    fn frames(self, model: &str) -> Vec<String> {
        match (self, model.split_once('/').unwrap().0) {
            (Data(data), _) => vec![data.to_owned()],
            (_, "anthropic") => self.anthropic(),
            (_, "openai") => self.responses(),
            (_, _) => self.chat(),
        }
    }

    fn anthropic(self) -> Vec<String> {
        let block = |place: &str, block: Value, delta: Value| {
            vec![
                with(json!({"type": "content_block_start", "index": "PLACE", "content_block": block}), place),
                with(json!({"type": "content_block_delta", "index": "PLACE", "delta": delta}), place),
                with(json!({"type": "content_block_stop", "index": "PLACE"}), place),
            ]
        };
        let end = |reason: &str, tokens: &str| {
            let usage = json!({"output_tokens": "PLACE"});
            let delta = json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage});
            vec![with(delta, tokens), json!({"type": "message_stop"}).to_string()]
        };
        match self {
            Begin => {
                vec![json!({"type": "message_start", "message": {"id": "msg_1", "role": "assistant"}}).to_string()]
            }
            Text(at, text) => {
                block(&at.to_string(), json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": text}))
            }
            Call(place, id, name, arguments) => block(
                place,
                json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                json!({"type": "input_json_delta", "partial_json": arguments}),
            ),
            Unknown => vec![json!({"type": "weather_report", "sky": "blue"}).to_string()],
            Failed(kind) => vec![json!({"type": "error", "error": {"type": kind, "message": "no"}}).to_string()],
            Data(data) => vec![data.to_owned()],
            End(tokens) => end("end_turn", tokens),
            EndTools => end("tool_use", "1"),
        }
    }

    fn responses(self) -> Vec<String> {
        let item = |place: &str, item: Value, kind: &str, delta: &str| {
            let delta = json!({"type": kind, "output_index": "PLACE", "delta": delta});
            vec![
                with(json!({"type": "response.output_item.added", "output_index": "PLACE", "item": item}), place),
                with(delta, place),
            ]
        };
        let end = |tokens: &str| {
            let usage = json!({"input_tokens": 1, "output_tokens": "PLACE"});
            vec![with(json!({"type": "response.completed", "response": {"usage": usage}}), tokens)]
        };
        match self {
            Begin => vec![json!({"type": "response.created", "response": {"id": "resp_1"}}).to_string()],
            Text(at, text) => {
                item(&at.to_string(), json!({"type": "message", "content": []}), "response.output_text.delta", text)
            }
            Call(place, id, name, arguments) => {
                let call =
                    |arguments| json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments});
                let mut frames = item(place, call(""), "response.function_call_arguments.delta", arguments);
                let done =
                    json!({"type": "response.output_item.done", "output_index": "PLACE", "item": call(arguments)});
                frames.push(with(done, place));
                frames
            }
            Unknown => vec![json!({"type": "response.weather.report", "sky": "blue"}).to_string()],
            Failed(kind) => vec![json!({"type": "error", "code": kind, "message": "no"}).to_string()],
            Data(data) => vec![data.to_owned()],
            End(tokens) => end(tokens),
            EndTools => end("1"),
        }
    }

    fn chat(self) -> Vec<String> {
        let delta =
            |delta: Value, reason: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
        let end = |reason: &str, tokens: &str| {
            let usage = json!({"prompt_tokens": 1, "completion_tokens": "PLACE"});
            vec![
                delta(json!({}), json!(reason)).to_string(),
                with(json!({"choices": [], "usage": usage}), tokens),
                "[DONE]".to_owned(),
            ]
        };
        match self {
            Begin => vec![delta(json!({"role": "assistant", "content": ""}), Value::Null).to_string()],
            Text(_, text) => vec![delta(json!({"content": text}), Value::Null).to_string()],
            Call(place, id, name, arguments) => {
                let function = json!({"name": name, "arguments": arguments});
                let call = json!({"index": "PLACE", "id": id, "function": function});
                vec![with(delta(json!({"tool_calls": [call]}), Value::Null), place)]
            }
            Unknown => vec![json!({"object": "weather.report", "sky": "blue"}).to_string()],
            Failed(kind) => vec![json!({"error": {"type": kind, "message": "no"}}).to_string()],
            Data(data) => vec![data.to_owned()],
            End(tokens) => end("stop", tokens),
            EndTools => end("tool_calls", "1"),
        }
    }
}

fn stream(model: &str, pieces: &[Piece<'_>]) -> String {
    pieces.iter().flat_map(|piece| piece.frames(model)).map(|data| format!("data: {data}\n\n")).collect()
}

/// What a provider makes of these bytes, and how much of them was shown.
async fn asked(model: &str, bytes: Vec<u8>) -> (Result<Answer, Error>, usize) {
    let server = ModelServer::start([Reply::stream(bytes)]);
    let mut shown = 0;
    let mut on = |delta: Delta<'_>| {
        shown += match delta {
            Delta::Text(text) | Delta::Reasoning(text) | Delta::Call(text) => text.len(),
        }
    };
    let result = begun(&*connected(model, &server)).ask(beginning(), &mut on).await;
    (result, shown)
}

fn calls(answer: &Answer) -> usize {
    answer.blocks.iter().filter(|block| matches!(block, Block::Call(_))).count()
}

async fn outcome(model: &str, bytes: Vec<u8>) -> Outcome {
    match asked(model, bytes).await.0 {
        Ok(answer) => Whole(answer.stop, calls(&answer)),
        Err(error) => Fault(error.kind),
    }
}

#[tokio::test]
async fn every_malformed_stream_has_one_clear_outcome_on_every_protocol() {
    let call = Call("1", "c1", "read", "{}");
    let places: Vec<String> = (1..=500).map(|n| n.to_string()).collect();
    let mut many: Vec<Piece<'_>> = vec![Begin];
    many.extend(places.iter().map(|place| Call(place, place, "read", "{}")));
    many.push(EndTools);
    let nested = format!("{{\"type\":{}", "[".repeat(100_000));
    let long = "x".repeat(1 << 20);
    for (what, pieces, expected) in [
        ("nothing", vec![], Fault(LATER)),
        ("nothing but a beginning", vec![Begin], Fault(LATER)),
        ("no end mark after a text", vec![Begin, Text(0, "a")], Fault(LATER)),
        ("no end mark after a call", vec![Begin, Text(0, "a"), call], Fault(LATER)),
        ("overloaded in the middle", vec![Begin, call, Failed("overloaded_error"), EndTools], Fault(LATER)),
        ("an error that stays", vec![Begin, call, Failed("invalid_request_error")], Fault(ErrorKind::Fatal)),
        ("a key that ran out", vec![Begin, Failed("authentication_error")], Fault(ErrorKind::Auth)),
        ("a full window", vec![Begin, Failed("context_length_exceeded")], Fault(ErrorKind::Overflow)),
        ("an error after the end", vec![Begin, call, EndTools, Failed("overloaded_error")], Whole(Stop::Tools, 1)),
        ("two ends", vec![Begin, call, EndTools, EndTools], Whole(Stop::Tools, 1)),
        ("a call after the end", vec![Begin, Text(0, "a"), End("1"), call], Whole(Stop::End, 0)),
        ("one id twice", vec![Begin, call, Call("2", "c1", "bash", "{}"), EndTools], Fault(LATER)),
        ("a call without a name", vec![Begin, Call("1", "c1", "", "{}"), EndTools], Fault(LATER)),
        (
            "calls without an id",
            vec![Begin, Call("1", "", "a", ""), Call("2", "", "b", ""), EndTools],
            Whole(Stop::Tools, 2),
        ),
        ("500 calls", many, Fault(ErrorKind::Fatal)),
        ("place 2^32-1", vec![Begin, Call("4294967295", "c1", "read", "{}"), EndTools], Whole(Stop::Tools, 1)),
        (
            "place 2^64-1",
            vec![Begin, Call("18446744073709551615", "c1", "read", "{}"), EndTools],
            Whole(Stop::Tools, 1),
        ),
        ("place 2^64", vec![Begin, Call("18446744073709551616", "c1", "read", "{}"), EndTools], Fault(LATER)),
        ("place -1", vec![Begin, Call("-1", "c1", "read", "{}"), EndTools], Fault(LATER)),
        ("place 1e999", vec![Begin, Call("1e999", "c1", "read", "{}"), EndTools], Fault(LATER)),
        ("cut arguments", vec![Begin, Call("1", "c1", "read", "{\"path\":"), EndTools], Whole(Stop::Tools, 1)),
        ("arguments that are a list", vec![Begin, Call("1", "c1", "read", "[]"), EndTools], Whole(Stop::Tools, 1)),
        ("a mebibyte of arguments", vec![Begin, Call("1", "c1", "read", &long), EndTools], Whole(Stop::Tools, 1)),
        ("kinds nobody knows", vec![Unknown, Begin, Unknown, call, Unknown, EndTools], Whole(Stop::Tools, 1)),
        ("a mebibyte of text", vec![Begin, Text(0, &long), End("1")], Whole(Stop::End, 0)),
        ("control characters", vec![Begin, Text(0, "\0\u{1b}[2J\u{202e}"), End("1")], Whole(Stop::End, 0)),
        ("2^64-1 tokens", vec![Begin, Text(0, "a"), End("18446744073709551615")], Whole(Stop::End, 0)),
        ("-1 tokens", vec![Begin, Text(0, "a"), End("-1")], Fault(LATER)),
        ("no JSON", vec![Begin, call, Data("{"), EndTools], Fault(LATER)),
        ("a list", vec![Begin, call, Data("[1]"), EndTools], Fault(LATER)),
        ("null", vec![Begin, call, Data("null"), EndTools], Fault(LATER)),
        ("100 000 levels", vec![Begin, call, Data(&nested), EndTools], Fault(LATER)),
    ] {
        for model in MODELS {
            assert_eq!(outcome(model, stream(model, &pieces).into_bytes()).await, expected, "{what}, {model}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_stream_at_all_have_one_clear_outcome_on_every_protocol() {
    for model in MODELS {
        let whole = stream(model, &[Begin, Call("1", "c1", "read", "{}"), EndTools]);
        let damaged = whole.replacen("read", "re\u{fffd}d", 1).into_bytes();
        let cut: Vec<u8> = {
            // The first byte of a character, without the others.
            let at = damaged.windows(3).position(|bytes| bytes == "\u{fffd}".as_bytes()).unwrap();
            [&damaged[..=at], &damaged[at + 3..]].concat()
        };
        for (what, bytes, expected) in [
            ("a web page", b"<!doctype html><title>Sign in</title>".to_vec(), Fault(LATER)),
            ("a byte-order mark", [b"\xef\xbb\xbf", whole.as_bytes()].concat(), Whole(Stop::Tools, 1)),
            ("carriage returns", whole.replace('\n', "\r\n").into_bytes(), Whole(Stop::Tools, 1)),
            ("comments alone", b": keep-alive\n\n".repeat(1000), Fault(LATER)),
            ("fields nobody knows", [b"weather: blue\nretry: x\n\n", whole.as_bytes()].concat(), Whole(Stop::Tools, 1)),
            ("half a character", cut, Fault(LATER)),
            ("zeros", vec![0; 4096], Fault(LATER)),
        ] {
            assert_eq!(outcome(model, bytes).await, expected, "{what}, {model}");
        }
    }
}

/// Neither an endless text nor an endless line is kept beyond the 32 MiB of an answer.
#[tokio::test]
async fn an_answer_without_an_end_is_given_up_at_a_bound() {
    let text = "x".repeat(1 << 20);
    for model in MODELS {
        let begin = stream(model, &[Begin, Text(0, "a")]);
        let more = stream(model, &[Text(1, &text)]);
        // Only the piece itself: a block begins once.
        let more = more.split_inclusive("\n\n").find(|frame| frame.contains(&text)).unwrap();
        let more = if model.starts_with("anthropic") || model.starts_with("openai/") {
            more.replace(":1,", ":0,")
        } else {
            more.to_owned()
        };
        for bytes in [
            [begin.as_bytes(), more.repeat(40).as_bytes()].concat(),
            [begin.as_bytes(), b"data: ", text.repeat(40).as_bytes()].concat(),
        ] {
            let (result, shown) = asked(model, bytes).await;
            let error = result.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Fatal, "{model}: {error}");
            assert!(error.message.ends_with("sent more than 32 MiB in one answer; it was not taken"), "{error}");
            assert!(shown <= 32 << 20, "{model} showed {shown} bytes");
        }
    }
}

/// Whatever the arguments are, the model can be told what was wrong with them.
#[tokio::test]
async fn arguments_that_are_no_object_are_kept_as_they_came_and_can_be_named() {
    let deep = "[".repeat(200_000);
    for model in MODELS {
        for bad in ["{\"path\":", "[]", "null", "\u{1}", deep.as_str()] {
            let bytes = stream(model, &[Begin, Call("1", "c1", "read", bad), EndTools]).into_bytes();
            let answer = asked(model, bytes).await.0.unwrap();
            let Some(Block::Call(call)) = answer.blocks.last() else { panic!("no call") };
            assert_eq!(call.arguments, bad, "{model}");
            assert!(call.arguments().unwrap_err().len() < 200);
        }
    }
}

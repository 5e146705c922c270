//! One real exchange with every vendor: where it is asked, with what key, and what it is sent.

use std::sync::Arc;

use hob::domain::message::{Block, Stop};
use hob::provider::{Delta, Said, WORDS, connect};
use serde_json::{Value, json};

use super::{beginning, begun, result, rich};
use crate::scene::model_server::{KEY, ModelServer, Reply, answer};

/// A model of each vendor, what follows the host in its base URL, where it is asked then, and the
/// header with the key.
const EXCHANGES: &[(&str, &str, &str, &str)] = &[
    ("anthropic/claude-sonnet-5", "", "/v1/messages", "x-api-key"),
    ("openai/gpt-5.1", "/v1", "/v1/responses", "authorization"),
    ("openai-chat/gpt-5.1", "/v1/", "/v1/chat/completions", "authorization"),
    ("azure/gpt-5.1", "", "/openai/v1/responses", "api-key"),
    ("azure-chat/gpt-5.1", "/openai/v1/", "/openai/v1/chat/completions", "api-key"),
    ("openrouter/anthropic/claude-sonnet-5", "", "/api/v1/chat/completions", "authorization"),
    ("gemini/gemini-3.8-flash", "", "/v1beta/openai/chat/completions", "authorization"),
    (
        "vertex/google/gemini-3.8-flash",
        "/v1/projects/p/locations/l/endpoints/openapi",
        "/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
        "authorization",
    ),
    ("groq/openai/gpt-oss-120b", "", "/openai/v1/chat/completions", "authorization"),
    ("mistral/mistral-medium-3-5", "", "/v1/chat/completions", "authorization"),
    ("deepseek/deepseek-flash", "", "/chat/completions", "authorization"),
    ("bedrock/global.openai.gpt-5.6-luna", "", "/openai/v1/chat/completions", "authorization"),
    ("ollama/gpt-oss:20b", "", "/v1/chat/completions", ""),
    ("vllm/openai/gpt-oss-120b", "", "/v1/chat/completions", ""),
];

fn word(model: &str) -> &str {
    model.split_once('/').unwrap().0
}

#[tokio::test]
async fn every_vendor_is_asked_where_it_is_with_the_key_it_takes_and_in_its_own_dialect() {
    let words: Vec<&str> = EXCHANGES.iter().map(|(model, ..)| word(model)).collect();
    assert_eq!(words, WORDS, "a vendor without an exchange");
    for (model, base, target, header) in EXCHANGES {
        let key = if header.is_empty() { "" } else { KEY };
        let server = ModelServer::with_key(key, [rich(), answer().text("Done.").end()]);
        let provider = connect(model, &server.access_at(base, key), Arc::new(())).unwrap();
        let mut conversation = begun(&*provider);
        let first = conversation.ask(beginning(), &mut |_: Delta<'_>| {}).await.unwrap();
        assert_eq!((first.stop, first.model.as_str()), (Stop::Tools, *model));
        conversation.push(Said::Answer(&first));
        conversation.push(Said::Results(&[result("c1", "# Hob\n", false), result("c2", "no JSON", true)]));
        conversation.push(Said::User("You have used 80 % of your turns."));
        conversation.ask(beginning(), &mut |_: Delta<'_>| {}).await.unwrap();
        for request in server.requests() {
            assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", *target), "{model}");
            for name in ["x-api-key", "authorization", "api-key"] {
                let expected = match name {
                    _ if name != *header => None,
                    "authorization" => Some(format!("Bearer {KEY}")),
                    _ => Some(KEY.to_owned()),
                };
                assert_eq!(request.header(name).map(str::to_owned), expected, "{name} to {model}");
            }
        }
        let body = serde_json::to_string_pretty(&server.bodies().pop().unwrap()).unwrap();
        insta::assert_snapshot!(format!("golden_body_of_{}", word(model)), body);
    }
}

/// Google's servers end a stream that calls tools with `stop`, and sign the calls.
#[tokio::test]
async fn gemini_gets_back_the_signature_of_its_call_and_a_stand_in_for_the_call_of_another_model() {
    let chunk = |delta: Value, reason: Value| {
        format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}))
    };
    let call = json!({"tool_calls": [{
        "index": 0, "id": "function-call-1", "type": "function",
        "function": {"name": "read", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "c2lnbmF0dXJl"}},
    }]});
    let stream = [chunk(call, Value::Null), chunk(json!({}), json!("stop")), "data: [DONE]\n\n".to_owned()].concat();
    let server = ModelServer::start([Reply::stream(stream), answer().end(), answer().end(), answer().end()]);
    let connected = |model| connect(model, &server.access(), Arc::new(())).unwrap();
    let first = begun(&*connected("gemini/gemini-3.8-flash")).ask(beginning(), &mut |_: Delta<'_>| {}).await.unwrap();
    assert_eq!(first.stop, Stop::Tools);
    assert!(matches!(first.blocks.last(), Some(Block::Call(_))));
    for (model, expected) in [
        ("gemini/gemini-3.8-flash", Some("c2lnbmF0dXJl")),
        ("gemini/gemini-3.5-flash", Some("skip_thought_signature_validator")),
        ("mistral/mistral-medium-3-5", None),
    ] {
        let mut conversation = begun(&*connected(model));
        conversation.push(Said::Answer(&first));
        conversation.push(Said::Results(&[result("function-call-1", "x", false)]));
        conversation.ask(beginning(), &mut |_: Delta<'_>| {}).await.unwrap();
        let sent = server.bodies().pop().unwrap();
        let signature = sent["messages"][2]["tool_calls"][0].pointer("/extra_content/google/thought_signature");
        assert_eq!(signature.and_then(Value::as_str), expected, "{model}: {sent}");
    }
}

/// A vendor that refuses a call without the thought before it gets an empty one from another model.
#[tokio::test]
async fn deepseek_gets_a_thought_beside_every_call() {
    let server = ModelServer::start([rich(), answer().end(), answer().end()]);
    let connected = |model| connect(model, &server.access(), Arc::new(())).unwrap();
    let first = begun(&*connected("deepseek/deepseek-flash")).ask(beginning(), &mut |_: Delta<'_>| {}).await.unwrap();
    for (model, expected) in [("deepseek/deepseek-flash", "Where to begin?"), ("deepseek/deepseek-v4-pro", "")] {
        let mut conversation = begun(&*connected(model));
        conversation.push(Said::Answer(&first));
        conversation.push(Said::Results(&[result("c1", "x", false), result("c2", "y", false)]));
        conversation.ask(beginning(), &mut |_: Delta<'_>| {}).await.unwrap();
        assert_eq!(server.bodies().pop().unwrap()["messages"][2]["reasoning_content"], expected, "{model}");
    }
}

/// What the gateway told of a thought goes back whole, to the model that had it alone.
#[tokio::test]
async fn openrouter_gets_back_every_detail_of_a_thought() {
    let chunk = |delta: Value, reason: Value| {
        format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}))
    };
    let detail = |detail: Value| json!({"reasoning": detail["text"].as_str(), "reasoning_details": [detail]});
    let calls = json!({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "read", "arguments": "{}"}}]});
    let end = [chunk(calls, json!("tool_calls")), "data: [DONE]\n\n".to_owned()].concat();
    let open = [
        chunk(detail(json!({"type": "reasoning.text", "text": "Let me ", "index": 0})), Value::Null),
        chunk(detail(json!({"type": "reasoning.text", "text": "see", "index": 0, "signature": "c2ln"})), Value::Null),
        end.clone(),
    ];
    let sealed = [chunk(detail(json!({"type": "reasoning.encrypted", "data": "Y2lwaGVy"})), Value::Null), end];
    for (stream, expected) in [
        (open.concat(), json!([{"type": "reasoning.text", "text": "Let me see", "index": 0, "signature": "c2ln"}])),
        (sealed.concat(), json!([{"type": "reasoning.encrypted", "data": "Y2lwaGVy"}])),
    ] {
        let server = ModelServer::start([Reply::stream(stream), answer().end(), answer().end()]);
        let connected = |model| connect(model, &server.access(), Arc::new(())).unwrap();
        let own = "openrouter/google/gemini-3.8-flash";
        let first = begun(&*connected(own)).ask(beginning(), &mut |_: Delta<'_>| {}).await.unwrap();
        for (model, expected) in [(own, expected), ("openrouter/anthropic/claude-sonnet-5", Value::Null)] {
            let mut conversation = begun(&*connected(model));
            conversation.push(Said::Answer(&first));
            conversation.push(Said::Results(&[result("c1", "x", false)]));
            conversation.ask(beginning(), &mut |_: Delta<'_>| {}).await.unwrap();
            assert_eq!(server.bodies().pop().unwrap()["messages"][2]["reasoning_details"], expected, "{model}");
        }
    }
}

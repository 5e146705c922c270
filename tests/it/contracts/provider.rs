//! What every provider promises, over every wire format and the replay of what they recorded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod hostile;
mod requests;
mod tape;
mod vendors;

use std::path::Path;
use std::sync::Arc;

use hob::domain::message::{Answer, Block, Stop, ToolResult, ToolSpec, Usage};
use hob::domain::name::Thinking;
use hob::provider::{Conversation, Delta, Error, Opening, Place, Provider, Said, connect, record};
use hob::telemetry::redact::Redactor;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::scene::model_server::{ModelServer, Reply, answer};

/// One of each protocol; none of them needs a real key.
const MODELS: [&str; 3] = ["anthropic/claude-sonnet-5", "openai/gpt-5.1", "openai-chat/gpt-5.1"];

/// The place of a run's first call.
fn beginning() -> Place {
    Place::turn(0, 0)
}

fn tools() -> Vec<ToolSpec> {
    ["read", "bash"]
        .map(|name| ToolSpec {
            name: name.to_owned(),
            description: format!("The tool {name}."),
            parameters: serde_json::from_str(r#"{"type":"object","properties":{"z":{},"a":{}}}"#).unwrap(),
        })
        .to_vec()
}

fn opening(tools: &[ToolSpec]) -> Opening<'_> {
    Opening { system: "You are a test.", environment: "Today is Monday.", tools, thinking: Thinking::Medium }
}

fn connected(model: &str, server: &ModelServer) -> Arc<dyn Provider> {
    connect(model, &server.access(), Arc::new(())).unwrap()
}

fn replayed(path: &Path) -> Arc<dyn Provider> {
    connect(&format!("replay/{}", path.display()), &Default::default(), Arc::new(())).unwrap()
}

/// A conversation that has begun.
fn begun(provider: &dyn Provider) -> Box<dyn Conversation> {
    let mut conversation = provider.open(opening(&tools()));
    conversation.push(Said::User("Look around."));
    conversation
}

/// Asks the one question of [`begun`], watched by nobody.
async fn ask_once(provider: &dyn Provider) -> Result<Answer, Error> {
    begun(provider).ask(beginning(), &mut |_| {}).await
}

fn result(call: &str, content: &str, is_error: bool) -> ToolResult {
    ToolResult {
        call: call.to_owned(),
        name: "read".to_owned(),
        content: content.to_owned(),
        is_error,
        images: Vec::new(),
    }
}

/// Reasoning, and two calls with text between them.
fn rich() -> Reply {
    answer()
        .reasoning("Where to begin?", "c2lnbmF0dXJl")
        .ping()
        .text("I look — 👋.")
        .call("c1", "read", json!({"path": "README.md"}))
        .text("And I count.")
        .raw_call("c2", "bash", r#"{"command": "wc"#)
        .usage(Usage { input: 100, output: 42, cache_read: 7, cache_write: 3 })
        .end_tools()
}

#[tokio::test]
async fn blocks_and_pieces_come_in_order_from_every_provider_and_its_recording() {
    for model in MODELS {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tape.jsonl");
        let server = ModelServer::start([rich()]);
        for again in [false, true] {
            let provider = if again {
                replayed(&path)
            } else {
                record(connected(model, &server), &path, &Redactor::default()).unwrap()
            };
            let mut pieces = Vec::new();
            let mut on = |delta: Delta<'_>| {
                let (kind, piece) = match delta {
                    Delta::Text(piece) => ("text", piece),
                    Delta::Reasoning(piece) => ("reasoning", piece),
                    Delta::Call(name) => ("call", name),
                };
                pieces.push((kind, piece.to_owned()));
            };
            let answer = begun(&*provider).ask(beginning(), &mut on).await.unwrap();
            let mut seen: Vec<(&str, String)> = Vec::new();
            for (kind, piece) in pieces {
                match seen.last_mut() {
                    Some((last, text)) if *last == kind && kind != "call" => text.push_str(&piece),
                    _ => seen.push((kind, piece)),
                }
            }
            let blocks: Vec<(&str, String)> = answer
                .blocks
                .iter()
                .map(|block| match block {
                    Block::Text { text } => ("text", text.clone()),
                    Block::Reasoning { text, .. } => ("reasoning", text.clone()),
                    Block::Call(call) => ("call", call.name.clone()),
                })
                .collect();
            assert_eq!(seen, blocks, "{model}");
            assert_eq!(
                blocks,
                [
                    ("reasoning", "Where to begin?".to_owned()),
                    ("text", "I look — 👋.".to_owned()),
                    ("call", "read".to_owned()),
                    ("text", "And I count.".to_owned()),
                    ("call", "bash".to_owned()),
                ]
            );
            assert_eq!((answer.stop, answer.model.as_str()), (Stop::Tools, model));
            assert_eq!(answer.usage, Usage { input: 100, output: 42, cache_read: 7, cache_write: 3 });
            let Some(Block::Call(broken)) = answer.blocks.last() else { panic!("no call at the end") };
            assert_eq!((broken.id.as_str(), broken.arguments.as_str()), ("c2", r#"{"command": "wc"#));
        }
    }
}

#[tokio::test]
async fn an_answer_holds_the_digest_of_the_bytes_that_were_sent() {
    for model in MODELS {
        let server = ModelServer::start([answer().text("Hi.").end()]);
        let answer = ask_once(&*connected(model, &server)).await.unwrap();
        assert_eq!(answer.request, hex::encode(Sha256::digest(&server.requests()[0].body)));
    }
}

#[tokio::test]
async fn every_end_of_an_answer_is_told_apart() {
    for model in MODELS {
        let server = ModelServer::start([
            answer().text("a").end(),
            answer().raw_call("1", "read", "{\"pa").end_length(),
            answer().text("a").end_refused(),
            answer().end(),
        ]);
        let provider = connected(model, &server);
        for expected in [Stop::End, Stop::Length, Stop::Refused, Stop::End] {
            assert_eq!(ask_once(&*provider).await.unwrap().stop, expected, "{model}");
        }
        assert_eq!(server.left(), 0);
    }
}

#[tokio::test]
async fn it_does_not_matter_how_the_network_cuts_an_answer() {
    for model in MODELS {
        let server = ModelServer::start([rich(), rich().in_pieces_of(1), rich().in_pieces_of(7)]);
        let provider = connected(model, &server);
        let whole = ask_once(&*provider).await.unwrap();
        for _ in 0..2 {
            assert_eq!(ask_once(&*provider).await.unwrap().blocks, whole.blocks);
        }
    }
}

#[tokio::test]
async fn a_turn_uses_the_connection_of_the_turn_before() {
    for model in MODELS {
        let server = ModelServer::start([rich(), rich(), rich()]);
        let provider = connected(model, &server);
        for _ in 0..3 {
            ask_once(&*provider).await.unwrap();
        }
        assert_eq!(server.connections(), 1, "{model}");
    }
}

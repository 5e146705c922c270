//! What a model is sent, to the byte: over a run, over the next run in another process, and
//! against what the log says.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::scene::model_server::{KEY, ModelServer, answer};
use crate::scene::{Scene, fixture};

/// Two events of one issue, each answered by a run in a process of its own.
fn two_runs(model: &str) -> (Scene, ModelServer) {
    let scene = Scene::new();
    let server = ModelServer::start([
        answer()
            .reasoning("Where is it?", "c2lnbmF0dXJl")
            .text("I look.")
            .call("call-1", "grep", json!({ "pattern": "committ\\b" }))
            .text("And I read.")
            .call("call-2", "read", json!({ "path": "no/such/file" }))
            .end_tools(),
        answer().call("call-3", "bash", json!({ "command": "echo noted > notes.txt" })).end_tools(),
        answer().call("call-4", "propose_status", json!({ "body": "It is in line 9." })).end_tools(),
        answer().text("It is in line 9.").end(),
        answer().call("call-5", "read", json!({ "path": "notes.txt" })).end_tools(),
        answer().text("Noted.").end(),
    ]);
    for event in ["github/issues.opened.json", "github/issue_comment.created.json"] {
        let event = fixture(event).display().to_string();
        let mut command = scene.command(["run", "triage", "--event", &event, "--model", model]);
        command.env("ANTHROPIC_BASE_URL", &server.url).env("ANTHROPIC_API_KEY", KEY);
        command.env("OPENAI_BASE_URL", &server.url).env("OPENAI_API_KEY", KEY);
        let ran = scene.end(command);
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    }
    (scene, server)
}

/// The random markers of frames, made equal.
fn unmarked(text: &str) -> String {
    let marker = |part: &&str| part.len() >= 16 && part.bytes().take(16).all(|b| b.is_ascii_hexdigit());
    let digits: Vec<&str> = text.split("hob-").skip(1).filter(marker).map(|part| &part[..16]).collect();
    digits.iter().fold(text.to_owned(), |text, digits| text.replace(digits, "0000000000000000"))
}

/// One line for each part of a request in the order that the vendor's cache reads it, marks aside.
fn parts(body: &Value) -> Vec<String> {
    fn without_marks(value: &mut Value) {
        match value {
            Value::Object(object) => {
                object.remove("cache_control");
                object.values_mut().for_each(without_marks);
            }
            Value::Array(values) => values.iter_mut().for_each(without_marks),
            _ => {}
        }
    }
    let mut body = body.clone();
    without_marks(&mut body);
    let list = |key: &str| body[key].as_array().cloned().unwrap_or_default();
    [list("tools"), list("system"), list("messages")].concat().iter().map(Value::to_string).collect()
}

#[test]
fn the_second_run_sends_the_first_runs_messages_again_to_the_byte() {
    let (_scene, server) = two_runs("anthropic/claude-sonnet-4-5");
    let bodies = server.bodies();
    assert_eq!(bodies.len(), 6);
    for (at, pair) in bodies.windows(2).enumerate() {
        let (before, after) = (parts(&pair[0]), parts(&pair[1]));
        assert!(after.starts_with(&before), "request {} is not the head of request {}", at + 1, at + 2);
    }
    let body = unmarked(&serde_json::to_string_pretty(&bodies[4]).unwrap());
    insta::assert_snapshot!("anthropic_second_run", body);
}

#[test]
fn the_same_session_in_the_other_wire_format() {
    let (_scene, server) = two_runs("openai-chat/gpt-5.2");
    let bodies = server.bodies();
    for (at, pair) in bodies.windows(2).enumerate() {
        assert!(parts(&pair[1]).starts_with(&parts(&pair[0])), "request {} is not the head of the next", at + 1);
    }
    let body = unmarked(&serde_json::to_string_pretty(&bodies[4]).unwrap());
    insta::assert_snapshot!("openai_chat_second_run", body);
}

#[test]
fn the_log_proves_what_the_model_was_sent() {
    let (scene, server) = two_runs("anthropic/claude-sonnet-4-5");
    let sent: Vec<String> =
        server.requests().iter().map(|request| hex::encode(Sha256::digest(&request.body))).collect();
    let logged: Vec<String> = scene
        .log()
        .iter()
        .filter(|entry| entry["body"]["role"] == "assistant")
        .map(|entry| entry["body"]["request"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(logged, sent);
}

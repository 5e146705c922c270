//! What a provider's cache lives from: each request begins with all of the one before it.

use serde_json::{Value, json};

use crate::faults::{MODELS, assert_each_call_has_its_result};
use crate::scene::model_server::{KEY, ModelServer, Reply, answer};
use crate::scene::{Scene, fixture};

/// Turns of the long run.
const TURNS: usize = 50;

const OPENED: &str = "github/issues.opened.json";

fn scene() -> Scene {
    let agent = "---\ndescription: x\nlimits: { turns: 100, calls: 300 }\n---\nWork.\n";
    let line = "What stands in a long file, again and again, with \"quotes\" and \u{fc}ml\u{e4}uts. ";
    let big: String = (0..400).map(|n| format!("{n}: {line}\n")).collect();
    Scene::new().file("agents/patient.md", agent).file("AGENTS.md", "Be brief.\n").file("big.txt", &big)
}

fn command(scene: &Scene, server: &ModelServer, model: &str, event: &str) -> std::process::Command {
    let event = fixture(event).display().to_string();
    let mut command = scene.command(["run", "patient", "--event", &event, "--model", model]);
    command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
    command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", &server.url);
    command
}

/// Reads large parts of a file, thinks aloud, and calls two tools every third time.
fn turn(n: usize) -> Reply {
    let read = json!({ "path": "big.txt", "offset": n * 5 + 1, "limit": 200 });
    let answer = answer().reasoning("Hm.", "c2lnbmVk").text("I read on.").call(&format!("c{n}"), "read", read);
    if n.is_multiple_of(3) { answer.call(&format!("g{n}"), "glob", json!({ "pattern": "*.txt" })) } else { answer }
        .end_tools()
}

/// What a request says in the provider's cache order, a piece each, without the marks of the cache.
fn pieces(body: &Value) -> Vec<String> {
    let list = |key: &str| body[key].as_array().cloned().unwrap_or_default();
    let system = match &body["system"] {
        Value::Array(blocks) => blocks.clone(),
        Value::Null => body.get("instructions").cloned().into_iter().collect(),
        other => vec![other.clone()],
    };
    let messages = [list("messages"), list("input")].concat();
    [list("tools"), system, messages].concat().into_iter().map(|piece| without_marks(piece).to_string()).collect()
}

fn without_marks(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.remove("cache_control");
            for member in members.values_mut() {
                *member = without_marks(member.take());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_marks(item.take())),
        _ => {}
    }
    value
}

/// How many of the requests begin with all of the one before.
pub(crate) fn kept(bodies: &[Value]) -> usize {
    let pieces: Vec<_> = bodies.iter().map(pieces).collect();
    pieces.windows(2).filter(|pair| pair[1].starts_with(&pair[0])).count()
}

#[test]
fn each_request_begins_with_the_one_before_also_after_a_kill_and_in_the_next_run() {
    for model in MODELS {
        let scene = scene();
        let replies = (0..TURNS).map(turn).chain([answer().text("Done.").end(), answer().text("Again.").end()]);
        let server = ModelServer::start(replies);
        let mut killed = command(&scene, &server, model, OPENED);
        let ran = scene.end({
            killed.env("HOB_FAILPOINT", "answered:20");
            killed
        });
        assert_eq!(ran.code(), None, "{model}: {}", ran.transcript());
        for event in [OPENED, "github/issue_comment.created.json"] {
            let ran = scene.end(command(&scene, &server, model, event));
            assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        }
        let bodies = server.bodies();
        assert_eq!(bodies.len(), TURNS + 2, "{model}");
        assert_eq!(kept(&bodies), bodies.len() - 1, "{model}");
        assert_each_call_has_its_result(&bodies);
        let (first, last) = (pieces(&bodies[0]).concat().len(), pieces(&bodies[TURNS + 1]).concat().len());
        assert!(last > 500_000 && first < 20_000, "{model}: {first}, {last}");
    }
}

#[test]
fn two_threads_of_one_agent_share_system_and_tools_to_the_byte() {
    for model in MODELS {
        let heads: Vec<String> = [OPENED, "github/webhooks-examples/issues/15.opened.json"]
            .into_iter()
            .map(|event| {
                let scene = scene();
                let server = ModelServer::start([answer().text("Done.").end()]);
                assert_eq!(scene.end(command(&scene, &server, model, event)).code(), Some(0), "{model}");
                let body = server.bodies().remove(0);
                assert!(pieces(&body).concat().contains("Be brief."), "{model}");
                let system = body["messages"][0]["role"] == "system";
                let first = if system { body["messages"][0].to_string() } else { String::new() };
                [body["tools"].to_string(), body["system"].to_string(), body["instructions"].to_string(), first]
                    .concat()
            })
            .collect();
        assert_eq!(heads[0], heads[1], "{model}");
    }
}

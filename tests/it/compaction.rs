//! A conversation that outgrows the model's window, on every protocol, as a whole run of the real binary.

use hob::domain::message::Usage;
use serde_json::{Value, json};

use crate::faults::{MODELS, assert_each_call_has_its_result};
use crate::scene::model_server::{KEY, ModelServer, Reply, answer};
use crate::scene::{Ran, Scene, fixture};

/// More tokens than the small window of the agent `narrow` has, by an estimate.
fn scene() -> Scene {
    let agent = |keys: &str| format!("---\ndescription: x\n{keys}---\nWork.\n");
    Scene::new()
        .file("agents/narrow.md", &agent("compaction: { window: 6000 }\n"))
        .file("agents/wide.md", &agent(""))
        .file("notes.txt", &format!("{}\n", "A line of notes. ".repeat(20)).repeat(40))
}

fn run(scene: &Scene, server: &ModelServer, model: &str, agent: &str, event: &str) -> Ran {
    let event = fixture(event).display().to_string();
    let mut command = scene.command(["run", agent, "--event", &event, "--model", model]);
    command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
    command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", &server.url);
    let ran = scene.end(command);
    assert_each_call_has_its_result(&server.bodies());
    ran
}

const OPENED: &str = "github/issues.opened.json";

fn reads(id: &str) -> Reply {
    answer().text("I look.").call(id, "read", json!({ "path": "notes.txt", "limit": 39 })).end_tools()
}

fn looks() -> Reply {
    let usage = Usage { input: 5000, output: 5, ..Usage::default() };
    answer().text("And here.").call("c9", "glob", json!({ "pattern": "*.txt" })).usage(usage).end_tools()
}

fn summary() -> Reply {
    answer().text("## Status\nThe notes are read.\n## Next steps\nAnswer.").end()
}

fn too_long() -> Reply {
    let error = json!({ "error": { "type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8" } });
    Reply::status(400).body(error.to_string())
}

/// Everything that a request says, in the order it is said.
fn said(body: &Value) -> String {
    let messages = body["messages"].as_array().or(body["input"].as_array()).unwrap();
    messages.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn kinds(scene: &Scene) -> Vec<String> {
    scene.log().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_outgrew_the_window_goes_on_from_a_summary_also_in_the_next_run() {
    for model in MODELS {
        let (scene, last) = (scene(), || answer().text("All is well.").end());
        let server = ModelServer::start([reads("c1"), looks(), summary(), last(), last()]);
        let ran = run(&scene, &server, model, "narrow", OPENED);
        assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        assert!(ran.stdout().contains("All is well."), "{model}");
        let bodies = server.bodies();
        assert!(bodies[2]["tools"].as_array().is_none_or(Vec::is_empty), "{model}: a summary needs no tools");
        let asked = said(&bodies[2]);
        assert!(asked.contains("[result of read]") && asked.contains("[left out: "), "{model}: {asked}");
        let goes_on = said(&bodies[3]);
        for part in ["word for word", "what=\\\"summary\\\"", "The notes are read.", "Files looked at: notes.txt"] {
            assert!(goes_on.contains(part), "{model}: `{part}` is not in {goes_on}");
        }
        assert!(!goes_on.contains("A line of notes. A line"), "{model}");
        let kinds = kinds(&scene);
        let compacted = kinds.iter().position(|kind| kind == "compaction").unwrap();
        assert_eq!(kinds[compacted - 1], "usage", "{model}");

        let ran = run(&scene, &server, model, "narrow", "github/issue_comment.created.json");
        assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        let next = said(server.bodies().last().unwrap());
        assert!(next.contains("The notes are read.") && next.contains("All is well."), "{model}: {next}");
    }
}

#[test]
fn a_request_that_the_provider_finds_too_long_is_made_shorter_as_often_as_it_helps() {
    for model in MODELS {
        let scene = scene();
        let last = answer().text("All is well.").end();
        let script = [
            reads("c1"),
            too_long(),
            summary(),
            reads("c2"),
            too_long(),
            summary(),
            reads("c3"),
            too_long(),
            summary(),
            last,
        ];
        let server = ModelServer::start(script);
        let ran = run(&scene, &server, model, "wide", OPENED);
        assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        assert_eq!(kinds(&scene).iter().filter(|kind| *kind == "compaction").count(), 3, "{model}");
        assert!(said(&server.bodies()[5]).contains("[earlier summary]"), "{model}");
    }
}

#[test]
fn what_is_too_long_by_itself_fails_with_the_providers_words() {
    for model in MODELS {
        let scene = scene();
        let server = ModelServer::start([too_long(), summary(), too_long()]);
        let ran = run(&scene, &server, model, "wide", OPENED);
        assert_eq!(ran.code(), Some(1), "{model}: {}", ran.transcript());
        assert!(ran.transcript().contains("prompt is too long"), "{model}: {}", ran.transcript());
    }
}

#[test]
fn where_there_is_still_room_a_summary_that_cannot_be_made_costs_nothing() {
    for model in MODELS {
        let scene = scene();
        let refused = Reply::status(400).body(r#"{"error":{"type":"invalid_request_error","message":"no"}}"#);
        let server = ModelServer::start([reads("c1"), looks(), refused, answer().text("All is well.").end()]);
        let ran = run(&scene, &server, model, "narrow", OPENED);
        assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        assert!(said(&server.bodies()[3]).contains("A line of notes. A line"), "{model}");
        assert!(!kinds(&scene).contains(&"compaction".to_owned()), "{model}");
    }
}

/// A summary, one without words, and a request that was too long: each stands in the recording as what it is.
#[test]
fn a_recording_with_summaries_plays_as_it_was() {
    let nothing = || answer().reasoning("Hm.", "c2lnbmVk").end();
    let (last, next) = (|| answer().text("All is well.").end(), || answer().text("Still.").end());
    let scripts: [(&str, Vec<Reply>); 4] = [
        ("narrow", vec![reads("c1"), looks(), summary(), last(), next()]),
        ("narrow", vec![reads("c1"), looks(), nothing(), last(), next()]),
        ("wide", vec![reads("c1"), too_long(), summary(), reads("c2"), too_long(), summary(), last(), next()]),
        ("wide", vec![reads("c1"), too_long(), nothing(), last(), next()]),
    ];
    for model in MODELS {
        for (agent, script) in scripts.clone() {
            let (recorded, replayed) = (scene(), scene());
            let tape = recorded.beside("tape.jsonl").display().to_string();
            let server = ModelServer::start(script);
            let told = |scene: &Scene, event: &str, model: &str, record: Option<&str>| {
                let event = fixture(event).display().to_string();
                let mut command = scene.command(["run", agent, "--event", &event, "--model", model]);
                command.args(record.into_iter().flat_map(|file| ["--record", file]));
                command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
                command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", &server.url);
                let ran = scene.end(command);
                assert_eq!(ran.code(), Some(0), "{model} {agent}: {}", ran.transcript());
                assert!(!ran.stderr().contains("replay: "), "{model} {agent}: {}", ran.transcript());
                ran.stdout()
            };
            for event in [OPENED, "github/issue_comment.created.json"] {
                let replay = format!("replay/{tape}");
                let said = told(&recorded, event, model, Some(&tape));
                assert_eq!(told(&replayed, event, &replay, None), said, "{model} {agent}");
            }
            assert_eq!((kinds(&replayed), server.left()), (kinds(&recorded), 0), "{model} {agent}");
        }
    }
}

#[test]
fn where_there_is_no_room_it_costs_what_it_would_have_said_and_not_the_run() {
    for model in MODELS {
        let scene = scene();
        let refused = Reply::status(400).body(r#"{"error":{"type":"invalid_request_error","message":"no"}}"#);
        let server = ModelServer::start([reads("c1"), too_long(), refused, answer().text("All is well.").end()]);
        let ran = run(&scene, &server, model, "wide", OPENED);
        assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        let goes_on = said(&server.bodies()[3]);
        assert!(
            goes_on.contains("no summary could be made") && goes_on.contains("word for word"),
            "{model}: {goes_on}"
        );
        assert!(!kinds(&scene).contains(&"usage".to_owned()), "{model}");
    }
}

#[test]
fn what_the_model_has_not_read_yet_is_kept() {
    for model in MODELS {
        let scene = scene();
        // Its results alone are more than a third of the window.
        let server = ModelServer::start([reads("c1"), reads("c2"), summary(), answer().text("All is well.").end()]);
        let ran = run(&scene, &server, model, "narrow", OPENED);
        assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        let goes_on = said(&server.bodies()[3]);
        assert!(
            goes_on.contains("what=\\\"summary\\\"") && goes_on.contains("A line of notes. A line"),
            "{model}: {goes_on}"
        );
    }
}

#[test]
fn what_stands_for_a_conversation_reads_like_this() {
    let scene = scene();
    let server = ModelServer::start([reads("c1"), looks(), summary(), answer().text("All is well.").end()]);
    assert_eq!(run(&scene, &server, "anthropic/scripted", "narrow", OPENED).code(), Some(0));
    let bodies = server.bodies();
    let text = |body: &Value| {
        let text = body["messages"][0]["content"][0]["text"].as_str().unwrap();
        let marker = text.split("hob-").nth(1).unwrap()[..16].to_owned();
        text.replace(&marker, "MARKER")
    };
    insta::assert_snapshot!("summary_asked_for", text(&bodies[2]));
    insta::assert_snapshot!("summary_given", text(&bodies[3]));
}

#[test]
fn by_hand_what_was_said_becomes_a_summary_at_once() {
    for model in MODELS {
        let scene = scene();
        let usage = Usage { input: 9000, output: 5, ..Usage::default() };
        let last = || answer().text("All is well.").usage(usage).end();
        let server = ModelServer::start([reads("c1"), last(), summary(), last()]);
        let hob = |arguments: &[&str]| {
            let mut command = scene.command(arguments.iter().chain(&["--model", model]));
            command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
            command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", &server.url);
            scene.end(command)
        };
        assert_eq!(hob(&["run", "wide", "--message", "Read it."]).code(), Some(0));
        let ran = hob(&["compact", "default"]);
        assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.stdout(), @"default (wide): 9.1k tokens of conversation are 1.8k now");
        }
        let ran = hob(&["run", "wide", "--message", "And now?"]);
        assert_eq!(ran.code(), Some(0), "{model}: {}", ran.transcript());
        let goes_on = said(server.bodies().last().unwrap());
        assert!(goes_on.contains("The notes are read.") && goes_on.contains("And now?"), "{model}: {goes_on}");
        assert!(!goes_on.contains("A line of notes. A line"), "{model}");
        assert_eq!(kinds(&scene).iter().filter(|kind| *kind == "compaction").count(), 1);
    }
}

#[test]
fn by_hand_the_session_is_meant_that_is_named_whatever_its_agent_must_end_with() {
    let result = "result: { type: object, properties: { done: { type: boolean } } }\n";
    let agent = format!("---\ndescription: x\n{result}---\nWork.\n");
    let scene = scene().file("agents/wide.md", &agent);
    let finish = || answer().call("f", "finish", json!({ "done": true })).end_tools();
    let server = ModelServer::start([reads("c1"), finish(), reads("c1"), finish(), summary(), summary(), finish()]);
    let hob = |arguments: &[&str]| {
        let mut command = scene.command(arguments.iter().chain(&["--model", MODELS[0]]));
        command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
        scene.end(command)
    };
    let event = fixture(OPENED).display().to_string();
    assert_eq!(hob(&["run", "wide", "--event", &event]).code(), Some(0));
    assert_eq!(hob(&["run", "wide", "--message", "Read it.", "--id", "x"]).code(), Some(0));
    for id in ["Codertocat/Hello-World#1", "x"] {
        let ran = hob(&["compact", id]);
        assert_eq!(ran.code(), Some(0), "{id}: {}", ran.transcript());
        assert!(ran.stdout().contains("tokens of conversation are"), "{id}: {}", ran.stdout());
    }
    assert_eq!(scene.hob(["sessions"]).stdout().lines().count(), 3, "two sessions and a heading");
    let ran = hob(&["run", "wide", "--message", "Again.", "--id", "x"]);
    assert_eq!((ran.code(), server.left()), (Some(0), 0), "{}", ran.transcript());
}

#[test]
fn by_hand_a_summary_that_cannot_be_made_leaves_all_as_it_is() {
    let scene = scene();
    let no = Reply::status(400).body(json!({ "error": { "message": "no summaries today" } }).to_string());
    let server = ModelServer::start([reads("c1"), answer().text("All is well.").end(), no]);
    let hob = |arguments: &[&str]| {
        let mut command = scene.command(arguments.iter().chain(&["--model", MODELS[0]]));
        command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
        scene.end(command)
    };
    assert_eq!(hob(&["run", "wide", "--message", "Read it."]).code(), Some(0));
    let ran = hob(&["compact", "default"]);
    assert_eq!((ran.code(), server.left()), (Some(1), 0), "{}", ran.transcript());
    insta::assert_snapshot!(ran.stderr().lines().last().unwrap(), @"error: failed: no summary could be made: anthropic answered 400: no summaries today; asking again would bring the same");
    assert!(!kinds(&scene).iter().any(|kind| kind == "compaction"));
    // Only one that is there can be.
    let ran = hob(&["compact", "other"]);
    assert_eq!(ran.code(), Some(2), "{}", ran.transcript());
}

//! What a run that was cut leaves to the next one: an outcome when there is an answer, and a
//! conversation that a model can be sent again.

use serde_json::{Value, json};

use crate::scene::{Ran, Scene, fixture, tape::Tape};

fn triage(scene: &Scene, event: &str, failpoint: Option<&str>) -> Ran {
    let event = fixture(event).display().to_string();
    let model = format!("replay/{}", scene.beside("tape.jsonl").display());
    let mut command = scene.command(["run", "triage", "--event", &event, "--model", &model]);
    if let Some(failpoint) = failpoint {
        command.env("HOB_FAILPOINT", failpoint);
    }
    scene.end(command)
}

/// Every call has exactly one result before anything else is said.
fn assert_sendable(log: &[Value]) {
    let mut open: Vec<String> = Vec::new();
    for entry in log {
        let body = &entry["body"];
        match (entry["kind"].as_str().unwrap(), body["role"].as_str()) {
            ("message", Some("assistant")) => {
                assert!(open.is_empty(), "answered over open calls {open:?}: {entry}");
                let calls = body["blocks"].as_array().unwrap().iter().filter(|block| block["type"] == "call");
                open = calls.map(|call| call["id"].as_str().unwrap().to_owned()).collect();
            }
            ("message" | "note", _) => assert!(open.is_empty(), "said over open calls {open:?}: {entry}"),
            ("tool_result", _) => {
                let call = body["call"].as_str().unwrap();
                let place = open.iter().position(|id| id == call);
                open.remove(place.unwrap_or_else(|| panic!("a result nobody waits for: {entry}")));
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn an_answer_that_is_there_settles_the_run_however_many_attempts_it_took() {
    let scene = Scene::new();
    Tape::new().says("The real answer.").write(&scene.beside("tape.jsonl"));
    for _ in 0..12 {
        assert_eq!(triage(&scene, "github/issues.opened.json", Some("finished:1")).code(), None);
    }
    let ran = triage(&scene, "github/issues.opened.json", None);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(ran.stdout().starts_with("The real answer."), "{}", ran.stdout());
}

#[test]
fn a_run_whose_attempts_are_used_up_in_a_batch_leaves_a_conversation_that_can_be_sent() {
    let scene = Scene::new();
    Tape::new()
        .calls([("glob", json!({ "pattern": "*" })), ("bash", json!({ "command": "echo hi" }))])
        .says("never reached")
        .next_run()
        .says("Second.")
        .write(&scene.beside("tape.jsonl"));
    for _ in 0..10 {
        assert_eq!(triage(&scene, "github/issues.opened.json", Some("tool-running:1")).code(), None);
    }
    let first = triage(&scene, "github/issues.opened.json", None);
    assert_eq!(first.code(), Some(1), "{}", first.transcript());
    assert!(first.stderr().contains("10 attempts ended without an outcome"), "{}", first.stderr());
    let second = triage(&scene, "github/issue_comment.created.json", None);
    assert_eq!(second.code(), Some(0), "{}", second.transcript());
    assert_sendable(&scene.log());
}

#[test]
fn a_finish_beside_another_call_is_refused_whatever_of_it_a_kill_left() {
    let agent = "---\ndescription: Finishes\nresult: { type: object, required: [n], properties: { n: { type: integer } } }\n\
                 tools: [glob]\n---\nFinish.\n";
    let (finish, glob) = (("finish", json!({ "n": 3 })), ("glob", json!({ "pattern": "*" })));
    for calls in [[finish.clone(), glob.clone()], [glob, finish]] {
        let scene = Scene::new().file("agents/triage.md", agent);
        Tape::new()
            .calls(calls)
            .calls([("finish", json!({ "n": 4 }))])
            .next_run()
            .calls([("finish", json!({ "n": 5 }))])
            .write(&scene.beside("tape.jsonl"));
        assert_eq!(triage(&scene, "github/issues.opened.json", Some("within-batch:1")).code(), None);
        let ran = triage(&scene, "github/issues.opened.json", None);
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
        assert!(ran.stdout().contains("\"n\": 4"), "{}", ran.stdout());
        assert_eq!(triage(&scene, "github/issue_comment.created.json", None).code(), Some(0));
        assert_sendable(&scene.log());
    }
}

#[test]
fn five_results_that_do_not_fit_end_the_run() {
    let agent = "---\ndescription: Finishes\nresult: { type: object, required: [n], properties: { n: { type: integer } } }\n\
                 sandbox: none\n---\nFinish.\n";
    let scene = Scene::new().file("agents/triage.md", agent);
    let mut tape = Tape::new();
    for _ in 0..6 {
        tape = tape.calls([("finish", json!({ "n": "three" }))]);
    }
    tape.write(&scene.beside("tape.jsonl"));
    let ran = triage(&scene, "github/issues.opened.json", None);
    assert_eq!(ran.code(), Some(1), "{}", ran.transcript());
    assert!(ran.stderr().contains("after 5 tries"), "{}", ran.stderr());
    let results = scene.log().iter().filter(|entry| entry["kind"] == "tool_result").count();
    assert_eq!(results, 5);
}

#[test]
fn an_outside_call_that_may_have_run_is_not_run_again() {
    let agent = "---\ndescription: Writes\nsandbox: local\ntools: [bash]\n---\nWrite.\n";
    let scene = Scene::new().file("agents/triage.md", agent);
    Tape::new()
        .calls([("bash", json!({ "command": "echo once >> done.txt" }))])
        .says("Done.")
        .write(&scene.beside("tape.jsonl"));
    assert_eq!(triage(&scene, "github/issues.opened.json", Some("tool-ran:1")).code(), None);
    let ran = triage(&scene, "github/issues.opened.json", None);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert_eq!(std::fs::read_to_string(scene.workspace().join("done.txt")).unwrap(), "once\n");
    let log = scene.log();
    let result = log.iter().find(|entry| entry["kind"] == "tool_result").unwrap();
    assert!(result["body"]["content"].as_str().unwrap().starts_with("Outcome unknown"), "{result}");
    assert_sendable(&log);
}

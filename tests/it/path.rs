//! The whole path: a real event in, an answer and a plan out.

use serde_json::{Value, json};

use crate::scene::{Ran, Scene, fixture, tape::Tape};

fn triage(scene: &Scene, event: &str, more: &[&str]) -> Ran {
    let event = fixture(event).display().to_string();
    let model = format!("replay/{}", scene.beside("tape.jsonl").display());
    let mut arguments = vec!["run", "triage", "--event", &event, "--model", &model];
    arguments.extend(more);
    scene.hob(arguments)
}

fn two_runs(scene: &Scene) {
    Tape::new()
        .calls([("bash", json!({ "command": "echo found > /workspace/notes.txt" }))])
        .calls([
            ("propose_status", json!({ "body": "Line 9 says `committ`." })),
            ("propose_label", json!({ "add": ["bug", "nonsense"] })),
            ("propose_label", json!({ "add": ["documentation"] })),
        ])
        .says("Confirmed: line 9 says `committ`.")
        .next_run()
        .calls([("read", json!({ "path": "notes.txt" }))])
        .calls([("propose_status", json!({ "body": "Line 9 says `committ`. The author is on it." }))])
        .says("Noted.")
        .write(&scene.beside("tape.jsonl"));
}

#[test]
fn a_second_event_of_the_same_thread_continues_the_session() {
    let scene = Scene::new();
    two_runs(&scene);
    let first = triage(&scene, "github/issues.opened.json", &[]);
    assert_eq!(first.code(), Some(0), "{}", first.transcript());
    let second = triage(&scene, "github/issue_comment.created.json", &[]);
    assert_eq!(second.code(), Some(0), "{}", second.transcript());

    let log = scene.log();
    let kinds = |kind: &str| log.iter().filter(|entry| entry["kind"] == kind).count();
    assert_eq!((kinds("header"), kinds("prompt"), kinds("input"), kinds("settled")), (1, 1, 2, 2));
    // The virtual file of the first run is there in the second, which is another process.
    let read = log.iter().rfind(|entry| entry["body"]["name"] == "read").unwrap();
    assert!(read["body"]["content"].as_str().unwrap().contains("found"), "{read}");
    assert!(!scene.workspace().join("notes.txt").exists(), "a virtual file reached the disk");
}

#[test]
fn an_agent_of_the_workspace_comes_before_the_shipped_one_of_its_name() {
    let agent = "---\ndescription: Says one thing\nsandbox: none\n---\nSay it.\n";
    let scene = Scene::new().file("agents/triage.md", agent);
    Tape::new().says("Said.").write(&scene.beside("tape.jsonl"));
    let ran = triage(&scene, "github/issues.opened.json", &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let prompt = scene.log().into_iter().find(|entry| entry["kind"] == "prompt").unwrap();
    assert!(prompt["body"]["system"].as_str().unwrap().contains("Say it."), "{prompt}");
    assert_eq!(prompt["body"]["tools"], json!([]));
}

#[test]
fn the_same_event_again_shows_the_finished_run_and_asks_nothing() {
    let scene = Scene::new();
    two_runs(&scene);
    let first = triage(&scene, "github/issues.opened.json", &[]);
    let entries = scene.log().len();
    let again = triage(&scene, "github/issues.opened.json", &[]);
    assert_eq!(again.stdout(), first.stdout());
    assert_eq!(scene.log().len(), entries);
}

#[test]
fn again_begins_a_new_run_of_the_same_event() {
    let scene = Scene::new();
    two_runs(&scene);
    triage(&scene, "github/issues.opened.json", &[]);
    let again = triage(&scene, "github/issues.opened.json", &["--again"]);
    assert_eq!(again.code(), Some(0), "{}", again.transcript());
    assert!(again.stdout().starts_with("Noted."), "{}", again.stdout());
}

#[test]
fn gitlab_issue_and_note_share_a_session() {
    let scene = Scene::new();
    two_runs(&scene);
    for event in ["gitlab/pair/issue.open.json", "gitlab/pair/note.issue.json"] {
        let ran = triage(&scene, event, &[]);
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    }
    assert_eq!(scene.log().iter().filter(|entry| entry["kind"] == "input").count(), 2);
}

#[test]
fn the_envelope_is_one_json_object() {
    let scene = Scene::new();
    two_runs(&scene);
    let ran = triage(&scene, "github/issues.opened.json", &["--json"]);
    let mut envelope: Value = serde_json::from_str(&ran.stdout()).unwrap();
    for effect in envelope["effects"].as_array_mut().unwrap() {
        effect["key"] = "[KEY]".into();
    }
    envelope["run"] = "[RUN]".into();
    envelope["effects"][0]["run"] = "[RUN]".into();
    envelope["effects"][1]["run"] = "[RUN]".into();
    insta::assert_json_snapshot!(envelope);
}

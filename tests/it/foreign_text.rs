//! Text of strangers that would steer a terminal, wherever they can put it.

use serde_json::{Value, json};

use crate::scene::{Ran, Scene, fixture, tape::Tape};

/// Clears the screen, sets the title, hides in a C1 control, turns the reading direction, goes back
/// over the line, hides, and looks like a command to a CI system.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}y\r\u{200b}\u{e0041}\u{7f}\n::error::z";

/// A real event with this in these places of it.
fn event(members: &[&str]) -> String {
    let text = std::fs::read_to_string(fixture("github/issues.opened.json")).unwrap();
    let mut event: Value = serde_json::from_str(&text).unwrap();
    for member in members {
        *event.pointer_mut(member).unwrap() = HOSTILE.into();
    }
    event.to_string()
}

fn scene() -> Scene {
    let scene = Scene::new().file(&format!("src/{}.rs", HOSTILE.replace('\n', "").replace("::", "")), "fn main() {}\n");
    std::fs::write(scene.beside("event.json"), event(&["/issue/title", "/issue/body"])).unwrap();
    Tape::new()
        .calls([
            ("bash", json!({ "command": format!("printf '%s' '{HOSTILE}'; exit 3") })),
            ("glob", json!({ "pattern": "src/*" })),
            ("grep", json!({ "pattern": "fn main" })),
            ("read", json!({ "path": HOSTILE })),
            (HOSTILE, json!({ HOSTILE: HOSTILE })),
            ("propose_label", json!({ "add": [HOSTILE, "bug"] })),
            ("propose_status", json!({ "body": HOSTILE })),
        ])
        .says(HOSTILE)
        .write(&scene.beside("tape.jsonl"));
    scene
}

fn assert_harmless(ran: &Ran, what: &str) {
    let text = String::from_utf8(ran.bytes()).unwrap();
    let steers = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}\u{e0041}".contains(c));
    assert!(!text.contains(steers), "{what}: {text:?}");
}

#[test]
fn nothing_that_is_printed_steers_a_terminal() {
    let scene = scene();
    let line = "run triage --event ../event.json --model replay/../tape.jsonl";
    let ran = scene.hob(line.split(' '));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    insta::assert_snapshot!(ran.transcript(), @r#"
    exit 0
    --- stdout
    x<U+009B>31m<U+202E>y␍␡
    : :error::z

    plan: 1 effect on Codertocat/Hello-World#1, 1 refused, nothing sent

    --- status comment (none yet)
    +++ status comment
    + x[2J]0;owned31my
    +
    + : :error::z

    ! label refused: `x [2J ]0;owned 31m<U+202E>y ::error::z` is not a label: it has control characters in it
    --- stderr
    authority: not asked, you are the operator
    run-5ce6d55d8d235343e6ac5b62: attempt 1, replay/../tape.jsonl, sandbox virtual: in memory, on a copy of the working directory's files; no network, no processes
    turn 1: 1000 tokens in, 50 out
      bash: printf '%s' 'x<U+009B>31m<U+202E>y␍␡ : :error::z'; exit 3
      glob: src/*
      grep: fn main
      read: x<U+009B>31m<U+202E>y␍␡ : :error::z (error: `x<U+009B>31m<U+202E>y␍␡)
      x<U+009B>31m<U+202E>y␍␡ : :error::z: {"x\u001b[2J\u001b]0;owned\u0007<U+009B>31m<U+202E>y\r␡\n::error::z":"x\u001b[2J\u001b]0;owned\u0007<U+009B>31m<U+202E>y\r␡\n::error::z"} (error: There is no tool named `x [2J ]0;owned 31m<U+202E>y ::error::z`. The tools are `read`, `grep`, `glob`, `bash`, `activate_skill`, `read_skill_resource`, `propos…)
      refused: label: `x [2J ]0;owned 31m<U+202E>y ::error::z` is not a label: it has control characters in it
      propose_label: {"add":["x\u001b[2J\u001b]0;owned\u0007<U+009B>31m<U+202E>y\r␡\n::error::z","bug"]} (error: Refused: `x [2J ]0;owned 31m<U+202E>y ::error::z` is not a label: it has control characters in it.)
      proposed: status comment
      propose_status: x<U+009B>31m<U+202E>y␍␡ : :error::z
    turn 2: 1000 tokens in, 50 out
    "#);
    assert_harmless(&ran, "run");
    for line in [
        &format!("{line} --json"),
        "runs",
        "runs --json",
        "show Codertocat/Hello-World#1",
        "show Codertocat/Hello-World#1 --json",
    ] {
        let ran = scene.hob(line.split(' '));
        assert_eq!(ran.code(), Some(0), "{line}: {}", ran.transcript());
        assert_harmless(&ran, line);
    }
}

#[test]
fn a_message_about_hostile_arguments_is_harmless() {
    let scene =
        scene().file("agents/odd.md", &format!("---\ndescription: x\n\"{}\": 1\n---\n", HOSTILE.escape_default()));
    for arguments in [
        vec!["run", HOSTILE, "--message", "x"],
        vec!["run", "triage", "--event", HOSTILE],
        vec!["run", "triage", "--message", "x", "--model", HOSTILE],
        vec!["run", "triage", "--message", "x", "--input", HOSTILE],
        vec!["run", "odd", "--message", "x"],
        vec!["show", HOSTILE],
        vec!["runs", "--store", HOSTILE],
    ] {
        assert_harmless(&scene.hob(&arguments), &format!("{arguments:?}"));
    }
    for member in [
        "/action",
        "/issue/user/login",
        "/sender/login",
        "/issue/labels/0/name",
        "/repository/full_name",
        "/issue/html_url",
    ] {
        std::fs::write(scene.beside("event.json"), event(&[member])).unwrap();
        let ran = scene.hob("run triage --event ../event.json --model replay/../tape.jsonl".split(' '));
        assert_harmless(&ran, member);
    }
}

//! `docs/tools.md` shows what a model is told about each tool, and what it reads of a wrong call: both
//! are taken from a run of the real program, so that the page cannot say anything else.

use std::fs;

use serde_json::{Value, json};

use crate::scene::{Scene, tape::Tape};

const PAGE: &str = "docs/tools.md";

/// An agent with every tool there is.
const AGENT: &str = "\
---
description: Has every tool
skills: [triage]
subagents: [finder]
commands:
  cargo_check:
    description: Checks one package with the compiler.
    run: [cargo, check, --package, \"{package}\", --message-format=short]
    input:
      type: object
      required: [package]
      properties: { package: { type: string, maxLength: 64 } }
    read_only: true
effects: { status: {}, comment: {}, label: { allow: [bug, docs] } }
result:
  type: object
  required: [severity]
  properties: { severity: { enum: [low, high] } }
---
Do it.
";

const FINDER: &str = "---\ndescription: Finds things\n---\nFind.\n";

/// Wrong calls, in the order of the page.
fn wrong() -> Vec<(&'static str, Value)> {
    vec![
        ("read", json!({ "path": "gone.rs" })),
        ("read", json!({ "path": "src" })),
        ("read", json!({ "path": "logo.png" })),
        ("read", json!({ "path": "src/main.rs", "offset": 9 })),
        ("read", json!({ "path": "src/main.rs", "offset": "2", "lines": 3 })),
        ("write", json!({ "path": "src", "content": "x" })),
        ("write", json!({ "path": "/etc/hosts", "content": "x" })),
        ("edit", json!({ "path": "src/main.rs", "old_text": "two();", "new_text": "three();" })),
        ("edit", json!({ "path": "src/main.rs", "old_text": "one();", "new_text": "two();" })),
        ("edit", json!({ "path": "src/main.rs", "old_text": "one();", "new_text": "one();" })),
        ("bash", json!({ "command": "grep -r nothing src" })),
        ("bash", json!({ "command": "cargo test" })),
        ("bash", json!({ "command": "sleep 60", "timeout": 1 })),
        ("bash", json!({ "command": "sleep 60", "timeout": 3600 })),
        ("grep", json!({ "pattern": "fn main(" })),
        ("grep", json!({ "pattern": "nothing" })),
        ("glob", json!({ "pattern": "main.rs" })),
        ("glob", json!({ "pattern": "src/[m" })),
        ("activate_skill", json!({ "name": "review" })),
        ("read_skill_resource", json!({ "name": "triage", "path": "../../secret" })),
        ("read_skill_resource", json!({ "name": "triage", "path": "references/labels.md", "offset": 999 })),
        ("task", json!({ "agent": "mender", "prompt": "Mend it." })),
        ("task", json!({ "agent": "finder", "prompt": "" })),
        ("propose_status", json!({ "body": "" })),
        ("propose_comment", json!({ "body": "Hi.", "number": 7 })),
        ("propose_label", json!({ "add": ["wontfix"] })),
        ("cargo_check", json!({ "package": "--offline" })),
        ("cargo_check", json!({ "package": "a\0b" })),
        ("give_up", json!({})),
        ("finish", json!({ "severity": "odd" })),
        ("raed", json!({ "path": "src/main.rs" })),
    ]
}

#[test]
fn the_page_shows_what_a_model_is_told_and_reads() {
    let main = "fn main() {\n    one();\n    one();\n}\n";
    let scene = Scene::empty().file("agents/all.md", AGENT).file("agents/finder.md", FINDER).file("src/main.rs", main);
    fs::write(scene.workspace().join("logo.png"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap();
    let wrong = wrong();
    let tape = wrong.iter().fold(Tape::new(), |tape, (name, arguments)| tape.calls([(*name, arguments.clone())]));
    tape.calls([("finish", json!({ "severity": "low" }))]).write(&scene.beside("tape.jsonl"));
    let event = crate::scene::fixture("github/issues.opened.json").display().to_string();
    let model = format!("replay/{}", scene.beside("tape.jsonl").display());
    let ran = scene.hob(["run", "all", "--event", &event, "--model", &model]);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());

    let log = scene.log();
    let bodies =
        |kind: &str| log.iter().filter(|entry| entry["kind"] == kind).map(|entry| &entry["body"]).collect::<Vec<_>>();
    let replies: Vec<&str> = bodies("tool_result").iter().map(|result| result["content"].as_str().unwrap()).collect();
    let mut page = fs::read_to_string(PAGE).unwrap();
    let tools = bodies("prompt")[0]["tools"].as_array().unwrap();
    for tool in tools {
        let name = tool["name"].as_str().unwrap();
        let parameters = serde_json::to_string_pretty(&tool["parameters"]).unwrap();
        let told = format!("> {}\n\n```json\n{parameters}\n```", tool["description"].as_str().unwrap());
        page = fill(&page, &format!("told: {name}"), &told);
    }
    for name in tools.iter().map(|tool| tool["name"].as_str().unwrap()).chain(["raed"]) {
        let said: Vec<String> = wrong
            .iter()
            .zip(&replies)
            .filter(|((called, _), _)| *called == name)
            .map(|((_, arguments), reply)| format!("{name} {arguments}\n  {}", reply.trim_end().replace('\n', "\n  ")))
            .collect();
        assert!(!said.is_empty(), "no wrong call of `{name}`");
        page = fill(&page, &format!("said: {name}"), &format!("```text\n{}\n```", said.join("\n")));
    }
    assert_eq!(page.matches("<!-- told: ").count(), tools.len(), "the page tells of a tool that there is not");
    if bless() {
        fs::write(PAGE, &page).unwrap();
    }
    assert!(fs::read_to_string(PAGE).unwrap() == page, "run this test again with HOB_BLESS=1 to write {PAGE} anew");
}

/// The page with this between the comment that opens a part of it and the one that closes it.
fn fill(page: &str, part: &str, content: &str) -> String {
    let open = format!("<!-- {part} -->\n");
    let (before, rest) = page.split_once(&open).unwrap_or_else(|| panic!("{PAGE} has no line `{}`", open.trim_end()));
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    format!("{before}{open}{content}\n<!-- end -->{after}")
}

#[expect(clippy::disallowed_methods, reason = "a person asks for a new page by it")]
fn bless() -> bool {
    std::env::var_os("HOB_BLESS").is_some()
}

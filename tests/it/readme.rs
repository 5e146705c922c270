//! What the README promises: its commands work, and its recorded conversation is what `--record`
//! writes.

use std::path::Path;

use serde_json::json;

use crate::scene::model_server::{KEY, ModelServer, Reply, answer};
use crate::scene::{Ran, Scene, fixture};

/// The conversation that the README plays, as a model's decisions.
fn conversation() -> Vec<Reply> {
    let status = "The word `commit` is misspelled as `committ` in one place: documentation, cosmetic.\n\n\
                  **Where**: `tests/fixtures/hello-world/README.md:9`, step 3 of *Getting started*. The other uses of the \
                  word are right.";
    let confirmed = "The word `commit` is misspelled as `committ` in one place: documentation, cosmetic.\n\n\
                     **Where**: `tests/fixtures/hello-world/README.md:9`, step 3 of *Getting started*.\n\n\
                     The author has confirmed it and will fix it.";
    vec![
        answer()
            .text("I follow the triage skill, and look where the file is.")
            .call("call-1", "activate_skill", json!({ "name": "triage" }))
            .call("call-2", "glob", json!({ "pattern": "**/hello-world/*" }))
            .end_tools(),
        answer()
            .call("call-3", "read", json!({ "path": "tests/fixtures/hello-world/README.md" }))
            .call("call-4", "grep", json!({ "pattern": "committ\\b", "path": "tests/fixtures/hello-world" }))
            .call("call-5", "bash", json!({ "command": "grep -ow 'commit' tests/fixtures/hello-world/README.md | wc -l" }))
            .end_tools(),
        answer()
            .call("call-6", "propose_status", json!({ "body": status }))
            .call("call-7", "propose_label", json!({ "add": ["documentation"], "remove": ["bug"] }))
            .end_tools(),
        answer()
            .text(
                "Confirmed: `committ` stands in `tests/fixtures/hello-world/README.md:9`. I proposed a status and the label \
                 `documentation` instead of `bug`.",
            )
            .end(),
        answer().call("call-8", "propose_status", json!({ "body": confirmed })).end_tools(),
        answer().text("The author will fix it. I updated the status.").end(),
    ]
}

const TAPE: &str = "tests/fixtures/replay/triage.jsonl";

/// The binary in this project's own folder, where the README's reader stands.
fn here(scene: &Scene, args: &[&str]) -> Ran {
    let mut command = scene.command(args);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    scene.end(command)
}

#[test]
fn the_readmes_conversation_is_what_record_writes() {
    let (scene, server) = (Scene::empty(), ModelServer::start(conversation()));
    let tape = scene.beside("triage.jsonl");
    for event in ["github/issues.opened.json", "github/issue_comment.created.json"] {
        let (event, tape) = (fixture(event).display().to_string(), tape.display().to_string());
        let args = ["run", "triage", "--event", &event, "--model", "anthropic/scripted", "--record", &tape];
        let mut command = scene.command(args);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("ANTHROPIC_BASE_URL", &server.url).env("ANTHROPIC_API_KEY", KEY);
        let ran = scene.end(command);
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    }
    let recorded = std::fs::read_to_string(&tape).unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(TAPE);
    if bless() {
        std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
        std::fs::write(&kept, &recorded).unwrap();
    }
    let kept = std::fs::read_to_string(&kept).unwrap_or_default();
    assert!(
        kept == recorded,
        "the prompt or a tool has changed: record {TAPE} again with HOB_BLESS=1 cargo test readme"
    );
}

#[test]
fn the_readmes_commands_print_an_answer_and_a_plan() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let commands: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("cargo run -- ")).collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    let scene = Scene::empty();
    let shown = commands.iter().map(|command| {
        let args: Vec<&str> = command.split_whitespace().collect();
        format!("$ hob {command}\n{}", here(&scene, &args).transcript())
    });
    let shown = shown.collect::<Vec<_>>().join("\n");
    let (_, plan) = readme.split_once("```text\n").unwrap();
    let (plan, _) = plan.split_once("```\n").unwrap();
    assert!(shown.contains(plan), "the README shows another plan than the one that is printed");
    insta::assert_snapshot!(shown);
}

fn bless() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the developer's wish to record anew")]
    std::env::var_os("HOB_BLESS").is_some()
}

//! The live view of a run on a terminal, as a person sees it.

use serde_json::json;

use crate::scene::model_server::{KEY, ModelServer, answer};
use crate::scene::terminal::{Streams, Terminal};
use crate::scene::{Scene, fixture};

fn command(scene: &Scene, server: &ModelServer) -> std::process::Command {
    let event = fixture("github/issues.opened.json").display().to_string();
    let mut command = scene.command(["run", "triage", "--event", &event, "--model", "anthropic/m"]);
    command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
    command
}

const SPINNER: &[char] = &['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

#[test]
fn a_run_moves_while_it_works_and_leaves_answer_and_plan() {
    let scene = Scene::new();
    let server = ModelServer::start([
        answer()
            .call("c1", "glob", json!({ "pattern": "**/README.md" }))
            .call("c2", "read", json!({ "path": "gone.md" }))
            .end_tools(),
        answer().text("Line 9 says").end().stall_at(0),
    ]);
    let mut terminal = Terminal::start(&command(&scene, &server), 30, 100, Streams::All);
    server.wait_for_stall(1);
    terminal.wait_for("asking the model");
    let lines = terminal.lines();
    let last = lines.last().unwrap();
    assert!(last.starts_with(SPINNER) && last.contains("turn 2 · 15 tokens"), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("✓ glob **/README.md")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("✗ read gone.md: ")), "{lines:#?}");

    terminal.type_in("\x03");
    let (status, _) = terminal.wait();
    assert_eq!(status.code(), Some(130));
    let lines = terminal.lines();
    assert!(!lines.iter().any(|line| line.contains(SPINNER)), "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "stopped: what was done is kept, the same command goes on");
}

#[test]
fn at_the_end_the_screen_holds_what_was_done_the_answer_and_the_plan() {
    let scene = Scene::new();
    let server = ModelServer::start([
        answer().text("I look.").call("c1", "glob", json!({ "pattern": "**/README.md" })).end_tools(),
        answer().call("c2", "propose_label", json!({ "add": ["bug"] })).end_tools(),
        answer().text("Line 9 says `committ`.").end(),
    ]);
    let mut terminal = Terminal::start(&command(&scene, &server), 30, 100, Streams::All);
    let (status, _) = terminal.wait();
    assert!(status.success());
    insta::with_settings!({ filters => vec![(r"\d+\.\ds", "[TOOK]")] }, {
        insta::assert_snapshot!(terminal.lines().join("\n"), @r#"
        authority: not asked, you are the operator
        hob anthropic/m · sandbox virtual: in memory, on a copy of the working directory's files; no networ…
        ✓ glob **/README.md  [TOOK]
        + labels +bug
        ✓ propose_label {"add":["bug"]}  [TOOK]
        Line 9 says `committ`.

        plan: 1 effect on Codertocat/Hello-World#1, nothing sent

        === labels: stay as they are
        "#);
    });
}

#[test]
fn what_goes_to_a_file_is_not_on_the_screen() {
    let scene = Scene::new();
    let server = ModelServer::start([answer().text("Nothing to do.").end()]);
    let mut terminal = Terminal::start(&command(&scene, &server), 30, 100, Streams::ButOutput);
    let (status, output) = terminal.wait();
    assert!(status.success());
    assert_eq!(output, "Nothing to do.\n\nplan: no effects on Codertocat/Hello-World#1\n");
    assert!(!terminal.lines().join("\n").contains("Nothing to do."), "{:#?}", terminal.lines());
}

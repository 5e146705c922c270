//! What the commands print, whole.

use serde_json::json;

use crate::scene::{Scene, fixture, tape::Tape};

/// A scene with one finished run of the GitHub fixture.
fn one_run() -> Scene {
    let scene = Scene::new();
    Tape::new()
        .calls([
            ("grep", json!({ "pattern": "committ\\b" })),
            ("bash", json!({ "command": "echo noted > notes.txt" })),
            ("propose_label", json!({ "add": ["nonsense"] })),
            ("propose_status", json!({ "body": "Line 9 says `committ`." })),
        ])
        .says("Line 9 says `committ`.\nNothing else does.")
        .write(&scene.beside("tape.jsonl"));
    let event = fixture("github/issues.opened.json").display().to_string();
    // Named from the checkout, so that no line's length depends on where the scene stands.
    let ran = scene.hob(["run", "triage", "--event", &event, "--model", "replay/../tape.jsonl"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    scene
}

/// Times and the sizes of prompt and task are the run's own.
fn timeless(text: &str) -> String {
    let digits = |word: &str| word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
    let line = |line: &str| match line.get(..19) {
        Some(time) if time.starts_with("20") => format!("{}{}", digits(time), &line[19..]),
        _ => line.to_owned(),
    };
    let lines: Vec<String> = text.lines().map(line).collect();
    lines
        .iter()
        .map(|line| if line.contains(" bytes") { digits(line) } else { line.clone() })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn help_says_what_works_and_nothing_else() {
    let scene = Scene::empty();
    let pages = [
        &["--help"][..],
        &["run", "--help"],
        &["check", "--help"],
        &["runs", "--help"],
        &["sessions", "--help"],
        &["show", "--help"],
        &["abort", "--help"],
        &["forget", "--help"],
        &["export", "--help"],
        &["import", "--help"],
        &["completions", "--help"],
    ];
    let shown = pages.iter().map(|page| {
        let ran = scene.hob(*page);
        assert_eq!((ran.code(), ran.stderr().as_str()), (Some(0), ""), "{page:?}");
        format!("$ hob {}\n{}", page.join(" "), ran.stdout())
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_kept_run_is_listed_and_shown() {
    let scene = one_run();
    let runs = scene.hob(["runs"]);
    let shown = scene.hob(["show", "Codertocat/Hello-World#1"]);
    assert_eq!((runs.code(), shown.code()), (Some(0), Some(0)), "{}{}", runs.transcript(), shown.transcript());
    insta::assert_snapshot!(format!(
        "$ hob runs\n{}\n\n$ hob show\n{}",
        timeless(&runs.stdout()),
        timeless(&shown.stdout())
    ));
}

#[test]
fn a_session_is_shown_by_every_name_it_has() {
    let scene = one_run();
    let runs: serde_json::Value = serde_json::from_str(scene.hob(["runs", "--json"]).stdout().trim()).unwrap();
    let shown = scene.hob(["show", "Codertocat/Hello-World#1"]).stdout();
    for name in [&runs["run"], &runs["id"], &runs["label"]] {
        assert_eq!(scene.hob(["show", name.as_str().unwrap()]).stdout(), shown, "{name}");
    }
    let entries = scene.hob(["show", "--json", "Codertocat/Hello-World#1"]).stdout();
    assert_eq!(entries.lines().count(), scene.log().len());
    assert!(entries.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{entries}");
}

#[test]
fn completions_are_scripts_of_the_shell() {
    let scene = Scene::empty();
    for (shell, word) in [("bash", "complete -F _hob"), ("zsh", "#compdef hob"), ("fish", "complete -c hob")] {
        let ran = scene.hob(["completions", shell]);
        assert!(ran.stdout().contains(word), "{shell}: {}", ran.stdout());
    }
}

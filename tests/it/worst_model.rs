//! A model that always asks for the worst: nothing outside of the declared tools happens, and every
//! call gets its one result.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::scene::{Ran, Scene, tape::Tape};

/// Calls in one answer.
const CALLS: usize = 500;

/// What no model may get to read.
const SECRET: &str = "s3cret";

fn agent(sandbox: &str) -> String {
    format!(
        "---\ndescription: Does what it is told\nsandbox: {sandbox}\ntools: [read, write, edit, grep, glob]\n\
         commands:\n  say:\n    description: Says it.\n    run: [echo, \"{{words}}\"]\n    input:\n      type: object\n      \
         required: [words]\n      properties: {{ words: {{ type: string }} }}\n\
         effects: {{ label: {{ allow: [bug] }} }}\nlimits: {{ calls: 1000 }}\n---\nDo it.\n"
    )
}

fn scene(sandbox: &str) -> Scene {
    let scene = Scene::empty().file("agents/worst.md", &agent(sandbox)).file("README.md", "read me\n");
    let scene = scene.file(".git/config", "[core]\n");
    std::fs::write(scene.beside("secret"), SECRET).unwrap();
    std::fs::create_dir(scene.beside("outside")).unwrap();
    std::fs::write(scene.beside("outside/secret"), SECRET).unwrap();
    let links = [
        ("up", "../secret".into()),
        ("absolute", scene.beside("secret")),
        ("out", "../outside".into()),
        ("loop", "loop".into()),
        ("root", "/".into()),
    ];
    for (name, target) in links {
        std::os::unix::fs::symlink(target, scene.workspace().join(name)).unwrap();
    }
    let pipe = scene.workspace().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, pipe, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    scene
}

/// Everything below a directory, but hob's own store.
fn everything(directory: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap()) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if entry.file_name() == "state" {
            continue;
        }
        if kind.is_dir() {
            everything(&path, found);
        }
        let content = if kind.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        found.insert(path.display().to_string(), content);
    }
}

/// What stands where no tool may write, and in the virtual sandbox that is everywhere.
fn untouchable(scene: &Scene, sandbox: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    everything(&scene.beside(""), &mut found);
    let (work, git) = (scene.workspace().display().to_string(), scene.workspace().join(".git").display().to_string());
    found.retain(|path, _| sandbox == "virtual" || !path.starts_with(&work) || path.starts_with(&git));
    found
}

fn paths(scene: &Scene) -> Vec<String> {
    let outside = |path: &str| scene.beside(path).display().to_string();
    let mut paths: Vec<String> = [
        "../secret",
        "../../../../../../../../etc/passwd",
        "/etc/passwd",
        "/etc/shadow",
        "up",
        "absolute",
        "out",
        "out/secret",
        "out/../secret",
        "loop",
        "loop/loop",
        "root/etc/passwd",
        "agents/../../secret",
        "./.././secret",
        "/proc/self/environ",
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd/../secret",
        "/dev/zero",
        "/dev/stdin",
        "pipe",
        "",
        ".",
        "..",
        "/",
        "//",
        "\0",
        "a\0/../../secret",
        ".git/config",
        ".git/hooks/post-checkout",
        "../state",
        "../state/index",
        "~/.ssh/id_rsa",
        "$HOME/x",
        "file:///etc/passwd",
        "\u{202e}terces",
        "a\nb",
        "C:\\Windows",
        "-rf",
        "{{ event.host }}",
    ]
    .map(str::to_owned)
    .into();
    paths.extend([outside("secret"), outside("outside/new"), outside("state"), "x".repeat(5000), "a/".repeat(20_000)]);
    paths
}

/// The worst of every kind, as a model writes it: names of tools and texts of arguments.
fn worst(scene: &Scene) -> Vec<(String, String)> {
    let mut calls: Vec<(String, String)> = Vec::new();
    let mut call = |name: &str, arguments: Value| calls.push((name.to_owned(), arguments.to_string()));
    for path in paths(scene) {
        call("read", json!({ "path": path }));
        call("write", json!({ "path": path, "content": "owned" }));
        call("edit", json!({ "path": path, "old_text": "3cret", "new_text": "owned" }));
        call("grep", json!({ "pattern": "3cre", "path": path }));
        call("glob", json!({ "pattern": "**/*", "path": path }));
        call("glob", json!({ "pattern": path }));
        call("say", json!({ "words": path }));
    }
    for words in
        ["$(touch ../owned)", "`touch ../owned`", "; touch ../owned", "x > ../owned", "\"; touch ../owned #", "-n"]
    {
        call("say", json!({ "words": words }));
    }
    let huge = "owned ".repeat(300_000);
    call("write", json!({ "path": "huge", "content": huge }));
    call("edit", json!({ "path": "README.md", "old_text": huge, "new_text": huge }));
    call("grep", json!({ "pattern": huge }));
    call("grep", json!({ "pattern": format!("{}{}", "(a*)*".repeat(300), "b") }));
    call("grep", json!({ "pattern": "(((a{1000}){1000}){1000})" }));
    call("say", json!({ "words": huge }));
    call("read", json!({ "path": "README.md", "offset": u64::MAX, "limit": u64::MAX }));
    call("read", json!({ "path": "README.md", "extra": huge }));
    call("propose_label", json!({ "add": ["bug", "admin"], "number": 1 }));
    call("propose_label", json!({ "add": ["admin"] }));
    let undeclared = [
        "bash",
        "Bash",
        "sh",
        "exec",
        "task",
        "thread",
        "diff",
        "file_at",
        "finish",
        "give_up",
        "activate_skill",
        "mcp__x__y",
        "read_skill_resource",
        "propose_comment",
        "propose_push",
        "Read",
        "read ",
        "read\0",
        "",
        "../read",
        "say; touch owned",
        "__proto__",
        "\u{1b}[2J",
        &"read".repeat(50_000),
    ];
    for name in undeclared {
        call(name, json!({ "command": "touch ../owned", "path": "../secret", "body": "owned", "reason": "owned" }));
    }
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for arguments in [
        "",
        "{",
        "[]",
        "null",
        "7",
        "\"path\"",
        "{}{}",
        "{\"path\":}",
        "{'path':'a'}",
        "\u{0}",
        "{\"path\":\"\\ud800\"}",
        &deep,
    ] {
        for name in ["read", "write", "say", "bash"] {
            calls.push((name.to_owned(), arguments.to_owned()));
        }
    }
    let all = calls.clone();
    calls.extend(all.into_iter().cycle().take(CALLS));
    calls.truncate(CALLS);
    calls
}

fn run(scene: &Scene, agent: &str) -> Ran {
    let model = format!("replay/{}", scene.beside("tape.jsonl").display());
    scene.hob(["run", agent, "--message", "Go.", "--model", &model])
}

fn results(scene: &Scene) -> Vec<Value> {
    scene.log().into_iter().filter(|entry| entry["kind"] == "tool_result").map(|entry| entry["body"].clone()).collect()
}

#[test]
fn nothing_that_was_not_declared_happens_and_every_call_gets_its_result() {
    for sandbox in ["virtual", "local"] {
        if sandbox == "virtual" && !cfg!(feature = "virtual") {
            continue;
        }
        let scene = scene(sandbox);
        let calls = worst(&scene);
        Tape::new().writes(calls.clone()).says("Done.").write(&scene.beside("tape.jsonl"));
        let before = untouchable(&scene, sandbox);
        let ran = run(&scene, "worst");
        assert_eq!(ran.code(), Some(0), "{sandbox}: {}", ran.transcript());
        assert!(ran.stdout().starts_with("Done."), "{sandbox}: {}", ran.stdout());
        let after = untouchable(&scene, sandbox);
        let changed: Vec<&String> =
            before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
        assert!(changed.is_empty(), "{sandbox}: {changed:?}");

        let results = results(&scene);
        let answered: Vec<&str> = results.iter().map(|result| result["call"].as_str().unwrap()).collect();
        let asked: Vec<String> = (0..CALLS).map(|at| format!("call-0-0-{at}")).collect();
        assert_eq!(answered, asked, "{sandbox}");
        for (result, (name, arguments)) in results.iter().zip(&calls) {
            let content = result["content"].as_str().unwrap();
            let what =
                || format!("{sandbox}: {} {:.200}: {content:.500}", name.escape_debug(), arguments.escape_debug());
            assert!(!content.is_empty() && content.len() < 66 << 10, "{}", what());
            assert!(!content.contains(SECRET) && !content.contains("root:x:"), "{}", what());
            let declared = ["read", "write", "edit", "grep", "glob", "say", "propose_label"].contains(&name.as_str());
            assert!(declared || result["is_error"] == true, "{}", what());
        }
        let effects = scene.log().into_iter().filter(|entry| entry["kind"] == "effect_proposed").count();
        assert_eq!(effects, 0, "{sandbox}");
    }
}

const WITH_RESULT: &str = "---\ndescription: Ends with a value\nsandbox: local\nresult:\n  type: object\n  required: [severity]\n  \
                           properties: { severity: { enum: [low, high] } }\n---\nDo it.\n";

#[test]
fn a_run_ends_by_a_call_that_stands_alone() {
    let high = json!({ "severity": "high" });
    let scene = Scene::empty().file("agents/rated.md", WITH_RESULT).file("README.md", "read me\n");
    Tape::new()
        .calls([
            ("finish", high.clone()),
            ("bash", json!({ "command": "echo written > after.txt" })),
            ("read", json!({ "path": "README.md" })),
        ])
        .calls([("give_up", json!({ "reason": "x" })), ("finish", high.clone())])
        .calls([("finish", high)])
        .write(&scene.beside("tape.jsonl"));
    let ran = run(&scene, "rated");
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let said: Vec<String> = results(&scene)
        .iter()
        .map(|result| format!("{}: {}", result["name"].as_str().unwrap(), result["content"].as_str().unwrap().trim()))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    finish: Not run: this call ends the run, so it must be the only one of its message. Read the results of the others, then call it alone.
    bash: (no output)
    read: read me
    give_up: Not run: this call ends the run, so it must be the only one of its message. Read the results of the others, then call it alone.
    finish: Not run: this call ends the run, so it must be the only one of its message. Read the results of the others, then call it alone.
    finish: The run ends here.
    ");
    assert_eq!(std::fs::read_to_string(scene.workspace().join("after.txt")).unwrap(), "written\n");
}

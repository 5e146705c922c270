//! What holds a key: nothing but the header of a request.

use std::path::Path;

use serde_json::json;

use crate::scene::model_server::{ModelServer, Reply, answer};
use crate::scene::{Ran, Scene};

/// No other test has it, not even the one below: for a moment after its start, any program's
/// environment can be read by whoever looks into every process of this machine.
const SOUGHT_KEY: &str = "sk-secret-of-this-test-27182818284590";

const ECHOED_KEY: &str = "sk-secret-of-this-test-31415926535897";

fn scene() -> Scene {
    Scene::empty()
        .file(
            "agents/here.md",
            "---\ndescription: x\nsandbox: local\neffects: { comment: {}, label: {} }\n---\nWork.\n",
        )
        .file("agents/apart.md", "---\ndescription: x\neffects: { comment: {}, label: {} }\n---\nWork.\n")
}

fn run(scene: &Scene, server: &ModelServer, key: &str, agent: &str, more: &[&str]) -> Ran {
    let mut arguments = vec!["run", agent, "--message", "go", "--model", "anthropic/m", "--record", "../tape.jsonl"];
    arguments.extend(more);
    let mut command = scene.command(arguments);
    command.env("ANTHROPIC_API_KEY", key).env("ANTHROPIC_BASE_URL", &server.url);
    scene.end(command)
}

/// Nothing that was printed and no file beneath the scene holds the key, in any of its forms.
fn assert_nowhere(key: &str, scene: &Scene, ran: &Ran) {
    let forms = [key.to_owned(), hex::encode(key), key.chars().rev().collect()];
    let shown = ran.transcript();
    for form in &forms {
        assert!(!shown.contains(form.as_str()), "it was printed: {shown}");
    }
    let mut folders = vec![scene.beside("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_not_in(&path, &forms);
            }
        }
    }
}

fn assert_not_in(path: &Path, forms: &[String]) {
    let content = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    for form in forms {
        assert!(!content.contains(form.as_str()), "it is in {}", path.display());
    }
}

#[test]
fn a_command_that_looks_everywhere_finds_no_key() {
    let scene = scene();
    let look = "env; cat /proc/$PPID/environ /proc/$PPID/cmdline; \
                for file in /proc/$PPID/fd/*; do case $(readlink $file) in /memfd*) cat $file;; esac; done; \
                cat /proc/*/environ; seq 20000";
    // What the sandbox kept of it is copied to where it stays.
    let keep = "cp \"$HOME\"/../output-1.txt spill.txt; wc -c < spill.txt";
    let server = ModelServer::with_key(
        SOUGHT_KEY,
        [
            answer()
                .call("c1", "bash", json!({ "command": format!("({look}) < /dev/null 2>&1 | cat"), "timeout": 20 }))
                .end_tools(),
            answer().call("c2", "bash", json!({ "command": keep })).end_tools(),
            answer().text("Done.").end(),
        ],
    );
    let ran = run(&scene, &server, SOUGHT_KEY, "here", &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert_nowhere(SOUGHT_KEY, &scene, &ran);
    let spill = std::fs::read(scene.workspace().join("spill.txt")).unwrap();
    assert!(spill.len() > 100_000, "{} bytes", spill.len());
}

#[test]
fn a_key_that_comes_back_from_outside_is_stars_everywhere() {
    let scene = scene();
    let echo = format!("echo {ECHOED_KEY}; echo {} >&2; exit 1", hex::encode(ECHOED_KEY));
    let server = ModelServer::with_key(
        ECHOED_KEY,
        [
            Reply::status(529).body(
                json!({ "error": { "type": ECHOED_KEY, "message": format!("no {ECHOED_KEY} today") } }).to_string(),
            ),
            answer().text(ECHOED_KEY).error("overloaded_error", ECHOED_KEY).end(),
            answer()
                .reasoning(ECHOED_KEY, "sig")
                .text(&format!("I have {ECHOED_KEY}."))
                .call("c1", "bash", json!({ "command": echo }))
                .end_tools(),
            answer()
                .call("c2", "write", json!({ "path": format!("{ECHOED_KEY}.txt"), "content": ECHOED_KEY }))
                .call("c3", ECHOED_KEY, json!({ ECHOED_KEY: ECHOED_KEY }))
                .call("c4", "propose_comment", json!({ "body": ECHOED_KEY }))
                .call("c5", "propose_label", json!({ "add": [ECHOED_KEY] }))
                .end_tools(),
            answer().text(&format!("The key is {ECHOED_KEY}.")).end(),
            Reply::status(401).body(format!("who is {ECHOED_KEY}?")),
        ],
    );
    let ran = run(&scene, &server, ECHOED_KEY, "apart", &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(ran.stdout().starts_with("The key is ***."), "{}", ran.transcript());
    assert!(ran.stderr().contains("bash: echo ***"), "{}", ran.transcript());
    assert_nowhere(ECHOED_KEY, &scene, &ran);
    let refused = run(&scene, &server, ECHOED_KEY, "apart", &["--json"]);
    assert!(refused.stderr().contains("who is ***?"), "{}", refused.transcript());
    assert_nowhere(ECHOED_KEY, &scene, &refused);
    for line in ["runs", "show default", "show default --json"] {
        assert_nowhere(ECHOED_KEY, &scene, &scene.hob(line.split(' ')));
    }
}

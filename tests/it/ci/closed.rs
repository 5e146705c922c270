//! What holds a secret of a job: nothing but the headers of its requests, and the runner's mask.

use std::path::Path;

use serde_json::json;

use super::job::{Event, Stage};
use crate::forge_github::{TOKEN, runtime_token};
use crate::scene::model_server::{KEY, ModelServer, answer};

const AGENT: &str = "---\ndescription: x\non: { github: { issues: { types: [opened], who: write } } }\nsandbox: local\n\
                     effects: { status: {}, comment: {}, label: { allow: [bug] } }\n---\nWork.\n";

/// Whoever reads this finds nothing of the job's secrets in it.
fn assert_none(shown: &str, what: &str) {
    let runtime = runtime_token(77, "job");
    for secret in [TOKEN, KEY, runtime.as_str()] {
        for form in [secret.to_owned(), hex::encode(secret), secret.chars().rev().collect()] {
            assert!(!shown.contains(&form), "it is in {what}");
        }
    }
}

fn assert_none_below(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_none_below(&path);
        } else {
            assert_none(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()), &path.display().to_string());
        }
    }
}

#[test]
fn a_command_of_a_job_finds_no_secret_of_it() {
    let stage = Stage::private().file("agents/here.md", AGENT);
    let look = "env; tr '\\0' '\\n' < /proc/$PPID/environ; tr '\\0' '\\n' < /proc/$PPID/cmdline; cat /proc/$PPID/mem; \
                for file in /proc/$PPID/fd/*; do readlink $file; case $(readlink $file) in /memfd*) cat $file;; esac; done; true";
    let command = format!("({look}) > found.txt 2>&1; cat found.txt");
    let model = ModelServer::start([
        answer().call("c1", "bash", json!({ "command": command, "timeout": 20 })).end_tools(),
        answer()
            .text(&format!("I have {TOKEN} and {KEY}."))
            .call("c2", "propose_status", json!({ "body": format!("{TOKEN} {KEY} {}", runtime_token(77, "job")) }))
            .call("c3", "propose_label", json!({ "add": ["bug", TOKEN] }))
            .end_tools(),
        answer().text(&format!("The token is {TOKEN}, the key is {KEY}.")).end(),
    ]);
    let job = stage.job(77, &Event::opened()).asks(&model).env("HOB_AGENT", "here").env("HOB_EXPOSE", "GITHUB_RUN_ID");
    let done = job.run();
    assert_eq!(done.output("outcome"), "completed", "{}", done.ran.transcript());
    let unmasked: Vec<String> =
        done.ran.stderr().lines().filter(|line| !line.starts_with("::add-mask::")).map(str::to_owned).collect();
    assert_none(&unmasked.join("\n"), "the log");
    assert_none(&done.ran.stdout(), "standard output");
    assert_none(&done.summary, "the summary");
    for (name, value) in &done.outputs {
        assert_none(value, name);
    }
    assert_none_below(&stage.scene.beside(""));
    for comment in stage.github.comments(1) {
        assert_none(&comment, "a comment");
    }
    for upload in stage.github.memory().artifacts.all() {
        assert_none(&String::from_utf8_lossy(&upload.file.unwrap_or_default()), "an artifact");
    }
    // The look was a real one.
    let found = std::fs::read_to_string(stage.scene.workspace().join("found.txt")).unwrap();
    assert!(found.contains("PATH=") && found.len() > 200, "{found}");
    assert_eq!(done.output("message"), "The token is ***, the key is ***.");
}

#[test]
fn a_refused_job_shows_no_secret_either() {
    let stage = Stage::private();
    let done = stage.job(77, &Event::opened()).env("HOB_MODEL", &format!("{TOKEN}/x")).run().exits(2);
    let log: Vec<String> =
        done.ran.stderr().lines().filter(|line| !line.starts_with("::add-mask::")).map(str::to_owned).collect();
    assert_none(&log.join("\n"), "the log");
    assert_none(&done.summary, "the summary");
}

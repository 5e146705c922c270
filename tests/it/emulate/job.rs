//! Whole jobs on a GitHub that others wrote. Its repository is public, so that no session is kept, and
//! what hob wrote before is found on the thread alone.

use serde_json::{Value, json};

use crate::scene::emulate::{BOT, Emulate, OWNER, REPOSITORY, TOKEN};
use crate::scene::tape::Tape;
use crate::scene::{Ran, Scene};

const AGENT: &str = "---
description: Answers in all the ways there are
on: { github: { issues: { types: [opened] }, issue_comment: { types: [created], command: true } } }
sandbox: none
tools: []
effects: { comment: {}, status: {}, label: { allow: [bug, documentation] } }
---
Answer.
";

/// A runner's machine, for one job after the other.
struct Machine(Scene);

impl Machine {
    /// A job for an event, in a workflow run of its own; on a fresh disk.
    fn run(&self, github: &Emulate, (name, payload): (&str, &Value), run: u64, tape: Tape) -> Ran {
        let at = |name: &str| self.0.beside(&format!("{run}-{name}"));
        std::fs::create_dir(at("temp")).unwrap();
        std::fs::write(at("event.json"), payload.to_string()).unwrap();
        tape.write(&at("tape.jsonl"));
        let mut command = self.0.command(["ci"]);
        command
            .env_remove("HOB_STATE")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_API_URL", &github.url)
            .env("GITHUB_REPOSITORY", REPOSITORY)
            .env("GITHUB_EVENT_NAME", name)
            .env("GITHUB_EVENT_PATH", at("event.json"))
            .env("GITHUB_RUN_ID", run.to_string())
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_WORKFLOW_REF", format!("{REPOSITORY}/.github/workflows/hob.yml@refs/heads/main"))
            .env("RUNNER_TEMP", at("temp"))
            .env("HOB_GITHUB_TOKEN", TOKEN)
            .env("HOB_MODEL", format!("replay/{}", at("tape.jsonl").display()));
        self.0.end(command)
    }
}

/// What the model decides about an event.
fn tape(comment: &str, status: &str, labels: &Value) -> Tape {
    Tape::new()
        .calls([
            ("propose_comment", json!({ "body": comment })),
            ("propose_status", json!({ "body": status })),
            ("propose_label", labels.clone()),
        ])
        .says("Done.")
}

/// The texts that stand on the thread in an account's name, without the markers.
async fn texts(github: &Emulate, number: u64, login: &str) -> Vec<String> {
    let comments = github.get(&format!("issues/{number}/comments")).await;
    let own = comments.as_array().unwrap().iter().filter(|comment| comment["user"]["login"] == login);
    let text = |comment: &Value| comment["body"].as_str().unwrap().split("\n\n<!-- hob:").next().unwrap().to_owned();
    own.map(text).collect()
}

async fn labels(github: &Emulate, number: u64) -> Vec<String> {
    let labels = github.get(&format!("issues/{number}/labels")).await;
    labels.as_array().unwrap().iter().map(|label| label["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_write_stands_there_once_though_each_event_starts_two_jobs() {
    let Some(github) = Emulate::start() else { return };
    let number = github.open_issue("It is broken").await;
    let issue = github.get(&format!("issues/{number}")).await;
    let repository = github.get("").await;
    let opened = json!({ "action": "opened", "issue": issue, "repository": repository, "sender": issue["user"] });
    let machine = Machine(Scene::empty().file("agents/answer.md", AGENT));

    for run in [1, 2] {
        let tape = tape("Line 9 says `committ`.", "It is in line 9.", &json!({ "add": ["bug"] }));
        let ran = machine.run(&github, ("issues", &opened), run, tape);
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
        assert!(ran.stderr().contains("session: fresh: a public repository keeps none\n"), "{}", ran.transcript());
        assert_eq!(texts(&github, number, BOT).await, ["Line 9 says `committ`.", "It is in line 9."]);
        assert_eq!(labels(&github, number).await, ["bug"]);
    }

    let mut asked = opened;
    asked["action"] = json!("created");
    asked["comment"] = github.say(number, "/hob Where else?").await;
    for run in [3, 4] {
        let labelled = json!({ "add": ["documentation"], "remove": ["bug"] });
        let tape = tape("Nowhere.", "It is in line 9 alone.", &labelled);
        let ran = machine.run(&github, ("issue_comment", &asked), run, tape);
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
        let texts = texts(&github, number, BOT).await;
        assert_eq!(texts, ["Line 9 says `committ`.", "It is in line 9 alone.", "Nowhere."]);
        assert_eq!(labels(&github, number).await, ["documentation"]);
    }
    assert_eq!(texts(&github, number, OWNER).await, ["/hob Where else?"]);
}

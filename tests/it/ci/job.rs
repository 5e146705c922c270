//! A job as its runner starts it.

use std::process::Command;

use serde_json::{Value, json};

use crate::forge_github::{GithubServer, TOKEN};
use crate::scene::tape::Tape;
use crate::scene::{Ran, Scene, fixture};

/// One thread, one GitHub, one machine after the other.
pub(super) struct Job {
    pub(super) scene: Scene,
    pub(super) github: GithubServer,
}

impl Job {
    /// A job that `issues.opened` starts, in a private repository; the model triages.
    pub(super) fn new() -> Self {
        let scene = Scene::new();
        let mut event: Value =
            serde_json::from_str(&std::fs::read_to_string(fixture("github/issues.opened.json")).unwrap()).unwrap();
        event["repository"]["private"] = json!(true);
        let scene = scene.file("../event.json", &event.to_string());
        Tape::new()
            .calls([
                ("propose_status", json!({ "body": "The word is spelled wrong in line 9." })),
                ("propose_label", json!({ "add": ["bug"] })),
            ])
            .says("Line 9 says `committ`.")
            .write(&scene.beside("tape.jsonl"));
        let github = GithubServer::with("Codertocat/Hello-World", 186_853_002);
        github.memory().thread(1, false);
        Self { scene, github }
    }

    pub(super) fn command(&self) -> Command {
        let mut command = self.scene.command(["ci"]);
        let temp = self.scene.beside("temp");
        std::fs::create_dir_all(&temp).unwrap();
        command
            .env_remove("HOB_STATE")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_API_URL", self.github.url())
            .env("GITHUB_REPOSITORY", "Codertocat/Hello-World")
            .env("GITHUB_REPOSITORY_ID", "186853002")
            .env("GITHUB_EVENT_NAME", "issues")
            .env("GITHUB_EVENT_PATH", self.scene.beside("event.json"))
            .env("GITHUB_RUN_ID", "77")
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_WORKFLOW_REF", "Codertocat/Hello-World/.github/workflows/hob.yml@refs/heads/master")
            .env("GITHUB_REF", "refs/heads/master")
            .env("GITHUB_SHA", "6113728f27ae82c7b1a177c8d03f9e96e0adf246")
            .env("GITHUB_OUTPUT", self.scene.beside("outputs"))
            .env("GITHUB_STEP_SUMMARY", self.scene.beside("summary.md"))
            .env("RUNNER_TEMP", temp)
            .env("HOB_GITHUB_TOKEN", TOKEN)
            .env("HOB_AGENT", "triage")
            .env("HOB_MODEL", format!("replay/{}", self.scene.beside("tape.jsonl").display()));
        command
    }

    pub(super) fn run(&self) -> Ran {
        self.scene.end(self.command())
    }

    pub(super) fn summary(&self) -> String {
        std::fs::read_to_string(self.scene.beside("summary.md")).unwrap_or_default()
    }

    pub(super) fn outputs(&self) -> String {
        std::fs::read_to_string(self.scene.beside("outputs")).unwrap_or_default()
    }
}

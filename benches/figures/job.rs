//! A job of GitHub Actions that goes on with a session of fifty turns, on the GitHub of the tests.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::forge_github::artifacts::Origin;
use crate::forge_github::{GithubServer, TOKEN, runtime_token};
use crate::model::{Answers, Server};
use crate::scene::{bare, fixture};

const REPOSITORY: &str = "Codertocat/Hello-World";
const REPOSITORY_ID: u64 = 186_853_002;
const WORKFLOW: &str = ".github/workflows/hob.yml";

/// One issue, and a machine of its own for each job on it.
pub(crate) struct Job {
    root: TempDir,
    github: GithubServer,
    run: Cell<u64>,
}

impl Job {
    pub(crate) fn new() -> Result<Self, String> {
        let root = TempDir::new().map_err(|error| format!("no temporary folder: {error}"))?;
        let github = GithubServer::with(REPOSITORY, REPOSITORY_ID);
        github.memory().thread(1, false);
        github.member(21_031_067, "Codertocat", "admin");
        let job = Self { root, github, run: Cell::new(0) };
        job.write("work/agents/measured.md", "---\ndescription: Measured\ntools: [bash]\n---\nDo it.\n")?;
        for name in ["issues.opened", "issue_comment.created"] {
            let text = fs::read_to_string(fixture(&format!("github/{name}.json")));
            let text = text.map_err(|error| format!("no event: {error}"))?;
            let mut event: Value = serde_json::from_str(&text).map_err(|error| format!("no event: {error}"))?;
            // A public repository keeps no session.
            event["repository"]["private"] = json!(true);
            event["repository"]["visibility"] = json!("private");
            job.write(&format!("{name}.json"), &event.to_string())?;
        }
        Ok(job)
    }

    /// The job of an event, on a new machine. What jobs after the first kept is gone.
    pub(crate) fn of(&self, event: &str, server: &Server, answers: Answers) -> Result<Command, String> {
        let run = self.run.get() + 1;
        self.run.set(run);
        self.github.memory().artifacts.uploads.retain(|upload| upload.run == 1);
        self.github.memory().artifacts.origin(run, Origin { path: WORKFLOW.to_owned(), ..Origin::default() });
        let temp = self.path(&format!("machine-{run}"));
        fs::create_dir(&temp).map_err(|error| format!("no machine: {error}"))?;
        let mut command = bare(["ci"]);
        command
            .current_dir(self.path("work"))
            .env("PATH", "/usr/bin:/bin")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_API_URL", self.github.url())
            .env("GITHUB_REPOSITORY", REPOSITORY)
            .env("GITHUB_EVENT_NAME", event.split('.').next().unwrap_or_default())
            .env("GITHUB_EVENT_PATH", self.path(&format!("{event}.json")))
            .env("GITHUB_RUN_ID", run.to_string())
            .env("GITHUB_WORKFLOW_REF", format!("{REPOSITORY}/{WORKFLOW}@refs/heads/master"))
            .env("RUNNER_TEMP", temp)
            .env("ACTIONS_RESULTS_URL", self.github.runner_url())
            .env("ACTIONS_RUNTIME_TOKEN", runtime_token(run, "job"))
            .env("HOB_GITHUB_TOKEN", TOKEN)
            .env("HOB_AGENT", "measured")
            .env("HOB_MODEL", "anthropic/bench")
            .env("ANTHROPIC_API_KEY", "a-key-of-the-bench")
            .env("ANTHROPIC_BASE_URL", server.url(answers));
        Ok(command)
    }

    fn write(&self, path: &str, text: &str) -> Result<(), String> {
        let path = self.path(path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        made.map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }
}

//! A job as its runner starts it: the real binary, a GitHub that remembers, a machine of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::runner::{self, Obeyed};
use crate::forge_github::artifacts::Origin;
use crate::forge_github::{GithubServer, TOKEN, runtime_token};
use crate::scene::model_server::{KEY, ModelServer};
use crate::scene::running::Running;
use crate::scene::tape::Tape;
use crate::scene::{Ran, Scene, fixture};

/// The issue that all is about.
pub(super) const ISSUE: u64 = 1;
/// Who opened it and comments on it.
pub(super) const READER: (u64, &str) = (21_031_067, "Codertocat");
/// Somebody of whom GitHub knows nothing.
pub(super) const STRANGER: (u64, &str) = (900, "mallory");

const REPOSITORY: &str = "Codertocat/Hello-World";
const REPOSITORY_ID: u64 = 186_853_002;
const WORKFLOW: &str = ".github/workflows/hob.yml";

/// One repository with one issue, and the checkout that every job of it has.
pub(super) struct Stage {
    pub(super) scene: Scene,
    pub(super) github: GithubServer,
    is_private: bool,
    machines: AtomicU32,
}

impl Stage {
    /// A repository that keeps sessions. Who opened the issue has the role `write`.
    pub(super) fn private() -> Self {
        Self::new(true)
    }

    /// One that everybody can read.
    pub(super) fn public() -> Self {
        Self::new(false)
    }

    fn new(is_private: bool) -> Self {
        let stage = Self {
            scene: Scene::new(),
            github: GithubServer::with(REPOSITORY, REPOSITORY_ID),
            is_private,
            machines: AtomicU32::new(0),
        };
        stage.github.memory().thread(ISSUE, false);
        stage.github.member(READER.0, READER.1, "write");
        triages("The word is spelled wrong in line 9.", "Line 9 says `committ`.")
            .next_run()
            .calls([("propose_status", json!({ "body": "It is spelled right now." }))])
            .says("Line 9 says `commit`.")
            .write(&stage.scene.beside("tape.jsonl"));
        stage
    }

    /// A file of the checkout.
    pub(super) fn file(mut self, path: &str, text: &str) -> Self {
        self.scene = self.scene.file(path, text);
        self
    }

    /// A job of a new workflow run, on a machine that nobody used before.
    pub(super) fn job(&self, run: u64, event: &Event) -> Job<'_> {
        let number = self.machines.fetch_add(1, Ordering::Relaxed);
        let machine = self.scene.beside(&format!("machine-{number}"));
        std::fs::create_dir_all(machine.join("temp")).unwrap();
        let mut payload = event.payload.clone();
        payload["repository"]["private"] = json!(self.is_private);
        payload["repository"]["visibility"] = json!(if self.is_private { "private" } else { "public" });
        std::fs::write(machine.join("event.json"), payload.to_string()).unwrap();
        self.github.memory().artifacts.origin(run, origin(event.name));
        let path = |name: &str| machine.join(name).display().to_string();
        let tape = self.scene.beside("tape.jsonl");
        let env = [
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_API_URL", self.github.url().to_owned()),
            ("GITHUB_REPOSITORY", REPOSITORY.to_owned()),
            ("GITHUB_REPOSITORY_ID", REPOSITORY_ID.to_string()),
            ("GITHUB_EVENT_NAME", event.name.to_owned()),
            ("GITHUB_EVENT_PATH", path("event.json")),
            ("GITHUB_RUN_ID", run.to_string()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_ACTOR", payload["sender"]["login"].as_str().unwrap().to_owned()),
            ("GITHUB_WORKFLOW_REF", format!("{REPOSITORY}/{WORKFLOW}@refs/heads/master")),
            ("GITHUB_REF", "refs/heads/master".to_owned()),
            ("GITHUB_SHA", "6113728f27ae82c7b1a177c8d03f9e96e0adf246".to_owned()),
            ("GITHUB_OUTPUT", path("outputs")),
            ("GITHUB_STEP_SUMMARY", path("summary.md")),
            ("RUNNER_TEMP", path("temp")),
            ("ACTIONS_RESULTS_URL", self.github.runner_url()),
            ("ACTIONS_RUNTIME_TOKEN", runtime_token(run, "job")),
            ("HOB_GITHUB_TOKEN", TOKEN.to_owned()),
            ("HOB_AGENT", "triage".to_owned()),
            ("HOB_MODEL", format!("replay/{}", tape.display())),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).into();
        Job { stage: self, machine, env }
    }

    /// What stands on the issue: comments without the hidden line of ours, and labels.
    pub(super) fn shown(&self) -> (Vec<String>, Vec<String>) {
        let plain = |body: String| body.split("\n\n<!-- hob:").next().unwrap_or_default().to_owned();
        (self.github.comments(ISSUE).into_iter().map(plain).collect(), self.github.labels(ISSUE))
    }
}

/// Where a session of this workflow comes from.
pub(super) fn origin(event: &str) -> Origin {
    Origin {
        path: WORKFLOW.to_owned(),
        event: event.to_owned(),
        repository: REPOSITORY_ID,
        head_repository: Some(REPOSITORY_ID),
        branch: "master".to_owned(),
        pulls: Vec::new(),
    }
}

/// The model looks around, proposes a status and a label, and answers.
pub(super) fn triages(status: &str, answer: &str) -> Tape {
    let proposals = [("propose_status", json!({ "body": status })), ("propose_label", json!({ "add": ["bug"] }))];
    Tape::new()
        .calls([
            ("glob", json!({ "pattern": "**/README.md" })),
            ("bash", json!({ "command": "echo seen >> notes.txt" })),
            ("bash", json!({ "command": "cat notes.txt" })),
        ])
        .calls(proposals)
        .says(answer)
}

/// Why a job is started.
#[derive(Clone)]
pub(super) struct Event {
    name: &'static str,
    payload: Value,
}

impl Event {
    /// The issue was opened.
    pub(super) fn opened() -> Self {
        Self { name: "issues", payload: read("github/issues.opened.json") }
    }

    /// Somebody commented on it.
    pub(super) fn commented(text: &str) -> Self {
        let mut payload = read("github/issue_comment.created.json");
        payload["comment"]["body"] = json!(text);
        Self { name: "issue_comment", payload }
    }

    /// Another account did it.
    pub(super) fn by(mut self, (id, login): (u64, &str), kind: &str) -> Self {
        let place = if self.name == "issues" { "issue" } else { "comment" };
        let put = |who: &mut Value| (who["id"], who["login"], who["type"]) = (json!(id), json!(login), json!(kind));
        put(&mut self.payload["sender"]);
        put(&mut self.payload[place]["user"]);
        self
    }

    /// Something else of the payload is different.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.payload);
        self
    }
}

fn read(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture(path)).unwrap()).unwrap()
}

/// A job on its machine, to be started once or more often.
pub(super) struct Job<'a> {
    stage: &'a Stage,
    machine: PathBuf,
    env: BTreeMap<String, String>,
}

impl Job<'_> {
    /// With another variable.
    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Somebody ran it again.
    pub(super) fn attempt(self, number: u32) -> Self {
        self.env("GITHUB_RUN_ATTEMPT", &number.to_string())
    }

    /// A model behind a socket in place of the recorded one.
    pub(super) fn asks(self, server: &ModelServer) -> Self {
        self.env("HOB_MODEL", "anthropic/claude-sonnet-4-5")
            .env("ANTHROPIC_BASE_URL", &server.url)
            .env("ANTHROPIC_API_KEY", KEY)
    }

    /// The command of a step.
    pub(super) fn command(&self, phase: &str) -> Command {
        let mut command = self.stage.scene.command(["ci", "--phase", phase]);
        command.env_remove("HOB_STATE").envs(&self.env);
        command
    }

    /// Runs the step to its end.
    pub(super) fn run(&self) -> Done {
        let before = self.stage.github.calls().len();
        let ran = self.stage.scene.end(self.command("run"));
        self.done(ran, before)
    }

    /// The step's last act, in a process of its own.
    pub(super) fn save(&self) -> Ran {
        self.stage.scene.end(self.command("save"))
    }

    /// Starts the step.
    pub(super) fn start(&self) -> Running {
        self.stage.scene.start(self.command("run"))
    }

    /// Runs the step with a failpoint armed: whether it was killed there. It ends well otherwise.
    pub(super) fn killed_at(&self, failpoint: &str) -> bool {
        let mut command = self.command("run");
        command.env("HOB_FAILPOINT", failpoint);
        let ran = self.stage.scene.end(command);
        assert!(matches!(ran.code(), None | Some(0)), "{failpoint}: {}", ran.transcript());
        self.forget();
        ran.code().is_none()
    }

    /// The files of the session on this machine, each with the lines that are whole.
    pub(super) fn kept(&self) -> BTreeMap<String, Vec<String>> {
        let bundles = std::fs::read_dir(self.machine.join("temp/hob/kept")).into_iter().flatten().flatten();
        let files = bundles.filter(|bundle| bundle.path().is_dir()).flat_map(|bundle| {
            ["log", "inbox", "applied"].map(|name| (name.to_owned(), bundle.path().join(format!("{name}.jsonl"))))
        });
        let lines =
            |text: String| text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::to_owned).collect();
        files.filter_map(|(name, path)| Some((name, lines(std::fs::read_to_string(path).ok()?)))).collect()
    }

    /// What a step that was started left.
    pub(super) fn left(&self, ran: Ran) -> Done {
        let calls = self.stage.github.calls().len();
        self.done(ran, calls)
    }

    fn done(&self, ran: Ran, before: usize) -> Done {
        let read = |name: &str| std::fs::read_to_string(self.machine.join(name)).unwrap_or_default();
        let outputs = runner::outputs(&read("outputs")).unwrap();
        let calls = self.stage.github.calls().into_iter().skip(before).map(|call| call.operation).collect();
        let scene = self.stage.scene.beside("").display().to_string();
        let summary = read("summary.md").replace(scene.trim_end_matches('/'), "[SCENE]");
        self.forget();
        Done { ran, summary, outputs, calls }
    }

    /// Each step has files of its own to tell the runner.
    fn forget(&self) {
        for name in ["outputs", "summary.md"] {
            std::fs::remove_file(self.machine.join(name)).ok();
        }
    }
}

/// What a step left.
pub(super) struct Done {
    pub(super) ran: Ran,
    pub(super) summary: String,
    /// In the order they were written.
    pub(super) outputs: Vec<(String, String)>,
    /// What GitHub and its runner were asked for, by their names of it.
    pub(super) calls: Vec<String>,
}

impl Done {
    /// Its exit code must be this.
    pub(super) fn exits(self, code: i32) -> Self {
        assert_eq!(self.ran.code(), Some(code), "{}\n{}", self.ran.transcript(), self.summary);
        self
    }

    /// An output; empty where there is none.
    pub(super) fn output(&self, name: &str) -> &str {
        self.outputs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// What the runner obeys in the log.
    pub(super) fn obeyed(&self) -> Vec<Obeyed> {
        runner::obeyed(&self.ran.stderr())
    }

    /// The annotations, each with its level.
    pub(super) fn annotations(&self) -> Vec<String> {
        let found = self.obeyed().into_iter().filter(|it| ["notice", "warning", "error"].contains(&&*it.name));
        found.map(|it| format!("{}: {}", it.name, it.data)).collect()
    }

    /// The line of the summary that says where the session came from.
    pub(super) fn session(&self) -> &str {
        let line = self.summary.lines().find_map(|line| line.strip_prefix("- session: "));
        line.unwrap_or_else(|| panic!("the summary does not tell of a session: {}", self.summary))
            .trim_matches('`')
            .trim()
    }

    /// Calls of the REST API, those of the runner's own service aside.
    pub(super) fn rest(&self) -> Vec<&str> {
        let is_rest = |name: &&str| !name.starts_with("runner/") && !name.starts_with("storage/");
        self.calls.iter().map(String::as_str).filter(is_rest).collect()
    }
}

//! A checkout with two agents and a file to read, a store beside it, and the program in it.

#[path = "../../tests/it/scene/http.rs"]
pub(crate) mod http;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::model::{Answers, BYTES_PER_TOKEN, Server};

/// Where an agent's tools work.
#[derive(Clone, Copy)]
pub(crate) enum Agent {
    Virtual,
    Local,
}

impl Agent {
    fn name(self) -> &'static str {
        match self {
            Self::Virtual => "virtual",
            Self::Local => "local",
        }
    }
}

/// A real payload.
const EVENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/github/issues.opened.json");

/// A folder that goes away with it.
pub(crate) struct Scene(TempDir);

impl Scene {
    pub(crate) fn new() -> Result<Self, String> {
        let scene = Self(TempDir::new().map_err(|error| format!("no temporary folder: {error}"))?);
        let line = "A line of sixty-four bytes, one of a hundred and sixty of them.\n";
        scene.write("work/ten.txt", &line.repeat(160))?;
        for agent in [Agent::Virtual, Agent::Local].map(Agent::name) {
            let head = format!("description: Measured\nsandbox: {agent}\ntools: [read, bash]");
            let limits = "limits: { turns: 10000, calls: 10000, tokens: 1000M, time: 1h }";
            scene.write(&format!("work/agents/{agent}.md"), &format!("---\n{head}\n{limits}\n---\nDo it.\n"))?;
        }
        Ok(scene)
    }

    /// A run in a conversation that nobody began.
    pub(crate) fn fresh_run(&self, agent: Agent, server: &Server, answers: Answers) -> Result<Command, String> {
        // Only the first run of a store finds none.
        fs::remove_dir_all(self.path("state")).ok();
        let out = File::create(self.path("answer.json")).map_err(|error| format!("nowhere to print: {error}"))?;
        let mut command = self.command(server, answers, ["run", agent.name(), "--json", "--message", "Go on."]);
        command.stdout(out);
        Ok(command)
    }

    /// A run on the event, the same one each time.
    pub(crate) fn event_run(&self, server: &Server, answers: Answers, option: Option<&str>) -> Result<Command, String> {
        let arguments = ["run", Agent::Virtual.name(), "--event", EVENT];
        Ok(self.command(server, answers, arguments.into_iter().chain(option)))
    }

    /// What the last fresh run sent to the model, all its requests together.
    pub(crate) fn bytes_sent(&self) -> Result<u64, String> {
        let text = fs::read(self.path("answer.json")).map_err(|error| format!("no answer: {error}"))?;
        let answer: serde_json::Value =
            serde_json::from_slice(&text).map_err(|error| format!("the answer is not JSON: {error}"))?;
        let tokens = answer.pointer("/usage/input").and_then(serde_json::Value::as_u64);
        Ok(tokens.ok_or("the answer does not say what it used")? * BYTES_PER_TOKEN)
    }

    /// Size of the store's one log.
    pub(crate) fn log_bytes(&self) -> Result<u64, String> {
        let instances = fs::read_dir(self.path("state")).map_err(|error| format!("no store: {error}"))?;
        let logs = instances.flatten().filter_map(|entry| entry.path().join("log.jsonl").metadata().ok());
        Ok(logs.map(|log| log.len()).sum())
    }

    fn command<'a>(&self, server: &Server, answers: Answers, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = bare(arguments.into_iter().chain(["--model", "anthropic/bench"]));
        command
            .current_dir(self.path("work"))
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.0.path())
            .env("HOB_STATE", self.path("state"))
            .env("ANTHROPIC_API_KEY", "a-key-of-the-bench")
            .env("ANTHROPIC_BASE_URL", server.url(answers));
        command
    }

    fn write(&self, path: &str, text: &str) -> Result<(), String> {
        let path = self.path(path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        made.map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(path)
    }
}

/// A file that the tests have.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// The program, in an environment that holds nothing.
pub(crate) fn bare<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "starts the program it measures")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_hob"));
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

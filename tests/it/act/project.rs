//! A project that uses hob as the page for users says: its repository, the GitHub it lies on, and the
//! model that its agent asks.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Act, Done, Job, repository};
use crate::forge_github::artifacts::Origin;
use crate::forge_github::{GithubServer, TOKEN};
use crate::scene::fixture;
use crate::scene::model_server::{KEY, ModelServer, Reply};

/// `owner/name` and id of the repository in the payloads.
const REPOSITORY: (&str, u64) = ("Codertocat/Hello-World", 186_853_002);
/// Who caused both events.
const AUTHOR: (u64, &str) = (21_031_067, "Codertocat");
const WORKFLOW: &str = ".github/workflows/hob.yml";

/// What happens in the repository.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happens {
    /// Issue 1 is opened.
    Opened,
    /// Somebody comments on it.
    Comment(&'static str),
}

/// Answers the first issue and what people ask about it; ours.
pub(super) const TRIAGE: &str = include_str!("../../../agents/triage.md");

/// The project, on a machine with `act`.
pub(super) struct Project {
    root: TempDir,
    act: Act,
    pub(super) github: GithubServer,
    pub(super) model: ModelServer,
}

impl Project {
    /// With this agent and these answers of its model; `None` where there is no `act`.
    pub(super) fn new(agent: &str, replies: impl IntoIterator<Item = Reply>) -> Option<Self> {
        let act = Act::find()?;
        let root = TempDir::new().unwrap();
        let project = Self {
            github: GithubServer::with(REPOSITORY.0, REPOSITORY.1),
            model: ModelServer::start(replies),
            act,
            root,
        };
        project.github.memory().thread(1, false);
        project.github.member(AUTHOR.0, AUTHOR.1, "admin");
        std::fs::create_dir(project.at("artifacts")).unwrap();
        project.github.memory().artifacts.lie_in(&project.at("artifacts"));

        let ours = |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let action = [
            "action.yml",
            "action/binary.mjs",
            "action/main.mjs",
            "action/post.mjs",
            "action/start.mjs",
            "action/fetch.mjs",
        ];
        let mut files: Vec<(&str, String)> = action.map(|path| (path, ours(path))).into();
        files.push(("README.md", ours("tests/fixtures/hello-world/README.md")));
        files.push(("agents/triage.md", agent.to_owned()));
        files.push((WORKFLOW, workflow(&ours("docs/github.md"))));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        repository(&project.at("repository"), &files);
        Some(project)
    }

    /// A path beside the repository.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The workflow run of this number, to its end.
    pub(super) fn run(&self, run: u64, happens: Happens) -> Done {
        self.start(run, happens).end()
    }

    /// The workflow run of this number, under way.
    pub(super) fn start(&self, run: u64, happens: Happens) -> Working {
        let mut command = self.command(run, happens);
        Working { act: Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()) }
    }

    /// Names of the artifacts that the workflow run of this number kept.
    pub(super) fn kept(&self, run: u64) -> Vec<String> {
        let uploads = self.github.memory().artifacts.all();
        uploads.into_iter().filter(|upload| upload.run == run).map(|upload| upload.name).collect()
    }

    fn command(&self, run: u64, happens: Happens) -> Command {
        let (event_name, payload) = happens.payload();
        let origin = Origin {
            event: event_name.to_owned(),
            repository: REPOSITORY.1,
            head_repository: Some(REPOSITORY.1),
            branch: "master".to_owned(),
            ..Origin::default()
        };
        self.github.memory().artifacts.origin(run, origin);
        let event = self.at("event.json");
        std::fs::write(&event, payload.to_string()).unwrap();
        self.act.command(&Job {
            repository: &self.at("repository"),
            event_name,
            event: &event,
            workflow: WORKFLOW,
            artifacts: &self.at("artifacts"),
            run,
            secrets: &[("GITHUB_TOKEN", TOKEN), ("ANTHROPIC_API_KEY", KEY)],
            env: &[
                // Of these `act` sets another one, from the checkout, or none.
                ("GITHUB_API_URL", self.github.url()),
                ("GITHUB_REPOSITORY", REPOSITORY.0),
                ("GITHUB_REPOSITORY_ID", &REPOSITORY.1.to_string()),
                ("GITHUB_WORKFLOW_REF", &format!("{}/{WORKFLOW}@refs/heads/master", REPOSITORY.0)),
                ("ANTHROPIC_BASE_URL", &self.model.url),
            ],
        })
    }
}

/// A workflow run under way; killed when dropped.
pub(super) struct Working {
    act: Option<Child>,
}

impl Working {
    /// A signal for `act` itself.
    pub(super) fn cancel(&self) {
        kill_process(self.pid(), Signal::INT).unwrap();
    }

    /// A signal for hob, the process that the step's Node became.
    pub(super) fn signal_hob(&self, signal: Signal) {
        let mut left = vec![self.pid()];
        while let Some(pid) = left.pop() {
            let proc = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
            if std::fs::read_to_string(proc.join("comm")).is_ok_and(|name| name == "hob\n") {
                return kill_process(pid, signal).unwrap();
            }
            for task in std::fs::read_dir(proc.join("task")).into_iter().flatten().flatten() {
                let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
                left.extend(children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().unwrap())));
            }
        }
        panic!("there is no hob below `act`");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.act.as_ref().unwrap())
    }

    /// Waits for its end.
    pub(super) fn end(mut self) -> Done {
        let output = self.act.take().unwrap().wait_with_output().unwrap();
        let mut done = Done::of(&output.stdout);
        done.log.push_str(&String::from_utf8_lossy(&output.stderr));
        done
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(act) = &mut self.act {
            act.kill().ok();
            act.wait().ok();
        }
    }
}

impl Happens {
    /// The event's name and payload, in a private repository.
    fn payload(self) -> (&'static str, Value) {
        let (name, file) = match self {
            Self::Opened => ("issues", "github/issues.opened.json"),
            Self::Comment(_) => ("issue_comment", "github/issue_comment.created.json"),
        };
        let mut payload: Value = serde_json::from_str(&std::fs::read_to_string(fixture(file)).unwrap()).unwrap();
        payload["repository"]["private"] = json!(true);
        payload["repository"]["visibility"] = json!("private");
        if let Self::Comment(text) = self {
            payload["comment"]["body"] = json!(text);
        }
        (name, payload)
    }
}

/// The first workflow of the page, as a reader would copy it, with its last step: the action is the
/// one that is here, and so are the binary and the machine.
fn workflow(page: &str) -> String {
    let mut blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let workflow = blocks.next().unwrap();
    let step = blocks.find(|block| block.starts_with("# a step of a workflow")).unwrap();
    let step: String = step.lines().skip(1).map(|line| format!("      {line}\n")).collect();
    let mut workflow = workflow.to_owned();
    for (theirs, here) in [
        (
            "uses: hob-dev/hob@0000000000000000000000000000000000000000 # the commit you read",
            "uses: ./\n        id: hob",
        ),
        ("/usr/local/bin/hob", env!("CARGO_BIN_EXE_hob")),
        ("runs-on: self-hosted", "runs-on: ubuntu-latest"),
        // Newer than this runner.
        ("      queue: max\n", ""),
    ] {
        assert!(workflow.contains(theirs), "the page's workflow has no `{theirs}`");
        workflow = workflow.replace(theirs, here);
    }
    format!("{workflow}{step}      - run: cat answer.md\n")
}

/// Snapshots leave out what is another one each time.
pub(super) fn filtered() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    for (each_time, shown) in [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "[TIME]"),
        (r"\d+(\.\d+)?(ms|µs|s)\b", "[TOOK]"),
        (r"\| [\d.]+ m?s \|", "| [TOOK] |"),
        (r"\b[0-9a-f]{64}\b", "[SHA-256]"),
        (r"\b[0-9a-f]{32}\b", "[RANDOM]"),
        (r"\brun-[0-9a-f]{24}\b", "[RUN]"),
        (r"/\S*/cache/act/[0-9a-f]+/", "[ACT]/"),
    ] {
        settings.add_filter(each_time, shown);
    }
    settings.bind_to_scope()
}

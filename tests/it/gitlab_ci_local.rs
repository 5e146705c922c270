//! Real pipelines on `gitlab-ci-local`, a runner that nobody here wrote: on this machine itself, with
//! what `docs/gitlab.md` tells people to write, and our GitLab behind the job's variables.
//!
//! What it does otherwise than GitLab: `GITLAB_CI` is `false`; a job with `allow_failure: exit_codes`
//! fails with any other code, and its pipeline is said to have passed all the same; and with
//! `--shell-isolation` an artifact that `script` wrote is gone when artifacts are collected.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::act::repository;
use crate::ci::gitlab::{ADA, Project, opened, proposes};
use crate::forge_gitlab::{JOB_TOKEN, TOKEN};
use crate::scene::model_server::{KEY, Reply};
use crate::scene::{Ran, tool};

/// The runner.
struct Runner {
    program: PathBuf,
    /// What its jobs find Node, Git and the rest on.
    path: OsString,
}

impl Runner {
    /// Looks for it, and for what it needs.
    fn find() -> Option<Self> {
        let program = tool::find("gitlab-ci-local", "npm install gitlab-ci-local@4.75.1")?;
        tool::find("rsync", "apt-get install rsync")?;
        tool::node24()?;
        Some(Self { program, path: tool::path() })
    }

    /// A command of it in the checkout of a project.
    #[expect(clippy::disallowed_methods, reason = "tests start the real program")]
    fn command(&self, project: &Project) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(project.scene.workspace())
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", project.scene.beside("home"))
            .stdin(std::process::Stdio::null());
        command
    }

    /// The pipeline that a webhook with this payload starts.
    fn triggered(&self, project: &Project, payload: &Value, more: &[(&str, &str)]) -> Ran {
        let home = project.scene.beside("home/.gitlab-ci-local");
        fs::create_dir_all(&home).unwrap();
        // Of the type `file`, as GitLab makes it. JSON is YAML.
        let variables =
            json!({ "global": { "TRIGGER_PAYLOAD": { "type": "file", "values": { "*": payload.to_string() } } } });
        fs::write(home.join("variables.yml"), variables.to_string()).unwrap();
        let mut command = self.command(project);
        command.arg("--force-shell-executor");
        let mut set = |name: &str, value: &str| {
            command.arg("--variable").arg(format!("{name}={value}"));
        };
        // The rest is the runner's to say.
        let own = ["GITLAB_CI", "CI_JOB_ID", "CI_JOB_STARTED_AT", "CI_PIPELINE_ID", "CI_COMMIT_REF_NAME"];
        for (name, value) in project.variables(0).iter().filter(|(name, _)| !own.contains(name)) {
            set(name, value);
        }
        set("CI_PIPELINE_SOURCE", "trigger");
        set("CI_JOB_TOKEN", JOB_TOKEN);
        set("HOB_GITLAB_TOKEN", TOKEN);
        set("ANTHROPIC_API_KEY", KEY);
        set("ANTHROPIC_BASE_URL", &project.model.url);
        set("HOB_MODEL", "anthropic/scripted");
        for (name, value) in more {
            set(name, value);
        }
        if !more.iter().any(|(name, _)| *name == "HOB_URL") {
            set("HOB_BINARY", env!("CARGO_BIN_EXE_hob"));
        }
        project.scene.end(command)
    }
}

/// The pipelines of the page for users: `include:` of the project `tools/hob`, and what else one needs.
fn recipes() -> Vec<String> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/gitlab.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    blocks.map(|(block, _)| block.to_owned()).filter(|block| block.contains("include:")).collect()
}

/// A checkout with one of these pipelines, and `tools/hob` on the host that Git takes for GitLab's.
fn checked_in(project: Project, recipe: &str) -> Project {
    let template = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.gitlab-ci-template.yml")).unwrap();
    let tools = project.scene.beside("tools");
    repository(&tools.join("hob.git"), &[(".gitlab-ci-template.yml", &template)]);
    let commit = fs::read_to_string(tools.join("hob.git/.git/refs/heads/main")).unwrap();
    let to_be_chosen = "0".repeat(40);
    assert!(recipe.contains(&to_be_chosen), "{recipe}");
    let pipeline = recipe.replace(&to_be_chosen, commit.trim());
    let at = project.scene.workspace();
    repository(&at, &[(".gitlab-ci.yml", &pipeline), ("Makefile", "test:\n\techo the project itself\n")]);
    let mut config = fs::read_to_string(at.join(".git/config")).unwrap();
    config.push_str("[remote \"origin\"]\n\turl = https://gitlab.example/acme/widgets.git\n");
    fs::write(at.join(".git/config"), config).unwrap();
    let instead = format!("[url \"file://{}/\"]\n\tinsteadOf = https://gitlab.example/tools/\n", tools.display());
    fs::write(project.scene.beside("home/.gitconfig"), instead).unwrap();
    project
}

/// Where the page's first pipeline is set up.
fn set_up(replies: impl IntoIterator<Item = Reply>) -> Project {
    checked_in(Project::new(replies), &recipes()[0])
}

#[test]
fn a_second_pipeline_remembers_the_first() {
    let Some(runner) = Runner::find() else { return };
    let replies = proposes("Line 9 is wrong.", "I said what I saw.");
    let project = set_up(replies.into_iter().chain(proposes("Lines 9 and 12.", "Two of them.")));
    let ran = runner.triggered(&project, &opened(), &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let ran = runner.triggered(&project, &project.comment(ADA, "/hob and line 12?"), &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(!ran.stdout().contains("the project itself"), "a comment started another job: {}", ran.transcript());

    assert!(project.model.bodies()[2].to_string().contains("I said what I saw."), "it forgot");
    let notes = project.notes();
    assert!(notes.len() == 2 && notes[0].starts_with("Lines 9 and 12."), "{notes:#?}");
    assert_eq!(project.labels(), ["bug"]);
    assert!(project.page().contains("continues 1 earlier run"), "{}", project.page());
    // One upload of each job before its effects and one after; `after_script` found nothing to add.
    assert_eq!(project.gitlab.count("packages/upload"), 4);
    nothing_left(&project);
}

#[test]
fn a_pipeline_after_one_that_was_killed_goes_on() {
    let Some(runner) = Runner::find() else { return };
    let [proposed, said] = proposes("Line 9 is wrong.", "I said what I saw.");
    let project = set_up([proposed, said]);
    let killed = runner.triggered(&project, &opened(), &[("HOB_FAILPOINT", "batch-done:1")]);
    assert!(killed.transcript().contains("FAIL 137"), "{}", killed.transcript());
    assert!(killed.transcript().contains("kept the session of acme/widgets#4 (desk)"), "{}", killed.transcript());

    let ran = runner.triggered(&project, &opened(), &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(ran.transcript().contains("attempt 2"), "{}", ran.transcript());
    assert_eq!(project.notes().len(), 1);
}

#[test]
fn a_downloaded_binary_is_started_only_with_its_digest() {
    let Some(runner) = Runner::find() else { return };
    let url = concat!("file://", env!("CARGO_BIN_EXE_hob"));
    let digest = hex::encode(Sha256::digest(fs::read(env!("CARGO_BIN_EXE_hob")).unwrap()));
    let project = set_up(proposes("Line 9 is wrong.", "I said what I saw."));
    let wrong = runner.triggered(&project, &opened(), &[("HOB_URL", url), ("HOB_SHA256", &"0".repeat(64))]);
    assert!(wrong.transcript().contains("FAIL 1"), "{}", wrong.transcript());
    assert!(project.gitlab.calls().is_empty(), "{}", wrong.transcript());
    let none = runner.triggered(&project, &opened(), &[("HOB_URL", "")]);
    let said = "set HOB_BINARY to the path of hob, or HOB_URL and HOB_SHA256";
    assert!(none.transcript().contains(said), "{}", none.transcript());

    let right = runner.triggered(&project, &opened(), &[("HOB_URL", url), ("HOB_SHA256", &digest)]);
    assert_eq!(project.notes().len(), 1, "{}", right.transcript());
    nothing_left(&project);
}

#[test]
fn who_may_not_is_told_and_the_pipeline_passes() {
    let Some(runner) = Runner::find() else { return };
    let project = set_up([]);
    project.gitlab.memory().member(52, "grace", 10);
    let ran = runner.triggered(&project, &project.comment((52, "grace"), "/hob go"), &[]);
    assert!(ran.transcript().contains("WARN 3"), "{}", ran.transcript());
    assert!(ran.transcript().contains("`grace` has the role `read` here"), "{}", ran.transcript());
}

#[test]
fn each_pipeline_starts_the_jobs_that_are_for_it() {
    let Some(runner) = Runner::find() else { return };
    let project = set_up([]);
    let merge_request = ["CI_PIPELINE_SOURCE=merge_request_event", "CI_MERGE_REQUEST_IID=5"];
    let [here, fork] = [14, 77].map(|id| format!("CI_MERGE_REQUEST_SOURCE_PROJECT_ID={id}"));
    let mut told = String::new();
    for (what, variables) in [
        ("a push", &["CI_PIPELINE_SOURCE=push", "HOB_GITLAB_TOKEN=x"][..]),
        ("a webhook", &["CI_PIPELINE_SOURCE=trigger", "TRIGGER_PAYLOAD=/x", "HOB_GITLAB_TOKEN=x"]),
        ("a webhook, token protected", &["CI_PIPELINE_SOURCE=trigger", "TRIGGER_PAYLOAD=/x"]),
        ("another trigger", &["CI_PIPELINE_SOURCE=trigger", "HOB_GITLAB_TOKEN=x"]),
        ("a merge request", &[merge_request[0], merge_request[1], &here, "HOB_GITLAB_TOKEN=x"]),
        ("a merge request, token protected", &[merge_request[0], merge_request[1], &here]),
        ("a fork's merge request", &[merge_request[0], merge_request[1], &fork, "HOB_GITLAB_TOKEN=x"]),
    ] {
        let mut command = runner.command(&project);
        command.args(["--list-csv", "--variable", "CI_PROJECT_ID=14"]);
        for variable in variables {
            command.args(["--variable", variable]);
        }
        told.push_str(&format!("{what}: {}\n", jobs(&project.scene.end(command))));
    }
    insta::assert_snapshot!(told, @"
    a push: test
    a webhook: hob:trigger
    a webhook, token protected: hob:trigger
    another trigger: test
    a merge request: hob:merge-request, test
    a merge request, token protected: test
    a fork's merge request: test
    ");
}

#[test]
fn every_pipeline_of_the_page_can_be_written_so() {
    let Some(runner) = Runner::find() else { return };
    for recipe in recipes() {
        let project = checked_in(Project::new([]), &recipe);
        let mut command = runner.command(&project);
        command.args(["--list-csv", "--variable", "CI_PIPELINE_SOURCE=trigger", "--variable", "TRIGGER_PAYLOAD=/x"]);
        let listed = project.scene.end(command);
        assert_eq!(jobs(&listed), "hob:trigger", "{recipe}\n{}", listed.transcript());
    }
}

/// No session and no program stays on the machine.
fn nothing_left(project: &Project) {
    let beside = project.scene.beside("work.tmp");
    let left: Vec<_> = fs::read_dir(beside).into_iter().flatten().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The names of the jobs that are listed.
fn jobs(listed: &Ran) -> String {
    let listed = listed.stdout();
    let rows = listed.lines().skip_while(|line| !line.starts_with("name;")).skip(1);
    rows.filter_map(|line| line.split(';').next()).collect::<Vec<_>>().join(", ")
}

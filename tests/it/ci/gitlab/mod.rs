//! `hob ci` in GitLab jobs, against a GitLab and a model that remember what they were asked.

mod bots;
mod deadline;
mod earlier;
mod hidden;
mod merge_request;
mod refused;
mod registry;
mod restored;
mod retried;
mod thread;
mod trigger;
mod trusted;

use std::path::PathBuf;
use std::process::Command;

use hob::domain::event::ThreadKind;
use serde_json::{Value, json};

use crate::forge_gitlab::{GitlabServer, ISSUE, JOB_TOKEN, MERGE_REQUEST, PATH, PIPELINE, PROJECT, TOKEN, example};
use crate::scene::model_server::{KEY, ModelServer, Reply, answer};
use crate::scene::{Ran, Scene, fixture};

/// A person who may start agents.
pub(crate) const ADA: (u64, &str) = (51, "ada");

const AGENT: &str = "---
description: Answers what people report
on:
  gitlab:
    issue: { types: [open], who: anyone }
    note: { types: [create], command: true }
    merge_request: { types: [open, update] }
sandbox: none
effects:
  status: {}
  label: { allow: [bug, question] }
---
You answer.
";

/// One project with one agent; each of its jobs is on a machine of its own.
pub(crate) struct Project {
    pub(crate) scene: Scene,
    pub(crate) gitlab: GitlabServer,
    pub(crate) model: ModelServer,
}

impl Project {
    /// Where the model answers so, one request after the other. Ada is a Developer; she opened the
    /// issue and the merge request.
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let scene = Scene::empty().file("agents/desk.md", AGENT);
        let (gitlab, model) = (GitlabServer::start(), ModelServer::start(replies));
        {
            let mut memory = gitlab.memory();
            memory.began = now();
            memory.member(ADA.0, ADA.1, 30);
            memory.opened(ThreadKind::Issue, ISSUE, ADA.1);
            memory.opened(ThreadKind::Pull, MERGE_REQUEST, ADA.1);
        }
        Self { scene, gitlab, model }
    }

    /// A job of a triggered pipeline, without a payload.
    pub(crate) fn job(&self, id: u64) -> Command {
        let mut command = self.scene.command(["ci"]);
        command.env("HOB_STATE", self.machine(id)).envs(self.variables(id));
        command
            .env("CI_PIPELINE_SOURCE", "trigger")
            .env("CI_COMMIT_SHA", &self.gitlab.memory().registry.head)
            .env("HOB_GITLAB_TOKEN", TOKEN)
            .env("CI_JOB_TOKEN", JOB_TOKEN)
            .env("ANTHROPIC_API_KEY", KEY)
            .env("ANTHROPIC_BASE_URL", &self.model.url)
            .env("HOB_MODEL", "anthropic/scripted");
        command
    }

    /// What GitLab tells every job about itself.
    pub(crate) fn variables(&self, id: u64) -> Vec<(&'static str, String)> {
        vec![
            ("GITLAB_CI", "true".to_owned()),
            ("CI_SERVER_URL", "https://gitlab.example/git".to_owned()),
            ("CI_API_V4_URL", self.gitlab.url().to_owned()),
            ("CI_PROJECT_ID", PROJECT.to_string()),
            ("CI_PROJECT_PATH", PATH.to_owned()),
            ("CI_PROJECT_URL", format!("https://gitlab.example/git/{PATH}")),
            ("CI_DEFAULT_BRANCH", "main".to_owned()),
            ("CI_JOB_ID", id.to_string()),
            ("CI_JOB_STARTED_AT", now().to_string()),
            ("CI_JOB_TIMEOUT", "3600".to_owned()),
            ("CI_PIPELINE_ID", PIPELINE.to_string()),
            ("CI_COMMIT_REF_NAME", "main".to_owned()),
            ("GITLAB_USER_ID", ADA.0.to_string()),
            ("GITLAB_USER_LOGIN", ADA.1.to_owned()),
        ]
    }

    /// The job of a pipeline that the project's webhook started with this payload.
    pub(crate) fn triggered(&self, id: u64, payload: &Value) -> Command {
        let path = self.scene.beside(&format!("payload-{id}.json"));
        std::fs::write(&path, payload.to_string()).unwrap();
        let mut command = self.job(id);
        command.env("TRIGGER_PAYLOAD", path);
        command
    }

    pub(crate) fn run(&self, id: u64, payload: &Value) -> Ran {
        self.scene.end(self.triggered(id, payload))
    }

    /// Where the job with this id keeps sessions.
    pub(crate) fn machine(&self, id: u64) -> PathBuf {
        self.scene.beside(&format!("work.tmp/hob-{id}"))
    }

    /// Somebody comments, and the webhook tells it.
    pub(crate) fn comment(&self, who: (u64, &str), body: &str) -> Value {
        let id = self.gitlab.memory().say(ThreadKind::Issue, ISSUE, who.1, body);
        note(who, id, body)
    }

    /// The page that the last job left.
    pub(crate) fn page(&self) -> String {
        std::fs::read_to_string(self.scene.workspace().join("hob-summary.md")).unwrap_or_default()
    }

    /// What GitLab was asked, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.gitlab.calls().into_iter().map(|call| call.operation).collect()
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.gitlab.memory().notes(ThreadKind::Issue, ISSUE)
    }

    pub(crate) fn labels(&self) -> Vec<String> {
        self.gitlab.memory().labels(ThreadKind::Issue, ISSUE)
    }
}

/// What a webhook tells of an issue that Ada opened.
pub(crate) fn opened() -> Value {
    let mut payload = payload("issue.open");
    (payload["user"]["id"], payload["user"]["username"]) = (json!(ADA.0), json!(ADA.1));
    let issue = &mut payload["object_attributes"];
    (issue["id"], issue["iid"], issue["author_id"]) = (json!(300 + ISSUE), json!(ISSUE), json!(ADA.0));
    issue["project_id"] = json!(PROJECT);
    payload
}

/// What a webhook tells of a comment on the issue.
pub(crate) fn note(who: (u64, &str), id: u64, body: &str) -> Value {
    let mut payload = payload("note.issue");
    (payload["user"]["id"], payload["user"]["username"]) = (json!(who.0), json!(who.1));
    let note = &mut payload["object_attributes"];
    (note["id"], note["author_id"], note["note"]) = (json!(id), json!(who.0), json!(body));
    (note["noteable_id"], note["project_id"]) = (json!(300 + ISSUE), json!(PROJECT));
    let issue = &mut payload["issue"];
    (issue["id"], issue["iid"], issue["project_id"]) = (json!(300 + ISSUE), json!(ISSUE), json!(PROJECT));
    let thread = example("threads/get", "issues");
    (issue["title"], issue["description"]) = (thread["title"].clone(), thread["description"].clone());
    payload
}

fn payload(name: &str) -> Value {
    let path = fixture(&format!("gitlab/pair/{name}.json"));
    let mut payload: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    (payload["project"]["id"], payload["project"]["path_with_namespace"]) = (json!(PROJECT), json!(PATH));
    payload["project_id"] = json!(PROJECT);
    payload
}

/// The model proposes a status and a label, and is done.
pub(crate) fn proposes(status: &str, words: &str) -> [Reply; 2] {
    let (status, label) = (json!({ "body": status }), json!({ "add": ["bug"] }));
    let proposed = answer().call("c1", "propose_status", status).call("c2", "propose_label", label);
    [proposed.end_tools(), answer().text(words).end()]
}

#[expect(clippy::disallowed_methods, reason = "a job tells its runner's clock")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

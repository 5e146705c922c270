//! A job of GitHub Actions and the event that started it.

use std::path::PathBuf;

use url::Url;

use super::{Error, Given};
use crate::channel::field::Field;
use crate::channel::json::Json;
use crate::channel::{Delivery, Heard, Verified, host, parse};
use crate::domain::event::{Event, EventKind};
use crate::forge::{Account, workflow_file};

/// The variables of a job, as they are set.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// `GITHUB_SERVER_URL`
    pub server_url: Option<String>,
    /// `GITHUB_API_URL`
    pub api_url: Option<String>,
    /// `GITHUB_REPOSITORY`
    pub repository: Option<String>,
    /// `GITHUB_REPOSITORY_ID`
    pub repository_id: Option<String>,
    /// `GITHUB_EVENT_NAME`
    pub event_name: Option<String>,
    /// `GITHUB_EVENT_PATH`
    pub event_path: Option<String>,
    /// `GITHUB_RUN_ATTEMPT`
    pub run_attempt: Option<String>,
    /// `GITHUB_ACTOR`
    pub actor: Option<String>,
    /// `GITHUB_TRIGGERING_ACTOR`
    pub triggering_actor: Option<String>,
    /// `GITHUB_WORKFLOW_REF`
    pub workflow_ref: Option<String>,
    /// `GITHUB_SHA`
    pub sha: Option<String>,
    /// `RUNNER_TEMP`
    pub temp: Option<String>,
}

/// A job that can be worked in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Of the forge, as in an event: `github.com`, `git.example:8443`.
    pub host: String,
    /// Where people look.
    pub server: Url,
    /// Where programs ask.
    pub api: Url,
    /// `owner/name`.
    pub repository: String,
    /// Its numeric id; runners of our own and old servers may not tell.
    pub repository_id: Option<u64>,
    /// What started the workflow: `issues`, `pull_request_target` …
    pub event_name: String,
    /// The file of the payload.
    pub event_path: PathBuf,
    /// Which attempt at the workflow run this is, from 1.
    pub run_attempt: u64,
    /// Who ran it again, when that is not whom the event names; known by login alone.
    pub rerun_by: Option<Account>,
    /// Path of the workflow file, such as `.github/workflows/hob.yml`; `None` where the runner does
    /// not tell, and for a workflow of another repository (a required one).
    pub workflow: Option<String>,
    /// The commit that the workflow runs for.
    pub sha: Option<String>,
    /// A directory that the runner empties after the job.
    pub temp: PathBuf,
}

impl Variables {
    /// Reads them strictly.
    ///
    /// # Errors
    /// The first variable that is missing or wrong.
    pub fn job(&self) -> Result<Job, Error> {
        let set = |variable, value| Given::new(variable, value).required();
        let maybe = |variable, value| Given::new(variable, value).optional();
        let server = set("GITHUB_SERVER_URL", &self.server_url)?.address()?;
        let repository = set("GITHUB_REPOSITORY", &self.repository)?;
        let is_path = |(owner, name): (&str, &str)| !owner.is_empty() && !name.is_empty() && !name.contains('/');
        if !repository.value.split_once('/').is_some_and(is_path) {
            return Err(repository.wrong("a repository's `owner/name`"));
        }
        let repository = repository.line()?;
        let actor = maybe("GITHUB_ACTOR", &self.actor).map(|actor| actor.line()).transpose()?;
        let again = maybe("GITHUB_TRIGGERING_ACTOR", &self.triggering_actor).map(|login| login.line()).transpose()?;
        let workflow = maybe("GITHUB_WORKFLOW_REF", &self.workflow_ref).map(|path| path.line()).transpose()?;
        let again = again.filter(|login| actor.as_ref().is_some_and(|actor| !actor.eq_ignore_ascii_case(login)));
        Ok(Job {
            host: host::of(&server).ok_or(Error::Missing { variable: "GITHUB_SERVER_URL" })?,
            server,
            api: set("GITHUB_API_URL", &self.api_url)?.address()?,
            repository_id: maybe("GITHUB_REPOSITORY_ID", &self.repository_id).map(|id| id.id()).transpose()?,
            event_name: set("GITHUB_EVENT_NAME", &self.event_name)?.line()?,
            event_path: set("GITHUB_EVENT_PATH", &self.event_path)?.value.into(),
            run_attempt: maybe("GITHUB_RUN_ATTEMPT", &self.run_attempt).map_or(Ok(1), |attempt| attempt.id())?,
            rerun_by: again.map(|login| Account { id: None, login }),
            workflow: workflow.and_then(|workflow| workflow_path(&workflow, &repository)),
            sha: maybe("GITHUB_SHA", &self.sha).map(|sha| sha.sha()).transpose()?,
            temp: set("RUNNER_TEMP", &self.temp)?.value.into(),
            repository,
        })
    }
}

/// `.github/workflows/hob.yml` of `acme/widgets/.github/workflows/hob.yml@refs/heads/main`.
fn workflow_path(workflow: &str, repository: &str) -> Option<String> {
    let path = workflow_file(workflow).strip_prefix(repository)?.strip_prefix('/')?;
    path.starts_with(".github/workflows/").then(|| path.to_owned())
}

impl Job {
    /// Hears the event in the payload that the runner wrote to [`Job::event_path`].
    ///
    /// # Errors
    /// What is wrong with the payload; that it is of another repository; that it must not be worked on.
    pub fn hear(&self, payload: Vec<u8>) -> Result<Heard, Error> {
        let name = self.event_name.as_str();
        if LATER.contains(&name) {
            let reason = format!(
                "`{name}` starts no agent yet: agents start on issues, pull requests and their comments and reviews"
            );
            return Ok(Heard::Ignored { shape: Some(name.to_owned()), reason });
        }
        let delivery = Delivery { body: payload, event_name: Some(name.to_owned()), host: Some(self.host.clone()) };
        let heard = parse(&Verified::job(delivery))?;
        let Heard::Event(event) = &heard else { return Ok(heard) };
        let id = event.repository.id;
        if let Some(own) = self.repository_id.filter(|own| *own != id) {
            return Err(Error::Contradiction {
                one: format!("the event is of repository {id}"),
                other: format!("the job runs in repository {own} (`{}`)", self.repository),
            });
        }
        if !is_of_fork(event) {
            return Ok(heard);
        }
        if name == "pull_request_target" {
            return Err(Error::Refused(format!(
                "{} comes from a fork, and in a `pull_request_target` job its files would meet this repository's \
                 secrets; let the workflow start on `issue_comment` instead: a maintainer's `/hob …` comment starts \
                 the agent",
                event.reference()
            )));
        }
        let reason = format!(
            "{} comes from a fork, and GitHub gives its jobs neither secrets nor the right to write; a maintainer's \
             `/hob …` comment starts an agent on it",
            event.reference()
        );
        Ok(Heard::Ignored { shape: Some(name.to_owned()), reason })
    }

    /// What tells this attempt at the workflow run from its first one.
    pub fn attempt_tag(&self) -> Option<String> {
        (self.run_attempt > 1).then(|| format!("attempt-{}", self.run_attempt))
    }
}

/// Events that start workflows, and no agent before a later version.
const LATER: [&str; 5] = ["schedule", "workflow_dispatch", "repository_dispatch", "workflow_run", "push"];

/// Whether the workflow runs for the fork's commit. A comment's workflow runs on the default branch,
/// whatever pull request it is on.
fn is_of_fork(event: &Event) -> bool {
    let for_commit = matches!(event.kind, EventKind::Pull | EventKind::Review | EventKind::ReviewComment);
    for_commit && event.change.as_ref().is_none_or(|change| change.is_fork)
}

/// The default branch of the payload's repository: what a run must have run on to be trusted later.
pub fn default_branch(payload: &[u8]) -> Option<String> {
    let payload = Json::read(payload).ok()?;
    Field::top(&payload, "workflow").at("repository").at("default_branch").short().ok()
}

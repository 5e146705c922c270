//! A job of GitHub Actions, or of a runner that does as it does.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use jiff::{SignedDuration, Timestamp};

use super::{Attempt, Ear, Job, News, Unkept, bounded};
use crate::channel::Heard;
use crate::channel::ci::github;
use crate::cli::command::ci::log::Runner;
use crate::cli::command::ci::patience::Patience;
use crate::cli::env::{Ci, Environment};
use crate::cli::parts;
use crate::cli::refusal::Refusal;
use crate::forge::Line;
use crate::forge::github::artifacts::Artifacts;
use crate::forge::github::{Github, Options, runner};

/// Most days that GitHub keeps an artifact.
const DAYS_MAX: i64 = 400;

/// Whether the variables are those of such a job.
pub(super) fn is_set(ci: &Ci) -> bool {
    ci.job("GITHUB_ACTIONS").is_some()
}

/// The job whose variables these are. Nothing is sent yet.
pub(super) fn job(environment: &Environment, now: Timestamp) -> Result<Job, Refusal> {
    let ci = &environment.ci;
    let job = variables(ci).job()?;
    let token = ci.github_token.clone().ok_or_else(|| {
        Refusal::usage("HOB_GITHUB_TOKEN is not set: the action's input `github-token` must not be empty")
    })?;
    let line = Line { extra_ca: parts::extra_ca(environment)?, ..Line::default() };
    let options = Options { api: job.api.to_string(), repository: job.repository.clone(), token, line: line.clone() };
    let forge = Arc::new(Github::new(options).map_err(Refusal::usage)?);
    let runner = match (ci.job("ACTIONS_RESULTS_URL"), &ci.runtime_token) {
        (Some(url), Some(token)) => {
            let expires_at = expiry(ci, now)?;
            let options = runner::Options { url: url.to_owned(), token: token.clone(), expires_at, line };
            Some(runner::Runner::new(options).map_err(Refusal::usage)?)
        }
        _ => None,
    };
    let payload = bounded(&job.event_path, "GITHUB_EVENT_PATH")?;
    Ok(Job {
        runner: Runner::Github,
        server: job.server.as_str().trim_end_matches('/').to_owned(),
        commit: job.sha.clone(),
        rerun_by: job.rerun_by.clone(),
        deadline: None,
        sessions: job.temp.join("hob"),
        shelf: Box::new(Artifacts::new(forge.clone(), runner)),
        shelf_name: "an artifact of this workflow run",
        forge,
        default_branch: github::default_branch(&payload).unwrap_or_default(),
        workflow: job.workflow.clone(),
        attempt: Attempt::Told(job.attempt_tag()),
        ear: Box::new(Payload { job, body: payload }),
    })
}

/// The event, as the runner wrote it.
struct Payload {
    job: github::Job,
    body: Vec<u8>,
}

impl Ear for Payload {
    fn hear<'a>(&'a self, _: &'a Patience) -> LocalBoxFuture<'a, Result<News, Refusal>> {
        let heard = self.job.hear(self.body.clone());
        async {
            let heard = heard?;
            let visibility = match &heard {
                Heard::Event(event) => event.repository.visibility,
                Heard::Ignored { .. } => None,
            };
            Ok(News { heard, unkept: Unkept::on_github(visibility) })
        }
        .boxed_local()
    }
}

fn variables(ci: &Ci) -> github::Variables {
    let set = |name: &str| ci.job(name).map(str::to_owned);
    github::Variables {
        server_url: set("GITHUB_SERVER_URL"),
        api_url: set("GITHUB_API_URL"),
        repository: set("GITHUB_REPOSITORY"),
        repository_id: set("GITHUB_REPOSITORY_ID"),
        event_name: set("GITHUB_EVENT_NAME"),
        event_path: set("GITHUB_EVENT_PATH"),
        run_attempt: set("GITHUB_RUN_ATTEMPT"),
        actor: set("GITHUB_ACTOR"),
        triggering_actor: set("GITHUB_TRIGGERING_ACTOR"),
        workflow_ref: set("GITHUB_WORKFLOW_REF"),
        sha: set("GITHUB_SHA"),
        temp: set("RUNNER_TEMP"),
    }
}

fn expiry(ci: &Ci, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let Some(days) = &ci.retention_days else { return Ok(None) };
    let wrong = || {
        Refusal::usage(format!(
            "HOB_RETENTION_DAYS is `{}`, but it should be a number of days from 1 to {DAYS_MAX}",
            days.chars().take(40).collect::<String>()
        ))
    };
    let days = days.trim().parse().ok().filter(|days| (1..=DAYS_MAX).contains(days)).ok_or_else(wrong)?;
    Ok(now.checked_add(SignedDuration::from_hours(24 * days)).ok())
}

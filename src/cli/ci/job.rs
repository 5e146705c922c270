//! The job that hob was started in, by the variables that its runner set.

use std::path::PathBuf;

use super::log::Runner;
use crate::channel::ci::{github, gitlab};
use crate::cli::env::Ci;
use crate::cli::refusal::Refusal;

/// A job of one CI or the other.
pub(super) enum Job {
    /// GitHub Actions, or a runner that does as it does.
    Github(github::Job),
    /// GitLab CI.
    Gitlab(gitlab::Job),
}

impl Job {
    /// The job whose variables these are.
    pub(super) fn of(ci: &Ci) -> Result<Self, Refusal> {
        let set = |name: &str| ci.job(name).map(str::to_owned);
        if set("GITHUB_ACTIONS").is_some() {
            let variables = github::Variables {
                server_url: set("GITHUB_SERVER_URL"),
                api_url: set("GITHUB_API_URL"),
                repository: set("GITHUB_REPOSITORY"),
                repository_id: set("GITHUB_REPOSITORY_ID"),
                event_name: set("GITHUB_EVENT_NAME"),
                event_path: set("GITHUB_EVENT_PATH"),
                run_id: set("GITHUB_RUN_ID"),
                run_attempt: set("GITHUB_RUN_ATTEMPT"),
                actor: set("GITHUB_ACTOR"),
                triggering_actor: set("GITHUB_TRIGGERING_ACTOR"),
                workflow_ref: set("GITHUB_WORKFLOW_REF"),
                git_ref: set("GITHUB_REF"),
                sha: set("GITHUB_SHA"),
                temp: set("RUNNER_TEMP"),
            };
            return variables.job().map(Self::Github).map_err(Refusal::usage);
        }
        if set("CI_SERVER_URL").is_some() && set("CI_JOB_ID").is_some() {
            let variables = gitlab::Variables {
                server_url: set("CI_SERVER_URL"),
                api_url: set("CI_API_V4_URL"),
                project_id: set("CI_PROJECT_ID"),
                project_path: set("CI_PROJECT_PATH"),
                default_branch: set("CI_DEFAULT_BRANCH"),
                job_id: set("CI_JOB_ID"),
                job_started_at: set("CI_JOB_STARTED_AT"),
                job_timeout: set("CI_JOB_TIMEOUT"),
                pipeline_id: set("CI_PIPELINE_ID"),
                pipeline_source: set("CI_PIPELINE_SOURCE"),
                pipeline_created_at: set("CI_PIPELINE_CREATED_AT"),
                commit_ref: set("CI_COMMIT_REF_NAME"),
                commit_sha: set("CI_COMMIT_SHA"),
                merge_request_iid: set("CI_MERGE_REQUEST_IID"),
                merge_request_project_id: set("CI_MERGE_REQUEST_PROJECT_ID"),
                merge_request_source_project_id: set("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"),
                merge_request_source_branch_sha: set("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"),
                user_id: set("GITLAB_USER_ID"),
                user_login: set("GITLAB_USER_LOGIN"),
            };
            return variables.job().map(Self::Gitlab).map_err(Refusal::usage);
        }
        Err(Refusal::usage(
            "this is no job of GitHub Actions or GitLab CI, which `hob ci` works in; here `hob run AGENT --event FILE` \
             does the same and sends nothing",
        ))
    }

    /// Whose runner reads the log.
    pub(super) fn runner(&self) -> Runner {
        match self {
            Self::Github(_) => Runner::Github,
            Self::Gitlab(_) => Runner::Gitlab,
        }
    }

    /// Where the forge's pages are, without a slash at the end.
    pub(super) fn server(&self) -> &str {
        match self {
            Self::Github(job) => job.server.as_str(),
            Self::Gitlab(job) => job.server.as_str(),
        }
        .trim_end_matches('/')
    }

    /// Where sessions are kept while the job runs: a place outside of the checkout that goes with the
    /// machine, and that the next step of the job finds again.
    pub(super) fn sessions(&self, temporary: PathBuf) -> PathBuf {
        match self {
            Self::Github(job) => job.temp.join("hob"),
            Self::Gitlab(job) => temporary.join(format!("hob-job-{}", job.id)),
        }
    }
}

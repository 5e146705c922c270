//! A job of GitLab CI, and the objects of the forge that its event is made from.
//!
//! A project's webhook may point straight at the address of a pipeline trigger; the job then finds
//! the payload in the file `TRIGGER_PAYLOAD`. But whoever has the trigger's token can post anything
//! there, so the payload only names what is read again over the API ([`wanted`]), and the event is
//! made from the answers ([`confirmed`]), and from what GitLab says of the accounts in it
//! ([`introduced`]).

mod confirm;
mod hidden;
mod hint;
mod people;

use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::{Error, Given};
use crate::channel::host;
use crate::forge::Account;

pub use confirm::{Objects, confirmed};
pub use hint::{Named, Wanted, wanted};
pub use people::{introduced, people};

/// Kept free before the runner ends the job: to stop, to save, to say what became of it.
const RESERVE: Duration = Duration::from_secs(90);

/// The variables of a job, as they are set.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// `CI_SERVER_URL`
    pub server_url: Option<String>,
    /// `CI_API_V4_URL`
    pub api_url: Option<String>,
    /// `CI_PROJECT_ID`
    pub project_id: Option<String>,
    /// `CI_PROJECT_PATH`
    pub project_path: Option<String>,
    /// `CI_DEFAULT_BRANCH`
    pub default_branch: Option<String>,
    /// `CI_JOB_ID`
    pub job_id: Option<String>,
    /// `CI_JOB_STARTED_AT`
    pub job_started_at: Option<String>,
    /// `CI_JOB_TIMEOUT`
    pub job_timeout: Option<String>,
    /// `CI_PIPELINE_ID`
    pub pipeline_id: Option<String>,
    /// `CI_PIPELINE_SOURCE`
    pub pipeline_source: Option<String>,
    /// `CI_PIPELINE_CREATED_AT`
    pub pipeline_created_at: Option<String>,
    /// `CI_COMMIT_REF_NAME`
    pub commit_ref: Option<String>,
    /// `CI_COMMIT_TAG`
    pub commit_tag: Option<String>,
    /// `CI_COMMIT_SHA`
    pub commit_sha: Option<String>,
    /// `CI_MERGE_REQUEST_IID`
    pub merge_request_iid: Option<String>,
    /// `CI_MERGE_REQUEST_PROJECT_ID`
    pub merge_request_project_id: Option<String>,
    /// `CI_MERGE_REQUEST_SOURCE_PROJECT_ID`
    pub merge_request_source_project_id: Option<String>,
    /// `CI_MERGE_REQUEST_SOURCE_BRANCH_SHA`
    pub merge_request_source_branch_sha: Option<String>,
    /// `GITLAB_USER_ID`
    pub user_id: Option<String>,
    /// `GITLAB_USER_LOGIN`
    pub user_login: Option<String>,
}

/// A job that can be worked in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Of the forge, as in an event: `gitlab.com`, `git.example:8443`.
    pub host: String,
    /// Where people look; may have a path.
    pub server: Url,
    /// Where programs ask.
    pub api: Url,
    /// The project's numeric id.
    pub project: u64,
    /// `group/project`.
    pub project_path: String,
    /// Its default branch.
    pub default_branch: String,
    /// The job.
    pub id: u64,
    /// When the job must have ended: 90 s before the runner ends it, or at half of a shorter time.
    /// `None` where an old server does not tell.
    pub deadline: Option<Timestamp>,
    /// The pipeline; a job that is retried stays in it.
    pub pipeline: u64,
    /// What started the pipeline: `trigger`, `merge_request_event` …
    pub source: String,
    /// The branch, tag or merge request's ref that it runs for.
    pub git_ref: String,
    /// Whether that is a tag.
    pub is_tag: bool,
    /// Whose job it is: the owner of the trigger, who pushed, or who ran the job again.
    pub user: Option<Account>,
    /// Its commit, as far as the runner tells.
    pub commit: Option<String>,
    /// The merge request, in a pipeline for one.
    pub merge_request: Option<MergeRequest>,
}

/// The merge request that a pipeline runs for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeRequest {
    /// The number people type.
    pub iid: u64,
    /// The project it would be merged into.
    pub project: u64,
    /// The project its commits come from.
    pub source_project: u64,
    /// The commit the pipeline was started for.
    pub head: String,
    /// When the pipeline was started.
    pub at: Timestamp,
    /// Who started it.
    pub started_by: Account,
}

impl Variables {
    /// Reads them strictly.
    ///
    /// # Errors
    /// The first variable that is missing or wrong.
    pub fn job(&self) -> Result<Job, Error> {
        let set = |variable, value| Given::new(variable, value).required();
        let server = set("CI_SERVER_URL", &self.server_url)?.address()?;
        let source = set("CI_PIPELINE_SOURCE", &self.pipeline_source)?.line()?;
        Ok(Job {
            host: host::of(&server).ok_or(Error::Missing { variable: "CI_SERVER_URL" })?,
            server,
            api: set("CI_API_V4_URL", &self.api_url)?.address()?,
            project: set("CI_PROJECT_ID", &self.project_id)?.id()?,
            project_path: set("CI_PROJECT_PATH", &self.project_path)?.line()?,
            default_branch: set("CI_DEFAULT_BRANCH", &self.default_branch)?.line()?,
            id: set("CI_JOB_ID", &self.job_id)?.id()?,
            deadline: self.deadline()?,
            pipeline: set("CI_PIPELINE_ID", &self.pipeline_id)?.id()?,
            git_ref: set("CI_COMMIT_REF_NAME", &self.commit_ref)?.line()?,
            is_tag: Given::new("CI_COMMIT_TAG", &self.commit_tag).optional().is_some(),
            user: self.user_id.as_ref().map(|_| self.user()).transpose()?,
            commit: Given::new("CI_COMMIT_SHA", &self.commit_sha).optional().map(|sha| sha.sha()).transpose()?,
            merge_request: (source == MERGE_REQUEST).then(|| self.merge_request()).transpose()?,
            source,
        })
    }

    fn deadline(&self) -> Result<Option<Timestamp>, Error> {
        let started = Given::new("CI_JOB_STARTED_AT", &self.job_started_at).optional();
        let timeout = Given::new("CI_JOB_TIMEOUT", &self.job_timeout).optional();
        let (Some(started), Some(timeout)) = (started, timeout) else { return Ok(None) };
        Ok(Some(deadline(started.time()?, Duration::from_secs(timeout.id()?))))
    }

    fn merge_request(&self) -> Result<MergeRequest, Error> {
        let set = |variable, value| Given::new(variable, value).required();
        let merged = Given::new("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", &self.merge_request_source_branch_sha);
        Ok(MergeRequest {
            iid: set("CI_MERGE_REQUEST_IID", &self.merge_request_iid)?.id()?,
            project: set("CI_MERGE_REQUEST_PROJECT_ID", &self.merge_request_project_id)?.id()?,
            source_project: set("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", &self.merge_request_source_project_id)?.id()?,
            // In a pipeline for the merged result, the pipeline's own commit is the merge.
            head: match merged.optional() {
                Some(head) => head.sha()?,
                None => set("CI_COMMIT_SHA", &self.commit_sha)?.sha()?,
            },
            at: set("CI_PIPELINE_CREATED_AT", &self.pipeline_created_at)?.time()?,
            started_by: self.user()?,
        })
    }

    fn user(&self) -> Result<Account, Error> {
        let set = |variable, value| Given::new(variable, value).required();
        let id = set("GITLAB_USER_ID", &self.user_id)?.id()?;
        Ok(Account { id: Some(id), login: set("GITLAB_USER_LOGIN", &self.user_login)?.line()? })
    }
}

/// The source of a pipeline for a merge request.
const MERGE_REQUEST: &str = "merge_request_event";

/// When a job that started then, and is ended after that time, must have ended by itself.
fn deadline(started: Timestamp, timeout: Duration) -> Timestamp {
    let own = timeout - RESERVE.min(timeout / 2);
    started.checked_add(own).unwrap_or(Timestamp::MAX)
}

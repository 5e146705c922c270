//! A job of GitLab CI.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, try_join_all, try_join3};
use serde_json::Value;

use super::{Attempt, Ear, Job, News, Unkept, bounded, private};
use crate::channel::Heard;
use crate::channel::ci::gitlab::{self, Named, Objects, Wanted};
use crate::cli::command::ci::log::Runner;
use crate::cli::command::ci::patience::Patience;
use crate::cli::env::{Ci, Environment};
use crate::cli::refusal::Refusal;
use crate::cli::{kept, parts};
use crate::domain::event::{Event, ThreadKind};
use crate::forge::gitlab::{Gitlab, Object, Options, Token};
use crate::forge::{Error, Line, Thread};

/// Whether the variables are those of such a job. `GITLAB_CI` is not asked: who runs a job on
/// their own machine sets it to `false`.
pub(super) fn is_set(ci: &Ci) -> bool {
    ci.job("CI_SERVER_URL").is_some() && ci.job("CI_JOB_ID").is_some()
}

/// The job whose variables these are. Nothing is sent yet.
pub(super) fn job(environment: &Environment) -> Result<Job, Refusal> {
    let ci = &environment.ci;
    let job = variables(ci).job()?;
    let token = ci.gitlab_token.clone().ok_or_else(|| {
        Refusal::usage(
            "HOB_GITLAB_TOKEN is not set: make a project access token with the role Developer and the scope `api`, \
             and set it as a masked CI/CD variable",
        )
    })?;
    let options = Options {
        api: job.api.to_string(),
        project: job.project,
        path: job.project_path.clone(),
        web_url: ci.job("CI_PROJECT_URL").unwrap_or_default().to_owned(),
        token: Token::Personal(token.clone()),
        line: Line { extra_ca: parts::extra_ca(environment)?, ..Line::default() },
    };
    let forge = Arc::new(Gitlab::new(options).map_err(Refusal::usage)?);
    let registry = ci.job_token.clone().map_or(Token::Personal(token), Token::Job);
    let is_on_default_branch = job.git_ref == job.default_branch && !job.is_tag && job.merge_request.is_none();
    let commit = job.commit.clone().filter(|_| is_on_default_branch);
    let shelf = forge.packages(&registry, Some(job.id)).map_err(Refusal::usage)?.at(commit);
    let payload = ci.job("TRIGGER_PAYLOAD").map(|path| bounded(path.as_ref(), "TRIGGER_PAYLOAD")).transpose()?;
    let sessions = match &environment.state {
        Some(state) => kept::directory(state)?,
        None => {
            // Among the temporary files of everybody.
            let own = environment.temporary().join(format!("hob-job-{}", job.id));
            private::directory(&own)?;
            own
        }
    };
    Ok(Job {
        runner: Runner::Gitlab,
        server: job.server.as_str().trim_end_matches('/').to_owned(),
        commit: job.commit.clone(),
        // The trigger's owner, or who ran the job again: nothing tells which.
        rerun_by: job.user.clone(),
        deadline: job.deadline,
        sessions,
        forge: forge.clone(),
        shelf: Box::new(shelf),
        shelf_name: "the project's package registry",
        default_branch: job.default_branch.clone(),
        workflow: None,
        attempt: Attempt::Seen { pipeline: job.pipeline, tag: format!("job-{}", job.id) },
        ear: Box::new(Reader { job, forge, payload }),
    })
}

/// Reads again from GitLab what happened, whatever a payload says.
struct Reader {
    job: gitlab::Job,
    forge: Arc<Gitlab>,
    /// What was posted to the address of the pipeline's trigger, if that started it.
    payload: Option<Vec<u8>>,
}

impl Ear for Reader {
    fn hear<'a>(&'a self, patience: &'a Patience) -> LocalBoxFuture<'a, Result<News, Refusal>> {
        self.news(patience).boxed_local()
    }
}

impl Reader {
    async fn news(&self, patience: &Patience) -> Result<News, Refusal> {
        let ignored = |reason| News { heard: Heard::Ignored { shape: None, reason }, unkept: None };
        let named = match gitlab::wanted(&self.job, self.payload.as_deref())? {
            Wanted::Ignored { reason } => return Ok(ignored(reason)),
            Wanted::Named(named) => named,
        };
        let objects = match self.read(&named, patience).await.map_err(Refusal::failed)? {
            Ok(objects) => objects,
            Err(NoSuchNote(id)) => {
                let thread = self.forge.reference(named.thread);
                return Ok(ignored(format!("note {id} is not on {thread}: it was deleted")));
            }
        };
        match gitlab::confirmed(&self.job, &named, &objects)? {
            Heard::Event(event) => {
                let unkept = Unkept::on_gitlab(event.repository.visibility, has_public_registry(&objects.project));
                let event = self.introduced(*event, patience).await?;
                Ok(News { heard: Heard::Event(Box::new(event)), unkept })
            }
            heard @ Heard::Ignored { .. } => Ok(News { heard, unkept: None }),
        }
    }

    async fn introduced(&self, event: Event, patience: &Patience) -> Result<Event, Refusal> {
        let users = gitlab::people(&event).into_iter().map(|id| self.object(Object::User { id }, patience));
        let users = try_join_all(users).await.map_err(Refusal::failed)?;
        Ok(gitlab::introduced(event, &users)?)
    }

    async fn read(&self, named: &Named, patience: &Patience) -> Result<Result<Objects, NoSuchNote>, Error> {
        let Thread { kind, number: iid } = named.thread;
        let thread = match kind {
            ThreadKind::Issue => Object::Issue { iid },
            ThreadKind::Pull => Object::MergeRequest { iid },
        };
        let note = async {
            let Some(id) = named.note else { return Ok(Ok(None)) };
            match self.object(Object::Note { thread: named.thread, id }, patience).await {
                Ok(note) => Ok(Ok(Some(note))),
                Err(Error::Refused { status: 404, .. }) => Ok(Err(NoSuchNote(id))),
                Err(error) => Err(error),
            }
        };
        let (project, thread, note) =
            try_join3(self.object(Object::Project, patience), self.object(thread, patience), note).await?;
        Ok(note.map(|note| Objects { project, thread, note }))
    }

    async fn object(&self, object: Object, patience: &Patience) -> Result<Value, Error> {
        patience.read(async || self.forge.object(object).await).await
    }
}

/// The thread is there, and this note of it is not.
struct NoSuchNote(u64);

/// Whether anybody can read the project's packages, whoever may read the project. Older servers do
/// not tell, and have no registry that is more open than its project.
fn has_public_registry(project: &Value) -> bool {
    let level = project.get("package_registry_access_level").and_then(Value::as_str);
    level.is_some_and(|level| !["disabled", "private", "enabled"].contains(&level))
}

fn variables(ci: &Ci) -> gitlab::Variables {
    let set = |name: &str| ci.job(name).map(str::to_owned);
    gitlab::Variables {
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
        commit_tag: set("CI_COMMIT_TAG"),
        commit_sha: set("CI_COMMIT_SHA"),
        merge_request_iid: set("CI_MERGE_REQUEST_IID"),
        merge_request_project_id: set("CI_MERGE_REQUEST_PROJECT_ID"),
        merge_request_source_project_id: set("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"),
        merge_request_source_branch_sha: set("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"),
        user_id: set("GITLAB_USER_ID"),
        user_login: set("GITLAB_USER_LOGIN"),
    }
}

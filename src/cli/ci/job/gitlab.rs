//! A job of GitLab CI.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use futures::future::{try_join_all, try_join3};
use jiff::Timestamp;
use serde_json::Value;

use super::{bounded, private};
use crate::channel::Heard;
use crate::channel::ci::gitlab::{self, Named, Objects, Wanted};
use crate::cli::env::{Ci, Environment};
use crate::cli::parts;
use crate::cli::refusal::Refusal;
use crate::domain::event::{Event, ThreadKind};
use crate::forge::gitlab::{Gitlab as Forge, Object, Options, Packages, Token};
use crate::forge::{Error, Line, Thread};

/// The job, and what it acts with.
pub(in crate::cli::ci) struct Gitlab {
    pub(super) job: gitlab::Job,
    pub(super) forge: Arc<Forge>,
    pub(super) shelf: Packages,
    /// What was posted to the address of the pipeline's trigger, if that started it.
    payload: Option<Vec<u8>>,
    /// Whether anybody can read the registry, once the project was read.
    has_public_registry: OnceLock<bool>,
}

impl Gitlab {
    /// Whether the variables are those of such a job. `GITLAB_CI` is not asked: who runs a job on
    /// their own machine sets it to `false`.
    pub(super) fn is_set(ci: &Ci) -> bool {
        ci.job("CI_SERVER_URL").is_some() && ci.job("CI_JOB_ID").is_some()
    }

    /// The job whose variables these are. Nothing is sent yet.
    pub(super) fn of(environment: &Environment) -> Result<Self, Refusal> {
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
        let forge = Forge::new(options).map_err(Refusal::usage)?;
        let registry = ci.job_token.clone().map_or(Token::Personal(token), Token::Job);
        let is_on_default_branch = job.git_ref == job.default_branch && !job.is_tag && job.merge_request.is_none();
        let commit = job.commit.clone().filter(|_| is_on_default_branch);
        let shelf = forge.packages(&registry, Some(job.id)).map_err(Refusal::usage)?.at(commit);
        let payload = ci.job("TRIGGER_PAYLOAD").map(|path| bounded(path.as_ref(), "TRIGGER_PAYLOAD")).transpose()?;
        let has_public_registry = OnceLock::new();
        let job = Self { job, forge: Arc::new(forge), shelf, payload, has_public_registry };
        if environment.state.is_none() {
            private::directory(&job.own_state(environment))?;
        }
        Ok(job)
    }

    /// Where its sessions are kept when nobody says where: among the temporary files of everybody.
    pub(super) fn own_state(&self, environment: &Environment) -> PathBuf {
        environment.temporary().join(format!("hob-job-{}", self.job.id))
    }

    /// What happened: read again from GitLab, whatever a payload says.
    pub(super) async fn hear(&self) -> Result<Heard, Refusal> {
        match gitlab::wanted(&self.job, self.payload.as_deref())? {
            Wanted::Ignored { reason } => Ok(Heard::Ignored { shape: None, reason }),
            Wanted::Named(named) => match self.read(&named).await.map_err(Refusal::failed)? {
                Read::Objects(objects) => match gitlab::confirmed(&self.job, &named, &objects)? {
                    Heard::Event(event) => Ok(Heard::Event(Box::new(self.introduced(*event).await?))),
                    ignored @ Heard::Ignored { .. } => Ok(ignored),
                },
                Read::NoSuchNote(id) => {
                    let reason = format!("note {id} is not on {}: it was deleted", self.forge.reference(named.thread));
                    Ok(Heard::Ignored { shape: None, reason })
                }
            },
        }
    }

    async fn introduced(&self, event: Event) -> Result<Event, Refusal> {
        let users = gitlab::people(&event).into_iter().map(|id| self.forge.object(Object::User { id }));
        let users = try_join_all(users).await.map_err(Refusal::failed)?;
        Ok(gitlab::introduced(event, &users)?)
    }

    async fn read(&self, named: &Named) -> Result<Read, Error> {
        let Thread { kind, number: iid } = named.thread;
        let thread = match kind {
            ThreadKind::Issue => Object::Issue { iid },
            ThreadKind::Pull => Object::MergeRequest { iid },
        };
        let note = async {
            let Some(id) = named.note else { return Ok(Ok(None)) };
            match self.forge.object(Object::Note { thread: named.thread, id }).await {
                Ok(note) => Ok(Ok(Some(note))),
                Err(Error::Refused { status: 404, .. }) => Ok(Err(id)),
                Err(error) => Err(error),
            }
        };
        let (project, thread, note) =
            try_join3(self.forge.object(Object::Project), self.forge.object(thread), note).await?;
        let level = project.get("package_registry_access_level").and_then(Value::as_str);
        // Older servers do not tell, and have no registry that is more open than its project.
        let is_closed = level.is_none_or(|level| ["disabled", "private", "enabled"].contains(&level));
        self.has_public_registry.get_or_init(|| !is_closed);
        Ok(match note {
            Ok(note) => Read::Objects(Box::new(Objects { project, thread, note })),
            Err(id) => Read::NoSuchNote(id),
        })
    }

    /// Whether anybody can read the project's packages, whoever may read the project.
    pub(in crate::cli::ci) fn has_public_registry(&self) -> bool {
        self.has_public_registry.get().copied().unwrap_or(true)
    }

    /// Removes old sessions of that name: the registry keeps everything for ever. Where the token may
    /// not, they only take space.
    pub(super) async fn tidy(&self, name: &str) {
        self.shelf.tidy(name).await.ok();
    }

    /// When it must have ended.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.job.deadline
    }
}

/// What the event is made from.
enum Read {
    Objects(Box<Objects>),
    /// The thread is there, and its note is not.
    NoSuchNote(u64),
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

//! The job that hob was started in: what it heard, how it acts, where its sessions rest.
//!
//! A [`Job`] is the same for everybody behind it; `github` and `gitlab` each fill one from the
//! variables of their runner.

#[cfg(feature = "github")]
mod github;
#[cfg(feature = "gitlab")]
mod gitlab;
#[cfg(feature = "gitlab")]
mod private;
mod unkept;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

pub(super) use unkept::Unkept;

use super::log::Runner;
use super::patience::Patience;
use crate::channel::{DELIVERY_MAX, Heard};
use crate::cli::env::Environment;
use crate::cli::refusal::Refusal;
use crate::domain::id::InstanceId;
use crate::forge::{Account, Forge, Shelf};
use crate::trust::provenance::{Here, On};

/// Hex digits of a workflow file's path, in a name.
const WORKFLOW_DIGITS: usize = 8;

/// A job of one CI or the other.
pub(super) struct Job {
    /// Whose runner reads the log.
    pub(super) runner: Runner,
    /// Where the forge's pages are, without a slash at the end.
    pub(super) server: String,
    /// The commit that it runs for.
    pub(super) commit: Option<String>,
    /// Who started it, or may have, where that is not whom the event names.
    pub(super) rerun_by: Option<Account>,
    /// When the runner would end it, as far as it says.
    pub(super) deadline: Option<Timestamp>,
    /// Where sessions are kept while the job runs: outside of the checkout, gone with the machine, and
    /// found again by the next step of the job.
    pub(super) sessions: PathBuf,
    /// How it acts.
    pub(super) forge: Arc<dyn Forge>,
    /// Where its sessions rest between two jobs.
    pub(super) shelf: Box<dyn Shelf>,
    /// What that is, for people.
    pub(super) shelf_name: &'static str,
    /// The branch whose runs are trusted with sessions; empty when nobody tells.
    default_branch: String,
    /// Path of the workflow file, where a job has one.
    workflow: Option<String>,
    attempt: Attempt,
    ear: Box<dyn Ear>,
}

/// Which attempt at the job this is.
enum Attempt {
    /// The runner says so: the tag of one after the first.
    #[cfg(feature = "github")]
    Told(Option<String>),
    /// It is not the first if another job of this pipeline kept a session.
    #[cfg(feature = "gitlab")]
    Seen { pipeline: u64, tag: String },
}

/// How a job hears what happened.
trait Ear {
    /// Reads the event, and asks the forge about it where the job's own word is not enough.
    fn hear<'a>(&'a self, patience: &'a Patience) -> LocalBoxFuture<'a, Result<News, Refusal>>;
}

/// What a job heard.
pub(super) struct News {
    /// What happened.
    pub(super) heard: Heard,
    /// Why the repository keeps no sessions, if it does not.
    pub(super) unkept: Option<Unkept>,
}

impl Job {
    /// The job that this environment is of. Nothing is sent yet.
    #[cfg_attr(not(feature = "github"), expect(unused_variables, reason = "GitLab's jobs tell their own times"))]
    pub(super) fn of(environment: &Environment, now: Timestamp) -> Result<Self, Refusal> {
        #[cfg(feature = "github")]
        if github::is_set(&environment.ci) {
            return github::job(environment, now);
        }
        #[cfg(feature = "gitlab")]
        if gitlab::is_set(&environment.ci) {
            return gitlab::job(environment);
        }
        Err(Refusal::usage(
            "this is no job of GitHub Actions or GitLab CI, which `hob ci` works in; here, `hob run AGENT --event FILE` \
             does the same and sends nothing",
        ))
    }

    /// What happened.
    pub(super) async fn hear(&self, patience: &Patience) -> Result<News, Refusal> {
        self.ear.hear(patience).await
    }

    /// What the maker of an earlier session must have in common with this job.
    pub(super) fn here(&self, repository: u64, pull: Option<u64>) -> Here<'_> {
        let on = match self.runner {
            Runner::Github => On::Github { workflow: self.workflow.as_deref() },
            Runner::Gitlab => On::Gitlab,
        };
        Here { repository, default_branch: &self.default_branch, pull, head: None, on }
    }

    /// The name that an instance's sessions have on the shelf. Where jobs have a workflow file, each has
    /// its own: it trusts none of another one's, and would only push them out.
    pub(super) fn name_on_shelf(&self, instance: &InstanceId) -> String {
        let name = instance.external();
        let Some(workflow) = &self.workflow else { return name };
        let digest: String = hex::encode(Sha256::digest(workflow)).chars().take(WORKFLOW_DIGITS).collect();
        format!("{name}-{digest}")
    }

    /// Tells this attempt at the job from its first one, when somebody ran it again; where only earlier
    /// sessions show that, known once they were looked for.
    pub(super) fn attempt_tag(&self) -> Option<String> {
        match &self.attempt {
            #[cfg(feature = "github")]
            Attempt::Told(tag) => tag.clone(),
            // A webhook that delivers twice starts another pipeline.
            #[cfg(feature = "gitlab")]
            Attempt::Seen { pipeline, tag } => self.shelf.saw_another_job_of(*pipeline).then(|| tag.clone()),
        }
    }
}

/// The file that a variable names: one byte more than a delivery may have at most, so that what is
/// larger is noticed and not read.
fn bounded(path: &Path, variable: &str) -> Result<Vec<u8>, Refusal> {
    let unreadable = |error: std::io::Error| {
        Refusal::usage(format!("cannot read `{}`, the file that {variable} names: {error}", path.display()))
    };
    let mut body = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(DELIVERY_MAX as u64 + 1).read_to_end(&mut body).map_err(unreadable)?;
    Ok(body)
}

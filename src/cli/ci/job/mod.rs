//! The job that hob was started in: what it heard, how it acts, where its sessions rest.

mod github;
mod gitlab;
mod private;

use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::log::Runner;
use crate::channel::{DELIVERY_MAX, Heard};
use crate::cli::env::Environment;
use crate::cli::refusal::Refusal;
use crate::forge::{Account, Forge, Shelf};
use crate::trust::provenance::{Here, On};

use github::Github;
use gitlab::Gitlab;

/// A job of one CI or the other.
pub(super) enum Job {
    /// GitHub Actions, or a runner that does as it does.
    Github(Box<Github>),
    /// GitLab CI.
    Gitlab(Box<Gitlab>),
}

impl Job {
    /// The job that this environment is of. Nothing is sent yet.
    pub(super) fn of(environment: &Environment, now: Timestamp) -> Result<Self, Refusal> {
        let ci = &environment.ci;
        if Github::is_set(ci) {
            return Ok(Self::Github(Box::new(Github::of(environment, now)?)));
        }
        if Gitlab::is_set(ci) {
            return Ok(Self::Gitlab(Box::new(Gitlab::of(environment)?)));
        }
        Err(Refusal::usage(
            "this is no job of GitHub Actions or GitLab CI, which `hob ci` works in; here, `hob run AGENT --event FILE` \
             does the same and sends nothing",
        ))
    }

    /// What happened.
    pub(super) async fn hear(&self) -> Result<Heard, Refusal> {
        match self {
            Self::Github(job) => job.hear(),
            Self::Gitlab(job) => job.hear().await,
        }
    }

    /// How it acts.
    pub(super) fn forge(&self) -> &dyn Forge {
        match self {
            Self::Github(job) => &*job.forge,
            Self::Gitlab(job) => &*job.forge,
        }
    }

    /// Where its sessions rest between two jobs.
    pub(super) fn shelf(&self) -> &dyn Shelf {
        match self {
            Self::Github(job) => &job.shelf,
            Self::Gitlab(job) => &job.shelf,
        }
    }

    /// Lets go of old sessions of that name, where the shelf never does so by itself.
    pub(super) async fn tidy(&self, name: &str) {
        match self {
            Self::Github(_) => {}
            Self::Gitlab(job) => job.tidy(name).await,
        }
    }

    /// What that is, for people.
    pub(super) fn shelf_name(&self) -> &'static str {
        match self {
            Self::Github(_) => "an artifact of this workflow run",
            Self::Gitlab(_) => "the project's package registry",
        }
    }

    /// What the maker of an earlier session must have in common with this job.
    pub(super) fn here(&self, repository: u64, pull: Option<u64>) -> Here<'_> {
        match self {
            Self::Github(job) => {
                let on = On::Github { workflow: job.job.workflow.as_deref() };
                Here { repository, default_branch: &job.default_branch, pull, on }
            }
            Self::Gitlab(job) => Here { repository, default_branch: &job.job.default_branch, pull, on: On::Gitlab },
        }
    }

    /// The commit that it runs for.
    pub(super) fn commit(&self) -> Option<&str> {
        match self {
            Self::Github(job) => job.job.sha.as_deref(),
            Self::Gitlab(job) => job.job.commit.as_deref(),
        }
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
        let server = match self {
            Self::Github(job) => &job.job.server,
            Self::Gitlab(job) => &job.job.server,
        };
        server.as_str().trim_end_matches('/')
    }

    /// Where sessions are kept while the job runs: outside of the checkout, gone with the machine, and
    /// found again by the next step of the job.
    pub(super) fn sessions(&self, environment: &Environment) -> PathBuf {
        match self {
            Self::Github(job) => job.job.temp.join("hob"),
            Self::Gitlab(job) => environment.state.clone().unwrap_or_else(|| job.own_state(environment)),
        }
    }

    /// When the runner would end it, as far as it says.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Github(_) => None,
            Self::Gitlab(job) => job.deadline(),
        }
    }

    /// Tells this attempt at the job from its first one, when somebody ran it again.
    pub(super) fn attempt_tag(&self) -> Option<String> {
        match self {
            Self::Github(job) => job.job.attempt_tag(),
            // A retried job does not tell.
            Self::Gitlab(_) => None,
        }
    }

    /// Who did, or may have done, where that is not whom the event names.
    pub(super) fn rerun_by(&self) -> Option<&Account> {
        match self {
            Self::Github(job) => job.job.rerun_by.as_ref(),
            // The trigger's owner, or who ran the job again: nothing tells which.
            Self::Gitlab(job) => job.job.user.as_ref(),
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

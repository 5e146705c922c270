//! How we act: the verbs a code host gives us, and the shelf where a bundle rests between two jobs.
//!
//! Promises that every forge keeps, and `tests/it/contracts/forge` checks:
//!
//! - The repository is fixed when a forge is made and the thread comes from the event: no verb takes
//!   a name or a number from a model.
//! - A write is sent once. When its answer does not come, that is [`Error::Unknown`], and whoever
//!   asked looks up what became of it. Reads are asked again a few times before they fail.
//! - A limit of the forge is [`Error::Later`], said at once and never waited out here.
//! - Answers are foreign: bounded, read strictly, and never trusted for more than they say.

#![cfg_attr(not(feature = "github"), expect(dead_code, reason = "what the forges share has a part for GitHub alone"))]

#[cfg(any(feature = "github", feature = "gitlab"))]
mod exchange;
#[cfg(any(feature = "github", feature = "gitlab"))]
mod foreign;
#[cfg(feature = "github")]
pub mod github;
#[cfg(feature = "gitlab")]
pub mod gitlab;
#[cfg(any(feature = "github", feature = "gitlab"))]
mod limit;
mod line;

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;

pub use line::{Line, Unusable};

use crate::domain::event::ThreadKind;
use crate::domain::id::Epoch;
use crate::domain::name::Role;

/// One repository of a code host, reached with one token.
pub trait Forge: Send + Sync {
    /// The account that this token writes as.
    fn own(&self) -> BoxFuture<'_, Result<Account, Error>>;

    /// What an account may do in the repository, inherited rights counted; `None` when it has no
    /// standing there. The caller compares the id of the answer with the one it meant.
    fn standing<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Result<Option<Standing>, Error>>;

    /// A comment by its id; `None` when it is gone, or on another thread.
    fn comment(&self, thread: Thread, id: u64) -> BoxFuture<'_, Result<Option<Posted>, Error>>;

    /// One page of the comments of a thread, from 1; with `since`, those changed at that time or
    /// later, as far as the forge can tell.
    fn comments(
        &self,
        thread: Thread,
        since: Option<Timestamp>,
        page: u32,
    ) -> BoxFuture<'_, Result<Page<Posted>, Error>>;

    /// Adds a comment.
    fn post<'a>(&'a self, thread: Thread, body: &'a str) -> BoxFuture<'a, Result<Posted, Error>>;

    /// Changes a comment of our own.
    fn edit<'a>(&'a self, thread: Thread, id: u64, body: &'a str) -> BoxFuture<'a, Result<Posted, Error>>;

    /// Takes a comment of our own away. One that is gone already is right as it is.
    fn delete(&self, thread: Thread, id: u64) -> BoxFuture<'_, Result<(), Error>>;

    /// Puts labels on and takes labels off. What is there already, or gone already, is right as it is.
    fn label<'a>(&'a self, thread: Thread, add: &'a [String], remove: &'a [String])
    -> BoxFuture<'a, Result<(), Error>>;
}

/// Where bundles rest between two jobs: artifacts of workflow runs, packages of a project.
pub trait Shelf: Send + Sync {
    /// What is kept under a name ([`InstanceId::external`](crate::domain::id::InstanceId::external)),
    /// newest first; a bounded number.
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Kept>, Error>>;

    /// Who put it there.
    fn origin<'a>(&'a self, kept: &'a Kept) -> BoxFuture<'a, Result<Origin, Error>>;

    /// The archive itself, not yet looked into.
    fn fetch<'a>(&'a self, kept: &'a Kept) -> BoxFuture<'a, Result<Bytes, Error>>;

    /// What a pull request is made of; `None` where the runs for it name it themselves.
    fn head(&self, _pull: u64) -> BoxFuture<'_, Result<Option<Head>, Error>> {
        Box::pin(async { Ok(None) })
    }

    /// Whether [`Shelf::find`] saw an archive that another job of this pipeline kept: where who retries a
    /// job gets one with another id in the same pipeline, and nothing else tells.
    fn saw_another_job_of(&self, _pipeline: u64) -> bool {
        false
    }

    /// Keeps an archive; one of the same name from the same job gives way to it once it is there.
    fn keep<'a>(&'a self, name: &'a str, epoch: Epoch, archive: Bytes) -> BoxFuture<'a, Result<(), Error>>;

    /// Removes old archives of that name, where none goes by itself; how many.
    fn tidy<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, Result<usize, Error>> {
        Box::pin(async { Ok(0) })
    }
}

/// An account, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The forge's numeric id; `None` where the forge tells only a name, and for the account that all
    /// workflows of GitHub share.
    pub id: Option<u64>,
    /// Login or username; may be empty where the id is known.
    pub login: String,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose standing the forge told.
    pub id: u64,
    /// The effective role.
    pub role: Role,
}

/// The issue or pull request that a verb is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Which of the two.
    pub kind: ThreadKind,
    /// The number people type.
    pub number: u64,
}

/// A comment as it stands on the forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The forge's id.
    pub id: u64,
    /// Who wrote it.
    pub author: Account,
    /// Markdown.
    pub body: String,
    /// Where people read it; empty when the forge does not say.
    pub url: String,
    /// When it was posted, by the forge's clock; edits do not change it.
    pub at: Timestamp,
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the forge's order.
    pub items: Vec<T>,
    /// Number of the next page; `None` on the last.
    pub next: Option<u32>,
}

/// An archive on a shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The forge's id of it.
    pub id: u64,
    /// When it was put there, by the forge's clock.
    pub at: Timestamp,
    /// Bytes, as the forge says; `None` when its list does not say.
    pub size: Option<u64>,
    /// The workflow run or pipeline that put it there; `None` when the forge does not say.
    pub run: Option<u64>,
    /// Why it cannot be had any more, for people; `None` while it is there.
    pub gone: Option<String>,
}

/// The CI run that put an archive on the shelf, in the forge's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Path of the workflow file at its head, such as `.github/workflows/hob.yml`; empty on GitLab.
    pub workflow: String,
    /// Event of the workflow run, or source of the pipeline.
    pub event: String,
    /// Repository that it ran in.
    pub repository: u64,
    /// Repository that its commit came from.
    pub head_repository: u64,
    /// Branch or ref that it ran for.
    pub branch: String,
    /// The ref is a tag, or may be one.
    pub is_tag: bool,
    /// The pull requests it ran for; on GitLab the one whose code alone it ran, if that is so.
    pub pulls: Vec<u64>,
}

/// A workflow file's path without the ref that GitHub puts behind it:
/// `.github/workflows/hob.yml@refs/heads/main` of the file `.github/workflows/hob.yml`.
pub fn workflow_file(path: &str) -> &str {
    let files = path.match_indices('@').filter_map(|(at, _)| path.get(..at));
    files.into_iter().find(|file| file.ends_with(".yml") || file.ends_with(".yaml")).unwrap_or(path)
}

/// The branch that a pull request is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Repository that it is in; 0 when that is gone.
    pub repository: u64,
    /// Its name.
    pub branch: String,
}

/// Why a verb did not bring what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The forge said no; asking again would bring the same.
    #[error("cannot {doing}: {said}")]
    Refused {
        /// `post a comment on acme/widgets#4`.
        doing: String,
        /// HTTP status; 0 when it did not come to an answer (a certificate that is not trusted).
        status: u16,
        /// What the forge said, and the next move.
        said: String,
    },
    /// What is there cannot be used, and never will be. A forge that says no is no reason for this one.
    #[error("cannot {doing}: {said}")]
    Unfit {
        /// As above.
        doing: String,
        /// What is wrong with it, and the next move.
        said: String,
    },
    /// A limit, or a forge that is overloaded: nothing was done.
    #[error("cannot {doing} now: {said}")]
    Later {
        /// As above.
        doing: String,
        /// How long the forge asks to wait.
        after: Option<Duration>,
        /// What the forge said.
        said: String,
    },
    /// The answer did not come: nobody knows whether a write was done.
    #[error("cannot tell whether hob could {doing}: {said}")]
    Unknown {
        /// As above.
        doing: String,
        /// What happened.
        said: String,
    },
    /// An answer that is not what the forge documents.
    #[error("cannot {doing}: the answer is not what was expected: {said}")]
    Unreadable {
        /// As above.
        doing: String,
        /// What is wrong with it.
        said: String,
    },
}

//! What happened, in the same shape for every channel.
//!
//! Parsers in `channel/` make it from a forge's payload; nothing below them sees a payload again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::{EventKey, InstanceId, InstanceKind};
use super::name::Name;

/// Which code host's dialect an event was heard in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forge {
    /// github.com and GitHub Enterprise Server.
    Github,
    /// gitlab.com and self-managed GitLab.
    Gitlab,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// GitHub `issues`, GitLab `issue`.
    Issue,
    /// A comment on an issue or pull request: GitHub `issue_comment`, GitLab `note`.
    Comment,
    /// GitHub `pull_request`, GitLab `merge_request`.
    Pull,
    /// GitHub `pull_request_review`.
    Review,
    /// A comment on a line of a diff: GitHub `pull_request_review_comment`, GitLab `note` of type `DiffNote`.
    ReviewComment,
}

/// What happened to whom, by whom, where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The dialect.
    pub forge: Forge,
    /// Host of the forge, from configuration or the job, never from a URL in the payload alone.
    pub host: String,
    /// Where it happened.
    pub repository: Repository,
    /// What it is about.
    pub kind: EventKind,
    /// The forge's own word: `opened`, `created`, `open`, `update` …
    pub action: String,
    /// Who caused the delivery.
    pub actor: Actor,
    /// The issue or pull request.
    pub thread: Thread,
    /// The comment or review that triggered, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Comment>,
    /// Present for pull requests when the payload names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// The label an action such as `labeled` is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When the object changed, by the forge's clock.
    pub at: Timestamp,
    /// What makes it the same event however often it is delivered.
    pub key: EventKey,
}

/// A repository (GitHub) or project (GitLab).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// The forge's numeric id: the identity.
    pub id: u64,
    /// `owner/name`, for people.
    pub path: String,
    /// Who can read it; `None` when the payload does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
}

/// Who can read a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Members only.
    Private,
    /// Everybody signed in to the host.
    Internal,
    /// Everybody.
    Public,
}

/// An account. Only `id` is an identity: logins are renamed and re-used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The forge's numeric id; 0 when the payload does not tell (a deleted account).
    pub id: u64,
    /// For people.
    pub login: String,
    /// What the forge says it is. A hint: trust is decided by id alone.
    pub kind: ActorKind,
}

/// What the forge says an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person, as far as the forge knows.
    User,
    /// An App or a bot account.
    Bot,
    /// An organisation, or not said.
    Other,
}

/// The issue or pull request an event belongs to, as the payload shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Issue or pull request.
    pub kind: ThreadKind,
    /// The number people type.
    pub number: u64,
    /// Untrusted.
    pub title: String,
    /// Untrusted; empty when there is none.
    pub body: String,
    /// Who opened it; `None` when the payload does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Actor>,
    /// Names of the labels it has now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// `open`, `closed`, `merged` … in the forge's words.
    pub state: String,
}

/// What a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreadKind {
    /// An issue.
    Issue,
    /// A pull request or merge request.
    Pull,
}

/// A comment, a review, or a line comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The forge's numeric id.
    pub id: u64,
    /// Who wrote it.
    pub author: Actor,
    /// Untrusted; empty for a bare approval.
    pub body: String,
    /// The file a line comment is on. Untrusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Internal or confidential: must not be answered in public.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
}

/// The two ends of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What would be merged. Its sha is pinned: if it moved, effects on code stop.
    pub head: Side,
    /// What it would be merged into.
    pub base: Side,
    /// Whether head lives in another repository. True when the payload does not say.
    pub is_fork: bool,
    /// Not ready for review.
    pub draft: bool,
}

/// One end of a [`Change`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Commit; empty when the payload does not say (GitLab names only the head's).
    pub sha: String,
    /// Branch. Untrusted.
    pub branch: String,
}

impl Event {
    /// The text that triggered: the comment's, else the thread's. Untrusted.
    pub fn text(&self) -> &str {
        self.comment.as_ref().map_or(&self.thread.body, |comment| &comment.body)
    }

    /// The instance that `agent` continues on for this event's thread (`instance: thread`).
    pub fn instance(&self, agent: &Name) -> InstanceId {
        InstanceId {
            host: self.host.clone(),
            repo: self.repository.id,
            kind: match self.thread.kind {
                ThreadKind::Issue => InstanceKind::Issue,
                ThreadKind::Pull => InstanceKind::Pull,
            },
            key: self.thread.number.to_string(),
            agent: agent.clone(),
        }
    }

    /// How people call the thread: `acme/widgets#42`, on GitLab `acme/widgets!42` for a merge request.
    pub fn reference(&self) -> String {
        let mark = match (self.forge, self.thread.kind) {
            (Forge::Gitlab, ThreadKind::Pull) => '!',
            _ => '#',
        };
        format!("{}{mark}{}", self.repository.path, self.thread.number)
    }
}

//! What happened, in the same shape for every channel.
//!
//! Parsers in `channel/` make it from a forge's payload; nothing below them sees a payload again.

use std::fmt;

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

impl fmt::Display for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
        })
    }
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

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Issue, Self::Comment, Self::Pull, Self::Review, Self::ReviewComment];

    /// The forge's own word: an event's name on GitHub, an `object_kind` on GitLab, where one word
    /// can stand for two kinds.
    pub const fn name_on(self, forge: Forge) -> &'static str {
        match (forge, self) {
            (Forge::Github, Self::Issue) => "issues",
            (Forge::Github, Self::Comment) => "issue_comment",
            (Forge::Github, Self::Pull) => "pull_request",
            (Forge::Github, Self::Review) => "pull_request_review",
            (Forge::Github, Self::ReviewComment) => "pull_request_review_comment",
            (Forge::Gitlab, Self::Issue) => "issue",
            (Forge::Gitlab, Self::Comment | Self::ReviewComment) => "note",
            (Forge::Gitlab, Self::Pull | Self::Review) => "merge_request",
        }
    }
}

/// What happened to whom, by whom, where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The dialect.
    pub forge: Forge,
    /// Host of the forge, with its port when it is not the usual one. From configuration or the
    /// job; only the operator's own `hob run` falls back to the address in the payload.
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
    /// The label an action such as `labeled` is about, where it is about one.
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
    /// For people; empty when the payload has only the id (GitLab's authors).
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
    /// An organisation, or not said: GitLab's payloads never say.
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
    /// `open`, `closed`, `merged` … in the forge's words; empty when the payload does not say.
    pub state: String,
    /// Narrower than its repository (a confidential issue): nothing of it may be told in public.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confidential: bool,
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

/// What tells one event from every other, however often and by whatever way it is heard. Made only
/// of what every copy of a delivery has in common: no delivery id, no time of arrival.
///
/// | shape | object | time | twins: what tells two of one object and one second apart |
/// |---|---|---|---|
/// | GitHub `issues` | the issue's id | `updated_at` | id of the label, assignee or milestone the action is about |
/// | GitHub `issue_comment` | the comment's id | the comment's `updated_at` | |
/// | GitHub `pull_request` | the pull request's id | `updated_at` | head sha; id of the label, assignee, milestone, reviewer or team the action is about |
/// | GitHub `pull_request_review` | the review's id | `submitted_at` | `edited`, which leaves that time as it was: the pull request's `updated_at` |
/// | GitHub `pull_request_review_comment` | the comment's id | the comment's `updated_at` | |
/// | GitLab `issue` | the issue's id | `updated_at` | digest of `changes` |
/// | GitLab `merge_request` | the merge request's id | `updated_at` | head sha; digest of `changes` |
/// | GitLab `note` | the note's id | the note's `updated_at` | |
///
/// Host, repository and action stand in every key. `pull_request_target` counts as `pull_request`:
/// they are two ways to hear of one thing.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// [`Event::host`].
    pub host: &'a str,
    /// [`Repository::id`].
    pub repository: u64,
    /// [`EventKind::name_on`] the forge.
    pub shape: &'static str,
    /// The forge's id (not the number) of the thread, comment or review.
    pub object: u64,
    /// [`Event::action`].
    pub action: &'a str,
    /// [`Event::at`].
    pub at: Timestamp,
    /// The last column of the table.
    pub twins: &'a [String],
}

impl Identity<'_> {
    /// The key: `host/repository/shape/object/action/time`, then the twins.
    pub fn key(&self) -> EventKey {
        let repository = self.repository.to_string();
        let object = self.object.to_string();
        // One spelling for one instant, whatever the forge's spelling was, and nothing to encode.
        let at = self.at.strftime("%Y%m%dT%H%M%S%.fZ").to_string();
        let parts = [self.host, &repository, self.shape, &object, self.action, &at];
        EventKey::from_parts(parts.into_iter().chain(self.twins.iter().map(String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_changes_with_each_of_its_parts() {
        let at = "2019-05-15T15:20:18Z".parse().unwrap();
        let identity = Identity {
            host: "github.com",
            repository: 1,
            shape: "issues",
            object: 2,
            action: "labeled",
            at,
            twins: &[],
        };
        assert_eq!(identity.key().as_str(), "github.com/1/issues/2/labeled/20190515T152018Z");
        let later = "2019-05-15T15:20:18.5Z".parse().unwrap();
        let (bug, docs) = (["label.3".to_owned()], ["label.4".to_owned()]);
        let mut keys: Vec<_> = [
            identity,
            Identity { host: "git.example:8443", ..identity },
            Identity { repository: 9, ..identity },
            Identity { shape: "pull_request", ..identity },
            Identity { object: 9, ..identity },
            Identity { action: "unlabeled", ..identity },
            Identity { at: later, ..identity },
            Identity { twins: &bug, ..identity },
            Identity { twins: &docs, ..identity },
        ]
        .iter()
        .map(Identity::key)
        .collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 9);
    }
}

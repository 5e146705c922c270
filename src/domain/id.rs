//! Identities. Two ids can never be swapped, and none is built from a name that may be re-used.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::name::Name;

/// Bytes that stand for themselves in the text form of an id; all others are percent-encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Percent-encodes one part of an id, so that `/` can join parts.
pub fn encode_part(part: &str) -> String {
    utf8_percent_encode(part, PLAIN).to_string()
}

/// What an instance continues on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceKind {
    /// An issue.
    Issue,
    /// A pull request or merge request.
    Pull,
    /// A branch.
    Branch,
    /// A head commit.
    Head,
    /// A whole repository: schedules, dispatches, pushes.
    Repository,
    /// A key the agent file computes.
    Custom,
    /// `hob run` without an event.
    Local,
}

impl InstanceKind {
    const WORDS: [(Self, &'static str); 7] = [
        (Self::Issue, "issue"),
        (Self::Pull, "pull"),
        (Self::Branch, "branch"),
        (Self::Head, "head"),
        (Self::Repository, "repository"),
        (Self::Custom, "custom"),
        (Self::Local, "local"),
    ];

    /// The word in the text form of an [`InstanceId`].
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(kind, _)| *kind == self).map_or("local", |(_, word)| word)
    }
}

/// One continuing agent on one thing. `repo` is the forge's numeric id, never the name: names are
/// re-used and renamed, and a stranger must not inherit a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceId {
    /// Host of the forge, e.g. `github.com`; `local` without one.
    pub host: String,
    /// Numeric id of the repository; 0 without one.
    pub repo: u64,
    /// What kind of thing.
    pub kind: InstanceKind,
    /// Which one: the thread's number, a branch, a key.
    pub key: String,
    /// The agent that continues on it.
    pub agent: Name,
}

/// A text that is no instance id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an instance id; one looks like `github.com/700100/issue/42/triage` (`hob runs` lists them)")]
pub struct InvalidInstanceId(String);

impl InstanceId {
    /// The name of everything outside that belongs to this instance (directory, artifact,
    /// package, concurrency group): `hob-` and 32 hex digits of the SHA-256 of the text form.
    pub fn external(&self) -> String {
        let digest = hex::encode(Sha256::digest(self.to_string()));
        format!("hob-{}", &digest[..32])
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, repo, kind, key, agent } = self;
        write!(f, "{}/{repo}/{}/{}/{agent}", encode_part(host), kind.as_str(), encode_part(key))
    }
}

impl FromStr for InstanceId {
    type Err = InvalidInstanceId;

    fn from_str(text: &str) -> Result<Self, InvalidInstanceId> {
        let invalid = || InvalidInstanceId(text.chars().take(200).collect());
        let decode = |part: &str| percent_decode_str(part).decode_utf8().map(|s| s.into_owned()).map_err(|_| invalid());
        let parts: Vec<&str> = text.split('/').collect();
        let [host, repo, kind, key, agent] = parts[..] else { return Err(invalid()) };
        let id = Self {
            host: decode(host)?,
            repo: repo.parse().map_err(|_| invalid())?,
            kind: InstanceKind::WORDS.iter().find(|(_, word)| *word == kind).map(|(k, _)| *k).ok_or_else(invalid)?,
            key: decode(key)?,
            agent: agent.parse().map_err(|_| invalid())?,
        };
        // One spelling for one id: what does not print back the same is refused.
        if id.to_string() == text { Ok(id) } else { Err(invalid()) }
    }
}

/// What makes an event the same event, however often it is delivered: host, repository, shape,
/// object, action, time of the change, and what tells twins apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventKey(String);

impl EventKey {
    /// Joins the parts, each percent-encoded.
    pub fn from_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(parts.into_iter().map(encode_part).collect::<Vec<_>>().join("/"))
    }

    /// The key as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One accepted unit of work for one instance. Made from what makes a run unique (instance,
/// event key, attempt tag), so the same event lands on the same run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// `run-` and 24 hex digits of a SHA-256.
    pub fn derive(instance: &InstanceId, event: &EventKey, attempt_tag: Option<&str>) -> Self {
        let mut hash = Sha256::new();
        for part in [instance.to_string().as_str(), event.as_str(), attempt_tag.unwrap_or_default()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(format!("run-{}", &hex::encode(hash.finalize())[..24]))
    }

    /// The id as printed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that people give, if it is the id of a run.
    pub fn read(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("run-")?;
        let is_id = hex.len() == 24 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One conversation of an instance: `default`, or one child per delegated task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl Default for SessionId {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl SessionId {
    /// Its n-th child, from 1: `task-2`, and `task-2.1` beneath that.
    #[must_use]
    pub fn child(&self, ordinal: u32) -> Self {
        match *self == Self::default() {
            true => Self(format!("task-{ordinal}")),
            false => Self(format!("{self}.{ordinal}")),
        }
    }

    /// Whose child it is; `None` for what is no child.
    pub fn above(&self) -> Option<Self> {
        match self.0.rsplit_once('.') {
            Some((above, _)) => Some(Self(above.to_owned())),
            None => self.0.starts_with("task-").then(Self::default),
        }
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Position of an entry in the log of an instance, from 0 (the header).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// The number that fences older lease holders out; grows with each claim, never given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(host: &str, key: &str) -> InstanceId {
        InstanceId {
            host: host.into(),
            repo: 700_100,
            kind: InstanceKind::Issue,
            key: key.into(),
            agent: "triage".parse().unwrap(),
        }
    }

    #[test]
    fn an_instance_id_reads_back_from_its_text_form() {
        for (instance, text) in [
            (id("github.com", "42"), "github.com/700100/issue/42/triage"),
            (id("git.example:8443", "a/b ü%"), "git.example%3A8443/700100/issue/a%2Fb%20%C3%BC%25/triage"),
        ] {
            assert_eq!(instance.to_string(), text);
            assert_eq!(text.parse(), Ok(instance));
        }
    }

    #[test]
    fn what_is_not_spelled_the_one_way_is_not_an_instance_id() {
        for text in [
            "",
            "a/b",
            "h/1/issue/42/triage/x",
            "h/-1/issue/42/triage",
            "h/01/issue/4/triage",
            "h/1/gist/42/triage",
            "h/1/issue/4%32/triage",
            "h/1/issue/%FF/triage",
            "h/1/issue/42/../x",
        ] {
            assert!(text.parse::<InstanceId>().is_err(), "`{text}` passed");
        }
    }

    #[test]
    fn the_external_name_is_stable_and_safe_everywhere() {
        assert_eq!(id("github.com", "42").external(), "hob-e91d950c74e2455e6c7ac57fe995f1c2");
    }

    #[test]
    fn a_childs_name_tells_whose_it_is() {
        let root = SessionId::default();
        let second = root.child(2);
        let beneath = second.child(1);
        assert_eq!((second.to_string(), beneath.to_string()), ("task-2".to_owned(), "task-2.1".to_owned()));
        assert_eq!((beneath.above(), second.above(), root.above()), (Some(second), Some(root.clone()), None));
    }

    #[test]
    fn a_run_is_unique_on_instance_event_and_attempt_tag() {
        let key = EventKey::from_parts(["github.com", "1", "issues"]);
        let run = |i: &InstanceId, tag| RunId::derive(i, &key, tag);
        let a = id("github.com", "42");
        assert_eq!(run(&a, None), run(&a, None));
        assert_ne!(run(&a, None), run(&a, Some("2")));
        assert_ne!(run(&a, None), run(&id("github.com", "43"), None));
    }
}

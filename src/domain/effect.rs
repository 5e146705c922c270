//! One write to the outside: proposed, decided, applied. The target is never an argument.
//!
//! What becomes of it stands in rows beside the log: a claim before the forge is asked, and a state
//! after it answered.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::id::{InstanceId, RunId};
use super::name::EffectKind;

/// A write that an agent asked for and the rules let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What makes it the same effect, however often it is tried.
    pub key: EffectKey,
    /// The run that proposed it.
    pub run: RunId,
    /// How many of this kind the run proposed before it.
    pub ordinal: u32,
    /// What is to be written.
    pub write: Write,
}

/// What is to be written, neutralised already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Write {
    /// One sticky comment for each instance, edited in place.
    Status {
        /// Markdown.
        body: String,
    },
    /// A new comment on the thread.
    Comment {
        /// Markdown.
        body: String,
    },
    /// Labels put on and taken off; both idempotent by nature.
    Label {
        /// Names to put on.
        add: Vec<String>,
        /// Names to take off.
        remove: Vec<String>,
    },
}

impl Write {
    /// SHA-256 over every field, lower-case hex.
    pub fn digest(&self) -> String {
        let (texts, more): (&[String], &[String]) = match self {
            Self::Status { body } | Self::Comment { body } => (std::slice::from_ref(body), &[]),
            Self::Label { add, remove } => (add, remove),
        };
        let mut hash = Sha256::new();
        let counted = [texts.len() as u64, more.len() as u64].map(u64::to_be_bytes).concat();
        let parts = texts.iter().chain(more).map(String::as_bytes);
        for part in [self.kind().as_str().as_bytes(), &counted].into_iter().chain(parts) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }

    /// The kind that the agent file must declare.
    pub fn kind(&self) -> EffectKind {
        match self {
            Self::Status { .. } => EffectKind::Status,
            Self::Comment { .. } => EffectKind::Comment,
            Self::Label { .. } => EffectKind::Label,
        }
    }
}

/// A row about an effect, beside the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Somebody is about to ask the forge.
    Claimed(Claimed),
    /// What came of it.
    Done(Done),
}

/// See [`Row::Claimed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Which effect.
    pub key: EffectKey,
    /// Of which run: a `status` has one key for all runs.
    pub run: RunId,
    /// As in [`Effect::ordinal`].
    pub ordinal: u32,
    /// Which kind.
    pub kind: EffectKind,
    /// SHA-256 of what is to be written, lower-case hex.
    pub digest: String,
}

/// See [`Row::Done`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Which effect.
    pub key: EffectKey,
    /// Of which run.
    pub run: RunId,
    /// How it stands.
    #[serde(flatten)]
    pub state: State,
}

/// What became of an effect. The first final one wins, for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// The forge did it.
    Applied(Object),
    /// It was there already, as it should be.
    Found(Object),
    /// A later one of the same object made it pointless: it was never sent.
    Superseded,
    /// It may not be, or the forge said no: it is never sent.
    Dropped {
        /// Names what was wrong.
        reason: String,
    },
    /// Nobody knows whether the forge did it: the one state that is not final.
    Unknown {
        /// What happened.
        reason: String,
    },
}

impl State {
    /// Whether nothing is owed any more.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Unknown { .. })
    }

    /// What stands on the forge.
    pub fn object(&self) -> Option<&Object> {
        match self {
            Self::Applied(object) | Self::Found(object) => Some(object),
            Self::Superseded | Self::Dropped { .. } | Self::Unknown { .. } => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied(_) => f.write_str("applied"),
            Self::Found(_) => f.write_str("there already"),
            Self::Superseded => f.write_str("superseded by a later one"),
            Self::Dropped { reason } => write!(f, "dropped: {reason}"),
            Self::Unknown { reason } => write!(f, "unknown: {reason}"),
        }
    }
}

/// What a write left on the forge. Labels leave none of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// The forge's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u64>,
    /// Where people see it; foreign text, empty when the forge does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// Identity of an effect: 32 hex digits of an HMAC-SHA256.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectKey(String);

impl EffectKey {
    /// HMAC under the operator's `secret` over instance, run, kind and ordinal; a `status` belongs
    /// to the instance alone, so that all runs edit one comment.
    pub fn derive(secret: &[u8], instance: &InstanceId, run: &RunId, kind: EffectKind, ordinal: u32) -> Self {
        let mut parts = vec![instance.to_string(), kind.to_string()];
        if kind != EffectKind::Status {
            parts.extend([run.to_string(), ordinal.to_string()]);
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Self(hex::encode(&mac.finalize().into_bytes()[..16]))
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{EventKey, InstanceKind};

    #[test]
    fn a_status_is_one_per_instance_and_a_comment_one_per_ordinal() {
        let instance = InstanceId {
            host: "h".into(),
            repo: 1,
            kind: InstanceKind::Issue,
            key: "4".into(),
            agent: "a".parse().unwrap(),
        };
        let run = |n: &str| RunId::derive(&instance, &EventKey::from_parts([n]), None);
        let key = |r: &RunId, kind, n| EffectKey::derive(b"secret", &instance, r, kind, n);
        assert_eq!(key(&run("1"), EffectKind::Status, 0), key(&run("2"), EffectKind::Status, 0));
        assert_ne!(key(&run("1"), EffectKind::Comment, 0), key(&run("2"), EffectKind::Comment, 0));
        assert_ne!(key(&run("1"), EffectKind::Comment, 0), key(&run("1"), EffectKind::Comment, 1));
        assert_ne!(
            key(&run("1"), EffectKind::Comment, 0),
            EffectKey::derive(b"other", &instance, &run("1"), EffectKind::Comment, 0)
        );
    }
}

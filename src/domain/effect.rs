//! One write to the outside: proposed, decided, applied. The target is never an argument.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

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
    /// The kind that the agent file must declare.
    pub fn kind(&self) -> EffectKind {
        match self {
            Self::Status { .. } => EffectKind::Status,
            Self::Comment { .. } => EffectKind::Comment,
            Self::Label { .. } => EffectKind::Label,
        }
    }
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

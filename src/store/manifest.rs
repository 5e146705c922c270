//! `manifest.json`: whose bundle it is, the newest epoch, and how far its files must reach.
//!
//! One line, sealed like a record: its last member is the SHA-256 of all bytes before it. Always
//! replaced as a whole, so it is never torn; fields of a newer hob are kept.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Error;
use super::chain::Mark;
use super::record::{self, Sum};
use crate::domain::id::{Epoch, InstanceId};

/// Name of the file.
pub(super) const NAME: &str = "manifest.json";

/// The one format there is.
const FORMAT: &str = "bundle-v1";

/// Largest manifest.
pub(super) const SIZE_MAX: u64 = 1 << 20;

/// What stands on the cover of an instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    /// The hob that wrote it last, for people.
    pub hob: String,
    /// Whose bundle it is.
    #[serde(with = "text")]
    pub instance: InstanceId,
    /// How people call the instance: `acme/widgets#42 (triage)`. Foreign text.
    pub label: String,
    /// The newest epoch that was given out.
    pub epoch: Epoch,
    pub(super) log: Mark,
    pub(super) inbox: Mark,
    /// `None` until something was done about an effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) applied: Option<Mark>,
    /// When it was written, by the writer's clock.
    pub updated_at: Timestamp,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Manifest {
    /// Of a bundle in which nothing is settled yet.
    pub(super) fn new(hob: &str, instance: &InstanceId, label: &str, at: Timestamp) -> Self {
        let nothing = Mark { entries: 0, head: Sum::ZERO };
        Self {
            format: FORMAT.to_owned(),
            hob: hob.to_owned(),
            instance: instance.clone(),
            label: label.to_owned(),
            epoch: Epoch(0),
            log: nothing,
            inbox: nothing,
            applied: None,
            updated_at: at,
            unknown: Map::new(),
        }
    }

    /// Reads and verifies one.
    pub(super) fn parse(path: &Path, content: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Cover {
            format: String,
        }
        let damaged = |what: String| Error::Damaged { path: path.to_owned(), line: 1, offset: 0, what };
        let not_a_manifest = |error: serde_json::Error| damaged(format!("is not a manifest: {error}"));
        // The format first: a newer one may be sealed in another way.
        let Cover { format } = serde_json::from_slice(content).map_err(not_a_manifest)?;
        if format != FORMAT {
            return Err(match format.strip_prefix("bundle-v").and_then(|version| version.parse::<u32>().ok()) {
                Some(2..) => Error::Newer { path: path.to_owned(), found: format!("format `{format}`") },
                _ => damaged(format!("names a format that is not known: `{}`", format.escape_debug())),
            });
        }
        let line = content.strip_suffix(b"\n").filter(|line| record::unseal(line).is_some());
        let line = line.ok_or_else(|| damaged("does not match its checksum".to_owned()))?;
        let mut manifest: Self = serde_json::from_slice(line).map_err(not_a_manifest)?;
        manifest.unknown.remove("sum");
        Ok(manifest)
    }

    /// As it is stored: one sealed line.
    pub(super) fn line(&self) -> Result<String, Error> {
        let mut line =
            serde_json::to_string(self).map_err(|source| Error::Unstorable { kind: "manifest".into(), source })?;
        line.pop();
        record::seal(&mut line, 0);
        if line.len() as u64 > SIZE_MAX {
            return Err(Error::TooLarge { what: "the cover of an instance".to_owned(), most: SIZE_MAX });
        }
        Ok(line)
    }
}

/// An instance id in its text form.
mod text {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::domain::id::InstanceId;

    pub(super) fn serialize<S: Serializer>(id: &InstanceId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<InstanceId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> String {
        let instance = "github.com/700100/issue/42/triage".parse().unwrap();
        let at = "2026-03-01T09:00:00Z".parse().unwrap();
        Manifest::new("0.1.0", &instance, "acme/widgets#42 (triage)", at).line().unwrap()
    }

    fn parse(text: &str) -> Result<Manifest, Error> {
        Manifest::parse(Path::new(NAME), text.as_bytes())
    }

    #[test]
    fn a_manifest_is_one_sealed_line() {
        let text = manifest();
        insta::assert_snapshot!(text.trim_end(), @r#"{"format":"bundle-v1","hob":"0.1.0","instance":"github.com/700100/issue/42/triage","label":"acme/widgets#42 (triage)","epoch":0,"log":{"entries":0,"head":"0000000000000000000000000000000000000000000000000000000000000000"},"inbox":{"entries":0,"head":"0000000000000000000000000000000000000000000000000000000000000000"},"updated_at":"2026-03-01T09:00:00Z","sum":"1b8df7e4c1c628a9f2717e0580182a70a409c0e84acb2ca166f74244bd792da2"}"#);
        assert_eq!(parse(&text).unwrap().label, "acme/widgets#42 (triage)");
    }

    #[test]
    fn no_flipped_bit_passes() {
        let text = manifest();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut flipped = text.clone().into_bytes();
                flipped[at] ^= 1 << bit;
                assert!(Manifest::parse(Path::new(NAME), &flipped).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn another_format_is_refused_and_a_newer_one_says_so() {
        let parse = |text: &str| Manifest::parse(Path::new(NAME), text.as_bytes()).unwrap_err().to_string();
        insta::assert_snapshot!(parse(r#"{"format":"bundle-v2"}"#), @"`manifest.json` was written by a newer hob (format `bundle-v2`); use that version or a later one");
        insta::assert_snapshot!(parse(r#"{"format":"zip"}"#), @"`manifest.json` is damaged: line 1 (byte 0) names a format that is not known: `zip`; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
        insta::assert_snapshot!(parse("PK"), @"`manifest.json` is damaged: line 1 (byte 0) is not a manifest: expected value at line 1 column 1; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
    }

    #[test]
    fn fields_of_a_newer_hob_are_kept() {
        let text = manifest();
        let mut longer = text.split(",\"sum\"").next().unwrap().to_owned();
        longer.push_str(r#","hologram":{"a":1}"#);
        record::seal(&mut longer, 0);
        assert_eq!(parse(&longer).unwrap().line().unwrap(), longer);
    }
}

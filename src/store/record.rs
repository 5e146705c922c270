//! One line of a chained file: how it is written, and everything that must hold when it is read.
//!
//! ```text
//! {"seq":3,"epoch":1,"prev":"…","at":"…","session":"…","parent":2,"more":true,"kind":"…","body":{…},"sum":"…"}
//! ```
//!
//! `sum` is the SHA-256 of every byte of the line before `,"sum"`, and `prev` is the `sum` of the
//! line before: checksum and chain in one. `session` is left out when it is `default`, `parent`
//! when there is none, `more` unless the next line belongs to the same transaction. A reader takes
//! fields it does not know; a line is never rewritten, so they stay.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::domain::id::{Epoch, Seq, SessionId};

/// Longest line, its end counted.
pub(super) const LINE_MAX: usize = 64 << 20;

/// A checksum in the spelling it has in a file: 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum([u8; 64]);

impl Sum {
    /// What stands as `prev` in the first line.
    pub(super) const ZERO: Self = Self([b'0'; 64]);

    /// Of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::finish(Sha256::new_with_prefix(bytes))
    }

    /// Of everything that was hashed.
    pub(super) fn finish(hash: Sha256) -> Self {
        let mut digits = [0; 64];
        // Two digits for each of 32 bytes: the lengths fit.
        let _ = hex::encode_to_slice(hash.finalize(), &mut digits);
        Self(digits)
    }

    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Nothing but 64 lower-case hex digits is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits: [u8; 64] = text.as_bytes().try_into().ok()?;
        digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(digits))
    }
}

/// Appends `,"sum":"…"}` and the line's end to a JSON object that lacks its closing brace.
pub(super) fn seal(line: &mut String, from: usize) -> Sum {
    let sum = Sum::of(line.get(from..).unwrap_or_default().as_bytes());
    line.push_str(SUM_HEAD);
    line.push_str(sum.as_str());
    line.push_str("\"}\n");
    sum
}

/// The checksum of a line without its end, when it is the right one for its bytes.
pub(super) fn unseal(line: &[u8]) -> Option<Sum> {
    let (content, tail) = line.split_at_checked(line.len().checked_sub(SUM_HEAD.len() + 64 + 2)?)?;
    let digits = tail.strip_prefix(SUM_HEAD.as_bytes())?.strip_suffix(b"\"}")?;
    let sum = Sum::of(content);
    (digits == sum.0).then_some(sum)
}

const SUM_HEAD: &str = ",\"sum\":\"";

/// What the writer of a line decides; its place and its chain come from the file.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) session: Option<&'a SessionId>,
    pub(super) parent: Option<Seq>,
    pub(super) kind: &'a str,
    /// A JSON text without line ends.
    pub(super) body: &'a str,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) seq: Seq,
    pub(super) epoch: Epoch,
    pub(super) prev: Sum,
    pub(super) at: Timestamp,
    /// The next line belongs to the same transaction.
    pub(super) more: bool,
}

/// Appends one line to `lines`.
pub(super) fn write(lines: &mut String, place: Place, draft: &Draft<'_>) -> Sum {
    use std::fmt::Write as _;
    let Place { seq, epoch, prev, at, more } = place;
    let from = lines.len();
    lines.reserve(draft.body.len() + 320);
    // Writing to a String cannot fail.
    let _ = write!(lines, r#"{{"seq":{seq},"epoch":{epoch},"prev":"{}","at":"{at}""#, prev.as_str());
    if let Some(session) = draft.session.filter(|session| **session != SessionId::default()) {
        let _ = write!(lines, r#","session":{}"#, serde_json::Value::from(session.to_string()));
    }
    if let Some(parent) = draft.parent {
        let _ = write!(lines, r#","parent":{parent}"#);
    }
    if more {
        lines.push_str(r#","more":true"#);
    }
    let _ = write!(lines, r#","kind":{},"body":"#, serde_json::Value::from(draft.kind));
    lines.push_str(draft.body);
    seal(lines, from)
}

/// A line whose checksum is right.
#[derive(Debug, Deserialize)]
pub(super) struct Record<'a> {
    pub(super) seq: Seq,
    pub(super) epoch: Epoch,
    pub(super) prev: &'a str,
    pub(super) at: Timestamp,
    #[serde(default)]
    pub(super) session: SessionId,
    #[serde(default)]
    pub(super) parent: Option<Seq>,
    #[serde(default)]
    pub(super) more: bool,
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) body: &'a RawValue,
}

/// Where the next line of a file must continue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) seq: Seq,
    /// The lowest that may come: epochs never fall.
    pub(super) epoch: Epoch,
    pub(super) prev: Sum,
}

/// Reads a whole line, without its end.
///
/// # Errors
/// What is wrong with it, as the rest of "line 3 …".
pub(super) fn read(line: &[u8], expected: Expected) -> Result<(Record<'_>, Sum), String> {
    let (record, sum) = alone(line)?;
    if record.seq != expected.seq {
        return Err(format!("is numbered {}, not {}", record.seq, expected.seq));
    }
    if record.prev != expected.prev.as_str() {
        return Err("does not continue the line before it".to_owned());
    }
    if record.epoch < expected.epoch {
        return Err(format!("was written under epoch {}, after epoch {}", record.epoch, expected.epoch));
    }
    Ok((record, sum))
}

/// Reads a whole line, without its end, wherever it stands.
///
/// # Errors
/// As for [`read`].
pub(super) fn alone(line: &[u8]) -> Result<(Record<'_>, Sum), String> {
    let sum = unseal(line).ok_or("does not match its checksum")?;
    let record = serde_json::from_slice(line).map_err(|error| format!("is not a record: {error}"))?;
    Ok((record, sum))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line() -> (String, Sum) {
        let mut line = String::new();
        let place = Place {
            seq: Seq(3),
            epoch: Epoch(1),
            prev: Sum::of(b"before"),
            at: "2026-03-01T09:00:00Z".parse().unwrap(),
            more: true,
        };
        let session: SessionId = serde_json::from_str("\"child-1\"").unwrap();
        let draft = Draft { session: Some(&session), parent: Some(Seq(2)), kind: "note", body: r#"{"text":"a\nb"}"# };
        let sum = write(&mut line, place, &draft);
        (line, sum)
    }

    const HERE: Expected = Expected { seq: Seq(3), epoch: Epoch(1), prev: Sum::ZERO };

    #[test]
    fn a_line_has_its_fields_in_one_order() {
        let (line, sum) = line();
        insta::assert_snapshot!(line.trim_end(), @r#"{"seq":3,"epoch":1,"prev":"6db7d803e74f1ffa7d8f5adc0bf95b3e15bf4c8373fffadf546227cc6c6742cb","at":"2026-03-01T09:00:00Z","session":"child-1","parent":2,"more":true,"kind":"note","body":{"text":"a\nb"},"sum":"8df122f5b0479f2753325357ae8e4991a4e15367a976ee66da10b120e9a3f57b"}"#);
        let expected = Expected { prev: Sum::of(b"before"), ..HERE };
        let (record, read) = read(line.trim_end().as_bytes(), expected).unwrap();
        assert_eq!(read, sum);
        assert_eq!((record.parent, record.more, &*record.kind), (Some(Seq(2)), true, "note"));
        assert_eq!(record.body.get(), r#"{"text":"a\nb"}"#);
    }

    #[test]
    fn a_line_in_another_place_is_refused() {
        let (line, _) = line();
        let prev = Sum::of(b"before");
        for (expected, said) in [
            (Expected { prev, seq: Seq(4), ..HERE }, "is numbered 3, not 4"),
            (HERE, "does not continue the line before it"),
            (Expected { prev, epoch: Epoch(2), ..HERE }, "was written under epoch 1, after epoch 2"),
        ] {
            assert_eq!(read(line.trim_end().as_bytes(), expected).err().as_deref(), Some(said));
        }
    }

    #[test]
    fn a_reader_takes_fields_it_does_not_know() {
        let (line, _) = line();
        let mut longer = line.split(",\"sum\"").next().unwrap().to_owned();
        longer.push_str(r#","hologram":[1]"#);
        seal(&mut longer, 0);
        let expected = Expected { prev: Sum::of(b"before"), ..HERE };
        assert!(read(longer.trim_end().as_bytes(), expected).is_ok());
    }

    #[test]
    fn no_flipped_bit_passes() {
        let (line, _) = line();
        let expected = Expected { prev: Sum::of(b"before"), ..HERE };
        let bytes = line.trim_end().as_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.to_vec();
                flipped[at] ^= 1 << bit;
                assert!(read(&flipped, expected).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_line_nested_without_end_is_survived() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let body = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            let draft = Draft { session: None, parent: None, kind: "note", body: &body };
            let mut line = String::new();
            let at = "2026-03-01T09:00:00Z".parse().unwrap();
            write(&mut line, Place { seq: Seq(3), epoch: Epoch(1), prev: Sum::ZERO, at, more: false }, &draft);
            let (record, _) = read(line.trim_end().as_bytes(), HERE).unwrap();
            assert!(crate::domain::entry::Body::read(&record.kind, record.body).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_sealed_text_makes_a_reader_panic(text in prop_oneof![".{0,60}", "\\{\"(seq|kind|body|at)\":[-{}\\[\\]\"0-9a-z,:]{0,60}"]) {
            let mut line = text;
            seal(&mut line, 0);
            prop_assert!(read(line.trim_end().as_bytes(), HERE).is_err());
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&bytes, HERE).is_err());
        }
    }

    #[test]
    fn only_lower_case_hex_of_the_right_length_is_a_sum() {
        let zeros = "0".repeat(64);
        assert_eq!(Sum::parse(&zeros), Some(Sum::ZERO));
        for bad in ["", "00", &"A".repeat(64), &"g".repeat(64), &"0".repeat(65)] {
            assert!(Sum::parse(bad).is_none(), "`{bad}` passed");
        }
    }
}

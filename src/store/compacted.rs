//! What an opening may take on trust: the log before the first entry that its last compaction kept.
//!
//! A conversation is not sent any more from there, but runs, files and effects are still folded from all of
//! the log. So a database keeps, beside each long result of a tool, a short one without its content; and
//! who opens an instance there reads what is before that entry in short, each line for itself, and verifies
//! the chain from that entry on. Whoever exports, copies or shows an instance verifies all of it.

use serde_json::value::RawValue;

use super::record::{self, Draft, Place, Record};
use crate::domain::entry::{Body, Compaction};
use crate::domain::id::{Seq, SessionId};
use crate::domain::message::ToolResult;

/// A line that is not longer than this is kept as it is.
const LONG: usize = 1024;

/// How a database files a line of a log.
#[derive(Debug)]
pub(super) struct Filed {
    pub(super) kind: String,
    /// The line without what only a model reads, if that makes it shorter; without its end.
    pub(super) short: Option<String>,
}

/// Files a line, without its end. One that is no record is filed under no kind: it says so when it is read.
pub(super) fn file(line: &str) -> Filed {
    let Ok(record) = serde_json::from_str::<Record<'_>>(line) else {
        return Filed { kind: String::new(), short: None };
    };
    let short = if line.len() > LONG { shorten(&record) } else { None };
    Filed { kind: record.kind.into_owned(), short }
}

fn shorten(record: &Record<'_>) -> Option<String> {
    let Ok(Body::ToolResult(result)) = Body::read(&record.kind, record.body) else { return None };
    let body = serde_json::to_string(&ToolResult { content: String::new(), ..result }).ok()?;
    let Record { seq, epoch, prev, at, session, parent, more, kind, .. } = record;
    let place = Place { seq: *seq, epoch: *epoch, prev: record::Sum::parse(prev)?, at: *at, more: *more };
    let mut short = String::new();
    record::write(&mut short, place, &Draft { session: Some(session), parent: *parent, kind, body: &body });
    short.pop();
    Some(short)
}

/// The first entry that the last compaction of the conversation kept, by the lines of the log that are of
/// the kinds `compaction` and `leaf_moved`, in their order. A compaction that the conversation has left
/// behind counts for nothing. `None` where there is none, or a line of them cannot be read: then all of
/// the log is looked at.
pub(super) fn first_kept(turns: &[impl AsRef<[u8]>]) -> Option<Seq> {
    let mut leaf = Seq(u64::MAX);
    for line in turns.iter().rev() {
        let (record, _) = record::alone(line.as_ref()).ok()?;
        if record.session != SessionId::default() || record.seq > leaf {
            continue;
        }
        match body(&record)? {
            Body::LeafMoved(_) => leaf = record.parent?,
            Body::Compaction(Compaction { first_kept, .. }) => return Some(first_kept.min(record.seq)),
            _ => {}
        }
    }
    None
}

fn body(record: &Record<'_>) -> Option<Body> {
    let body: &RawValue = record.body;
    Body::read(&record.kind, body).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::id::Epoch;
    use crate::store::record::Sum;

    fn line(seq: u64, parent: u64, session: &str, kind: &str, body: &serde_json::Value) -> String {
        let session: SessionId = serde_json::from_value(json!(session)).unwrap();
        let at = "2026-03-01T09:00:00Z".parse().unwrap();
        let place = Place { seq: Seq(seq), epoch: Epoch(1), prev: Sum::of(b"before"), at, more: true };
        let draft = Draft { session: Some(&session), parent: Some(Seq(parent)), kind, body: &body.to_string() };
        let mut line = String::new();
        record::write(&mut line, place, &draft);
        line.pop();
        line
    }

    /// A log's turns from words: `9:compact:4` (entry 9 keeps from 4 on), `9:back:4` (the leaf goes to 4),
    /// `9:child:4` (a delegated conversation is compacted).
    fn kept(words: &str) -> Option<u64> {
        let turn = |word: &str| {
            let mut parts = word.split(':');
            let mut part = || parts.next().unwrap();
            let (seq, what, of): (u64, _, u64) = (part().parse().unwrap(), part(), part().parse().unwrap());
            let compaction = json!({
                "summary": "s", "first_kept": of, "tokens_before": 1, "files_read": [], "files_changed": [],
            });
            match what {
                "compact" => line(seq, seq - 1, "default", "compaction", &compaction),
                "child" => line(seq, seq - 1, "child", "compaction", &compaction),
                _ => line(seq, of, "default", "leaf_moved", &json!({ "to": of, "reason": "overflow" })),
            }
        };
        first_kept(&words.split_whitespace().map(turn).collect::<Vec<_>>()).map(|seq| seq.0)
    }

    #[test]
    fn the_last_compaction_of_the_conversation_says_what_is_kept() {
        for (words, expected) in [
            ("", None),
            ("9:back:4", None),
            ("9:compact:4", Some(4)),
            ("9:compact:4 20:compact:15", Some(15)),
            ("9:compact:4 20:child:15", Some(4)),
            ("9:back:7 10:compact:4", Some(4)),
            // Left behind, with what it kept.
            ("9:compact:4 20:compact:15 22:back:18", Some(4)),
            ("9:compact:4 20:compact:15 22:back:20", Some(15)),
            ("9:compact:4 12:back:8", None),
            // The move is left behind itself.
            ("9:compact:4 12:back:8 20:back:10", Some(4)),
            // Nothing of what comes after it can be spared.
            ("9:compact:40", Some(9)),
        ] {
            assert_eq!(kept(words), expected, "after `{words}`");
        }
        assert_eq!(first_kept(&["{}"]), None);
    }

    #[test]
    fn a_long_result_is_kept_in_short_beside_itself() {
        let result = json!({ "call": "1", "name": "read", "content": "x".repeat(LONG), "is_error": true });
        let Filed { kind, short } = file(&line(7, 6, "child", "tool_result", &result));
        let short = short.unwrap();
        insta::assert_snapshot!(short, @r#"{"seq":7,"epoch":1,"prev":"6db7d803e74f1ffa7d8f5adc0bf95b3e15bf4c8373fffadf546227cc6c6742cb","at":"2026-03-01T09:00:00Z","session":"child","parent":6,"more":true,"kind":"tool_result","body":{"call":"1","name":"read","content":"","is_error":true},"sum":"529c2e531c33ee247fc0bf9774ebe870baebd1dda62a08f97d3d5e7991520da4"}"#);
        assert_eq!(kind, "tool_result");
        assert!(record::alone(short.as_bytes()).is_ok());
    }

    #[test]
    fn what_a_history_needs_is_kept_as_it_is() {
        for (kind, body) in [
            ("tool_result", json!({ "call": "1", "name": "read", "content": "short" })),
            ("note", json!({ "text": "x".repeat(LONG) })),
            ("hologram", json!("x".repeat(LONG))),
        ] {
            let filed = file(&line(7, 6, "default", kind, &body));
            assert_eq!((filed.kind.as_str(), filed.short), (kind, None));
        }
        assert_eq!(file("{").kind, "");
    }
}

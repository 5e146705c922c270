//! Recorded conversations as a file: JSON Lines, the first of which names the model that
//! answered, every other one answer under its place.
//!
//! ```text
//! {"hob_replay":1,"model":"anthropic/claude-sonnet-5"}
//! {"run":0,"turn":0,"request":"<digest>","answer":{"blocks":[…],"stop":"end","usage":{…}}}
//! {"run":0,"turn":1,"summary":0,"request":"<digest>","answer":{…}}
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Place, Purpose};
use crate::domain::id::SessionId;
use crate::domain::message::{Answer, Block, Stop, Usage};

/// Biggest file that is read.
const FILE_MAX: u64 = 32 << 20;
/// The only version so far.
const VERSION: u32 = 1;

/// A file's content.
#[derive(Debug, Default)]
pub(super) struct Tape {
    /// `provider/model` that answered.
    pub(super) model: String,
    pub(super) takes: BTreeMap<Place, Take>,
}

/// One recorded answer.
#[derive(Clone, Debug)]
pub(super) struct Take {
    /// Digest of what was asked; absent in a file written by hand.
    pub(super) request: Option<String>,
    pub(super) answer: Recorded,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    hob_replay: u32,
    model: String,
}

/// Every other line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TakeLine {
    run: u32,
    /// Where a task's conversation was answered.
    #[serde(default, skip_serializing_if = "is_first")]
    session: SessionId,
    turn: u32,
    /// Which cut before that turn, if it is no answer but a summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summary: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    answer: Recorded,
}

/// An [`Answer`] without what stands elsewhere in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    pub(super) blocks: Vec<Block>,
    pub(super) stop: Stop,
    /// Where another model than the file's answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) usage: Usage,
}

/// A file that holds no recorded conversation.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTape {
    /// It cannot be read.
    #[error("replay file `{path}` cannot be read: {source}; give a file that `--record FILE` wrote")]
    Io {
        /// As given.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is too big.
    #[error("replay file `{path}` is longer than 32 MiB")]
    TooBig {
        /// As given.
        path: String,
    },
    /// A line is not what it should be.
    #[error("replay file `{path}`, line {line}: {reason}")]
    Line {
        /// As given.
        path: String,
        /// From 1.
        line: usize,
        /// Why.
        reason: String,
    },
}

impl Tape {
    pub(super) fn read(path: &Path) -> Result<Self, InvalidTape> {
        let shown = path.display().to_string();
        let io = |source| InvalidTape::Io { path: shown.clone(), source };
        let mut text = String::new();
        File::open(path).map_err(io)?.take(FILE_MAX + 1).read_to_string(&mut text).map_err(io)?;
        if text.len() as u64 > FILE_MAX {
            return Err(InvalidTape::TooBig { path: shown });
        }
        Self::parse(&text).map_err(|(line, reason)| InvalidTape::Line { path: shown, line, reason })
    }

    /// The content of a file, or the line (from 1) that is wrong and why.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut lines = text.lines().enumerate();
        let header: Header = match lines.next() {
            Some((_, first)) => serde_json::from_str(first)
                .map_err(|error| (1, format!("not the head of a replay file (`{{\"hob_replay\":1,…}}`): {error}")))?,
            None => return Err((1, "the file is empty; `--record FILE` makes one".to_owned())),
        };
        if header.hob_replay != VERSION {
            return Err((1, format!("version {} is not {VERSION}, the one that this hob reads", header.hob_replay)));
        }
        let mut tape = Self { model: header.model, takes: BTreeMap::new() };
        for (at, line) in lines {
            let TakeLine { run, session, turn, summary, request, answer } =
                serde_json::from_str(line).map_err(|error| (at + 1, format!("not a recorded answer: {error}")))?;
            let purpose = summary.map_or(Purpose::Turn, |cut| Purpose::Summary { cut });
            let place = Place { run, session, turn, purpose };
            if tape.takes.insert(place.clone(), Take { request, answer }).is_some() {
                return Err((at + 1, format!("a second answer for {place}")));
            }
        }
        Ok(tape)
    }
}

impl Header {
    pub(super) fn of(model: &str) -> Self {
        Self { hob_replay: VERSION, model: model.to_owned() }
    }
}

impl TakeLine {
    pub(super) fn of(place: Place, take: &Take) -> Self {
        let Take { request, answer } = take.clone();
        let Place { run, session, turn, purpose } = place;
        let summary = match purpose {
            Purpose::Turn => None,
            Purpose::Summary { cut } => Some(cut),
        };
        Self { run, session, turn, summary, request, answer }
    }
}

fn is_first(session: &SessionId) -> bool {
    *session == SessionId::default()
}

impl Recorded {
    /// The answer, given again to `request`.
    pub(super) fn answer(self, model: &str, request: String) -> Answer {
        let Self { blocks, stop, model: own, usage } = self;
        Answer { blocks, stop, model: own.unwrap_or_else(|| model.to_owned()), usage, request }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"hob_replay":1,"model":"anthropic/m"}"#;
    const TAKE: &str = r#"{"run":0,"turn":0,"answer":{"blocks":[{"type":"text","text":"hi"}],"stop":"end"}}"#;

    #[test]
    fn a_file_is_read_strictly_and_faults_name_their_line() {
        let cases = [
            String::new(),
            "{}".to_owned(),
            r#"{"hob_replay":2,"model":"m"}"#.to_owned(),
            format!("{HEAD}\n\n"),
            format!("{HEAD}\n{TAKE}\n{TAKE}"),
            format!("{HEAD}\n{}", TAKE.replace("\"stop\"", "\"stopp\"")),
            format!("{HEAD}\n{}", &TAKE[..40]),
        ];
        let said: Vec<String> = cases
            .iter()
            .map(|text| Tape::parse(text).map(|_| ()).unwrap_err())
            .map(|(line, reason)| format!("{line}: {reason}"))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        1: the file is empty; `--record FILE` makes one
        1: not the head of a replay file (`{"hob_replay":1,…}`): missing field `hob_replay` at line 1 column 2
        1: version 2 is not 1, the one that this hob reads
        2: not a recorded answer: EOF while parsing a value at line 1 column 0
        3: a second answer for run 0, turn 0
        2: not a recorded answer: unknown field `stopp`, expected one of `blocks`, `stop`, `model`, `usage` at line 1 column 74
        2: not a recorded answer: EOF while parsing a string at line 1 column 40
        "#);
        assert_eq!(Tape::parse(&format!("{HEAD}\n{TAKE}\n")).unwrap().takes.len(), 1);
    }
}

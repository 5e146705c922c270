//! The fold, on logs that are written in words.

use super::*;
use crate::domain::entry::{AttemptStarted, Input, LeafMoved, MessageInterrupted, Note, Settled};
use crate::domain::id::{Epoch, EventKey, InstanceId, InstanceKind};
use crate::domain::message::{Block, Call, Stop, Usage};

/// Builds a log from words: `start`, `input`, `ask`, `say`, `call`, `calls` (two), `result`,
/// `cut`, `finish`, `finished`, `land`, `settle`, `other` (another run is settled), `back:<n>` (the leaf goes to entry n).
pub(crate) fn log(words: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut leaf = None;
    for word in words.split_whitespace() {
        let seq = Seq(entries.len() as u64);
        let body = match word {
            "start" => Body::AttemptStarted(AttemptStarted {
                run: run(),
                attempt: 1 + entries.iter().filter(|e| e.body.kind() == "attempt_started").count() as u32,
                hob: "0".into(),
                model: "m".into(),
                sandbox: "s".into(),
            }),
            "input" => Body::Input(Input {
                run: run(),
                event_key: EventKey::from_parts(["e"]),
                task: Default::default(),
                marker: "hob-0".into(),
            }),
            "ask" => Body::Message(Message::User { text: "task".into() }),
            "land" => Body::Note(Note { text: format!("{LAND} land") }),
            "say" => answer(&[], Stop::End),
            "call" => answer(&[("1", "bash")], Stop::Tools),
            "calls" => answer(&[("1", "bash"), ("2", "read")], Stop::Tools),
            "finish" => answer(&[("1", "finish")], Stop::Tools),
            "finish+" => answer(&[("1", "finish"), ("2", "read")], Stop::Tools),
            "result" | "finished" => Body::ToolResult(ToolResult {
                call: "1".into(),
                name: if word == "result" { "bash" } else { "finish" }.into(),
                content: "ok".into(),
                is_error: false,
                images: Vec::new(),
            }),
            "cut" => Body::MessageInterrupted(MessageInterrupted {
                reason: "cut".into(),
                transient: true,
                partial: String::new(),
                unshown: false,
            }),
            "stop" => Body::MessageInterrupted(MessageInterrupted {
                reason: "stopped".into(),
                transient: false,
                partial: String::new(),
                unshown: false,
            }),
            "settle" | "other" => Body::Settled(Settled {
                run: if word == "settle" {
                    run()
                } else {
                    RunId::derive(&instance(), &EventKey::from_parts(["o"]), None)
                },
                outcome: crate::domain::outcome::Outcome::Completed { limited: None },
                message: "done".into(),
                result: None,
                usage: Usage::default(),
                cost_nano_usd: None,
            }),
            back => {
                let to = Seq(back.strip_prefix("back:").unwrap().parse().unwrap());
                leaf = Some(to);
                Body::LeafMoved(LeafMoved { to, reason: "overflow".into() })
            }
        };
        entries.push(Entry {
            seq,
            epoch: Epoch(1),
            at: jiff::Timestamp::UNIX_EPOCH,
            session: SessionId::default(),
            parent: leaf,
            body,
        });
        leaf = Some(seq);
    }
    entries
}

fn instance() -> InstanceId {
    InstanceId { host: "h".into(), repo: 1, kind: InstanceKind::Issue, key: "4".into(), agent: "a".parse().unwrap() }
}

pub(crate) fn run() -> RunId {
    RunId::derive(&instance(), &EventKey::from_parts(["e"]), None)
}

fn answer(calls: &[(&str, &str)], stop: Stop) -> Body {
    let calls = calls.iter().map(|(id, name)| Call { id: (*id).into(), name: (*name).into(), arguments: "{}".into() });
    let text = Block::Text { text: "words".into() };
    Body::Message(Message::Assistant(Answer {
        blocks: std::iter::once(text).chain(calls.map(Block::Call)).collect(),
        stop,
        model: "m".into(),
        usage: Usage { input: 10, ..Usage::default() },
        request: String::new(),
    }))
}

fn shape(history: &History) -> String {
    let turn = |turn: &Turn| match turn {
        Turn::User(_) => "user".to_owned(),
        Turn::Answer(_) => "answer".to_owned(),
        Turn::Results(results) => format!("results:{}", results.len()),
    };
    history.turns.iter().map(turn).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_log_folds_into_what_was_said() {
    for (words, expected) in [
        ("", ""),
        ("start input ask", "user"),
        ("start input ask cut start", "user"),
        ("start input ask call", "user answer"),
        ("start input ask call result say settle", "user answer results:1 answer"),
        ("start input ask calls result start result say", "user answer results:2 answer"),
        ("start input ask call result land say", "user answer results:1 user answer"),
        // The answer that overflowed is left behind, its results with it.
        ("start input ask call result back:2 say", "user answer"),
    ] {
        assert_eq!(shape(&History::of(log(words))), expected, "after `{words}`");
    }
}

#[test]
fn what_a_run_spent_is_counted_over_its_attempts() {
    let history = History::of(log("start input ask call cut cut start result say"));
    let run = history.find(&run()).unwrap();
    assert_eq!((run.attempts, run.spent.turns, run.spent.usage.input, run.failures), (2, 2, 20, 0));
    assert!(History::of(log("start input ask land")).runs[0].told_to_land);
    assert_eq!(History::of(log("start input ask cut stop cut")).runs[0].failures, 2);
}

#[test]
fn what_follows_a_run_that_joined_is_counted_for_the_one_it_joined() {
    let history = History::of(log("start input ask call result ask other land cut say"));
    let run = history.find(&run()).unwrap();
    assert_eq!((run.spent.turns, run.told_to_land, run.said.as_str()), (2, true, "words"));
    let other = &history.runs[1];
    assert_eq!((other.spent.turns, other.asked, other.settled.is_some()), (0, false, true));
    assert_eq!(shape(&history), "user answer results:1 user user answer");
}

#[test]
fn the_first_outcome_wins() {
    let mut entries = log("start input ask say settle settle");
    if let Some(Entry { body: Body::Settled(settled), .. }) = entries.last_mut() {
        settled.message = "late".into();
    }
    assert_eq!(History::of(entries).runs[0].settled.as_ref().unwrap().message, "done");
}

#[test]
fn a_path_whose_parents_lie_ahead_ends_instead_of_looping() {
    let mut entries = log("start input ask");
    entries[1].parent = Some(Seq(2));
    assert_eq!(shape(&History::of(entries)), "user");
}

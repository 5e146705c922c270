//! How far did a run get? Answered from the log alone, for every prefix of a valid log.

use super::history::{History, Turn};
use crate::domain::entry::Body;
use crate::domain::id::RunId;
use crate::domain::message::{Answer, Block, Call, Stop, ToolResult};

/// Name of the tool that ends a run with a value.
pub const FINISH: &str = "finish";

/// Name of the tool that ends a run without one.
pub const GIVE_UP: &str = "give_up";

/// What the model reads of a call that may have run before a kill.
pub const UNKNOWN: &str = "Outcome unknown: hob was stopped while this call may have been running, and it is not run again by \
                       itself. Look at what is there before you repeat it.";

/// What a run waits for.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Its input, prompt or task is not recorded yet.
    NotAsked,
    /// The model's next answer.
    Turn,
    /// Results of these calls of the last answer, in their order.
    Tools(Vec<Call>),
    /// Nothing but its settlement.
    Done(Ending),
    /// Nothing: it is settled.
    Settled,
}

/// How the conversation of a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// With a last answer.
    Said,
    /// Through `finish`, with these arguments.
    Finished(serde_json::Value),
    /// Through `give_up`, for this reason.
    GaveUp(String),
    /// The model, or its provider's filter, refused.
    Refused,
}

/// Tells what the run waits for. `needs_result` is whether its agent must end through `finish`.
pub fn progress(history: &History, run: &RunId, needs_result: bool) -> Progress {
    let Some(known) = history.find(run) else { return Progress::NotAsked };
    if known.settled.is_some() {
        return Progress::Settled;
    }
    if history.prompt.is_none() || !known.asked {
        return Progress::NotAsked;
    }
    match history.turns.as_slice() {
        [.., Turn::Answer(answer)] => after_answer(answer, &[], needs_result),
        [.., Turn::Answer(answer), Turn::Results(results)] => after_answer(answer, results, needs_result),
        _ => Progress::Turn,
    }
}

fn after_answer(answer: &Answer, results: &[ToolResult], needs_result: bool) -> Progress {
    let calls = calls(answer);
    // Every call gets its result, also after the one that ended the run: no conversation is sent
    // again with a call that nobody answered.
    let missing: Vec<Call> = missing(&calls, results);
    if !missing.is_empty() {
        return Progress::Tools(missing);
    }
    if let Some(ending) = calls.iter().find_map(|call| ended_by(call, results)) {
        return Progress::Done(ending);
    }
    match answer.stop {
        Stop::Refused => Progress::Done(Ending::Refused),
        _ if !calls.is_empty() => Progress::Turn,
        Stop::End | Stop::Tools if !needs_result => Progress::Done(Ending::Said),
        // Cut at the output limit, or still owing its result: the loop says so and asks again.
        Stop::End | Stop::Tools | Stop::Length => Progress::Turn,
    }
}

/// The calls of the last answer that have no result yet, in their order.
pub fn open_calls(history: &History) -> Vec<Call> {
    match history.turns.as_slice() {
        [.., Turn::Answer(answer)] => calls(answer),
        [.., Turn::Answer(answer), Turn::Results(results)] => missing(&calls(answer), results),
        _ => Vec::new(),
    }
}

/// A result for every open call, so that what comes next may be sent: they may have run.
pub fn closing(history: &History) -> Vec<Body> {
    let unknown = |call: Call| {
        Body::ToolResult(ToolResult {
            call: call.id,
            name: call.name,
            content: UNKNOWN.to_owned(),
            is_error: true,
            images: Vec::new(),
        })
    };
    open_calls(history).into_iter().map(unknown).collect()
}

fn missing(calls: &[Call], results: &[ToolResult]) -> Vec<Call> {
    calls.iter().filter(|call| !results.iter().any(|result| result.call == call.id)).cloned().collect()
}

/// Whether one of the last answer's calls has ended the run already.
pub fn has_ended(history: &History) -> bool {
    match history.turns.as_slice() {
        [.., Turn::Answer(answer), Turn::Results(results)] => {
            calls(answer).iter().any(|call| ended_by(call, results).is_some())
        }
        _ => false,
    }
}

/// Whether an answer stopped before its end: at the limit of output tokens, or with calls that did
/// not end as a tool call does.
pub fn is_cut(answer: &Answer) -> bool {
    answer.stop == Stop::Length || (answer.stop != Stop::Tools && !calls(answer).is_empty())
}

fn ended_by(call: &Call, results: &[ToolResult]) -> Option<Ending> {
    results.iter().find(|result| result.call == call.id && !result.is_error)?;
    let arguments = call.arguments().ok()?;
    match call.name.as_str() {
        FINISH => Some(Ending::Finished(arguments.into())),
        GIVE_UP => {
            let reason = arguments.get("reason").and_then(|reason| reason.as_str()).unwrap_or_default();
            Some(Ending::GaveUp(reason.to_owned()))
        }
        _ => None,
    }
}

/// The calls of an answer, in their order.
pub fn calls(answer: &Answer) -> Vec<Call> {
    let call = |block: &Block| match block {
        Block::Call(call) => Some(call.clone()),
        _ => None,
    };
    answer.blocks.iter().filter_map(call).collect()
}

/// Everything an answer said aloud, pieces apart from each other.
pub fn text(answer: &Answer) -> String {
    let text = |block: &Block| match block {
        Block::Text { text } if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    };
    answer.blocks.iter().filter_map(text).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::{log, run};
    use super::*;
    use crate::domain::entry::Prompt;
    use crate::domain::name::Thinking;

    fn prompt() -> Prompt {
        Prompt {
            system: String::new(),
            environment: String::new(),
            tools: vec![],
            agent_digest: String::new(),
            thinking: Thinking::Off,
        }
    }

    fn after(words: &str, needs_result: bool) -> String {
        let mut history = History::of(log(words));
        history.prompt = Some(prompt());
        match progress(&history, &run(), needs_result) {
            Progress::NotAsked => "not asked".into(),
            Progress::Turn => "turn".into(),
            Progress::Tools(calls) => {
                format!("tools {}", calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>().join(","))
            }
            Progress::Done(Ending::Finished(_)) => "finished".into(),
            Progress::Done(Ending::Said) => "said".into(),
            Progress::Done(other) => panic!("{other:?}"),
            Progress::Settled => "settled".into(),
        }
    }

    #[test]
    fn every_prefix_of_a_log_tells_what_its_run_waits_for() {
        for (words, expected) in [
            ("", "not asked"),
            ("start", "not asked"),
            ("start input", "not asked"),
            ("start input ask", "turn"),
            ("start input ask cut", "turn"),
            ("start input ask call", "tools bash"),
            ("start input ask calls", "tools bash,read"),
            ("start input ask calls result", "tools read"),
            ("start input ask call result", "turn"),
            ("start input ask call result say", "said"),
            ("start input ask call result say settle", "settled"),
        ] {
            assert_eq!(after(words, false), expected, "after `{words}`");
        }
    }

    #[test]
    fn an_agent_with_a_result_is_done_only_through_finish() {
        for (words, expected) in [
            ("start input ask say", "turn"),
            ("start input ask finish", "tools finish"),
            ("start input ask finish finished", "finished"),
            // A call beside the one that ended the run still gets its result first.
            ("start input ask finish+ finished", "tools read"),
        ] {
            assert_eq!(after(words, true), expected, "after `{words}`");
        }
    }

    /// A log as a writer may leave it: each choice takes one of the words that may come next.
    fn written(choices: &[usize]) -> Vec<&'static str> {
        let mut words: Vec<&str> = vec!["start", "input", "ask"];
        for choice in choices {
            let next: &[&str] = match words.iter().rev().find(|word| **word != "start") {
                Some(&"call" | &"finish") => &["result", "start"],
                Some(&"calls" | &"finish+") => &["result", "start"],
                Some(&"say") => break,
                _ => &["call", "calls", "say", "cut", "stop", "finish", "finish+", "land", "start"],
            };
            words.push(next[choice % next.len()]);
        }
        words
    }

    proptest::proptest! {
        #[test]
        fn no_conversation_goes_on_over_an_open_call(choices in proptest::collection::vec(0..9_usize, 0..30)) {
            let words = written(&choices);
            for end in 0..=words.len() {
                let prefix = words[..end].join(" ");
                let mut history = History::of(log(&prefix));
                history.prompt = Some(prompt());
                let open = open_calls(&history);
                match progress(&history, &run(), false) {
                    Progress::Tools(missing) => proptest::prop_assert_eq!(missing, open, "after `{}`", prefix),
                    _ => proptest::prop_assert!(open.is_empty(), "after `{}`", prefix),
                }
                let leaf = history.leaf;
                for body in closing(&history) {
                    let entry = crate::domain::entry::Entry {
                        seq: crate::domain::id::Seq(leaf.0 + 1),
                        epoch: crate::domain::id::Epoch(1),
                        at: jiff::Timestamp::UNIX_EPOCH,
                        session: Default::default(),
                        parent: Some(leaf),
                        body,
                    };
                    history.add(entry);
                }
                proptest::prop_assert!(open_calls(&history).is_empty(), "closed after `{}`", prefix);
            }
        }
    }
}

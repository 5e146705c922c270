//! How far did a run get? Answered from the log alone, for every prefix of a valid log.

use super::history::{History, Turn};
use crate::domain::id::RunId;
use crate::domain::message::{Answer, Block, Call, Stop, ToolResult};

/// Name of the tool that ends a run with a value.
pub const FINISH: &str = "finish";

/// Name of the tool that ends a run without one.
pub const GIVE_UP: &str = "give_up";

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
    if let Some(ending) = calls.iter().find_map(|call| ended_by(call, results)) {
        return Progress::Done(ending);
    }
    let missing: Vec<Call> =
        calls.iter().filter(|call| !results.iter().any(|result| result.call == call.id)).cloned().collect();
    if !missing.is_empty() {
        return Progress::Tools(missing);
    }
    match answer.stop {
        _ if !calls.is_empty() => Progress::Turn,
        Stop::Refused => Progress::Done(Ending::Refused),
        Stop::End | Stop::Tools if !needs_result => Progress::Done(Ending::Said),
        // Cut at the output limit, or still owing its result: the loop says so and asks again.
        Stop::End | Stop::Tools | Stop::Length => Progress::Turn,
    }
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

    fn after(words: &str, needs_result: bool) -> String {
        let mut history = History::of(log(words));
        history.prompt = Some(Prompt {
            system: String::new(),
            environment: String::new(),
            tools: vec![],
            agent_digest: String::new(),
            thinking: Thinking::Off,
        });
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
        ] {
            assert_eq!(after(words, true), expected, "after `{words}`");
        }
    }
}

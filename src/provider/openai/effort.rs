//! How hard each generation of OpenAI's models is told to think: a table, because every generation
//! refuses what another one wants. And how the same is told to the models of others.

mod others;

use serde::Serialize;

use crate::domain::name::Thinking;

pub(in crate::provider) use others::Takes;

/// The part of a Chat Completions request about thinking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Effort {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Toggle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Toggle {
    Enabled,
    Disabled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Reasoning {
    effort: &'static str,
}

/// The words a generation takes.
#[derive(Clone, Copy)]
enum Words {
    /// `low` to `high`; always reasons.
    FromLow,
    /// `minimal` to `high`; always reasons.
    FromMinimal,
    /// `none` to `high`.
    FromNone,
    /// `none` to `xhigh`.
    UpToXHigh,
}

/// What it takes beside tools in Chat Completions.
#[derive(Clone, Copy)]
enum WithTools {
    /// The same.
    Same,
    /// No word at all.
    Nothing,
    /// `none`, and leaving it out is refused too.
    OnlyNone,
}

/// By the name or its beginning up to a `-`. Sources: the reference of `reasoning_effort` at
/// <https://developers.openai.com/api/docs/guides/reasoning>, and for tools on Chat Completions
/// <https://github.com/openai/openai-openapi/issues/541> and
/// <https://github.com/BerriAI/litellm/pull/34569>, seen 2026-11-23. Other models are told nothing.
const GENERATIONS: &[(&str, Words, WithTools)] = &[
    ("o1", Words::FromLow, WithTools::Same),
    ("o3", Words::FromLow, WithTools::Same),
    ("o4", Words::FromLow, WithTools::Same),
    ("gpt-5", Words::FromMinimal, WithTools::Same),
    ("gpt-5.1", Words::FromNone, WithTools::Same),
    ("gpt-5.2", Words::UpToXHigh, WithTools::Nothing),
    ("gpt-5.4", Words::UpToXHigh, WithTools::Nothing),
    ("gpt-5.5", Words::UpToXHigh, WithTools::Nothing),
    ("gpt-5.6", Words::UpToXHigh, WithTools::OnlyNone),
    ("gpt-6", Words::UpToXHigh, WithTools::OnlyNone),
];

/// The word for a model in Chat Completions.
fn in_chat(model: &str, thinking: Thinking, tools: bool) -> Option<&'static str> {
    match find(model)? {
        (_, WithTools::Nothing) if tools => None,
        (_, WithTools::OnlyNone) if tools => Some("none"),
        (words, _) => Some(word(words, thinking)),
    }
}

/// The word for a model in Responses; `None` for one that is not known to reason.
pub(super) fn in_responses(model: &str, thinking: Thinking) -> Option<&'static str> {
    find(model).map(|(words, _)| word(words, thinking))
}

fn find(model: &str) -> Option<(Words, WithTools)> {
    let starts = |start: &str| model.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    GENERATIONS.iter().find(|(start, ..)| starts(start)).map(|(_, words, with_tools)| (*words, *with_tools))
}

fn word(words: Words, thinking: Thinking) -> &'static str {
    match (words, thinking) {
        (Words::FromLow, Thinking::Off | Thinking::Minimal) => "low",
        (Words::FromMinimal, Thinking::Off | Thinking::Minimal) => "minimal",
        (_, Thinking::Off) => "none",
        (_, Thinking::Minimal | Thinking::Low) => "low",
        (_, Thinking::Medium) => "medium",
        (Words::UpToXHigh, Thinking::XHigh) => "xhigh",
        (_, Thinking::High | Thinking::XHigh) => "high",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Thinking; 4] = [Thinking::Off, Thinking::Minimal, Thinking::Medium, Thinking::XHigh];

    #[test]
    fn every_generation_is_told_in_its_own_words() {
        let mut table = String::new();
        for model in ["o3", "gpt-5-mini", "gpt-5.1", "gpt-5.4-mini", "gpt-5.6-luna", "gpt-50", "llama-4"] {
            let in_chat = |tools| LEVELS.map(|level| in_chat(model, level, tools).unwrap_or("-")).join(" ");
            table.push_str(&format!("{model} alone {}\n", in_chat(false)));
            table.push_str(&format!("{model} with tools {}\n", in_chat(true)));
            let words = LEVELS.map(|level| in_responses(model, level).unwrap_or("-")).join(" ");
            table.push_str(&format!("{model} in Responses {words}\n"));
        }
        insta::assert_snapshot!(table, @r"
        o3 alone low low medium high
        o3 with tools low low medium high
        o3 in Responses low low medium high
        gpt-5-mini alone minimal minimal medium high
        gpt-5-mini with tools minimal minimal medium high
        gpt-5-mini in Responses minimal minimal medium high
        gpt-5.1 alone none low medium high
        gpt-5.1 with tools none low medium high
        gpt-5.1 in Responses none low medium high
        gpt-5.4-mini alone none low medium xhigh
        gpt-5.4-mini with tools - - - -
        gpt-5.4-mini in Responses none low medium xhigh
        gpt-5.6-luna alone none low medium xhigh
        gpt-5.6-luna with tools none none none none
        gpt-5.6-luna in Responses none low medium xhigh
        gpt-50 alone - - - -
        gpt-50 with tools - - - -
        gpt-50 in Responses - - - -
        llama-4 alone - - - -
        llama-4 with tools - - - -
        llama-4 in Responses - - - -
        ");
    }
}

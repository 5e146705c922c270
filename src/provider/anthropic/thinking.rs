//! How each generation of models is told how hard to think: a table, because every generation
//! refuses what another one wants.

use serde::Serialize;

use crate::domain::name::Thinking;

/// The part of a request about thinking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Effort {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Mode {
    Disabled,
    BetweenTools,
    Enabled {
        budget_tokens: u32,
    },
    Adaptive {
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct OutputConfig {
    effort: &'static str,
}

impl Effort {
    /// Whether the API refuses an open tool turn whose answer does not begin with a thought.
    pub(super) fn demands_thought(self) -> bool {
        matches!(self.thinking, Some(Mode::Enabled { .. }))
    }
}

/// What a generation takes.
#[derive(Clone, Copy)]
enum Takes {
    /// A number of tokens.
    Budget,
    /// An effort without `xhigh`; does not think unless asked to.
    FirstAdaptive,
    /// An effort; does not think unless asked to.
    Adaptive,
    /// An effort; thinks unless told not to.
    AdaptiveByDefault,
    /// An effort; thinks at least between tools.
    BetweenTools,
    /// An effort; always thinks.
    AlwaysAdaptive,
}

/// By the beginning of the name, more special ones first. Sources:
/// <https://platform.claude.com/docs/en/build-with-claude/thinking>,
/// <https://platform.claude.com/docs/en/build-with-claude/effort> and the migration guides, seen
/// 2026-11-23. A model that is not listed is told nothing and decides for itself.
const TAKES: &[(&str, Takes)] = &[
    ("claude-opus-5-5", Takes::AlwaysAdaptive),
    ("claude-sonnet-5-5", Takes::BetweenTools),
    ("claude-haiku-5-5", Takes::AdaptiveByDefault),
    ("claude-fable-5", Takes::AlwaysAdaptive),
    ("claude-mythos-", Takes::AlwaysAdaptive),
    ("claude-opus-5", Takes::AdaptiveByDefault),
    ("claude-sonnet-5", Takes::AdaptiveByDefault),
    ("claude-opus-4-8", Takes::Adaptive),
    ("claude-opus-4-7", Takes::Adaptive),
    ("claude-opus-4-6", Takes::FirstAdaptive),
    ("claude-sonnet-4-6", Takes::FirstAdaptive),
    ("claude-opus-4", Takes::Budget),
    ("claude-sonnet-4", Takes::Budget),
    ("claude-haiku-4-5", Takes::Budget),
    ("claude-3-7-sonnet", Takes::Budget),
];

/// Smallest budget that the API takes.
const BUDGET_MIN: u32 = 1024;

/// What to send so that `model` thinks this hard.
pub(super) fn effort(model: &str, thinking: Thinking, max_tokens: u32) -> Effort {
    let Some((_, takes)) = TAKES.iter().find(|(start, _)| model.starts_with(start)) else { return Effort::default() };
    let mode = |mode| Effort { thinking: Some(mode), output_config: None };
    match (takes, thinking) {
        (Takes::Budget | Takes::FirstAdaptive | Takes::Adaptive, Thinking::Off) => Effort::default(),
        (Takes::AdaptiveByDefault, Thinking::Off) => mode(Mode::Disabled),
        (Takes::BetweenTools, Thinking::Off) => mode(Mode::BetweenTools),
        (Takes::Budget, _) => match budget(thinking, max_tokens) {
            Some(budget_tokens) => mode(Mode::Enabled { budget_tokens }),
            None => Effort::default(),
        },
        (Takes::FirstAdaptive, _) => adaptive(None, if thinking == Thinking::XHigh { "max" } else { word(thinking) }),
        // Without `summarized` these generations send their thoughts without text.
        (Takes::Adaptive | Takes::AdaptiveByDefault | Takes::BetweenTools | Takes::AlwaysAdaptive, _) => {
            adaptive(Some("summarized"), word(thinking))
        }
    }
}

fn adaptive(display: Option<&'static str>, effort: &'static str) -> Effort {
    Effort { thinking: Some(Mode::Adaptive { display }), output_config: Some(OutputConfig { effort }) }
}

fn word(thinking: Thinking) -> &'static str {
    match thinking {
        Thinking::Off | Thinking::Minimal | Thinking::Low => "low",
        Thinking::Medium => "medium",
        Thinking::High => "high",
        Thinking::XHigh => "xhigh",
    }
}

/// Tokens to think with: at most half of `max_tokens`, so that an answer follows.
fn budget(thinking: Thinking, max_tokens: u32) -> Option<u32> {
    let wanted = match thinking {
        Thinking::Off => return None,
        Thinking::Minimal => BUDGET_MIN,
        Thinking::Low => 4096,
        Thinking::Medium => 8192,
        Thinking::High => 16_384,
        Thinking::XHigh => 32_768,
    };
    let budget = wanted.min(max_tokens / 2);
    (budget >= BUDGET_MIN).then_some(budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generation_is_told_in_its_own_words() {
        let models = [
            "claude-haiku-4-5-20251001",
            "claude-sonnet-4-6",
            "claude-opus-4-8",
            "claude-sonnet-5",
            "claude-sonnet-5-5",
            "claude-opus-5-5",
            "claude-3-5-haiku-latest",
            "some-local-model",
        ];
        let mut table = String::new();
        for model in models {
            for thinking in [Thinking::Off, Thinking::Minimal, Thinking::Medium, Thinking::XHigh] {
                let sent = serde_json::to_string(&effort(model, thinking, 32_000)).unwrap();
                table.push_str(&format!("{model} {thinking} {sent}\n"));
            }
        }
        insta::assert_snapshot!(table, @r#"
        claude-haiku-4-5-20251001 off {}
        claude-haiku-4-5-20251001 minimal {"thinking":{"type":"enabled","budget_tokens":1024}}
        claude-haiku-4-5-20251001 medium {"thinking":{"type":"enabled","budget_tokens":8192}}
        claude-haiku-4-5-20251001 xhigh {"thinking":{"type":"enabled","budget_tokens":16000}}
        claude-sonnet-4-6 off {}
        claude-sonnet-4-6 minimal {"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}}
        claude-sonnet-4-6 medium {"thinking":{"type":"adaptive"},"output_config":{"effort":"medium"}}
        claude-sonnet-4-6 xhigh {"thinking":{"type":"adaptive"},"output_config":{"effort":"max"}}
        claude-opus-4-8 off {}
        claude-opus-4-8 minimal {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"low"}}
        claude-opus-4-8 medium {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"medium"}}
        claude-opus-4-8 xhigh {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"xhigh"}}
        claude-sonnet-5 off {"thinking":{"type":"disabled"}}
        claude-sonnet-5 minimal {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"low"}}
        claude-sonnet-5 medium {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"medium"}}
        claude-sonnet-5 xhigh {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"xhigh"}}
        claude-sonnet-5-5 off {"thinking":{"type":"between_tools"}}
        claude-sonnet-5-5 minimal {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"low"}}
        claude-sonnet-5-5 medium {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"medium"}}
        claude-sonnet-5-5 xhigh {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"xhigh"}}
        claude-opus-5-5 off {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"low"}}
        claude-opus-5-5 minimal {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"low"}}
        claude-opus-5-5 medium {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"medium"}}
        claude-opus-5-5 xhigh {"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"xhigh"}}
        claude-3-5-haiku-latest off {}
        claude-3-5-haiku-latest minimal {}
        claude-3-5-haiku-latest medium {}
        claude-3-5-haiku-latest xhigh {}
        some-local-model off {}
        some-local-model minimal {}
        some-local-model medium {}
        some-local-model xhigh {}
        "#);
    }

    #[test]
    fn a_budget_always_leaves_room_for_the_answer() {
        for thinking in Thinking::ALL {
            for max_tokens in [0, 1, 1024, 2047, 2048, 4096, 8192, 32_000, u32::MAX] {
                if let Some(budget) = budget(*thinking, max_tokens) {
                    assert!(budget >= BUDGET_MIN && budget <= max_tokens / 2, "{thinking} {max_tokens}");
                }
            }
        }
    }
}

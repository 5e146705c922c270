//! How hard the models behind each vendor's Chat Completions are told to think.

use super::{Effort, Reasoning, Toggle, Words, in_chat, word};
use crate::domain::name::Thinking;

/// What a vendor takes. A model that is not known to think is told nothing.
#[derive(Clone, Copy, Debug)]
pub(in crate::provider) enum Takes {
    /// `reasoning_effort`, by the generation.
    Openai,
    /// `reasoning.effort` for every model: it is mapped to what the model behind it takes, and
    /// dropped where that takes none. <https://openrouter.ai/docs/use-cases/reasoning-tokens>
    OpenRouter,
    /// `reasoning_effort`. Only the small models of 2.5 can be told not to think.
    /// <https://ai.google.dev/gemini-api/docs/openai>
    Gemini,
    /// `reasoning_effort`: three levels, or `none` and `default`.
    /// <https://console.groq.com/docs/reasoning>
    Groq,
    /// `reasoning_effort`, `none` or `high`; of Large 4 also what lies between.
    /// <https://docs.mistral.ai/inference/conversations/reasoning>
    Mistral,
    /// A toggle, and `reasoning_effort` from `low` over `high` to `max`.
    /// <https://api-docs.deepseek.com/guides/thinking_mode>
    DeepSeek,
    /// As OpenAI, with its name before the model's, or an open model.
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-card-openai-gpt-56-luna.html>
    Bedrock,
    /// A server that runs any model: `reasoning_effort` for gpt-oss, which every such server takes.
    GptOss,
}

impl Takes {
    /// What to send so that `model` thinks this hard. All of this was read on 2026-11-23.
    pub(in crate::provider::openai) fn effort(self, model: &str, thinking: Thinking, tools: bool) -> Effort {
        let told = |reasoning_effort| Effort { reasoning_effort, ..Effort::default() };
        match self {
            Self::Openai => told(in_chat(model, thinking, tools)),
            Self::OpenRouter => {
                Effort { reasoning: Some(Reasoning { effort: thinking.as_str() }), ..Effort::default() }
            }
            Self::Gemini => told(gemini(model, thinking)),
            Self::Groq if model.starts_with("qwen/qwen3") => {
                told(Some(if thinking == Thinking::Off { "none" } else { "default" }))
            }
            Self::Groq | Self::GptOss => told(gpt_oss(model, thinking)),
            Self::Mistral => told(mistral(model, thinking)),
            Self::DeepSeek => deepseek(thinking),
            Self::Bedrock => {
                let (_, name) = model.rsplit_once("openai.").unwrap_or_default();
                told(gpt_oss(name, thinking).or_else(|| in_chat(name, thinking, tools)))
            }
        }
    }
}

fn gemini(model: &str, thinking: Thinking) -> Option<&'static str> {
    // Vertex AI puts the maker's name before it.
    let name = model.strip_prefix("google/").unwrap_or(model);
    if name.starts_with("gemini-2.5-flash") && thinking == Thinking::Off {
        return Some("none");
    }
    ["gemini-2.5-", "gemini-3"].iter().any(|start| name.starts_with(start)).then(|| word(Words::FromLow, thinking))
}

fn gpt_oss(model: &str, thinking: Thinking) -> Option<&'static str> {
    let name = model.strip_prefix("openai/").unwrap_or(model);
    name.starts_with("gpt-oss").then(|| word(Words::FromLow, thinking))
}

fn mistral(model: &str, thinking: Thinking) -> Option<&'static str> {
    if model.starts_with("mistral-large-4") {
        return Some(word(Words::FromNone, thinking));
    }
    let known = ["mistral-small-latest", "mistral-small-2603", "mistral-medium-3-5"];
    known.iter().any(|start| model.starts_with(start)).then_some(match thinking {
        Thinking::Off | Thinking::Minimal => "none",
        Thinking::Low | Thinking::Medium | Thinking::High | Thinking::XHigh => "high",
    })
}

fn deepseek(thinking: Thinking) -> Effort {
    let (toggle, reasoning_effort) = match thinking {
        Thinking::Off => (Toggle::Disabled, None),
        Thinking::Minimal | Thinking::Low => (Toggle::Enabled, Some("low")),
        Thinking::Medium | Thinking::High => (Toggle::Enabled, Some("high")),
        Thinking::XHigh => (Toggle::Enabled, Some("max")),
    };
    Effort { thinking: Some(toggle), reasoning_effort, reasoning: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_is_told_in_its_own_words() {
        let mut table = String::new();
        for (takes, model) in [
            (Takes::Openai, "gpt-5.1"),
            (Takes::Openai, "llama-4"),
            (Takes::OpenRouter, "anthropic/claude-sonnet-5"),
            (Takes::Gemini, "gemini-2.5-flash-lite"),
            (Takes::Gemini, "gemini-2.5-pro"),
            (Takes::Gemini, "gemini-3.8-flash"),
            (Takes::Gemini, "google/gemini-3.5-flash"),
            (Takes::Gemini, "gemma-4-31b-it"),
            (Takes::Groq, "openai/gpt-oss-120b"),
            (Takes::Groq, "qwen/qwen3.8-27b"),
            (Takes::Groq, "llama-3.3-70b-versatile"),
            (Takes::Mistral, "mistral-medium-3-5"),
            (Takes::Mistral, "mistral-large-4-0"),
            (Takes::Mistral, "codestral-2508"),
            (Takes::DeepSeek, "deepseek-flash"),
            (Takes::Bedrock, "openai.gpt-oss-120b-1:0"),
            (Takes::Bedrock, "global.openai.gpt-5.1"),
            (Takes::Bedrock, "amazon.nova-2-lite-v1:0"),
            (Takes::GptOss, "gpt-oss:20b"),
            (Takes::GptOss, "qwen3:8b"),
        ] {
            let levels: Vec<String> = Thinking::ALL
                .iter()
                .map(|level| {
                    let sent = serde_json::to_value(takes.effort(model, *level, true)).unwrap();
                    let words: Vec<String> = ["/thinking/type", "/reasoning_effort", "/reasoning/effort"]
                        .iter()
                        .filter_map(|path| Some(sent.pointer(path)?.as_str()?.to_owned()))
                        .collect();
                    if words.is_empty() { "-".to_owned() } else { words.join("+") }
                })
                .collect();
            table.push_str(&format!("{takes:?} {model}: {}\n", levels.join(" ")));
        }
        insta::assert_snapshot!(table, @"
        Openai gpt-5.1: none low low medium high high
        Openai llama-4: - - - - - -
        OpenRouter anthropic/claude-sonnet-5: off minimal low medium high xhigh
        Gemini gemini-2.5-flash-lite: none low low medium high high
        Gemini gemini-2.5-pro: low low low medium high high
        Gemini gemini-3.8-flash: low low low medium high high
        Gemini google/gemini-3.5-flash: low low low medium high high
        Gemini gemma-4-31b-it: - - - - - -
        Groq openai/gpt-oss-120b: low low low medium high high
        Groq qwen/qwen3.8-27b: none default default default default default
        Groq llama-3.3-70b-versatile: - - - - - -
        Mistral mistral-medium-3-5: none none high high high high
        Mistral mistral-large-4-0: none low low medium high high
        Mistral codestral-2508: - - - - - -
        DeepSeek deepseek-flash: disabled enabled+low enabled+low enabled+high enabled+high enabled+max
        Bedrock openai.gpt-oss-120b-1:0: low low low medium high high
        Bedrock global.openai.gpt-5.1: none low low medium high high
        Bedrock amazon.nova-2-lite-v1:0: - - - - - -
        GptOss gpt-oss:20b: low low low medium high high
        GptOss qwen3:8b: - - - - - -
        ");
    }
}

//! Names of models as users write them: `provider/model`.

use std::fmt;

use super::vendor::{Vendor, WORDS};
use crate::domain::problem::nearest;

/// Longest name, in bytes; a replay file's path counts.
const NAME_MAX: usize = 1024;

/// The word of recorded conversations.
const REPLAY: &str = "replay";

/// A model, and who is asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// Nobody for a recorded conversation.
    pub vendor: Option<&'static Vendor>,
    /// What the vendor calls the model; for a recording the path of a file.
    pub name: String,
}

/// Why a text names no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidModel {
    /// No slash, or nothing on one side of it.
    #[error("`{0}` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`")]
    Shape(String),
    /// A provider that does not exist.
    #[error("`{given}` names a provider that does not exist; {hint}")]
    Vendor {
        /// The whole name.
        given: String,
        /// What to write instead.
        hint: String,
    },
}

impl ModelName {
    /// Reads `provider/model`. Whether the vendor knows the model is not asked.
    ///
    /// # Errors
    /// [`InvalidModel`], which says what to write instead.
    pub fn parse(text: &str) -> Result<Self, InvalidModel> {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(120).collect();
        let Some((vendor, name)) = text.split_once('/') else { return Err(InvalidModel::Shape(shown)) };
        if name.is_empty() || text.len() > NAME_MAX || text.chars().any(char::is_control) {
            return Err(InvalidModel::Shape(shown));
        }
        if vendor == REPLAY {
            return Ok(Self { vendor: None, name: name.to_owned() });
        }
        match Vendor::find(vendor) {
            Some(_) if name.contains(char::is_whitespace) => Err(InvalidModel::Shape(shown)),
            Some(vendor) => Ok(Self { vendor: Some(vendor), name: name.to_owned() }),
            None => {
                let hint = match nearest(vendor, WORDS.into_iter().chain([REPLAY])) {
                    Some(near) => format!("did you mean `{near}/{name}`?").chars().take(200).collect(),
                    None => format!("there are {} and `replay`; `openai-chat` is every compatible server", listed()),
                };
                Err(InvalidModel::Vendor { given: shown, hint })
            }
        }
    }
}

fn listed() -> String {
    WORDS.map(|word| format!("`{word}`")).join(", ")
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.vendor.map_or(REPLAY, |vendor| vendor.word), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_provider_and_model() {
        for (text, vendor, name) in [
            ("anthropic/claude-sonnet-5", "anthropic", "claude-sonnet-5"),
            ("openai/gpt-5.6-luna", "openai", "gpt-5.6-luna"),
            ("openai-chat/meta/llama-4:free", "openai-chat", "meta/llama-4:free"),
            ("replay/tests/my file.jsonl", "replay", "tests/my file.jsonl"),
            ("replay//tmp/a.jsonl", "replay", "/tmp/a.jsonl"),
        ] {
            let model = ModelName::parse(text).unwrap();
            assert_eq!((model.vendor, model.name.as_str()), (Vendor::find(vendor), name));
            assert_eq!(model.to_string(), text);
        }
    }

    #[test]
    fn what_names_no_model_is_told_what_to_write() {
        let long = format!("anthropic/{}", "x".repeat(2000));
        let said: Vec<String> = [
            "claude-sonnet-5",
            "",
            "anthropic/",
            "/x",
            "antropic/claude-sonnet-5",
            "bedrok/x",
            "cohere/x",
            "anthropic/a b",
            "anthropic/\u{1b}[2J",
        ]
        .into_iter()
        .map(|text| ModelName::parse(text).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        `claude-sonnet-5` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`
        `` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`
        `anthropic/` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`
        `/x` names a provider that does not exist; there are `anthropic`, `openai`, `openai-chat`, `azure`, `azure-chat`, `openrouter`, `gemini`, `vertex`, `groq`, `mistral`, `deepseek`, `bedrock`, `ollama`, `vllm` and `replay`; `openai-chat` is every compatible server
        `antropic/claude-sonnet-5` names a provider that does not exist; did you mean `anthropic/claude-sonnet-5`?
        `bedrok/x` names a provider that does not exist; did you mean `bedrock/x`?
        `cohere/x` names a provider that does not exist; there are `anthropic`, `openai`, `openai-chat`, `azure`, `azure-chat`, `openrouter`, `gemini`, `vertex`, `groq`, `mistral`, `deepseek`, `bedrock`, `ollama`, `vllm` and `replay`; `openai-chat` is every compatible server
        `anthropic/a b` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`
        `anthropic/[2J` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`
        ");
        assert!(ModelName::parse(&long).unwrap_err().to_string().len() < 300);
    }
}

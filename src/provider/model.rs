//! Names of models as users write them: `provider/model`.

use std::fmt;

use crate::domain::problem::nearest;

/// Longest name, in bytes; a replay file's path counts.
const NAME_MAX: usize = 1024;

/// A model behind one of the protocols hob speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// The protocol.
    pub vendor: Vendor,
    /// What the vendor calls the model; for [`Vendor::Replay`] the path of a file.
    pub name: String,
}

/// The wire protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Responses, which its own models are made for.
    Openai,
    /// OpenAI Chat Completions, which nearly every other vendor and local server speaks too.
    OpenaiChat,
    /// A recorded conversation.
    Replay,
}

impl Vendor {
    const ALL: [Self; 4] = [Self::Anthropic, Self::Openai, Self::OpenaiChat, Self::Replay];

    /// The word before the slash.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
            Self::OpenaiChat => "openai-chat",
            Self::Replay => "replay",
        }
    }
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
        match Vendor::ALL.into_iter().find(|known| known.as_str() == vendor) {
            Some(Vendor::Replay) => Ok(Self { vendor: Vendor::Replay, name: name.to_owned() }),
            Some(_) if name.contains(char::is_whitespace) => Err(InvalidModel::Shape(shown)),
            Some(vendor) => Ok(Self { vendor, name: name.to_owned() }),
            None => {
                let hint = match nearest(vendor, Vendor::ALL.map(Vendor::as_str)) {
                    Some(near) => format!("did you mean `{near}/{name}`?"),
                    None => "there are `anthropic`, `openai`, `openai-chat` (every compatible server) and `replay`"
                        .to_owned(),
                };
                Err(InvalidModel::Vendor { given: shown, hint: hint.chars().take(200).collect() })
            }
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.vendor.as_str(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_provider_and_model() {
        for (text, vendor, name) in [
            ("anthropic/claude-sonnet-5", Vendor::Anthropic, "claude-sonnet-5"),
            ("openai/gpt-5.6-luna", Vendor::Openai, "gpt-5.6-luna"),
            ("openai-chat/meta/llama-4:free", Vendor::OpenaiChat, "meta/llama-4:free"),
            ("replay/tests/my file.jsonl", Vendor::Replay, "tests/my file.jsonl"),
            ("replay//tmp/a.jsonl", Vendor::Replay, "/tmp/a.jsonl"),
        ] {
            let model = ModelName::parse(text).unwrap();
            assert_eq!((model.vendor, model.name.as_str()), (vendor, name));
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
            "bedrock/x",
            "anthropic/a b",
            "anthropic/\u{1b}[2J",
        ]
        .into_iter()
        .map(|text| ModelName::parse(text).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        `claude-sonnet-5` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`
        `` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`
        `anthropic/` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`
        `/x` names a provider that does not exist; there are `anthropic`, `openai`, `openai-chat` (every compatible server) and `replay`
        `antropic/claude-sonnet-5` names a provider that does not exist; did you mean `anthropic/claude-sonnet-5`?
        `bedrock/x` names a provider that does not exist; there are `anthropic`, `openai`, `openai-chat` (every compatible server) and `replay`
        `anthropic/a b` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`
        `anthropic/[2J` is not a model; write `provider/model`, e.g. `anthropic/claude-sonnet-5`, or `replay/FILE`
        ");
        assert!(ModelName::parse(&long).unwrap_err().to_string().len() < 300);
    }
}

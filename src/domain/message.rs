//! What a model and hob say to each other, in no vendor's words.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::image::KeptImage;

/// One message of a conversation, as kept in the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// From hob: the task, a reminder, a budget's warning.
    User {
        /// Foreign text in it stands in a frame.
        text: String,
    },
    /// From the model.
    Assistant(Answer),
}

/// One whole answer of a model. Only answers whose stream reached its end mark become one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Text, reasoning and calls in the order they came; providers check that order.
    pub blocks: Vec<Block>,
    /// Why the model stopped.
    pub stop: Stop,
    /// `provider/model` that answered.
    pub model: String,
    /// What it cost in tokens.
    pub usage: Usage,
    /// SHA-256 of the request's body, lower-case hex: what the model saw can be proved.
    pub request: String,
}

/// One piece of an [`Answer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// Said aloud.
    Text {
        /// Untrusted like everything a model writes.
        text: String,
    },
    /// Thought. Sent back as it came, because providers sign it.
    Reasoning {
        /// Readable part; may be empty.
        text: String,
        /// The provider's own signature or ciphertext, opaque to us.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
        /// The whole block is ciphertext: `signature` holds it and there is no text.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        redacted: bool,
    },
    /// A tool call.
    Call(Call),
}

/// A model asks for a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The provider's id, sent back unchanged with the result.
    pub id: String,
    /// As the model wrote it; may name no tool of ours.
    pub name: String,
    /// The JSON text the model wrote, unchanged. May be anything; see [`Call::arguments`].
    pub arguments: String,
}

impl Call {
    /// The arguments as a JSON object, or why they are none. There is no JSON repair.
    ///
    /// # Errors
    /// A sentence that the model can read.
    pub fn arguments(&self) -> Result<serde_json::Map<String, serde_json::Value>, String> {
        // Models leave the text out for a tool without parameters.
        if self.arguments.trim().is_empty() {
            return Ok(serde_json::Map::new());
        }
        match serde_json::from_str(&self.arguments) {
            Ok(serde_json::Value::Object(object)) => Ok(object),
            Ok(_) => Err("the arguments are not a JSON object".to_owned()),
            Err(error) => Err(format!("the arguments are not valid JSON: {error}")),
        }
    }
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It was done.
    End,
    /// It waits for tool results. Calls run after this reason only.
    Tools,
    /// It reached the limit of output tokens: calls in it are incomplete and never run.
    Length,
    /// It refused, or the provider's filter stopped it.
    Refused,
}

/// Tokens of one call or of a sum of calls. `input` counts what was neither read from nor written
/// to the provider's cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Fresh input.
    pub input: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// Input read from the provider's cache.
    #[serde(default)]
    pub cache_read: u64,
    /// Input written to the provider's cache.
    #[serde(default)]
    pub cache_write: u64,
}

impl Usage {
    /// All tokens, saturating: a provider's numbers are input from outside.
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output).saturating_add(self.cache_read).saturating_add(self.cache_write)
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
    }
}

/// What came of a [`Call`]; every call gets exactly one before the model is asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// [`Call::id`].
    pub call: String,
    /// [`Call::name`].
    pub name: String,
    /// What the model reads; bounded.
    pub content: String,
    /// The call did not do what it was asked to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// What the model is shown behind all results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<KeptImage>,
}

/// A tool as a model is told about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Unique within a toolbox.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of the arguments, kept as its bytes so that it never changes between turns.
    pub parameters: Arc<RawValue>,
}

/// To the byte: what a model is told must not change between turns.
impl PartialEq for ToolSpec {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.description == other.description
            && self.parameters.get() == other.parameters.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_or_an_error_the_model_can_read() {
        let arguments = |text: &str| Call { id: "1".into(), name: "read".into(), arguments: text.into() }.arguments();
        assert_eq!(arguments("").map(|o| o.len()), Ok(0));
        assert_eq!(arguments(r#"{"path":"a"}"#).map(|o| o.len()), Ok(1));
        for bad in ["[]", "3", "\"x\"", "null", "{\"path\":", "{}{}"] {
            assert!(arguments(bad).is_err(), "`{bad}` passed");
        }
    }

    #[test]
    fn usage_of_a_hostile_provider_does_not_overflow() {
        let mut usage = Usage { input: u64::MAX, output: 1, ..Usage::default() };
        usage += usage;
        assert_eq!(usage.total(), u64::MAX);
    }
}

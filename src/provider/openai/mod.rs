//! The two protocols of OpenAI: Responses, which its own models are made for, and Chat Completions,
//! which nearly everybody speaks.

pub(super) mod chat;
mod counted;
mod effort;
mod list;
pub(super) mod responses;

use super::base_url::Endpoint;
use super::streamed::Key;
use crate::domain::message::Call;
use crate::domain::secret;

/// Where both are asked; each has a path of its own.
const ENDPOINT: Endpoint = Endpoint { variable: "OPENAI_BASE_URL", default: "https://api.openai.com/v1", path: "" };

const KEY: Key = Key { variable: secret::OPENAI_KEY, header: "authorization", prefix: "Bearer ", optional: true };

/// What a call was given, as a server takes it back: an object.
fn sendable(call: &Call) -> &str {
    if call.arguments.trim().is_empty() || call.arguments().is_err() { "{}" } else { &call.arguments }
}

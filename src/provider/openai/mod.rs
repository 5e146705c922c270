//! The two protocols of OpenAI: Responses, which its own models are made for, and Chat Completions,
//! which nearly everybody speaks.

pub(super) mod chat;
mod counted;
pub(super) mod effort;
mod list;
pub(super) mod responses;

use crate::domain::message::Call;

/// What a call was given, as a server takes it back: an object.
fn sendable(call: &Call) -> &str {
    if call.arguments.trim().is_empty() || call.arguments().is_err() { "{}" } else { &call.arguments }
}

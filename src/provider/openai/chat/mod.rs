//! OpenAI Chat Completions, which nearly every vendor and local server speaks too.
//!
//! The protocol has no place for reasoning that comes back, for the order of texts and calls
//! within one message, or for a mark on a failed result: reasoning is not sent again, the texts of
//! one answer are sent as the one text they came as, and a failed result begins with `error: `.
//! Each result is a message of its own; that is the protocol.

mod request;
mod stream;

use super::{ENDPOINT, KEY};
use crate::provider::base_url::Endpoint;
use crate::provider::streamed::Protocol;

pub(in crate::provider) const PROTOCOL: Protocol = Protocol {
    who: "openai-chat",
    endpoint: Endpoint { path: "chat/completions", ..ENDPOINT },
    key: KEY,
    headers: &[],
    open: |full, name, opening| Box::new(request::Request::open(full, name, opening)),
};

//! OpenAI Responses.
//!
//! The vendor stores nothing (`store: false`), so reasoning comes as ciphertext and is sent again with
//! the conversation, to the model that wrote it. It is not sent where nothing followed it in its
//! answer: the protocol refuses a thought that led nowhere. A failed result begins with `error: `.

mod request;
mod stream;

use super::{ENDPOINT, KEY};
use crate::provider::base_url::Endpoint;
use crate::provider::streamed::Protocol;

pub(in crate::provider) const PROTOCOL: Protocol = Protocol {
    who: "openai",
    endpoint: Endpoint { path: "responses", ..ENDPOINT },
    key: KEY,
    headers: &[],
    open: |full, name, opening| Box::new(request::Request::open(full, name, opening)),
};

//! OpenAI Responses.
//!
//! The vendor stores nothing (`store: false`), so reasoning comes as ciphertext and is sent again with
//! the conversation, to the model that wrote it. It is not sent where nothing followed it in its
//! answer: the protocol refuses a thought that led nowhere. A failed result begins with `error: `.

mod request;
mod stream;

pub(in crate::provider) use request::Request;

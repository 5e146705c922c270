//! OpenAI Chat Completions, which nearly every vendor and local server speaks too, each in a dialect.
//!
//! The protocol has no place for reasoning that comes back, for the order of texts and calls
//! within one message, or for a mark on a failed result: reasoning is not sent again where no
//! [`Dialect`] has a field for it, the texts of one answer are sent as the one text they came as,
//! and a failed result begins with `error: `. Each result is a message of its own; that is the
//! protocol.

mod details;
mod dialect;
mod request;
mod stream;

pub(in crate::provider) use dialect::{AnswerLimit, Dialect, Thoughts};
pub(in crate::provider) use request::Request;

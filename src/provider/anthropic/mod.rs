//! Anthropic Messages, at the vendor or at a server that imitates it.

mod request;
mod stream;
mod thinking;

pub(super) use request::Request;

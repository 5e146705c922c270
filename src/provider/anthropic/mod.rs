//! Anthropic Messages, at the vendor or at a server that imitates it.

mod request;
mod stream;
mod thinking;

use super::base_url::Endpoint;
use super::streamed::{Key, Protocol};
use crate::domain::secret;

pub(super) const PROTOCOL: Protocol = Protocol {
    who: "anthropic",
    endpoint: Endpoint { variable: "ANTHROPIC_BASE_URL", default: "https://api.anthropic.com", path: "messages" },
    key: Key { variable: secret::ANTHROPIC_KEY, header: "x-api-key", prefix: "", optional: false },
    headers: &[("anthropic-version", "2023-06-01")],
    open: |full, name, opening| Box::new(request::Request::open(full, name, opening)),
};

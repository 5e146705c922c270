//! What arrived, as it arrived.

/// Most bytes of a delivery: the limit of both forges.
pub const DELIVERY_MAX: usize = 25 << 20;

/// One event as some channel was handed it: not yet known to come from whom it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The payload, untouched.
    pub body: Vec<u8>,
    /// What the event was called beside the payload (`X-GitHub-Event`, `X-Gitlab-Event`,
    /// `--event-name`); told by the payload's shape when absent.
    pub event_name: Option<String>,
    /// The forge's host by configuration, job or `--host`.
    pub host: Option<String>,
}

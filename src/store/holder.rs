//! Who writes to an instance.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who writes to an instance, for the second writer's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id on `host`.
    pub pid: u32,
    /// Name of the machine.
    pub host: String,
    /// When it opened the instance.
    pub since: Timestamp,
    /// What it does, e.g. `hob run triage`.
    pub what: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, host, since, what, .. } = self;
        write!(f, "process {pid} on {host} since {since} ({what})")
    }
}

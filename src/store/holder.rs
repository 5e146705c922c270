//! Who writes to an instance.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::process::Process;

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
    /// Tells it from every other process; `None` where the system did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
}

impl Holder {
    /// Whether its process has ended. Only where that is certain: on this machine, since its last start.
    pub fn is_gone(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.is_gone(self.pid))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, host, since, what, .. } = self;
        write!(f, "process {pid} on {host} since {since} ({what})")
    }
}

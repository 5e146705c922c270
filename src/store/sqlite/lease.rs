//! How long a claim lasts, on a clock that all processes of this machine share and nobody can set.

use std::time::Duration;

use rusqlite::Row;
use rustix::time::{ClockId, clock_gettime};

use super::super::holder::Holder;
use super::super::process;

/// The time of this machine: since it was started, sleep counted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Now {
    /// The kernel's name for that time; empty where it has none.
    pub(super) boot: String,
    /// Milliseconds.
    pub(super) at: i64,
}

impl Now {
    pub(super) fn read() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let at = time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000);
        Self { boot: process::boot().unwrap_or_default(), at }
    }

    /// When a lease that begins now ends.
    pub(super) fn after(&self, lease: Duration) -> i64 {
        self.at.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A claim as it is stored.
#[derive(Debug)]
pub(super) struct Claim {
    /// JSON.
    pub(super) holder: String,
    pub(super) boot: String,
    pub(super) renewed: i64,
    pub(super) until: i64,
}

impl Claim {
    /// Of the columns `holder`, `boot`, `renewed` and `until`; `None` when there is none.
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let Some(holder) = row.get("holder")? else { return Ok(None) };
        let boot: Option<String> = row.get("boot")?;
        let (renewed, until): (Option<i64>, Option<i64>) = (row.get("renewed")?, row.get("until")?);
        let (renewed, until) = (renewed.unwrap_or_default(), until.unwrap_or_default());
        Ok(Some(Self { holder, boot: boot.unwrap_or_default(), renewed, until }))
    }

    /// Who has it, for people; `None` when it is over: not renewed in time, or its process is gone.
    pub(super) fn holds(&self, now: &Now) -> Option<String> {
        // Where the machine's start has no name, a clock that went back tells of another one.
        if self.boot != now.boot || !(self.renewed..self.until).contains(&now.at) {
            return None;
        }
        match serde_json::from_str::<Holder>(&self.holder) {
            Ok(holder) if holder.is_gone() => None,
            Ok(holder) => Some(holder.to_string()),
            Err(_) => Some("another process".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Process;

    fn holder(process: Option<Process>) -> String {
        let since = "2026-03-01T09:00:00Z".parse().unwrap();
        let holder = Holder { pid: std::process::id(), host: "desk".into(), since, what: "hob run".into(), process };
        serde_json::to_string(&holder).unwrap()
    }

    #[test]
    fn a_claim_lasts_one_lease_of_this_machines_time() {
        let now = Now { boot: "now".into(), at: 100_000 };
        for (boot, renewed, until, holds) in [
            ("now", 85_000, 100_000, false),
            ("now", 85_001, 100_001, true),
            ("now", 100_000, 115_000, true),
            ("now", 100_001, 115_001, false),
            ("now", i64::MAX, i64::MIN, false),
            ("before", 100_000, 115_000, false),
            ("", 100_000, 115_000, false),
        ] {
            let claim = Claim { holder: holder(None), boot: boot.into(), renewed, until };
            assert_eq!(claim.holds(&now).is_some(), holds, "`{boot}` {until}");
        }
    }

    #[test]
    fn a_claim_ends_with_its_process() {
        let now = Now::read();
        let this = Process::this().unwrap();
        let claim = |process| Claim {
            holder: holder(Some(process)),
            boot: now.boot.clone(),
            renewed: now.at,
            until: now.after(Duration::from_secs(15)),
        };
        assert!(claim(this.clone()).holds(&now).is_some());
        assert!(claim(Process { started: this.started + 1, ..this }).holds(&now).is_none());
    }

    #[test]
    fn a_holder_that_cannot_be_read_holds_for_its_lease() {
        let now = Now::read();
        let (boot, until) = (now.boot.clone(), now.after(Duration::from_secs(15)));
        let claim = Claim { holder: "{".into(), boot, renewed: now.at, until };
        assert_eq!(claim.holds(&now).as_deref(), Some("another process"));
    }

    #[test]
    fn the_clock_only_goes_forward() {
        let (one, other) = (Now::read(), Now::read());
        assert!(one.at <= other.at && one.at > 0);
        assert_eq!(one.boot, other.boot);
    }
}

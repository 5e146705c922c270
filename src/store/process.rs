//! What tells a process of this machine from every other one that was or will be.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::LazyLock;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process, surely: its number alone is given again to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The kernel's name for the time since this machine was started.
    pub boot: String,
    /// Inode of the namespace that its number is counted in: a container has its own.
    pub pid_namespace: u64,
    /// When it began, in clock ticks after the machine's start.
    pub started: u64,
}

impl Process {
    /// This process; `None` where the system does not tell, as without `/proc`.
    pub fn this() -> Option<Self> {
        static THIS: LazyLock<Option<Process>> = LazyLock::new(Process::look);
        THIS.clone()
    }

    fn look() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // A `/proc` of another namespace counts otherwise.
        let (pid, _) = stat.split_once(' ')?;
        if pid.parse() != Ok(std::process::id()) {
            return None;
        }
        let pid_namespace = fs::metadata("/proc/self/ns/pid").ok()?.ino();
        Some(Self { boot: boot()?, pid_namespace, started: Stat::parse(&stat)?.started })
    }

    /// Whether the process of this number has ended. Only where that is certain: on this machine,
    /// since its last start, where our number and theirs are counted alike.
    pub(super) fn is_gone(&self, pid: u32) -> bool {
        let Some(this) = Self::this() else { return false };
        if (&this.boot, this.pid_namespace) != (&self.boot, self.pid_namespace) {
            return false;
        }
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
        if test_kill_process(number) == Err(Errno::SRCH) {
            return true;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok();
        // What cannot be read may only be hidden from us.
        let Some(stat) = stat.as_deref().and_then(Stat::parse) else { return false };
        matches!(stat.state, "Z" | "X") || stat.started != self.started
    }
}

/// The kernel's name for the time since this machine was started; `None` where it does not tell.
pub(super) fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim_end().to_owned())
}

/// A line of `/proc/<pid>/stat`, as far as it is asked.
#[derive(Debug, PartialEq, Eq)]
struct Stat<'a> {
    /// `R`, `S`, …; `Z` is a zombie.
    state: &'a str,
    started: u64,
}

impl<'a> Stat<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        // The name in parentheses before it may hold anything.
        let (_, fields) = line.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        // The third field was the state, the 22nd is when it began.
        Some(Self { state, started: fields.nth(18)?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_of_the_same_number_is_another() {
        let this = Process::this().unwrap();
        assert!(!this.is_gone(std::process::id()));
        assert!(Process { started: this.started + 1, ..this }.is_gone(std::process::id()));
    }

    #[test]
    fn a_name_with_parentheses_hides_no_field() {
        let line = "71 (a) Z (b)) S 1 71 71 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n";
        assert_eq!(Stat::parse(line), Some(Stat { state: "S", started: 4711 }));
        for bad in ["", "71", "71 (a) S", "71 (a) S 1 71 71 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 x"] {
            assert_eq!(Stat::parse(bad), None, "`{bad}`");
        }
    }
}

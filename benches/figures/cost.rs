//! What a process cost, as the kernel counts it.

use std::process::Command;
use std::time::Duration;

use wait4::Wait4;

/// CPU time and peak memory of a process; the least of each over several runs.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// User and system time, of what it waited for too.
    pub(crate) cpu: Duration,
    /// Most memory it had at once, bytes.
    pub(crate) memory: u64,
}

/// Runs a command, made anew each time, so many times.
pub(crate) fn least(runs: usize, command: impl Fn() -> Result<Command, String>) -> Result<Cost, String> {
    let mut least = Cost { cpu: Duration::MAX, memory: u64::MAX };
    for _ in 0..runs {
        let mut command = command()?;
        let child = command.spawn().map_err(|error| format!("{command:?} does not start: {error}"))?;
        let used = child.wait4().map_err(|error| format!("cannot wait for {command:?}: {error}"))?;
        if !used.status.success() {
            return Err(format!("{command:?} ended with {}", used.status));
        }
        least.cpu = least.cpu.min(used.rusage.utime + used.rusage.stime);
        least.memory = least.memory.min(used.rusage.maxrss);
    }
    Ok(least)
}

/// Peak memory of this process so far, bytes.
pub(crate) fn own_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() << 10
}

//! Ends the processes of a call that left its process group. Each process of a call carries the
//! call's mark in its environment, and hands it on to those that it starts.

use std::fs;
use std::io::Read as _;

use rustix::process::{Pid, Signal, kill_process};

/// The variable that holds the mark.
pub(super) const NAME: &str = "HOB_CALL";

/// An environment larger than this is read only so far. Linux allows more; a process that grows one
/// to hide in it does what `env -i` does more simply.
const ENVIRON_MAX: u64 = 1 << 20;

/// So many processes that may be the shell's are looked at one by one.
const FEW: i32 = 64;

/// Times around: a process may start another one just before it ends.
const ROUNDS: usize = 8;

/// Kills every process younger than `shell` that carries `mark`.
pub(super) fn kill(shell: Pid, mark: &str) {
    for _ in 0..ROUNDS {
        let found = find(shell, mark);
        if found.is_empty() {
            return;
        }
        for pid in found {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn find(shell: Pid, mark: &str) -> Vec<Pid> {
    let wanted = format!("{NAME}={mark}");
    let younger = younger(shell.as_raw_nonzero().get());
    younger.into_iter().filter(|pid| carries(*pid, wanted.as_bytes())).filter_map(Pid::from_raw).collect()
}

/// Numbers that a process may have that was started after the shell. They are given upwards, so
/// what the shell started has a higher one (until they start again from below, once in four million
/// processes). Most shells start little, and asking for a few numbers costs less than a walk.
fn younger(shell: i32) -> Vec<i32> {
    match newest() {
        Some(newest) if newest >= shell && newest - shell <= FEW => (shell + 1..=newest).collect(),
        _ => {
            let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
            let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
            pids.filter(|pid| *pid > shell).collect()
        }
    }
}

/// The number that was given last.
fn newest() -> Option<i32> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().last()?.parse().ok()
}

fn carries(pid: i32, wanted: &[u8]) -> bool {
    let Ok(file) = fs::File::open(format!("/proc/{pid}/environ")) else { return false };
    let mut environ = Vec::new();
    // A process that ends meanwhile reads as empty.
    let _ = file.take(ENVIRON_MAX).read_to_end(&mut environ);
    environ.split(|byte| *byte == 0).any(|variable| variable == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_started_later_is_looked_at() {
        let me = i32::try_from(std::process::id()).unwrap();
        for (shell, seen) in [(1, true), (me - 1, true), (me, false), (i32::MAX, false)] {
            assert_eq!(younger(shell).contains(&me), seen, "later than {shell}");
        }
    }
}

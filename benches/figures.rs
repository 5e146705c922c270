//! What hob costs as a process: CPU time and peak memory, as the kernel counts them, beside the
//! figures it must keep. `cargo bench --bench figures` measures the release build.
//!
//! A figure is the least of several runs: other work on the machine only ever adds. CPU time is user
//! and system time of the process and of everything it waited for. Peak memory of a child counts
//! from the memory of the process that started it, so this one stays small, and whatever a figure
//! needs around it (a model server, say) runs in a process of its own.

#![expect(clippy::print_stdout, reason = "prints a table")]

use std::ffi::OsStr;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use wait4::Wait4;

/// One figure.
struct Figure {
    name: &'static str,
    /// The command to measure, made anew for each run.
    command: fn() -> Command,
    runs: usize,
    /// Most CPU time it may take.
    cpu: Duration,
    /// Most memory it may have had at once, bytes.
    memory: u64,
}

/// Everything that is measured. The ones that need a model belong here too: one turn; 100 tool turns
/// in the virtual and in the local sandbox; turn 500 beside turn 50; opening 20 MB of log.
fn figures() -> Vec<Figure> {
    vec![Figure {
        name: "--version",
        command: || hob(["--version"]),
        runs: 20,
        cpu: Duration::from_millis(5),
        memory: 20_000_000,
    }]
}

/// The program, in an environment that holds nothing.
fn hob<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "starts the program it measures")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_hob"));
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What one run cost.
#[derive(Clone, Copy)]
struct Cost {
    cpu: Duration,
    memory: u64,
}

fn measure(figure: &Figure, runs: usize) -> Result<Cost, String> {
    let mut least = Cost { cpu: Duration::MAX, memory: u64::MAX };
    for _ in 0..runs {
        let child = (figure.command)().spawn().map_err(|error| format!("cannot start it: {error}"))?;
        let used = child.wait4().map_err(|error| format!("cannot wait for it: {error}"))?;
        if !used.status.success() {
            return Err(format!("it ended with {}", used.status));
        }
        least.cpu = least.cpu.min(used.rusage.utime + used.rusage.stime);
        least.memory = least.memory.min(used.rusage.maxrss);
    }
    Ok(least)
}

fn main() -> ExitCode {
    // `cargo test --benches` only wants to know that it runs: once, in whatever build that is.
    let for_real = std::env::args().any(|argument| argument == "--bench");
    let mut kept = true;
    println!("{:<24} {:>10} {:>10} {:>10} {:>10}", "figure", "CPU ms", "at most", "MB", "at most");
    for figure in figures() {
        let cost = match measure(&figure, if for_real { figure.runs } else { 1 }) {
            Ok(cost) => cost,
            Err(reason) => {
                println!("{:<24} {reason}", figure.name);
                kept = false;
                continue;
            }
        };
        let over = cost.cpu > figure.cpu || cost.memory > figure.memory;
        kept &= !(for_real && over);
        println!(
            "{:<24} {:>10.2} {:>10.2} {:>10.1} {:>10.1}{}",
            figure.name,
            milliseconds(cost.cpu),
            milliseconds(figure.cpu),
            megabytes(cost.memory),
            megabytes(figure.memory),
            if over { "  OVER" } else { "" },
        );
    }
    println!("the process that measures has {:.1} MB: a smaller peak shows as that", megabytes(own_peak()));
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Peak memory of this process so far, bytes.
fn own_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() << 10
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

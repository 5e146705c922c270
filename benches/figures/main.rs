//! What hob costs as a process: CPU time and peak memory, as the kernel counts them, beside the
//! figures it must keep. `cargo bench --bench figures` measures the release build.
//!
//! A figure is the least of several runs: other work on the machine only ever adds. CPU time is user
//! and system time of the process and of everything it waited for. Peak memory of a child counts
//! from the memory of the process that started it, so this one stays small, and the model server
//! runs in a process of its own: this program again, with another argument.

#![expect(clippy::print_stdout, reason = "prints a table")]

mod cost;
#[path = "../../tests/it/forge_github/mod.rs"]
#[expect(dead_code, reason = "the tests ask more of it")]
mod forge_github;
mod job;
mod model;
mod scene;

use std::process::ExitCode;
use std::time::Duration;

use cost::{Cost, least};
use job::Job;
use model::{Answers, Server, Tool};
use scene::{Agent, Scene, bare};

/// One line of the table.
struct Figure {
    name: &'static str,
    measured: f64,
    /// The most it may be.
    goal: f64,
    unit: &'static str,
}

fn main() -> ExitCode {
    let argument = |name: &str| std::env::args().any(|argument| argument == name);
    if argument(model::ARGUMENT) {
        return model::serve();
    }
    // `cargo test --benches` only wants to know that it runs, in whatever build that is.
    let measured = if argument("--bench") { all() } else { start().map(|_| Vec::new()) };
    match measured {
        Ok(figures) => {
            let kept = figures.iter().all(|figure| figure.measured <= figure.goal);
            print(&figures);
            if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn print(figures: &[Figure]) {
    println!("{:<44} {:>10} {:>8}", "figure", "measured", "at most");
    for Figure { name, measured, goal, unit } in figures {
        let over = if measured > goal { "  OVER" } else { "" };
        println!("{name:<44} {measured:>10.2} {goal:>8.1} {unit}{over}");
    }
    println!("the process that measures has {:.1} MB: a smaller peak shows as that", megabytes(cost::own_peak()));
}

fn all() -> Result<Vec<Figure>, String> {
    let mut figures = start()?;
    figures.extend(turns()?);
    figures.extend(long_conversation()?);
    figures.extend(large_log()?);
    figures.extend(job()?);
    Ok(figures)
}

fn start() -> Result<Vec<Figure>, String> {
    let cost = least(20, || Ok(bare(["--version"])))?;
    Ok(vec![cpu("--version", cost.cpu, 5.0), memory("--version, memory", cost, 20.0)])
}

/// The first turn has everything in it that happens once; what one turn more costs is the slope
/// between 20 and 100.
fn turns() -> Result<Vec<Figure>, String> {
    let server = Server::start()?;
    let once = |agent: Agent, turns: usize| {
        let scene = Scene::new()?;
        let answers = Answers { turns, calls: 1, tool: Tool::Echo };
        least(7, || scene.fresh_run(agent, &server, answers))
    };
    let one = once(Agent::Virtual, 0)?;
    let mut figures = vec![cpu("one turn", one.cpu, 15.0), memory("one turn, memory", one, 20.0)];
    for (agent, name, most, memory_name) in [
        (Agent::Virtual, "tool turn, virtual", 0.8, "100 tool turns, virtual, memory"),
        (Agent::Local, "tool turn, local, its shell counted", 2.0, "100 tool turns, local, memory"),
    ] {
        let (short, long) = (once(agent, 20)?, once(agent, 100)?);
        figures.push(cpu(name, long.cpu.saturating_sub(short.cpu) / 80, most));
        figures.push(memory(memory_name, long, 30.0));
    }
    Ok(figures)
}

/// CPU time per byte sent around turn 500 beside around turn 50: what runs of `n + w` and `n - w`
/// turns differ in, over the bytes that they differ in. Each result has 10 KB, so that bytes, not
/// turns, are what is counted. The server counts the bytes as tokens, and the answer says how many.
fn long_conversation() -> Result<Vec<Figure>, String> {
    let server = Server::start()?;
    let per_byte = |turn: usize, around: usize| -> Result<f64, String> {
        let run = |turns: usize| -> Result<(Cost, u64), String> {
            let scene = Scene::new()?;
            let answers = Answers { turns, calls: 1, tool: Tool::Read };
            let cost = least(5, || scene.fresh_run(Agent::Virtual, &server, answers))?;
            Ok((cost, scene.bytes_sent()?))
        };
        let ((less, less_bytes), (more, more_bytes)) = (run(turn - around)?, run(turn + around)?);
        let time = more.cpu.saturating_sub(less.cpu);
        Ok(time.as_secs_f64() / (more_bytes - less_bytes) as f64)
    };
    let (early, late) = (per_byte(50, 25)?, per_byte(500, 50)?);
    Ok(vec![
        Figure { name: "CPU per MB sent at turn 50", measured: early * 1e9, goal: f64::INFINITY, unit: "ms" },
        Figure { name: "CPU per MB sent at turn 500", measured: late * 1e9, goal: f64::INFINITY, unit: "ms" },
        Figure { name: "turn 500 beside turn 50", measured: late / early, goal: 1.2, unit: "×" },
    ])
}

/// 2000 results of 10 KB, by a run that asks for 100 at a time. The same event again shows what is
/// there: open, verify, fold, print. `--again` says all of it to the model once more.
fn large_log() -> Result<Vec<Figure>, String> {
    let server = Server::start()?;
    let scene = Scene::new()?;
    let answers = Answers { turns: 20, calls: 100, tool: Tool::Read };
    least(1, || scene.event_run(&server, answers, None))?;
    let opened = least(7, || scene.event_run(&server, answers, None))?;
    let sent = least(5, || scene.event_run(&server, answers, Some("--again")))?;
    Ok(vec![
        Figure {
            name: "log of 2000 results",
            measured: megabytes(scene.log_bytes()?),
            goal: f64::INFINITY,
            unit: "MB",
        },
        cpu("open and fold it", opened.cpu, 100.0),
        memory("open and fold it, memory", opened, 110.0),
        cpu("open, fold and send it", sent.cpu, 200.0),
        memory("open, fold and send it, memory", sent, 110.0),
    ])
}

/// All of a job but its model: the session of fifty turns is fetched, verified, folded and sent, one
/// answer comes, and the session is kept twice. The last, because this process becomes a GitHub.
fn job() -> Result<Vec<Figure>, String> {
    let server = Server::start()?;
    let job = Job::new()?;
    let first = Answers { turns: 49, calls: 1, tool: Tool::Echo };
    least(1, || job.of("issues.opened", &server, first))?;
    let next = Answers { turns: 0, ..first };
    let cost = least(10, || job.of("issue_comment.created", &server, next))?;
    Ok(vec![cpu("job that goes on after 50 turns", cost.cpu, 60.0)])
}

fn cpu(name: &'static str, time: Duration, goal: f64) -> Figure {
    Figure { name, measured: time.as_secs_f64() * 1e3, goal, unit: "ms" }
}

fn memory(name: &'static str, cost: Cost, goal: f64) -> Figure {
    Figure { name, measured: megabytes(cost.memory), goal, unit: "MB" }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

//! A thousand agents at once in one process, each with three model calls and two commands in a virtual
//! shell, beside a bare client that only makes the same requests. The model takes 50 ms for each answer;
//! it runs in a process of its own: this program again, with another argument.
//!
//! `cargo bench --bench crowd`

#![expect(clippy::print_stdout, reason = "prints a table")]

mod model;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use hob::domain::secret::Secret;
use hob::embed::{Access, Agent, Hob};
use hob::provider::{Provider, Site, connect};
use rustix::time::{ClockId, clock_gettime};

use model::Server;

/// Agents at once.
const AGENTS: usize = 1000;

/// Each time measured is the middle one of so many.
const ROUNDS: usize = 3;

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let argument = |name: &str| std::env::args().any(|argument| argument == name);
    if argument(model::ARGUMENT) {
        return model::serve();
    }
    // `cargo test --benches` only wants to know that it runs.
    let (agents, rounds) = if argument("--bench") { (AGENTS, ROUNDS) } else { (2, 1) };
    match measure(agents, rounds) {
        Ok(is_kept) if is_kept || agents < AGENTS => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// What one round took, in seconds.
#[derive(Default)]
struct Took {
    wall: Vec<f64>,
    cpu: Vec<f64>,
    /// CPU of the model's process meanwhile: it shares the machine.
    model: Vec<f64>,
}

impl Took {
    fn round(&mut self, server: &Server, work: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
        let (cpu_before, model_before, since) = (cpu(), server.cpu()?, Instant::now());
        work()?;
        self.wall.push(since.elapsed().as_secs_f64());
        self.cpu.push((cpu() - cpu_before).as_secs_f64());
        self.model.push((server.cpu()? - model_before).as_secs_f64());
        Ok(())
    }
}

/// Prints the table; whether every figure is as it should be.
fn measure(agents: usize, rounds: usize) -> Result<bool, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let server = Server::start()?;
    let (mut ours, mut floor) = (Took::default(), Took::default());
    let mut memory = Vec::new();
    for _ in 0..rounds {
        ours.round(&server, || runtime.block_on(crowd(agents, &server.address)))?;
        memory.push(peak()?);
    }
    let (one, last) = (memory.first().copied().unwrap_or_default(), memory.last().copied().unwrap_or_default());
    for _ in 0..rounds {
        floor.round(&server, || runtime.block_on(bare(agents, &server.address)))?;
    }
    let [wall, cpu, model] = [ours.wall, ours.cpu, ours.model].map(middle);
    let [floor_wall, floor_cpu, floor_model] = [floor.wall, floor.cpu, floor.model].map(middle);
    let mut is_kept = true;
    for (name, measured, most, unit) in [
        ("CPU of this process", cpu, 2.0, "s"),
        ("CPU of the model meanwhile", model, f64::INFINITY, "s"),
        ("peak memory", one, 120.0, "MB"),
        ("after all rounds", last, f64::INFINITY, "MB"),
        ("wall", wall, f64::INFINITY, "s"),
        ("a bare client: CPU", floor_cpu, f64::INFINITY, "s"),
        ("CPU of the model meanwhile", floor_model, f64::INFINITY, "s"),
        ("wall", floor_wall, f64::INFINITY, "s"),
        ("wall beside each other", wall / floor_wall, 1.3, "×"),
    ] {
        let over = if measured > most { "  OVER" } else { "" };
        is_kept &= measured <= most;
        println!("{name:<28} {measured:>8.2} {unit:<2} at most {most}{over}");
    }
    Ok(is_kept)
}

/// All of them, each with a session of its own.
async fn crowd(agents: usize, address: &str) -> Result<(), Failed> {
    let site = Site { base_url: Some(address.to_owned()), key: Some(Secret::new("sk-bench".to_owned())) };
    let access = Access { sites: [("anthropic", site)].into(), ..Access::default() };
    let provider: Arc<dyn Provider> = connect("anthropic/scripted", &access, Arc::new(()))?;
    let dir = tempfile::tempdir()?;
    let hob = Hob { provider: Some(provider), ..Hob::new(dir.path()) };
    let all = (0..agents).map(|n| {
        let hob = hob.clone();
        tokio::spawn(async move {
            let agent = Agent::new("clerk".parse()?, "Do as you are told.");
            let answer = hob.session(agent, &n.to_string())?.prompt("Look twice, then say what you saw.").await?;
            if answer.text == model::LAST { Ok::<_, Failed>(()) } else { Err(answer.text.into()) }
        })
    });
    for done in try_join_all(all).await? {
        done?;
    }
    Ok(())
}

/// The same requests, and nothing else.
async fn bare(agents: usize, address: &str) -> Result<(), Failed> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut bodies = Vec::new();
    for turn in 0..model::TURNS {
        bodies.push(client.get(format!("{address}/body/{turn}")).send().await?.bytes().await?);
    }
    let all = (0..agents).map(|_| {
        let (client, bodies, url) = (client.clone(), bodies.clone(), format!("{address}/v1/messages"));
        tokio::spawn(async move {
            for body in bodies {
                client.post(&url).body(body).send().await?.error_for_status()?.bytes().await?;
            }
            Ok::<_, Failed>(())
        })
    });
    for done in try_join_all(all).await? {
        done?;
    }
    Ok(())
}

/// User and system time of this process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The most memory this process ever had, in MB.
fn peak() -> Result<f64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024.0 / 1e6)
}

fn middle(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

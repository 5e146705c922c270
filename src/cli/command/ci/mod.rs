//! `hob ci`: a job of GitHub Actions or GitLab CI, from its event to its effects.

mod admission;
mod annotations;
mod checkout;
mod ending;
mod face;
mod file;
mod gate;
mod job;
mod left;
mod log;
mod markdown;
mod outputs;
mod patience;
#[cfg(test)]
mod runner;
#[cfg(test)]
mod script;
mod sent;
mod sessions;
mod summary;
mod way;

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::env::Environment;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::cli::work::Watch;
use crate::cli::{kept, parts};
use crate::domain::front_matter::length;
use crate::embed::machine::clock;
use crate::telemetry::redact::Redactor;
use admission::Admitted;
use ending::WithoutRun;
use face::Face;
use job::Job;
use patience::Patience;
use way::Way;

/// Longest time of a job from its start, where neither operator nor runner says.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Longest that an operator can ask for.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);

/// Work in a CI job: what the GitHub Action and the GitLab template start
///
/// Reads the job's event, finds the agent that it starts and whether it may, goes on with the session
/// of its thread, sends what the agent proposed, each write once, and keeps the session for the next
/// job. Everything it needs stands in the job's environment.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 completed, or nothing to do, 1 failed, 2 usage or configuration, 3 refused, 4 limited by a \
                  budget or by the job's time, 130 or 143 interrupted (the next job of the same thread goes on)."
)]
pub(in crate::cli) struct Args {
    /// What to do
    #[arg(long, value_enum, value_name = "PHASE", default_value_t = Phase::Run)]
    phase: Phase,
}

/// A part of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Phase {
    /// The whole way from the event to the effects
    Run,
    /// Keep the session that a stopped step of this job left
    Save,
}

/// Does the phase.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    match args.phase {
        Phase::Run => block_on(Box::pin(go(environment))),
        Phase::Save => block_on(Box::pin(save(environment))),
    }
}

async fn go(environment: &Environment) -> Result<Exit, Refusal> {
    // Before anything is waited for: a job that is told to stop says so on its page, whenever.
    let mut watch = Watch::new()?;
    let started = clock().now();
    let job = Job::of(environment, started)?;
    output::steer(&log::masks(job.runner, environment.secrets()));
    let face = Face::new(job.runner, &environment.ci);
    let redactor = Redactor::new(environment.secrets());
    let ended = Box::pin(answer(&job, &face, environment, started, &redactor, &mut watch)).await;
    let ended = ended.map_err(|refusal| refusal.redacted(&redactor));
    // Whoever reads the job's page must not take it for one that did nothing.
    if let Err(refusal) = &ended {
        let outcome = if refusal.exit() == Exit::Refused { WithoutRun::Refused } else { WithoutRun::Failed };
        face.without_run(outcome, &refusal.plain())?;
    }
    ended
}

async fn answer(
    job: &Job,
    face: &Face,
    environment: &Environment,
    started: Timestamp,
    redactor: &Redactor,
    watch: &mut Watch,
) -> Result<Exit, Refusal> {
    let workspace = parts::workspace()?;
    let deadline = deadline(job, environment, started)?;
    let patience = Patience::new();
    let admitted = watch.until_told(Box::pin(admission::admit(job, environment, &workspace, &patience))).await;
    let Some(admitted) = admitted else { return face.nothing_done(watch.exit()) };
    match admitted? {
        Admitted::Nothing(reason) => {
            output::tell(&output::defuse(&reason));
            face.without_run(WithoutRun::Skipped, &reason)?;
            Ok(Exit::Completed)
        }
        Admitted::Started(started) => {
            let failpoints = kept::failpoints(environment)?;
            let way = Way {
                job,
                face,
                environment,
                workspace: &workspace,
                deadline,
                patience: &patience,
                redactor,
                failpoints: &failpoints,
            };
            way.walk(*started, watch).await
        }
    }
}

/// Keeps what a stopped step left.
async fn save(environment: &Environment) -> Result<Exit, Refusal> {
    let job = Job::of(environment, clock().now())?;
    let left = sessions::keep_left(&job, environment).await?;
    for label in &left.kept {
        output::tell(&output::defuse(&format!("kept the session of {label} for the next job")));
    }
    for reason in &left.lost {
        output::tell(&output::defuse(reason));
    }
    Ok(if left.lost.is_empty() { Exit::Completed } else { Exit::Failed })
}

/// When the agent must have landed: after the operator's time from the job's start, and before the
/// runner ends it.
fn deadline(job: &Job, environment: &Environment, started: Timestamp) -> Result<Timestamp, Refusal> {
    let after = |timeout| started.checked_add(timeout).unwrap_or(Timestamp::MAX);
    let Some(given) = &environment.ci.timeout else {
        return Ok(job.deadline.unwrap_or_else(|| after(TIMEOUT)));
    };
    let timeout = length(given).map(Duration::from_secs).filter(|it| *it <= TIMEOUT_MAX).ok_or_else(|| {
        let given: String = given.chars().take(40).collect();
        Refusal::usage(format!("the timeout is `{given}`, but it should be like `90s`, `20m` or `1h`, at most 24h"))
    })?;
    Ok(job.deadline.map_or(after(timeout), |runners| runners.min(after(timeout))))
}

//! `hob ci`: a job of GitHub Actions or GitLab CI, from its event to its effects.

mod admission;
mod annotations;
mod ending;
mod face;
mod file;
mod job;
mod log;
mod markdown;
mod outputs;
mod reach;
#[cfg(test)]
mod runner;
#[cfg(test)]
mod script;
mod shelved;
mod summary;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::env::Environment;
use super::output::Exit;
use super::refusal::Refusal;
use super::wish::{self, Wish};
use super::work::{Watch, clock};
use super::{kept, live, parts};
use crate::channel::Asked;
use crate::domain::event::{Event, ThreadKind};
use crate::domain::run::Task;
use crate::effect::{self, Came, Corridor, Finished};
use crate::forge::Thread;
use crate::session::history::History;
use crate::skill::library::Library;
use crate::store::Bundle;
use crate::telemetry::progress::Progress;
use crate::telemetry::redact::Redactor;
use crate::worker::Worked;
use admission::Admitted;
use ending::{Ending, Fate, Trust, Written};
use face::Face;
use job::Job;
use reach::Reach;

/// Longest time of a job from its start where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Kept free of that time, to save the session and to send what it proposed.
const RESERVE: Duration = Duration::from_secs(60);

/// Longest wait for a forge that asks to wait, all waits of a job together.
const PATIENCE: Duration = Duration::from_secs(60);

/// Work in a CI job: what the GitHub Action and the GitLab template start
///
/// Reads the job's event, finds the agent that it starts and whether it may, goes on with the session
/// of its thread, sends what the agent proposed, each write once, and keeps the session for the next
/// job. Everything it needs stands in the job's environment.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to do: the whole way of an event, or only keep a session that a stopped job left
    #[arg(long, value_enum, default_value_t = Phase::Run)]
    phase: Phase,
}

/// A part of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Phase {
    /// From the event to the effects.
    Run,
    /// Keeps what an earlier step of the job left unkept.
    Save,
}

/// Does the phase.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Refusal::failed(format!("the async runtime could not start: {error}")))?;
    match args.phase {
        Phase::Run => runtime.block_on(Box::pin(go(environment))),
        Phase::Save => runtime.block_on(save(environment)),
    }
}

async fn go(environment: &Environment) -> Result<Exit, Refusal> {
    let started = clock().now();
    let job = Job::of(&environment.ci)?;
    output::steer(&log::masks(job.runner(), environment.secrets()));
    let face = Face::new(job.runner(), &environment.ci);
    let redactor = Redactor::new(environment.secrets());
    let deadline = deadline(&job, environment, started)?;
    let reach = Reach::new(&job, environment)?;
    match admission::admit(&job, &reach, environment).await? {
        Admitted::Nothing(reason) => {
            output::tell(&output::defuse(&reason));
            face.nothing(Level::Notice, "skipped", &reason)?;
            Ok(Exit::Completed)
        }
        Admitted::Refused(reason) => {
            output::tell(&output::defuse(&reason));
            face.nothing(Level::Warning, "refused", &reason)?;
            Ok(Exit::Refused)
        }
        Admitted::Started(started) => {
            let way = Way { job: &job, reach: &reach, face: &face, redactor: &redactor, environment, deadline };
            Box::pin(way.walk(*started)).await
        }
    }
}

/// A job whose event starts an agent.
struct Way<'a> {
    job: &'a Job,
    reach: &'a Reach,
    face: &'a Face,
    redactor: &'a Redactor,
    environment: &'a Environment,
    deadline: Timestamp,
}

//! The way of an event that starts an agent: the session is brought back, the run worked on, the
//! session kept, what was proposed is sent, and what came of it is kept and shown.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::admission::{MARKER_SECRET, Started};
use super::ending::{Ending, Fate, Trust, Written};
use super::face::Face;
use super::job::Job;
use super::shelved;
use crate::channel::Asked;
use crate::cli::env::Environment;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::wish::{self, Wish};
use crate::cli::work::{Watch, clock};
use crate::cli::{kept, live, parts};
use crate::domain::effect::{Effect, State};
use crate::domain::event::{Event, ThreadKind};
use crate::domain::run::{Run, Task};
use crate::effect::{self, Came, Corridor, Finished};
use crate::forge::{Account, Thread};
use crate::harness::Harness;
use crate::session::history::History;
use crate::store::Bundle;
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::progress::{Observer, Progress};
use crate::telemetry::redact::Redactor;
use crate::worker::Worked;

/// Kept free of a job's time, to save the session and to send what it proposed.
const RESERVE: Duration = Duration::from_secs(30);

/// Longest wait for a forge that asks to wait, all waits of a job together.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the way needs beside what it starts with.
pub(super) struct Way<'a> {
    pub(super) job: &'a Job,
    pub(super) face: &'a Face,
    pub(super) environment: &'a Environment,
    pub(super) workspace: &'a Path,
    /// When the agent must have landed.
    pub(super) deadline: Timestamp,
}

impl Way<'_> {
    /// Walks it to its end.
    pub(super) async fn walk(&self, started: Started) -> Result<Exit, Refusal> {
        let Self { job, face, environment, workspace, .. } = self;
        let Started { event, mut found, skills, own, authority } = started;
        let redactor = Redactor::new(environment.secrets());
        let observer = live::on_stderr(redactor.clone());
        for note in parts::replaced(&found, &skills) {
            observer.see(Progress::Note(&note));
        }
        found.agent.limits.seconds = found.agent.limits.seconds.min(self.seconds_left());
        let instance = event.instance(&found.agent.name);
        let label = wish::label(&instance, Some(&event));
        let root = kept::root(job.sessions(environment).to_str(), environment, workspace)?;
        let pull = (event.thread.kind == ThreadKind::Pull).then_some(event.thread.number);
        let holder = kept::holder(&instance);
        let session = job.trusts(event.repository.id, pull);
        let session = shelved::restore(job.shelf(), &session.here(), &root, &instance, &holder).await;
        observer.see(Progress::Note(&format!("session: {session}")));

        let allowances = found.agent.effects.clone();
        let order = parts::Order {
            agent: found.agent,
            skills,
            model: None,
            record: None,
            redactor: &redactor,
            workspace,
            root: &root,
            environment,
            observer: observer.clone(),
        };
        let harness = order.harness()?;
        let failpoints = kept::failpoints(environment)?;
        let mut bundle = kept::open(&root, &instance, &label, &failpoints, &*observer)?;
        let task = Task { event: Some(event.clone()), message: environment.ci.message.clone(), input: None };
        let asked = Asked { instance: instance.clone(), key: event.key.clone(), task };
        let run = Wish::new(Ok(asked), job.is_again(), &redactor).admit(&mut bundle, &redactor)?;
        let dir = root.join(instance.external());

        let mut watch = Watch::new()?;
        let title = format!("hob: {label}");
        let work = watch.until_settled(&run.id, &harness, bundle, redactor.clone(), failpoints.clone());
        let worked = face.folded("run", &title, work).await?;
        todo!()
    }
}

//! Workers on a store, in one process and in several, with models that do what they are told.

/// Makes a test of each case for each store: `life::bundle::a_panic_settles_its_run`.
macro_rules! every_store {
    ($($case:ident),+ $(,)?) => {
        mod memory {
            $(#[test] fn $case() { crate::worker::block_on(super::$case(crate::worker::Place::memory())) })+
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[test] fn $case() { crate::worker::block_on(async {
                let Some(place) = crate::worker::Place::postgres().await else { return };
                super::$case(place).await;
            }) })+
        }
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[test] fn $case() { crate::worker::block_on(super::$case(crate::worker::Place::sqlite())) })+
        }
        mod bundle {
            $(#[test] fn $case() { crate::worker::block_on(super::$case(crate::worker::Place::bundles())) })+
        }
    };
}

mod days;
mod fallback;
mod hung;
mod joins;
mod life;
mod processes;
mod scripted;
mod stops;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hob::agent::Known;
use hob::agent::library::Library as Agents;
use hob::domain::clock::Clock;
use hob::domain::entry::Entry;
use hob::domain::id::{EventKey, InstanceId, RunId};
use hob::domain::run::{Authority, Run, State, Task};
use hob::harness::Harness;
use hob::queue;
use hob::sandbox::{self, local};
use hob::skill::library::Library as Skills;
use hob::store::{Holder, Peek, Process, Store};
use hob::telemetry::failpoint::Failpoints;
use hob::telemetry::redact::Redactor;
use hob::trust::frame::Marker;
use hob::worker::{Circumstances, Harnesses, Unfit, Until, Worker};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use scripted::Scripted;

/// Short enough that a test can wait for the next beat.
const LEASE: Duration = Duration::from_millis(600);

/// A store of some kind and the directory of a project, empty at first.
struct Place {
    store: Store,
    dir: TempDir,
}

impl Place {
    fn memory() -> Self {
        Self { store: Store::memory(Failpoints::default()).with_lease(LEASE), dir: tempfile::tempdir().unwrap() }
            .ready()
    }

    fn bundles() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::bundles(&dir.path().join("state"), Failpoints::default()).with_lease(LEASE);
        Self { store, dir }.ready()
    }

    /// `None` where there is no server.
    #[cfg(feature = "postgres")]
    async fn postgres() -> Option<Self> {
        let url = crate::scene::postgres::database().await?;
        let store = Store::postgres(&url.parse().unwrap(), None, Failpoints::default()).await.unwrap();
        Some(Self { store: store.with_lease(LEASE), dir: tempfile::tempdir().unwrap() }.ready())
    }

    #[cfg(feature = "sqlite")]
    fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&dir.path().join("state.db"), Failpoints::default()).with_lease(LEASE);
        Self { store, dir }.ready()
    }

    fn ready(self) -> Self {
        let agents = self.dir.path().join("agents");
        std::fs::create_dir(&agents).unwrap();
        write_agents(&agents);
        self
    }

    fn desk(&self) -> Desk {
        Desk { dir: self.dir.path().to_owned(), model: Arc::new(Scripted::default()) }
    }

    fn worker(&self, name: &str, at_once: usize) -> Worker {
        Worker { store: self.store.clone(), holder: holder(name), at_once, observer: Arc::new(()) }
    }

    async fn admit(&self, instance: &str, message: &str) -> Run {
        let run = run(instance, message);
        self.admit_run(&run).await;
        run
    }

    async fn admit_run(&self, run: &Run) {
        queue::admit(&self.store, run, &run.instance.to_string(), &Redactor::default()).await.unwrap();
    }

    /// Works until nothing waits.
    async fn work(&self) {
        let left = self.worker("one", 4).work(&self.desk(), &circumstances(), Until::Empty).await.unwrap();
        assert_eq!(left, []);
    }

    async fn peek(&self, run: &Run) -> Peek {
        self.store.peek(&run.instance).await.unwrap().unwrap()
    }

    async fn state(&self, run: &Run) -> State {
        let peek = self.peek(run).await;
        peek.runs().find(|(known, _)| known.id == run.id).unwrap().1
    }

    /// Its outcome, as people read it.
    async fn outcome(&self, run: &Run) -> String {
        match self.state(run).await {
            State::Settled(outcome) => outcome.to_string(),
            state => format!("{state:?}"),
        }
    }

    /// What the agent of a run, and those among its runs that the same actor started, have cost on a day, in
    /// cents; `None` where nobody counts.
    async fn spent(&self, run: &Run, at: Timestamp) -> Option<(u64, u64)> {
        let mut log = self.store.open(&run.instance, "x", holder("looks")).await.unwrap().0;
        let cents = |nano_usd: u64| nano_usd / 10_000_000;
        let day = log.spent(run.actor(), at).await.unwrap()?;
        Some((cents(day.agent_nano_usd), cents(day.actor_nano_usd)))
    }

    /// The kinds of all entries, in their order.
    async fn kinds(&self, run: &Run) -> String {
        let peek = self.peek(run).await;
        peek.entries.iter().skip(1).map(|entry| entry.body.kind()).collect::<Vec<_>>().join(" ")
    }
}

/// `ready` answers, `broken` does not parse, `skilled` names a skill that is not there, `handy` has a shell,
/// `outspoken` proposes comments beside, `thrifty` has ten cents a day, of which five for one actor.
fn write_agents(dir: &Path) {
    for (name, head) in [
        ("ready", "sandbox: none"),
        ("broken", "sandbox: none\ncolour: red"),
        ("handy", "sandbox: local\ntools: [bash]"),
        ("outspoken", "sandbox: local\ntools: [bash]\neffects:\n  comment: {}"),
        ("thrifty", "sandbox: local\ntools: [bash]\nlimits: { per_day: 0.10 USD, per_actor_day: 0.05 USD }"),
        ("skilled", "sandbox: none\nskills: [lost]"),
    ] {
        let text = format!("---\ndescription: Does what it is told\n{head}\n---\nDo what you are told.\n");
        std::fs::write(dir.join(format!("{name}.md")), text).unwrap();
    }
}

/// Puts harnesses together from the agents of a project.
struct Desk {
    dir: std::path::PathBuf,
    model: Arc<Scripted>,
}

impl Harnesses for Desk {
    fn harness<'a>(&'a self, run: &'a Run) -> BoxFuture<'a, Result<Harness, Unfit>> {
        async move {
            let agents = Agents::new([self.dir.clone()]);
            // Said to be there, and is not when it is needed.
            let known = Known { skills: &["lost".parse().unwrap()], providers: &[], ..Known::default() };
            let found = agents.find(run.instance.agent.as_str(), &known);
            let agent = found.map_err(|error| Unfit::ForEver(error.to_string()))?.agent;
            let sandbox = (!agent.tools.is_empty()).then(|| {
                let local = local::Options {
                    workspace: self.dir.clone(),
                    env: vec![("PATH".into(), "/usr/bin:/bin".into())],
                    temporary: self.dir.clone(),
                    forbidden: vec![],
                };
                sandbox::open(sandbox::Options::Local(local)).unwrap()
            });
            Ok(Harness {
                agent,
                skills: Arc::new(Skills::open(&self.dir)),
                project: Vec::new(),
                provider: self.model.clone(),
                fallback: Vec::new(),
                summariser: None,
                subagents: Vec::new(),
                tools: Vec::new(),
                sandbox,
                observer: Arc::new(()),
                is_own_log: true,
                keeps_prompt: false,
                effect_secret: Vec::new(),
            })
        }
        .boxed()
    }

    fn digest<'a>(&'a self, run: &'a Run) -> BoxFuture<'a, Option<String>> {
        self.harness(run).map(|harness| Some(harness.ok()?.agent.digest)).boxed()
    }
}

fn circumstances() -> Circumstances {
    Circumstances {
        clock: clock(),
        cancel: CancellationToken::new(),
        ends: None,
        wall: Some(Duration::from_secs(3600)),
        refused: Default::default(),
        redactor: Redactor::default(),
        failpoints: Failpoints::default(),
        marker: || Marker::from_random([7; 8]),
        jitter: || 0.0,
    }
}

/// The machine's: a run's time is counted by it.
#[expect(clippy::disallowed_methods, reason = "a test is a door")]
fn clock() -> Clock {
    Clock::new(Timestamp::now)
}

fn holder(what: &str) -> Holder {
    Holder {
        pid: std::process::id(),
        host: "desk".into(),
        since: clock().now(),
        what: what.into(),
        process: Process::this(),
    }
}

/// A run of an instance such as `42/ready`, which does what its message says.
fn run(instance: &str, message: &str) -> Run {
    let instance: InstanceId = format!("github.com/700100/issue/{instance}").parse().unwrap();
    let event_key = EventKey::from_parts(["local", message]);
    Run {
        id: RunId::derive(&instance, &event_key, None),
        instance,
        event_key,
        attempt_tag: None,
        admitted_at: clock().now(),
        authority: Authority::default(),
        task: Task { message: Some(message.to_owned()), ..Task::default() },
    }
}

fn count(entries: &[Entry], kind: &str) -> usize {
    entries.iter().filter(|entry| entry.body.kind() == kind).count()
}

fn block_on(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(case);
}

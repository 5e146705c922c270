//! Worker processes on one store, which are killed, stopped for longer than their lease, and continued.
//! The processes are this test binary again.

/// Makes a test of each case for each store that outlives a process: `storm::sqlite::two_processes`.
macro_rules! every_durable_store {
    ($($case:ident),+ $(,)?) => {
        mod bundle {
            $(#[test] fn $case() { super::$case(crate::worker::processes::Ground::new("bundle").unwrap()) })+
        }
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[test] fn $case() { super::$case(crate::worker::processes::Ground::new("sqlite").unwrap()) })+
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[test] fn $case() {
                let Some(ground) = crate::worker::processes::Ground::new("postgres") else { return };
                super::$case(ground);
            })+
        }
    };
}

mod admitter;
mod chance;
mod notice_board;
mod owner;
mod race;
#[cfg(feature = "postgres")]
mod server_crash;
mod storm;
mod sweep;
mod takeover;

use hob::domain::entry::Body;
use hob::domain::message::Message;
use hob::provider::catalog;

use super::*;
use chance::Chance;
use owner::Owner;

const STORE: &str = "HOB_TEST_WORKER_STORE";
const PROJECT: &str = "HOB_TEST_WORKER_PROJECT";
const LEASES: &str = "HOB_TEST_WORKER_LEASE";
const HOST: &str = "HOB_TEST_WORKER_HOST";

/// Every store that outlives a process.
const KINDS: &[&str] = &[
    "bundle",
    #[cfg(feature = "sqlite")]
    "sqlite",
    #[cfg(feature = "postgres")]
    "postgres",
];

/// A store, empty at first, and the directory of a project.
struct Ground {
    address: String,
    lease: Duration,
    /// Whether its processes say that they are on another machine.
    is_elsewhere: bool,
    dir: TempDir,
}

impl Ground {
    /// `None` where there is no server for it.
    fn new(kind: &str) -> Option<Self> {
        let ground = Self::at(String::new());
        let address = match kind {
            "bundle" => format!("bundle:{}", ground.dir.path().join("state").display()),
            "sqlite" => format!("sqlite:{}", ground.dir.path().join("state.db").display()),
            #[cfg(feature = "postgres")]
            "postgres" => {
                let mut address = None;
                block_on(async { address = crate::scene::postgres::database().await });
                address?
            }
            other => unreachable!("there is no store `{other}`"),
        };
        Some(Self { address, ..ground })
    }

    /// With a store that is there already.
    fn at(address: String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("agents")).unwrap();
        write_agents(&dir.path().join("agents"));
        Self { address, lease: LEASE, is_elsewhere: false, dir }
    }

    async fn open(&self) -> Store {
        open(&self.address, Failpoints::default()).await.with_lease(self.lease)
    }

    /// This test binary again, as the test `role`, with this store and this project.
    #[expect(clippy::disallowed_methods, reason = "what is tested is the death of a process")]
    fn process(&self, role: &str) -> std::process::Command {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", role, "--ignored", "--nocapture", "--test-threads=1"])
            .env(STORE, &self.address)
            .env(LEASES, self.lease.as_millis().to_string())
            .env(PROJECT, self.dir.path());
        if self.is_elsewhere {
            command.env(HOST, "elsewhere");
        }
        command
    }

    /// The steps that were done, each with how often.
    fn steps(&self) -> std::collections::BTreeMap<String, usize> {
        let mut done = std::collections::BTreeMap::new();
        for step in std::fs::read_to_string(self.dir.path().join("steps.txt")).unwrap_or_default().lines() {
            *done.entry(step.to_owned()).or_default() += 1;
        }
        done
    }
}

/// Where a process was told to be: `None` when no test here started it.
#[expect(clippy::disallowed_methods, reason = "a test that starts itself has no other way to be told what to do")]
async fn told(failpoints: Failpoints) -> Option<(Store, std::path::PathBuf)> {
    let (address, project) = (std::env::var(STORE).ok()?, std::env::var(PROJECT).ok()?);
    let lease = Duration::from_millis(std::env::var(LEASES).ok()?.parse().unwrap());
    Some((open(&address, failpoints).await.with_lease(lease), project.into()))
}

/// Opens a store by its address, as each process does for itself.
async fn open(address: &str, failpoints: Failpoints) -> Store {
    let (kind, place) = address.split_once(':').unwrap();
    match kind {
        "bundle" => Store::bundles(Path::new(place), failpoints),
        #[cfg(feature = "sqlite")]
        "sqlite" => Store::sqlite(Path::new(place), failpoints),
        #[cfg(feature = "postgres")]
        "postgres" => Store::postgres(&address.parse().unwrap(), None, failpoints).await.unwrap(),
        other => unreachable!("there is no store `{other}`"),
    }
}

/// Runs of these instances that have no outcome.
async fn unsettled(store: &Store, instances: impl IntoIterator<Item = &InstanceId>) -> usize {
    let mut open = 0;
    for instance in instances {
        let peek = store.peek(instance).await.unwrap().unwrap();
        open += peek.runs().filter(|(_, state)| !matches!(state, State::Settled(_))).count();
    }
    open
}

/// What the model calls of an instance's agent cost since yesterday, in nano-dollars; `None` where nobody counts.
async fn spent(store: &Store, instance: &InstanceId) -> Option<u64> {
    let mut log = store.open(instance, "x", holder("looks")).await.unwrap().0;
    let now = clock().now();
    let mut sum = 0;
    for at in [now, now - Duration::from_secs(24 * 3600)] {
        sum += log.spent(None, at).await.unwrap()?.agent_nano_usd;
    }
    Some(sum)
}

/// What the model calls cost that stand in a log.
fn costs(entries: &[Entry]) -> u64 {
    let cost = |entry: &Entry| match &entry.body {
        Body::Message(Message::Assistant(answer)) => catalog::cost(&answer.model, answer.usage).unwrap(),
        _ => 0,
    };
    entries.iter().map(cost).sum()
}

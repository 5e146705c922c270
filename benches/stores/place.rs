//! The stores that are measured, and what is written to them.

use std::path::{Path, PathBuf};

use hob::domain::entry::Body;
use hob::domain::id::{EventKey, InstanceId, RunId, Seq, SessionId};
use hob::domain::run::{Authority, Run, Task};
use hob::store::postgres::Address;
use hob::store::{self, Draft, Holder, Log, Process, Store};
use hob::telemetry::failpoint::Failpoints;
use hob::telemetry::redact::Redactor;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::postgres;

/// Why nothing could be measured.
pub(crate) type Failed = Box<dyn std::error::Error>;

/// What people call every instance.
const LABEL: &str = "acme/widgets#1 (measured)";

/// A place for stores that goes away with it, and what runs their verbs.
pub(crate) struct Stores {
    dir: TempDir,
    runtime: Runtime,
}

impl Stores {
    pub(crate) fn new() -> Result<Self, Failed> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { dir: TempDir::new()?, runtime })
    }

    pub(crate) fn run<T>(&self, verb: impl Future<Output = T>) -> T {
        self.runtime.block_on(verb)
    }

    /// Where files are put.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A file that is not there yet.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// An SQLite file; the same one for the same name.
    pub(crate) fn sqlite(&self, name: &str) -> Store {
        Store::sqlite(&self.file(&format!("{name}.sqlite")), Failpoints::default())
    }

    /// A directory of bundles; the same one for the same name.
    pub(crate) fn bundles(&self, name: &str) -> Store {
        Store::bundles(&self.file(name), Failpoints::default())
    }

    /// A new database on a server that flushes to the disk; `None`, with a line that says so, where there
    /// is no server.
    pub(crate) fn postgres(&self) -> Result<Option<Store>, Failed> {
        self.run(async {
            let Some(url) = postgres::database().await else { return Ok(None) };
            let client = postgres::client(&url).await;
            // Tests do without.
            client.batch_execute("ALTER SYSTEM SET fsync = on").await?;
            client.batch_execute("SELECT pg_reload_conf()").await?;
            let mut is_on = false;
            while !is_on {
                is_on = client.query_one("SHOW fsync", &[]).await?.try_get::<_, String>(0)? == "on";
            }
            let address: Address = url.parse()?;
            Ok(Some(Store::postgres(&address, None, Failpoints::default()).await?))
        })
    }

    /// Opens an instance, which is made with that.
    pub(crate) fn open(&self, store: &Store, instance: &InstanceId) -> Result<Log, Failed> {
        Ok(self.run(open(store, instance))?)
    }
}

pub(crate) async fn open(store: &Store, instance: &InstanceId) -> Result<Log, store::Error> {
    let holder = Holder {
        pid: std::process::id(),
        host: "here".into(),
        since: now(),
        what: "bench".into(),
        process: Process::this(),
    };
    Ok(store.open(instance, LABEL, holder).await?.0)
}

/// One of many.
pub(crate) fn instance(n: usize) -> Result<InstanceId, Failed> {
    Ok(format!("github.com/700100/issue/{n}/measured").parse()?)
}

/// The n-th run of an instance, with a message of about half a kilobyte.
pub(crate) fn run(instance: &InstanceId, n: usize) -> Run {
    let event_key = EventKey::from_parts(["bench", &n.to_string()]);
    Run {
        id: RunId::derive(instance, &event_key, None),
        instance: instance.clone(),
        event_key,
        attempt_tag: None,
        admitted_at: now(),
        authority: Authority::default(),
        task: Task { message: Some("what is asked ".repeat(36)), ..Task::default() },
    }
}

pub(crate) async fn admit(store: &Store, run: &Run) -> Result<(), store::Error> {
    hob::queue::admit(store, run, LABEL, &Redactor::default()).await?;
    Ok(())
}

/// Entries one after the other, from the end of a log on.
pub(crate) fn drafts(log: &Log, bodies: Vec<Body>) -> Result<Vec<Draft>, store::Error> {
    let parents = (log.next().0 - 1..).map(Seq);
    let redactor = Redactor::default();
    parents.zip(bodies).map(|(parent, body)| Draft::new(SessionId::default(), parent, body, &redactor)).collect()
}

/// An entry of this kind.
pub(crate) fn body(kind: &str, json: &Value) -> Result<Body, Failed> {
    Ok(Body::read(kind, &RawValue::from_string(json.to_string())?)?)
}

/// Any moment: nothing here depends on it.
pub(crate) fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

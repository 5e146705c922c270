//! What only a file of SQLite promises, as its processes see it.

mod crash;
mod disk;

use std::path::PathBuf;

use hob::store::{Admission, Draft, Log, Process, Store};
use hob::telemetry::failpoint::Failpoints;
use hob::telemetry::redact::Redactor;
use tempfile::TempDir;

use super::*;

/// A file in a directory of its own.
struct Shelf {
    dir: TempDir,
}

impl Shelf {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("state/hob.sqlite")
    }

    fn store(&self) -> Store {
        Store::sqlite(&self.file(), Failpoints::default())
    }
}

/// The triage of an issue.
fn issue(key: &str) -> InstanceId {
    format!("github.com/700100/issue/{key}/triage").parse().unwrap()
}

async fn admit(store: &Store, run: &Run) {
    let admission = Admission::new(run, &Redactor::default()).unwrap();
    store.admit(&admission, "acme/widgets", at(1)).await.unwrap();
}

/// Opens an instance as this process.
async fn open(store: &Store, instance: &InstanceId) -> Result<Log, Error> {
    let this = Holder { pid: std::process::id(), process: Process::this(), ..holder() };
    Ok(store.open(instance, "acme/widgets", this).await?.0)
}

/// Entries one after the other, from the end of the log on.
fn path(log: &Log, bodies: impl IntoIterator<Item = Body>) -> Vec<Draft> {
    let parents = (log.next().0 - 1..).map(Seq);
    let draft = |(parent, body)| Draft::new(SessionId::default(), parent, body, &Redactor::default()).unwrap();
    parents.zip(bodies).map(draft).collect()
}

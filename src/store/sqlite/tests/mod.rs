//! What a file of instances keeps, and what it refuses.

mod compacted;
mod damage;
mod files;
mod verbs;

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::json;
use serde_json::value::RawValue;
use tempfile::TempDir;

use crate::domain::entry::{Body, Entry, Note};
use crate::domain::id::{Epoch, EventKey, InstanceId, RunId, Seq, SessionId};
use crate::domain::run::{Authority, Run, Task};
use crate::store::{Admission, Admitted, Draft, Error, Holder, Log, Process, Store};
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::redact::Redactor;

/// A file in a directory of its own.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("state/hob.sqlite")
    }

    fn store(&self) -> Store {
        Store::sqlite(&self.file(), Failpoints::default())
    }

    /// The file as somebody else has it open.
    fn shell(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }

    /// What a message says, without where this test keeps its file.
    fn said(&self, error: &Error) -> String {
        error.to_string().replace(&*self.dir.path().to_string_lossy(), "DIR")
    }
}

/// Seconds after nine o'clock on the first of March 2026.
fn at(seconds: i64) -> Timestamp {
    "2026-03-01T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn instance(key: &str) -> InstanceId {
    format!("github.com/700100/issue/{key}/triage").parse().unwrap()
}

fn holder(process: Option<Process>) -> Holder {
    Holder { pid: std::process::id(), host: "desk".into(), since: at(0), what: "hob run triage".into(), process }
}

fn run(key: &str, name: &str) -> Run {
    let event_key = EventKey::from_parts(["local", name]);
    Run {
        id: RunId::derive(&instance(key), &event_key, None),
        instance: instance(key),
        event_key,
        attempt_tag: None,
        admitted_at: at(1),
        authority: Authority::default(),
        task: Task { message: Some(name.to_owned()), ..Task::default() },
    }
}

async fn admit(store: &Store, key: &str, name: &str) -> Admitted {
    let admission = Admission::new(&run(key, name), &Redactor::default()).unwrap();
    store.admit(&admission, key, at(1)).await.unwrap()
}

async fn open(store: &Store, key: &str) -> Log {
    store.open(&instance(key), key, holder(Process::this())).await.unwrap().0
}

fn note(text: &str) -> Body {
    Body::Note(Note { text: text.to_owned() })
}

fn settled(run: &Run) -> Body {
    let usage = json!({ "input": 1, "output": 2 });
    let json = json!({ "run": run.id, "outcome": "completed", "message": "done", "usage": usage });
    Body::read("settled", &RawValue::from_string(json.to_string()).unwrap()).unwrap()
}

/// Entries one after the other, from the end of the log on.
fn path(log: &Log, bodies: impl IntoIterator<Item = Body>) -> Vec<Draft> {
    let parents = (log.next().0 - 1..).map(Seq);
    let draft = |(parent, body)| Draft::new(SessionId::default(), parent, body, &Redactor::default()).unwrap();
    parents.zip(bodies).map(draft).collect()
}

async fn append(log: &mut Log, fence: Epoch, texts: &[&str]) -> Result<Vec<Entry>, Error> {
    let drafts = path(log, texts.iter().map(|text| note(text)));
    log.append(fence, drafts, at(2)).await
}

/// The texts of the notes, in order.
fn notes(entries: &[Entry]) -> Vec<String> {
    let text = |entry: &Entry| if let Body::Note(note) = &entry.body { Some(note.text.clone()) } else { None };
    entries.iter().filter_map(text).collect()
}

async fn kept(store: &Store, key: &str) -> Vec<String> {
    notes(&store.peek(&instance(key)).await.unwrap().unwrap().entries)
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

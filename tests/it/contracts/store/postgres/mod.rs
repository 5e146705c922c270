//! What a PostgreSQL store promises beside what all of them do: on a real server.

mod disk;
mod lent;
mod lost_lines;
mod many_processes;
mod proxy;
mod refused;
mod restarts;
mod tls;

use hob::domain::effect::{Effect, EffectKey, Write};
use hob::domain::entry::Body;
use hob::domain::id::{EventKey, InstanceId, RunId, Seq, SessionId};
use hob::domain::run::{Authority, Run, Task};
use hob::store::postgres::Address;
use hob::store::{Admission, Admitted, Draft, Error, Holder, Log, Peek, Store};
use hob::telemetry::failpoint::Failpoints;
use hob::telemetry::redact::Redactor;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use serde_json::value::RawValue;

/// Seconds after nine o'clock on the first of March 2026.
fn at(seconds: i64) -> Timestamp {
    "2026-03-01T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// One of many threads.
fn thread(number: usize) -> InstanceId {
    format!("github.com/700100/issue/{number}/triage").parse().unwrap()
}

fn run(instance: &InstanceId, name: &str) -> Run {
    let event_key = EventKey::from_parts(["local", name]);
    Run {
        id: RunId::derive(instance, &event_key, None),
        instance: instance.clone(),
        event_key,
        attempt_tag: None,
        admitted_at: at(1),
        authority: Authority::default(),
        task: Task { message: Some(name.to_owned()), ..Task::default() },
    }
}

fn holder(pid: u32) -> Holder {
    Holder { pid, host: "desk".into(), since: at(0), what: "hob run triage".into(), process: None }
}

async fn store(url: &str) -> Result<Store, Error> {
    let address: Address = url.parse().unwrap();
    Store::postgres(&address, None, Failpoints::default()).await
}

async fn admit(store: &Store, run: &Run) -> Result<Admitted, Error> {
    let admission = Admission::new(run, &Redactor::default()).unwrap();
    store.admit(&admission, "acme/widgets#42 (triage)", at(1)).await
}

async fn open(store: &Store, instance: &InstanceId, pid: u32) -> Log {
    store.open(instance, "acme/widgets#42 (triage)", holder(pid)).await.unwrap().0
}

fn body(kind: &str, json: serde_json::Value) -> Body {
    Body::read(kind, &RawValue::from_string(json.to_string()).unwrap()).unwrap()
}

fn note(text: &str) -> Body {
    body("note", json!({ "text": text }))
}

fn settled(run: &Run) -> Body {
    body(
        "settled",
        json!({ "run": run.id, "outcome": "completed", "message": "done", "usage": { "input": 1, "output": 2 } }),
    )
}

/// Entries one after the other, from the end of the log on.
fn path(log: &Log, bodies: impl IntoIterator<Item = Body>) -> Vec<Draft> {
    let parents = (log.next().0 - 1..).map(Seq);
    let draft = |(parent, body)| Draft::new(SessionId::default(), parent, body, &Redactor::default()).unwrap();
    parents.zip(bodies).map(draft).collect()
}

fn comment(run: &Run) -> Effect {
    let write = Write::Comment { body: "comment".into() };
    Effect {
        key: EffectKey::derive(b"secret", &run.instance, &run.id, write.kind(), 0),
        run: run.id.clone(),
        ordinal: 0,
        write,
    }
}

/// The texts of the notes of a log, in order.
fn notes(peek: &Peek) -> Vec<&str> {
    let mut notes = Vec::new();
    for entry in &peek.entries {
        if let Body::Note(note) = &entry.body {
            notes.push(note.text.as_str());
        }
    }
    notes
}

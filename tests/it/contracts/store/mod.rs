//! What every store promises; there is one so far, the bundle.

mod crash;
mod damage;
mod effects;
mod golden;
mod golden_effects;
mod verbs;

use std::path::{Path, PathBuf};

use hob::domain::entry::{Body, Entry};
use hob::domain::id::{Epoch, EventKey, InstanceId, RunId, Seq, SessionId};
use hob::domain::run::{Authority, Run, Task};
use hob::queue;
use hob::store::bundle::Holder;
use hob::store::{Bundle, Draft, Error, Opening};
use hob::telemetry::failpoint::Failpoints;
use hob::telemetry::redact::Redactor;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use serde_json::value::RawValue;

/// Seconds after nine o'clock on the first of March 2026.
fn at(seconds: i64) -> Timestamp {
    "2026-03-01T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn instance() -> InstanceId {
    "github.com/700100/issue/42/triage".parse().unwrap()
}

fn dir(root: &Path) -> PathBuf {
    root.join(instance().external())
}

fn open(root: &Path) -> Result<(Bundle, Vec<String>), Error> {
    open_with(root, Failpoints::default())
}

fn open_with(root: &Path, failpoints: Failpoints) -> Result<(Bundle, Vec<String>), Error> {
    Bundle::open(Opening {
        root,
        instance: &instance(),
        label: "acme/widgets#42 (triage)",
        holder: Holder { pid: 71, host: "desk".into(), since: at(0), what: "hob run triage".into(), process: None },
        hob: "0.1.0",
        failpoints,
    })
}

fn run(name: &str) -> Run {
    let event_key = EventKey::from_parts(["local", name]);
    Run {
        id: RunId::derive(&instance(), &event_key, None),
        instance: instance(),
        event_key,
        attempt_tag: None,
        admitted_at: at(1),
        authority: Authority::default(),
        task: Task { message: Some(name.to_owned()), ..Task::default() },
    }
}

fn admit(bundle: &mut Bundle, name: &str) {
    queue::admit(bundle, &run(name), &Redactor::default()).unwrap();
}

fn body(kind: &str, json: impl ToString) -> Body {
    Body::read(kind, &RawValue::from_string(json.to_string()).unwrap()).unwrap()
}

fn note(text: &str) -> Body {
    body("note", json!({ "text": text }))
}

fn started(run: &Run, attempt: u32) -> Body {
    body(
        "attempt_started",
        json!({ "run": run.id, "attempt": attempt, "hob": "0.1.0", "model": "replay/x", "sandbox": "virtual" }),
    )
}

fn settled(run: &Run) -> Body {
    body(
        "settled",
        json!({ "run": run.id, "outcome": "completed", "message": "done", "usage": { "input": 1, "output": 2 } }),
    )
}

/// Entries one after the other, from the end of the log on.
fn path(bundle: &Bundle, bodies: impl IntoIterator<Item = Body>) -> Vec<Draft> {
    let parents = (bundle.next().0 - 1..).map(Seq);
    let draft = |(parent, body)| Draft::new(SessionId::default(), parent, body, &Redactor::default()).unwrap();
    parents.zip(bodies).map(draft).collect()
}

fn append(bundle: &mut Bundle, fence: Epoch, bodies: impl IntoIterator<Item = Body>) -> Result<Vec<Entry>, Error> {
    let drafts = path(bundle, bodies);
    bundle.append(fence, drafts, at(2))
}

/// The texts of the notes, in order.
fn notes(entries: &[Entry]) -> Vec<&str> {
    let mut texts = Vec::new();
    for entry in entries {
        if let Body::Note(note) = &entry.body {
            texts.push(note.text.as_str());
        }
    }
    texts
}

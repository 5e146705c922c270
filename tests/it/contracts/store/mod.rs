//! What every store promises, tried on each of them; what only one promises has a folder of its own.

/// Makes a test of each case for each store: `admission::bundle::a_run_is_admitted_once`.
macro_rules! every_store {
    ($($case:ident),+ $(,)?) => {
        mod memory {
            $(#[test] fn $case() { super::$case(&super::Place::memory()); })+
        }
        mod bundle {
            $(#[test] fn $case() { super::$case(&super::Place::bundles()); })+
        }
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[test] fn $case() { super::$case(&super::Place::sqlite()); })+
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[test] fn $case() { if let Some(place) = super::Place::postgres() { super::$case(&place) } })+
        }
    };
}

mod abort;
mod admission;
mod append;
mod blobs;
mod bundle;
mod claims;
mod copies;
mod disk;
mod effects;
mod forget;
mod leases;
mod listing;
mod opening;
mod owner;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod refresh;
mod settle;
mod spending;
#[cfg(feature = "sqlite")]
mod sqlite;
mod text;
mod together;
mod waiting;

use hob::domain::effect::{Effect, EffectKey, Object, State as Became, Write};
use hob::domain::entry::{Body, Entry};
use hob::domain::id::{Epoch, EventKey, InstanceId, RunId, Seq, SessionId};
use hob::domain::outcome::Outcome;
use hob::domain::run::{Authority, Run, State, Task};
use hob::store::{Error, Holder};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use serde_json::value::RawValue;

use place::{Place, Writer};

const COMPLETED: State = State::Settled(Outcome::Completed { limited: None });

/// Seconds after nine o'clock on the first of March 2026.
fn at(seconds: i64) -> Timestamp {
    "2026-03-01T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn instance() -> InstanceId {
    "github.com/700100/issue/42/triage".parse().unwrap()
}

/// The same agent on another thread.
fn neighbour() -> InstanceId {
    "github.com/700100/issue/43/triage".parse().unwrap()
}

fn holder() -> Holder {
    Holder { pid: 71, host: "desk".into(), since: at(0), what: "hob run triage".into(), process: None }
}

fn run(name: &str) -> Run {
    run_of(&instance(), name)
}

fn run_of(instance: &InstanceId, name: &str) -> Run {
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
    settled_as(run, &Outcome::Completed { limited: None })
}

fn settled_as(run: &Run, outcome: &Outcome) -> Body {
    let mut json = serde_json::to_value(outcome).unwrap();
    json["run"] = json!(run.id);
    json["message"] = json!("done");
    json["usage"] = json!({ "input": 1, "output": 2 });
    body("settled", json)
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

fn effect(run: &Run, ordinal: u32, write: Write) -> Effect {
    let key = EffectKey::derive(b"secret", &run.instance, &run.id, write.kind(), ordinal);
    Effect { key, run: run.id.clone(), ordinal, write }
}

fn comment(run: &Run, ordinal: u32) -> Effect {
    effect(run, ordinal, Write::Comment { body: format!("comment {ordinal}") })
}

fn applied(object: u64) -> Became {
    Became::Applied(Object { object: Some(object), url: format!("https://forge/{object}") })
}

fn unknown() -> Became {
    Became::Unknown { reason: "no answer".into() }
}

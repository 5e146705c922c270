//! What is owed to the outside, applied once: against a code host in memory that does its worst.

mod board;
mod decided;
mod faults;
mod interleaved;
mod once;

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use hob::domain::clock::Clock;
use hob::domain::effect::{Effect, EffectKey, Write};
use hob::domain::event::ThreadKind;
use hob::domain::id::{EventKey, InstanceId, RunId};
use hob::domain::name::EffectKind;
use hob::domain::outcome::Outcome;
use hob::domain::run::{Authority, Run, Task};
use hob::effect::{Came, Corridor, Finished, apply, owed};
use hob::forge::{Account, Thread};
use hob::queue;
use hob::rules::marker;
use hob::rules::neutralise::Place;
use hob::rules::policy::Allowance;
use hob::store::{Holder, Log, Store};
use hob::telemetry::failpoint::Failpoints;
use hob::telemetry::progress::{Observer, Progress};
use hob::telemetry::redact::Redactor;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use board::{Board, Fault, own};

const SECRET: &[u8] = b"the operator's";
const THREAD: Thread = Thread { kind: ThreadKind::Issue, number: 42 };

fn now() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

fn instance() -> InstanceId {
    "github.com/700100/issue/42/triage".parse().unwrap()
}

async fn open(root: &Path) -> Log {
    let store = Store::bundles(root, Failpoints::default());
    let holder = Holder { pid: 71, host: "runner".into(), since: now(), what: "hob ci".into(), process: None };
    store.open(&instance(), "acme/widgets#42 (triage)", holder).await.unwrap().0
}

fn status(body: &str) -> Write {
    Write::Status { body: body.into() }
}

fn comment(body: &str) -> Write {
    Write::Comment { body: body.into() }
}

fn label(add: &str, remove: &str) -> Write {
    let list = |names: &str| names.split_whitespace().map(str::to_owned).collect();
    Write::Label { add: list(add), remove: list(remove) }
}

/// An instance whose runs are over, and the thread it is about.
struct Scene {
    root: tempfile::TempDir,
    board: Board,
    own: Account,
    place: Place,
    allowances: Vec<Allowance>,
    patience: Duration,
    now: Timestamp,
    cancel: CancellationToken,
    runs: Vec<(Outcome, Vec<Effect>)>,
}

impl Scene {
    fn new() -> Self {
        let any = |kind: &EffectKind| Allowance { kind: *kind, max: 3, allow: Vec::new() };
        Self {
            root: tempfile::tempdir().unwrap(),
            board: Board::default(),
            own: own(),
            place: Place { hosts: vec!["github.com".into()], people: vec!["ann".into()], ..Place::nowhere() },
            allowances: EffectKind::ALL.iter().map(any).collect(),
            patience: Duration::from_secs(90),
            now: now(),
            cancel: CancellationToken::new(),
            runs: Vec::new(),
        }
    }

    /// A run that completed with this plan.
    fn completes(&mut self, name: &str, writes: &[Write]) {
        let event_key = EventKey::from_parts(["local", name]);
        let run = RunId::derive(&instance(), &event_key, None);
        let task = Task { message: Some(name.to_owned()), ..Task::default() };
        let admitted_at = self.now;
        let row = Run {
            id: run.clone(),
            instance: instance(),
            event_key,
            attempt_tag: None,
            admitted_at,
            authority: Authority::default(),
            task,
        };
        let store = Store::bundles(self.root.path(), Failpoints::default());
        let redactor = Redactor::default();
        let admitted = queue::admit(&store, &row, "acme/widgets#42 (triage)", &redactor);
        futures::executor::block_on(admitted).unwrap();
        let mut plan: Vec<Effect> = Vec::new();
        for write in writes {
            let kind = write.kind();
            let ordinal = plan.iter().filter(|effect| effect.write.kind() == kind).count() as u32;
            let key = EffectKey::derive(SECRET, &instance(), &run, kind, ordinal);
            plan.push(Effect { key, run: run.clone(), ordinal, write: write.clone() });
        }
        self.runs.push((Outcome::Completed { limited: None }, plan));
    }

    /// One process: opens the bundle, applies what is owed, and says what came of it; `died` when
    /// the forge let it hang.
    async fn process(&self) -> String {
        let mut log = open(self.root.path()).await;
        let finished = self.runs.iter().map(|(outcome, proposed)| Finished { outcome, proposed });
        let owed = owed(finished, log.effects());
        let (at, notes) = (self.now, Notes::default());
        let clock = Clock::new(move || at);
        let corridor = Corridor {
            forge: &self.board,
            place: &self.place,
            thread: THREAD,
            own: &self.own,
            own_ids: &[],
            secret: SECRET,
            allowances: &self.allowances,
            patience: self.patience,
            cancel: &self.cancel,
            clock: &clock,
            redactor: &Redactor::default(),
            observer: &notes,
            failpoints: &Failpoints::default(),
        };
        let applied = tokio::time::timeout(Duration::from_secs(3600), apply(&mut log, owed, &corridor)).await;
        let mut said: Vec<String> = match applied {
            Ok(applied) => applied.unwrap().iter().map(|(effect, came)| line(effect, came)).collect(),
            Err(_) => vec!["died".to_owned()],
        };
        said.extend(notes.0.into_inner().unwrap().into_iter().map(|note| format!("note: {note}")));
        said.join("\n")
    }

    /// What was called since the last time this was asked.
    fn calls(&self) -> String {
        std::mem::take(&mut self.board.state().calls).join("\n")
    }

    /// The first lines of the comments on the thread.
    fn thread(&self) -> Vec<String> {
        let state = self.board.state();
        state.comments.iter().map(|posted| posted.body.lines().next().unwrap_or_default().to_owned()).collect()
    }

    /// How many comments of ours there are for each effect that is one.
    fn copies(&self) -> Vec<usize> {
        let effects = self.runs.iter().flat_map(|(_, plan)| plan);
        let state = self.board.state();
        let copies = |effect: &Effect| {
            let is_it = |body: &str| marker::is_marked(SECRET, &effect.key, body);
            state.comments.iter().filter(|posted| posted.author == own() && is_it(&posted.body)).count()
        };
        effects.filter(|effect| effect.write.kind() != EffectKind::Label).map(copies).collect()
    }
}

fn line(effect: &Effect, came: &Came) -> String {
    let came = match came {
        Came::Done(state) => match state.object().map(|object| object.url.as_str()) {
            None | Some("") => state.to_string(),
            Some(url) => format!("{state} {url}"),
        },
        Came::Waiting { reason } => format!("waiting: {reason}"),
    };
    format!("{} {}: {came}", effect.write.kind(), effect.ordinal)
}

/// Keeps what a person is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn see(&self, progress: Progress<'_>) {
        if let Progress::Note(note) = progress {
            self.0.lock().unwrap().push(note.to_owned());
        }
    }
}

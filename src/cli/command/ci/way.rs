//! The way of an event that starts an agent: the session is brought back, the run worked on and
//! kept, what was proposed is sent, and what came of it is kept and shown.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::admission::Started;
use super::ending::{Ending, Trust};
use super::face::Face;
use super::gate::{self, MARKER_SECRET};
use super::job::Job;
use super::left;
use super::patience::Patience;
use super::sent::{self, Sent, owed};
use super::sessions::Sessions;
use crate::channel::Asked;
use crate::cli::env::Environment;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::wish::{self, Again, Wish};
use crate::cli::work::{Given, Watch};
use crate::cli::{kept, live, parts};
use crate::domain::effect::Effect;
use crate::domain::event::Event;
use crate::domain::id::InstanceId;
use crate::domain::run::{Authority, Run, Task};
use crate::effect::{self, Corridor};
use crate::embed::machine::clock;
use crate::forge::{Account, Thread};
use crate::harness::Harness;
use crate::rules::neutralise::Place;
use crate::rules::policy::Allowance;
use crate::session::history::History;
use crate::store::{Log, Manifest, Peek, Store};
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::progress::{Observer, Progress};
use crate::telemetry::redact::Redactor;
use crate::worker::Worked;

/// Longest wait for a forge that asks to wait, all waits of a job together: the minute of a limit
/// that names no time, and a look after it.
const PATIENCE: Duration = Duration::from_secs(90);

/// Kept free of a job's time, to save the session and to send what it proposed. A short job keeps
/// a quarter, and never less than it takes to save.
const RESERVE: Duration = PATIENCE.saturating_add(KEEPING);

/// Kept free of work and of waits, to save what became of them.
const KEEPING: Duration = Duration::from_secs(30);

/// How long a write that is under way may take once the job was told to stop. One that has no answer
/// by then is left as one that nobody knows of: the next job looks it up.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// How long the session may take to be kept once the job was told to stop. GitHub's runner says it a
/// second time after 7.5 s and kills 2.5 s later; the step's last act keeps what was left.
const LAST_KEEPING: Duration = Duration::from_secs(6);

/// What is noted when that was too short.
const UNKEPT: &str = "the job was told to stop before its session was kept: the step's last act keeps it";
/// Why a run has no outcome that may still use time, and its job may not.
const OUT_OF_TIME: &str = "the time of this job is over, and the next job of the thread goes on";

/// Why a run has no outcome that somebody else works on.
const LOST: &str = "another process has the right to write this session, and goes on";

/// What the way needs beside what it starts with.
pub(super) struct Way<'a> {
    pub(super) job: &'a Job,
    pub(super) face: &'a Face,
    pub(super) environment: &'a Environment,
    pub(super) workspace: &'a Path,
    /// When the agent must have landed.
    pub(super) deadline: Timestamp,
    /// For a forge that asks to wait before anything is done.
    pub(super) patience: &'a Patience,
    /// Takes secrets out of what is stored and shown.
    pub(super) redactor: &'a Redactor,
    /// Where a test wants this process to die.
    pub(super) failpoints: &'a Failpoints,
}

impl Way<'_> {
    /// Walks it to its end, or until it is told to stop.
    pub(super) async fn walk(&self, started: Started<'_>, watch: &mut Watch) -> Result<Exit, Refusal> {
        let Started { event, unkept, found, skills, gate, authority } = started;
        let observer = live::in_log(self.redactor.clone());
        for note in parts::replaced(&found, &skills) {
            observer.see(Progress::Note(&note));
        }
        let mut agent = found.agent.clone();
        let allowances = agent.effects.clone();
        let instance = event.instance(&agent.name);
        let sessions = Sessions::of(self.job, unkept, self.workspace, self.failpoints)?;
        if !sessions.are_kept() {
            // No other job goes on with the run: what exists when this one ends is all there will be.
            agent.limits.seconds = agent.limits.seconds.min(self.working().as_secs());
        }
        let harness = parts::Order {
            agent,
            skills,
            model: None,
            record: None,
            redactor: self.redactor,
            workspace: self.workspace,
            forbidden: vec![sessions.root.clone()],
            environment: self.environment,
            observer: observer.clone(),
            is_own_log: false,
        };
        let harness = harness.harness()?;
        let dir = sessions.dir(&instance);
        let store = Store::bundles(&sessions.root, self.failpoints.clone());
        let message = self.environment.ci.message.as_deref().map(|message| self.redactor.redact(message));
        let beginning = async {
            let session = sessions.restore(&event, &instance, self.patience).await?;
            observer.see(Progress::Note(&format!("session: {session}")));
            let mut log = self.open(&store, &event, &instance, &*observer).await?;
            let refused = left::refused(&log, &found, message.as_deref(), &gate).await?;
            let again = match self.job.attempt_tag() {
                Some(tag) if !owes(&store, &instance).await? => Again::Attempt(tag),
                _ => Again::Shown,
            };
            // Last: until here nothing was done.
            let run = self.admit(&event, authority, instance.clone(), again, &store, &mut log).await?;
            Ok::<_, Refusal>((session, log, refused, run))
        };
        let Some(begun) = watch.until_told(Box::pin(beginning)).await else {
            return self.face.nothing_done(watch.exit());
        };
        let (session, log, refused, run) = begun?;
        let ends = sessions.are_kept().then(|| Instant::now() + self.working());
        let given = Given { refused, ends, redactor: self.redactor.clone(), failpoints: self.failpoints.clone() };
        let worked = self.work(watch, &run, &harness, log, given, &event).await?;

        let mut notes = Vec::new();
        let mut sent = Vec::new();
        let (history, stopped, mut exit) = match worked {
            Worked::Settled { mut log, history } => {
                // The next job knows what is owed, also when this one dies while it sends.
                // What kept it from being kept is told by the last try.
                keep(watch, &sessions, log.manifest(), &mut Vec::new()).await;
                let to = Sending {
                    event: &event,
                    own: &gate.own,
                    own_ids: &gate.own_ids,
                    allowances: &allowances,
                    observer: &*observer,
                    is_remembered: sessions.are_kept(),
                };
                sent = self.send(watch, &run, &history, &mut log, to).await?;
                let settled = history.find(&run.id).and_then(|known| known.settled.as_ref());
                let exit = settled.map_or(Exit::Failed, |settled| Exit::from(&settled.outcome));
                (*history, String::new(), exit)
            }
            Worked::Interrupted => (History::default(), "the job was told to stop".to_owned(), watch.exit()),
            Worked::OutOfTime => (History::default(), OUT_OF_TIME.to_owned(), Exit::Limited),
            Worked::Lost => (History::default(), LOST.to_owned(), Exit::Failed),
            Worked::Unanswered(reason) => (History::default(), reason, Exit::Failed),
            Worked::Misconfigured(reason) => (History::default(), reason, Exit::Usage),
        };
        let peeked = peek(&store, &run.instance).await?;
        let kept = keep(watch, &sessions, &peeked.manifest, &mut notes).await;
        if stopped.is_empty() && kept.is_some() {
            watch.until_told(sessions.tidy(&run.instance)).await;
        }
        let is_well = notes.is_empty() && sent.iter().all(Sent::is_well);
        if exit == Exit::Completed && !is_well {
            let is_cut_short = sent.iter().any(Sent::waits) || notes.iter().any(|note| note == UNKEPT);
            let is_stopped = watch.cancel().is_cancelled() && is_cut_short;
            exit = if is_stopped { watch.exit() } else { Exit::Failed };
        }
        let history = if stopped.is_empty() { history } else { History::of(peeked.entries) };
        let writes: Vec<_> = sent.iter().map(Sent::written).collect();
        let ending = Ending {
            run: &run,
            history: &history,
            stopped: &self.redactor.redact(&stopped),
            model: harness.provider.model(),
            server: &self.job.server,
            writes: &writes,
            trust: Trust {
                actor: &event.actor.login,
                authority: &gate::why(authority),
                session: &session,
                state: sessions.rests(kept.is_some()),
            },
            notes: &notes,
            is_remembered: sessions.are_kept(),
            bundle: &dir.display().to_string(),
            bundle_digest: kept.as_deref().unwrap_or_default(),
        };
        output::tell(&output::defuse(&ending.sentence()));
        self.face.show(&ending)?;
        Ok(exit)
    }
}

/// What sending needs beside the job.
struct Sending<'a> {
    event: &'a Event,
    own: &'a Account,
    own_ids: &'a [u64],
    allowances: &'a [Allowance],
    observer: &'a dyn Observer,
    is_remembered: bool,
}

impl Way<'_> {
    async fn open(
        &self,
        store: &Store,
        event: &Event,
        instance: &InstanceId,
        observer: &dyn Observer,
    ) -> Result<Log, Refusal> {
        let label = wish::label(instance, Some(event));
        kept::open("ci", store, instance, &label, observer).await
    }

    /// The run of this event: a new one, or the one that it was before.
    async fn admit(
        &self,
        event: &Event,
        authority: Authority,
        instance: InstanceId,
        again: Again,
        store: &Store,
        log: &mut Log,
    ) -> Result<Run, Refusal> {
        let message = self.environment.ci.message.clone();
        let task = Task { event: Some(event.clone()), message, input: None };
        let asked = Asked { instance, key: event.key.clone(), task };
        Wish::new(Ok(asked), again, self.redactor).admit(authority, store, log, self.redactor).await
    }

    async fn work(
        &self,
        watch: &mut Watch,
        run: &Run,
        harness: &Harness,
        log: Log,
        given: Given,
        event: &Event,
    ) -> Result<Worked, Refusal> {
        let title = format!("hob: {}", wish::label(&run.instance, Some(event)));
        let work = watch.until_settled(&run.id, harness, log, given);
        Box::pin(self.face.folded("run", &title, work)).await
    }

    /// Sends what is owed, and says what became of everything that the run proposed.
    async fn send(
        &self,
        watch: &mut Watch,
        run: &Run,
        history: &History,
        log: &mut Log,
        to: Sending<'_>,
    ) -> Result<Vec<Sent>, Refusal> {
        let owed = owed(history, log.effects());
        let mut came = Vec::new();
        if !owed.is_empty() {
            let cancel = watch.cancel().clone();
            let corridor = Corridor {
                forge: &*self.job.forge,
                place: &Place::of(to.event),
                thread: Thread { kind: to.event.thread.kind, number: to.event.thread.number },
                own: to.own,
                own_ids: to.own_ids,
                secret: MARKER_SECRET,
                allowances: to.allowances,
                patience: self.patience(),
                cancel: &cancel,
                clock: &clock(),
                redactor: self.redactor,
                observer: to.observer,
                failpoints: self.failpoints,
            };
            let sending = async {
                let all: Vec<Effect> = owed.iter().map(|owed| owed.effect.clone()).collect();
                let came = match watch.drive(LAST_WRITE, Box::pin(effect::apply(log, owed, &corridor))).await {
                    Some(came) => came?,
                    None => sent::cut_short(all, log.effects()),
                };
                for (effect, came) in &came {
                    to.observer.see(Progress::Note(&sent::line(effect, came, to.is_remembered)));
                }
                Ok::<_, Refusal>(came)
            };
            came = Box::pin(self.face.folded("effects", "hob: what it writes", sending)).await?;
        }
        Ok(Sent::of(&run.id, history, log.effects(), came))
    }

    /// How long the agent may work until it must have landed; a second at least, so that it says so
    /// itself.
    fn working(&self) -> Duration {
        let left = self.left();
        left.saturating_sub(RESERVE.min(left / 4).max(KEEPING)).max(Duration::from_secs(1))
    }

    /// How long a forge may keep the job waiting.
    fn patience(&self) -> Duration {
        PATIENCE.min(self.left().saturating_sub(KEEPING))
    }

    /// Of the job's time.
    fn left(&self) -> Duration {
        Duration::try_from(self.deadline.duration_since(clock().now())).unwrap_or_default()
    }
}

/// Keeps the session for the next job, while there is time for it; the digest of its archive.
async fn keep(
    watch: &mut Watch,
    sessions: &Sessions<'_>,
    manifest: &Manifest,
    notes: &mut Vec<String>,
) -> Option<String> {
    if !sessions.are_kept() {
        return None;
    }
    if let Some(kept) = watch.drive(LAST_KEEPING, Box::pin(sessions.keep(manifest, notes))).await {
        return kept;
    }
    notes.push(UNKEPT.to_owned());
    None
}

/// Whether something that was proposed is not written yet. A job that is run again is then run for
/// that alone.
async fn owes(store: &Store, instance: &InstanceId) -> Result<bool, Refusal> {
    let peeked = peek(store, instance).await?;
    Ok(!owed(&History::of(peeked.entries), &peeked.effects).is_empty())
}

/// The session as it stands; this job opened it before.
async fn peek(store: &Store, instance: &InstanceId) -> Result<Peek, Refusal> {
    let gone = || Refusal::failed(format!("the session of {instance} is gone from where this job keeps it"));
    store.peek(instance).await?.ok_or_else(gone)
}

//! The way of an event that starts an agent: the session is brought back, the run worked on and
//! kept, what was proposed is sent, and what came of it is kept and shown.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::admission::Started;
use super::ending::{Ending, Trust};
use super::face::Face;
use super::gate::MARKER_SECRET;
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
use crate::cli::work::{Given, Watch, clock};
use crate::cli::{kept, live, parts};
use crate::domain::effect::Effect;
use crate::domain::event::Event;
use crate::domain::id::{InstanceId, RunId};
use crate::domain::run::{Run, Task};
use crate::effect::{self, Corridor};
use crate::forge::{Account, Thread};
use crate::harness::Harness;
use crate::rules::neutralise::Place;
use crate::rules::policy::Allowance;
use crate::session::history::History;
use crate::store::bundle::{self, Bundle};
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
    /// Walks it to its end.
    pub(super) async fn walk(&self, started: Started<'_>) -> Result<Exit, Refusal> {
        let Started { event, unkept, found, skills, gate, authority } = started;
        let observer = live::in_log(self.redactor.clone());
        for note in parts::replaced(&found, &skills) {
            observer.see(Progress::Note(&note));
        }
        let mut agent = found.agent.clone();
        agent.limits.seconds = agent.limits.seconds.min(self.seconds_left());
        let allowances = agent.effects.clone();
        let instance = event.instance(&agent.name);
        let sessions = Sessions::of(self.job, unkept, self.workspace, self.failpoints)?;
        let harness = parts::Order {
            agent,
            skills,
            model: None,
            record: None,
            redactor: self.redactor,
            workspace: self.workspace,
            root: &sessions.root,
            environment: self.environment,
            observer: observer.clone(),
            is_own_log: false,
        };
        let harness = harness.harness()?;
        let session = sessions.restore(&event, &instance, self.patience).await?;
        observer.see(Progress::Note(&format!("session: {session}")));

        let dir = sessions.dir(&instance);
        let mut bundle = self.open(&sessions, &event, &instance, &*observer)?;
        let message = self.environment.ci.message.as_deref().map(|message| self.redactor.redact(message));
        let refused = left::refused(&bundle, &found, message.as_deref(), &gate).await?;
        let again = match self.job.attempt_tag() {
            Some(tag) if !owes(&dir)? => Again::Attempt(tag),
            _ => Again::Shown,
        };
        let run = self.admit(&event, instance, again, &mut bundle)?;
        let mut watch = Watch::new()?;
        let worked = self.work(&mut watch, &run, &harness, bundle, refused, &event).await?;

        let mut notes = Vec::new();
        let mut sent = Vec::new();
        let (history, stopped, mut exit) = match worked {
            Worked::Settled { mut bundle, history } => {
                // The next job knows what is owed, also when this one dies while it sends.
                sessions.keep(bundle.manifest(), &mut notes).await;
                let to = Sending {
                    event: &event,
                    own: &gate.own,
                    own_ids: &gate.own_ids,
                    allowances: &allowances,
                    observer: &*observer,
                    is_remembered: sessions.are_kept(),
                };
                sent = self.send(&mut watch, &run, &history, &mut bundle, to).await?;
                let settled = history.find(&run.id).and_then(|known| known.settled.as_ref());
                let exit = settled.map_or(Exit::Failed, |settled| Exit::from(&settled.outcome));
                (*history, String::new(), exit)
            }
            Worked::Interrupted => (History::default(), "the job was told to stop".to_owned(), watch.exit()),
            Worked::Unanswered(reason) => (History::default(), reason, Exit::Failed),
            Worked::Misconfigured(reason) => (History::default(), reason, Exit::Usage),
        };
        let peeked = bundle::peek(&dir)?;
        let kept = sessions.keep(&peeked.manifest, &mut notes).await;
        if stopped.is_empty() && kept.is_some() {
            sessions.tidy(&run.instance).await;
        }
        let is_well = notes.is_empty() && sent.iter().all(Sent::is_well);
        if exit == Exit::Completed && !is_well {
            let is_stopped = watch.cancel().is_cancelled() && sent.iter().any(Sent::waits);
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
                authority: &authority,
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
    fn open(
        &self,
        sessions: &Sessions<'_>,
        event: &Event,
        instance: &InstanceId,
        observer: &dyn Observer,
    ) -> Result<Bundle, Refusal> {
        let label = wish::label(instance, Some(event));
        kept::open("ci", &sessions.root, instance, &label, self.failpoints, observer)
    }

    /// The run of this event: a new one, or the one that it was before.
    fn admit(&self, event: &Event, instance: InstanceId, again: Again, bundle: &mut Bundle) -> Result<Run, Refusal> {
        let message = self.environment.ci.message.clone();
        let task = Task { event: Some(event.clone()), message, input: None };
        let asked = Asked { instance, key: event.key.clone(), task };
        Wish::new(Ok(asked), again, self.redactor).admit(bundle, self.redactor)
    }

    async fn work(
        &self,
        watch: &mut Watch,
        run: &Run,
        harness: &Harness,
        bundle: Bundle,
        refused: BTreeMap<RunId, String>,
        event: &Event,
    ) -> Result<Worked, Refusal> {
        let title = format!("hob: {}", wish::label(&run.instance, Some(event)));
        let with = Given { refused, redactor: self.redactor.clone(), failpoints: self.failpoints.clone() };
        let work = watch.until_settled(&run.id, harness, bundle, with);
        Box::pin(self.face.folded("run", &title, work)).await
    }

    /// Sends what is owed, and says what became of everything that the run proposed.
    async fn send(
        &self,
        watch: &mut Watch,
        run: &Run,
        history: &History,
        bundle: &mut Bundle,
        to: Sending<'_>,
    ) -> Result<Vec<Sent>, Refusal> {
        let owed = owed(history, bundle.effects());
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
                let came = match watch.drive(Box::pin(effect::apply(bundle, owed, &corridor))).await {
                    Some(came) => came?,
                    None => sent::cut_short(all, bundle.effects()),
                };
                for (effect, came) in &came {
                    to.observer.see(Progress::Note(&sent::line(effect, came, to.is_remembered)));
                }
                Ok::<_, Refusal>(came)
            };
            came = Box::pin(self.face.folded("effects", "hob: what it writes", sending)).await?;
        }
        Ok(Sent::of(&run.id, history, bundle.effects(), came))
    }

    /// Seconds until the agent must have landed; one at least, so that it says so itself.
    fn seconds_left(&self) -> u64 {
        let left = self.left();
        left.saturating_sub(RESERVE.min(left / 4).max(KEEPING)).as_secs().max(1)
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

/// Whether something that was proposed is not written yet. A job that is run again is then run for
/// that alone.
fn owes(dir: &Path) -> Result<bool, Refusal> {
    let peeked = bundle::peek(dir)?;
    Ok(!owed(&History::of(peeked.entries), &peeked.effects).is_empty())
}

//! One worker's shift: every instance of a store that has something to do, several at once.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep};

use super::attempt::Circumstances;
use super::claimed::{self, Ended, Instance};
use super::settle::{Verdict, settle, verdict};
use super::supervise::words;
use crate::domain::id::InstanceId;
use crate::domain::run::Run;
use crate::harness::{self, Harness};
use crate::queue::Claim;
use crate::session;
use crate::session::resume::FINISH;
use crate::store::{self, Holder, Store};
use crate::telemetry::progress::{Observer, Progress};

/// How often the store is looked at where nothing says that there is news: a run whose owner died makes
/// none.
const LOOK: Duration = Duration::from_millis(400);

/// Runs of one instance that are worked on in a row before others get their turn.
const IN_A_ROW: usize = 8;

/// Waits before an instance is tried again whose run could not go on: doubled each time.
const WAITS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

/// Works on every instance of a store.
pub struct Worker {
    /// Where the runs are.
    pub store: Store,
    /// Who this worker is, for others that want to write.
    pub holder: Holder,
    /// Instances that are worked on at once, at least one.
    pub at_once: usize,
    /// Is told what a person should know about the worker itself.
    pub observer: Arc<dyn Observer>,
}

/// When a shift is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When it is told to stop.
    Told,
    /// When nothing waits any more but what others work on and what could not go on now; or when told.
    Empty,
}

/// An instance with a run that could not go on; nothing of it is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Which.
    pub instance: InstanceId,
    /// Why, for people.
    pub reason: String,
}

/// Where the parts come from that a run is worked on with.
pub trait Harnesses: Send + Sync {
    /// What the next attempt at a run works with. Asked anew for each attempt.
    fn harness<'a>(&'a self, run: &'a Run) -> BoxFuture<'a, Result<Harness, Unfit>>;

    /// Digest of the agent file that an attempt at this run would be made from now; `None` where there is
    /// none. Asked of runs that may join another one.
    fn digest<'a>(&'a self, run: &'a Run) -> BoxFuture<'a, Option<String>>;
}

/// Why there is no harness for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// There will never be one, as for an agent that is missing or does not parse: the run fails.
    ForEver(String),
    /// There may be one another time: the run waits.
    ForNow(String),
}

/// What came of an instance that was tried.
enum Came {
    /// It has nothing to do, or others get their turn first.
    Done,
    /// Somebody else works on it.
    Busy,
    /// Its run cannot go on now.
    Stuck(String),
    /// The worker was told to stop.
    Stopped,
}

impl Worker {
    /// Works until the shift is over; told to stop (through the circumstances), it is out within two
    /// seconds, and what it worked on goes on with whoever claims next. Returns what could not go on.
    ///
    /// # Errors
    /// When the store cannot say what waits, and nobody waits for it to come back.
    pub async fn work(
        &self,
        harnesses: &dyn Harnesses,
        with: &Circumstances,
        until: Until,
    ) -> Result<Vec<Left>, store::Error> {
        let mut active = HashSet::new();
        let mut pauses = Pauses::default();
        let mut works = FuturesUnordered::new();
        loop {
            let is_told = with.cancel.is_cancelled();
            let has_room = active.len() < self.at_once.max(1) && !is_told;
            // Asked for before the look: what comes in between is no news to the look, but to this.
            let news = self.store.news();
            // What was lost to somebody else, and nobody works on: it comes back.
            let mut comes_back = false;
            if has_room {
                let most = self.at_once.max(1) + active.len() + pauses.0.len();
                match self.store.waiting(most).await {
                    Ok(waiting) => {
                        comes_back = waiting.iter().any(|instance| pauses.is_busy(instance));
                        let due = waiting.into_iter().filter(|instance| pauses.is_due(instance, until));
                        for instance in due {
                            if active.len() < self.at_once.max(1) && active.insert(instance.clone()) {
                                works.push(Box::pin(async {
                                    let came = self.on(&instance, harnesses, with).await;
                                    (instance, came)
                                }));
                            }
                        }
                    }
                    Err(error) if until == Until::Empty => return Err(error),
                    Err(error) => self.observer.see(Progress::Note(&error.to_string())),
                }
            }
            if works.is_empty() && (is_told || (until == Until::Empty && !comes_back)) {
                return Ok(pauses.left());
            }
            let look = async {
                tokio::select! {
                    () = news => {}
                    () = sleep(LOOK) => {}
                }
            };
            tokio::select! {
                Some((instance, came)) = works.next() => {
                    active.remove(&instance);
                    if let Came::Stuck(reason) = &came {
                        self.observer.see(Progress::Note(&format!("{instance}: {reason}")));
                    }
                    pauses.note(instance, came);
                }
                () = with.cancel.cancelled(), if !is_told => {}
                () = look, if has_room => {}
            }
        }
    }

    /// Works on the runs of one instance in their order.
    async fn on(&self, id: &InstanceId, harnesses: &dyn Harnesses, with: &Circumstances) -> Came {
        let mut instance = match self.open(id, with).await {
            Ok(Some(instance)) => instance,
            Ok(None) => return Came::Done,
            Err(error) => return stuck(error),
        };
        for _ in 0..IN_A_ROW {
            if with.cancel.is_cancelled() {
                return Came::Stopped;
            }
            let claim = match instance.claim(with).await {
                Ok(Some(claim)) => claim,
                Ok(None) => return Came::Done,
                Err(error) => return stuck(error),
            };
            let attempts = attempts(&instance, &claim);
            let worked = match self.harness(&claim.run, harnesses, with).await {
                Some(Ok(harness)) => claimed::work(&harness, Some(harnesses), instance, &claim, with).await,
                Some(Err(unfit)) => claimed::or_lost(without(instance, &claim, unfit, with).await),
                None => claimed::or_lost(instance.release(Ended::Interrupted).await),
            };
            let worked = match worked {
                Err(harness::Error::Session(session::Error::Store(error))) => return stuck(error),
                // What could not even begin would not begin another time.
                Err(error) => claimed::or_lost(self.fail(id, attempts, &claim, &error.to_string(), with).await),
                worked => worked,
            };
            instance = match worked {
                Ok(Ended::Settled(open)) => open,
                Ok(Ended::Interrupted) => return Came::Stopped,
                Ok(Ended::OutOfTime) => return Came::Stuck("its time is over".to_owned()),
                Ok(Ended::Unanswered(reason) | Ended::Misconfigured(reason)) => return Came::Stuck(reason),
                Ok(Ended::Lost) => return Came::Busy,
                Err(error) => return Came::Stuck(error.to_string()),
            };
        }
        Came::Done
    }

    async fn open(&self, id: &InstanceId, with: &Circumstances) -> Result<Option<Instance>, store::Error> {
        let holder = Holder { since: with.clock.now(), ..self.holder.clone() };
        let Some((log, notes)) = self.store.reopen(id, holder).await? else { return Ok(None) };
        for note in notes {
            self.observer.see(Progress::Note(&note));
        }
        Ok(Some(Instance::new(Box::new(log))))
    }

    /// `None` when the worker was told to stop meanwhile.
    async fn harness(
        &self,
        run: &Run,
        harnesses: &dyn Harnesses,
        with: &Circumstances,
    ) -> Option<Result<Harness, Unfit>> {
        let made = AssertUnwindSafe(harnesses.harness(run)).catch_unwind();
        tokio::select! {
            () = with.cancel.cancelled() => None,
            made = made => Some(made.unwrap_or_else(|panic| {
                Err(Unfit::ForEver(format!("bug: hob panicked: {}; please report it", words(&*panic))))
            })),
        }
    }

    /// Settles a run as failed that no attempt was begun at, though one was tried.
    async fn fail(
        &self,
        id: &InstanceId,
        attempts: u32,
        claim: &Claim,
        reason: &str,
        with: &Circumstances,
    ) -> Result<Ended, harness::Error> {
        let Some(mut instance) = self.open(id, with).await? else { return Ok(Ended::Lost) };
        match instance.claim(with).await? {
            Some(anew) if anew.run.id == claim.run.id && self::attempts(&instance, &anew) == attempts => {
                without(instance, &anew, Unfit::ForEver(reason.to_owned()), with).await
            }
            _ => instance.release(Ended::Misconfigured(reason.to_owned())).await,
        }
    }
}

/// What becomes of a claimed run that nothing can work on: what the log says, else it fails or waits.
async fn without(
    instance: Instance,
    claim: &Claim,
    unfit: Unfit,
    with: &Circumstances,
) -> Result<Ended, harness::Error> {
    // Nobody can ask its agent whether it must end through `finish`; its prompt shows what it was told.
    let prompt = instance.history.prompt.as_ref();
    let needs_result = prompt.is_some_and(|prompt| prompt.tools.iter().any(|tool| tool.name == FINISH));
    match (verdict(&instance, claim, needs_result, with), unfit) {
        (Some(verdict), _) => settle(instance, claim, verdict, with).await,
        (None, Unfit::ForEver(reason)) => settle(instance, claim, Verdict::failed(reason), with).await,
        (None, Unfit::ForNow(reason)) => instance.release(Ended::Misconfigured(reason)).await,
    }
}

fn attempts(instance: &Instance, claim: &Claim) -> u32 {
    instance.history.find(&claim.run.id).map_or(0, |known| known.attempts)
}

fn stuck(error: store::Error) -> Came {
    use store::Error::{Fenced, Gone, Held};
    match error {
        Held { .. } | Fenced { .. } | Gone { .. } => Came::Busy,
        error => Came::Stuck(error.to_string()),
    }
}

/// Instances that are left alone for a while.
#[derive(Default)]
struct Pauses(HashMap<InstanceId, Pause>);

struct Pause {
    until: Instant,
    wait: Duration,
    /// Why its run cannot go on; `None` while somebody else works on it.
    stuck: Option<String>,
}

impl Pauses {
    /// Whether an instance may be tried now. One that could not go on is tried once, where nobody waits
    /// for it.
    fn is_due(&self, instance: &InstanceId, until: Until) -> bool {
        self.0
            .get(instance)
            .is_none_or(|pause| (until == Until::Told || pause.stuck.is_none()) && pause.until <= Instant::now())
    }

    /// Whether somebody else worked on it when it was tried.
    fn is_busy(&self, instance: &InstanceId) -> bool {
        self.0.get(instance).is_some_and(|pause| pause.stuck.is_none())
    }

    fn note(&mut self, instance: InstanceId, came: Came) {
        let now = Instant::now();
        match came {
            Came::Done | Came::Stopped => _ = self.0.remove(&instance),
            Came::Busy => _ = self.0.insert(instance, Pause { until: now + LOOK, wait: *WAITS.start(), stuck: None }),
            Came::Stuck(reason) => {
                let before = self.0.get(&instance).filter(|pause| pause.stuck.is_some());
                let wait = before.map_or(*WAITS.start(), |pause| (pause.wait * 2).min(*WAITS.end()));
                self.0.insert(instance, Pause { until: now + wait, wait, stuck: Some(reason) });
            }
        }
    }

    fn left(self) -> Vec<Left> {
        let mut left: Vec<Left> =
            self.0.into_iter().filter_map(|(instance, pause)| Some(Left { instance, reason: pause.stuck? })).collect();
        left.sort_by(|a, b| a.instance.cmp(&b.instance));
        left
    }
}

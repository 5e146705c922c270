//! One leased try at a run: opens its session and goes on until that stops.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::claimed::Instance;
use super::recovery::{ATTEMPTS, Allowed};
use crate::domain::clock::Clock;
use crate::domain::id::{RunId, SessionId};
use crate::harness::{self, Harness, Moment};
use crate::queue::Claim;
use crate::session;
use crate::session::history::History;
use crate::session::join::Joins;
use crate::session::journal::Journal;
use crate::session::turns::Stopped;
use crate::store::Log;
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::redact::Redactor;
use crate::trust::frame::Marker;

/// What an attempt needs beside the harness. A test gives its own.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// Tells the time.
    pub clock: Clock,
    /// Ends the attempt early.
    pub cancel: CancellationToken,
    /// When all work must end, whatever the runs may still use; they go on another time.
    pub ends: Option<Instant>,
    /// How long after its first attempt began a run fails that has no outcome; `None` where somebody
    /// waits for it and says how long.
    pub wall: Option<Duration>,
    /// Runs that are not worked on, by the reason: who asked for them may not.
    pub refused: BTreeMap<RunId, String>,
    /// Takes secrets out of what is stored.
    pub redactor: Redactor,
    /// Where a test wants this process to die.
    pub failpoints: Failpoints,
    /// Makes a frame marker nobody can guess.
    pub marker: fn() -> Marker,
    /// A fresh number from 0 up to 1 for each wait.
    pub jitter: fn() -> f64,
}

impl Circumstances {
    pub(super) fn allowed(&self) -> Allowed {
        Allowed { attempts: ATTEMPTS, wall: self.wall }
    }
}

/// Works on the claimed run until its conversation stops, and gives log and history back.
pub(super) fn attempt<'a>(
    harness: &'a Harness,
    joins: Option<&'a dyn Joins>,
    instance: Instance,
    claim: &'a Claim,
    with: &'a Circumstances,
) -> BoxFuture<'a, Result<(Stopped, Instance), harness::Error>> {
    async move {
        let Instance { log, history } = instance;
        let journal = journal(log, &history, claim, with);
        let moment = Moment {
            marker: (with.marker)(),
            now: with.clock.now(),
            started: Instant::now(),
            ends: with.ends,
            cancel: with.cancel.clone(),
            jitter: with.jitter,
        };
        let mut session = harness.open(journal, *history, &claim.run, moment).boxed().await?;
        let stopped = session.run(&claim.run.id, joins).await?;
        let (journal, history) = session.close(&claim.run.id);
        let log = journal.log.take().ok_or(session::Error::Kept)?;
        Ok((stopped, Instance { log, history: Box::new(history) }))
    }
    .boxed()
}

/// The pen of a claim.
pub(super) fn journal(log: Box<Log>, history: &History, claim: &Claim, with: &Circumstances) -> Journal {
    Journal {
        log: log.into(),
        fence: claim.fence,
        session: SessionId::default(),
        leaf: history.leaf,
        actor: claim.run.actor(),
        redactor: with.redactor.clone(),
        clock: with.clock.clone(),
        failpoints: with.failpoints.clone(),
    }
}

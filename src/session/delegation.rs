//! Tasks: each has a conversation of its own beneath this one, in the same log. What was recorded there
//! is where the next attempt goes on.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::history::{Child, History};
use super::journal::Journal;
use super::purse::Purse;
use super::resume::Ending;
use super::turns::Stopped;
use super::{Error, Session};
use crate::domain::entry::{Body, ChildSession, FileChange};
use crate::domain::id::{RunId, SessionId};
use crate::telemetry::failpoint;
use crate::tool::delegate::Delegation;
use crate::tool::{Reply, dispatch, output};

/// Who works on tasks.
pub trait Delegates: Send + Sync {
    /// Works on a task until it stops, and gives its history back.
    ///
    /// # Errors
    /// When the log or the sandbox fails; what was recorded stays.
    fn work<'a>(&'a self, task: &'a Delegation, begun: Begun) -> BoxFuture<'a, Result<(Stopped, History), Error>>;
}

/// Where the sessions of a run change the files of a contained sandbox, one after the other: from a call
/// that may change some to its record, so that each records what it did itself. It holds what the tasks
/// changed and the run's own history does not know yet.
#[derive(Debug, Default)]
pub struct Desk(Arc<Mutex<Vec<FileChange>>>);

impl Desk {
    /// Waits for its turn; `None` when it did not come in time.
    pub(super) async fn take(
        &self,
        cancel: &CancellationToken,
        deadline: Instant,
    ) -> Option<OwnedMutexGuard<Vec<FileChange>>> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            desk = self.0.clone().lock_owned() => Some(desk),
            () = sleep_until(deadline) => None,
        }
    }

    pub(super) fn try_take(&self) -> Option<OwnedMutexGuard<Vec<FileChange>>> {
        self.0.clone().try_lock_owned().ok()
    }
}

/// A task's conversation, as far as it got.
pub struct Begun {
    /// Its pen.
    pub journal: Journal,
    /// What was said in it.
    pub history: History,
    /// What those above may still use.
    pub above: Arc<Purse>,
    /// Ends it early, leaving it resumable.
    pub cancel: CancellationToken,
}

impl Session {
    /// Has the tasks of some calls worked on, a few at a time, and gives each call its answer. An end of the
    /// attempt comes back instead when one of them met it: then none of the calls has a result yet, and
    /// what they did stands in their own conversations.
    pub(super) async fn delegate(
        &mut self,
        run: &RunId,
        mut tasks: Vec<(&str, &mut Reply)>,
    ) -> Result<Option<Stopped>, Error> {
        let Some(delegates) = self.parts.delegates.clone() else { return Ok(None) };
        tasks.retain(|(_, reply)| reply.delegation.is_some());
        if tasks.is_empty() {
            return Ok(None);
        }
        self.begin(tasks.iter().map(|(call, _)| *call)).await?;
        let cancel = self.parts.cancel.child_token();
        let mut works = Vec::with_capacity(tasks.len());
        for (call, reply) in tasks {
            let (Some(child), Some(task)) = (self.history.children.take(call), reply.delegation.take()) else {
                continue;
            };
            let begun = self.begun(child, &cancel);
            let delegates = &delegates;
            works.push(
                async move {
                    // One in line behind those that met an end: nothing of it is written down in vain.
                    if begun.cancel.is_cancelled() {
                        return (Ok((Stopped::Interrupted, begun.history)), reply);
                    }
                    (delegates.work(&task, begun).await, reply)
                }
                .boxed(),
            );
        }
        let mut works = stream::iter(works).buffered(dispatch::PARALLEL);
        let mut stopped = None;
        while let Some((worked, reply)) = works.next().await {
            let (how, history) = worked?;
            match answer(how, &history, run) {
                Ok(said) => *reply = Reply { content: output::bounded(said.content), ..said },
                // The others need not go on: their next attempt will.
                Err(how) => {
                    cancel.cancel();
                    stopped.get_or_insert(how);
                }
            }
        }
        drop(works);
        if self.history.session == SessionId::default() {
            // Nobody else is at it any more.
            if let Some(mut changes) = self.parts.desk.try_take() {
                self.history.see_changes(&std::mem::take(&mut *changes));
            }
        }
        self.journal.failpoints.hit(failpoint::TASKS_DONE);
        Ok(stopped)
    }

    /// Names a conversation for each call that has none, all in one transaction.
    async fn begin(&mut self, calls: impl Iterator<Item = &str>) -> Result<(), Error> {
        let (of, children) = (&self.history.session, &self.history.children);
        let new = calls.filter(|call| !children.is_open(call)).zip(0..);
        let bodies: Vec<Body> = new
            .map(|(call, ahead)| {
                Body::ChildSession(ChildSession { session: children.next(of, ahead), call: call.to_owned() })
            })
            .collect();
        if !bodies.is_empty() {
            self.record(bodies).await?;
            self.journal.failpoints.hit(failpoint::TASKS_BEGUN);
        }
        Ok(())
    }

    fn begun(&self, child: Child, cancel: &CancellationToken) -> Begun {
        let history = History::of_child(child);
        Begun {
            journal: self.journal.of_child(history.session.clone(), history.leaf),
            history,
            above: self.parts.purse.clone(),
            cancel: cancel.clone(),
        }
    }
}

/// What the model reads of a task that is over; otherwise how it stopped.
fn answer(stopped: Stopped, history: &History, run: &RunId) -> Result<Reply, Stopped> {
    let said = || history.find(run).map(|known| known.said.clone()).unwrap_or_default();
    Ok(match stopped {
        Stopped::Over(Ending::Said) => Reply::ok(said()),
        Stopped::Over(Ending::Finished(value)) => Reply::ok(value.to_string()),
        Stopped::Over(Ending::GaveUp(reason)) => Reply::error(format!("It gave up: {reason}")),
        Stopped::Over(Ending::Refused) => Reply::error("Its model refused to answer."),
        Stopped::Limited(limit) => {
            let what = format!("It was ended by its budget of {}", limit.as_str());
            Reply::error(match said().as_str() {
                "" => format!("{what}, and had said nothing."),
                said => format!("{what}. It had said:\n\n{said}"),
            })
        }
        Stopped::Failed(reason) => Reply::error(format!("It failed: {reason}")),
        stopped @ (Stopped::Interrupted | Stopped::OutOfTime | Stopped::Unanswered(_) | Stopped::Misconfigured(_)) => {
            return Err(stopped);
        }
    })
}

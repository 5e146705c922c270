//! Runs the calls of one answer and records what came of each.

use futures::{FutureExt as _, StreamExt, stream};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::turns::Stopped;
use super::{Error, Session, resume};
use crate::domain::budget::{Limited, Standing};
use crate::domain::entry::{Body, FileChange, FileNow, WorkspaceDelta};
use crate::domain::id::{RunId, SessionId};
use crate::domain::message::{Call, Stop, ToolResult};
use crate::sandbox::{Change, Now};
use crate::session::history::Turn;
use crate::telemetry::failpoint;
use crate::telemetry::progress::Progress;
use crate::tool::dispatch::{self, Step};
use crate::tool::{Nature, Reply};

/// What the model reads of a call behind the one that ended the run.
const ENDED: &str = "Not run: an earlier call of this message ended the run.";

/// What the model reads of a call that would end the run beside others, whose results it has not read.
const BESIDE: &str = "Not run: this call ends the run, so it must be the only one of its message. Read the results of the \
                      others, then call it alone.";

/// What the model reads of a call in a message that did not end with it.
const INCOMPLETE: &str = "Not run: your message did not end as a tool call does, so it may be incomplete. Ask again.";

/// A call that came to its end, with what it holds until that is recorded.
struct Done<'a> {
    call: &'a Call,
    reply: Reply,
    began: Instant,
    /// Where it may have changed files.
    desk: Option<OwnedMutexGuard<Vec<FileChange>>>,
}

impl Session {
    /// Gives each call its one result, in the order of the calls. Returns early when stopped; what
    /// has no record then is asked again by the next attempt, which follows at once where no end of this one
    /// comes back.
    pub(super) async fn run_tools(
        &mut self,
        run: &RunId,
        calls: Vec<Call>,
        left_over: bool,
    ) -> Result<Option<Stopped>, Error> {
        let toolbox = self.parts.toolbox.clone();
        let nature = |call: &Call| toolbox.get(&call.name).map(|tool| tool.nature());
        let is_last = |call: &Call| call.name == resume::FINISH || call.name == resume::GIVE_UP;
        let incomplete = self.history.last_answer().is_some_and(|answer| answer.stop != Stop::Tools);
        let beside = self.history.last_answer().is_some_and(|answer| resume::calls(answer).len() > 1);
        let (observer, failpoints) = (self.parts.observer.clone(), self.journal.failpoints.clone());
        let (cancel, deadline) = (self.parts.cancel.clone(), self.deadline());
        let sight = self.parts.provider.sight();
        let contained = self.parts.sandbox.as_ref().is_some_and(|sandbox| sandbox.capabilities().contained);
        for group in dispatch::plan(&toolbox, &calls) {
            let ended = resume::has_ended(&self.history);
            // Anew for each group: tasks use what all have. First the calls that may still run.
            let (mut left, standing) = (self.parts.purse.calls(), self.standing());
            let children = &self.history.children;
            let mut refusal = |call: &Call| match standing {
                _ if incomplete => Some(INCOMPLETE.to_owned()),
                _ if ended => Some(ENDED.to_owned()),
                // What a task did stands in its own conversation, which ends by itself.
                _ if children.is_open(&call.id) => None,
                _ if left_over && (self.parts.moved || nature(call) == Some(Nature::Outside)) => {
                    Some(resume::UNKNOWN.to_owned())
                }
                Standing::Over(limit) if !is_last(call) => Some(format!("Not run: {} is used up.", limit.budget())),
                // A run whose budget is used up does not come back to it.
                Standing::Over(_) => None,
                _ if is_last(call) && beside && left > 0 && nature(call).is_some() => Some(BESIDE.to_owned()),
                _ if is_last(call) => None,
                _ if left == 0 => Some(format!("Not run: {} is used up.", Limited::Calls.budget())),
                _ => {
                    left -= 1;
                    None
                }
            };
            let group: Vec<_> = group.into_iter().map(|step| (step, refusal(step.call))).collect();
            let nature_of = |step: &Step<'_>| nature(step.call).filter(|_| !step.repeated);
            let is_delegated = group.iter().any(|(step, _)| nature_of(step) == Some(Nature::Delegated));
            let replies = group.into_iter().map(|(step, refusal)| {
                let (toolbox, cancel, observer, failpoints) = (&toolbox, &cancel, &observer, &failpoints);
                let desk = self.parts.desk.clone();
                let changes_files = contained && matches!(nature_of(&step), Some(Nature::Contained | Nature::Outside));
                async move {
                    let began = Instant::now();
                    let desk = if changes_files { Some(desk.take().await) } else { None };
                    let reply = match refusal {
                        Some(reason) => Reply::error(reason),
                        None => {
                            observer.see(Progress::ToolStarted(step.call));
                            failpoints.hit(failpoint::TOOL_RUNNING);
                            let reply = dispatch::run(toolbox, step, cancel, deadline, sight).await;
                            failpoints.hit(failpoint::TOOL_RAN);
                            reply
                        }
                    };
                    Done { call: step.call, reply, began, desk }
                }
                .boxed()
            });
            // All made first: who keeps the closure cannot be sent to another thread.
            let mut replies = stream::iter(replies.collect::<Vec<_>>()).buffered(dispatch::PARALLEL);
            let mut tasks = Vec::new();
            while let Some(done) = replies.next().await {
                // What was cut and left nothing behind is simply run again by the next attempt.
                if cancel.is_cancelled() && nature(done.call) != Some(Nature::Outside) {
                    return Ok(None);
                }
                if is_delegated {
                    tasks.push(done);
                    continue;
                }
                self.record_result(done).await?;
                failpoints.hit(failpoint::WITHIN_BATCH);
            }
            drop(replies);
            let given = tasks.iter_mut().map(|done| (done.call.id.as_str(), &mut done.reply)).collect();
            if let Some(stopped) = self.delegate(run, given).await? {
                return Ok(Some(stopped));
            }
            for done in tasks {
                self.record_result(done).await?;
                failpoints.hit(failpoint::WITHIN_BATCH);
            }
            if cancel.is_cancelled() {
                return Ok(None);
            }
        }
        failpoints.hit(failpoint::BATCH_DONE);
        if let Some(Turn::Results(_)) = self.history.turns.last() {
            self.push_last().await?;
        }
        Ok(None)
    }

    /// Files first, then what the tool adds to the log, then its result: one transaction.
    async fn record_result(&mut self, done: Done<'_>) -> Result<(), Error> {
        let Done { call, mut reply, began, desk } = done;
        let mut bodies = Vec::new();
        // Another session may be in the middle of its own.
        let mut desk = desk.or_else(|| self.parts.desk.try_take());
        let sandbox = self.parts.sandbox.as_ref().filter(|_| desk.is_some());
        let changes = sandbox.map(|sandbox| sandbox.take_changes()).unwrap_or_default();
        if !changes.is_empty() {
            let mut kept = Vec::with_capacity(changes.len());
            for change in changes {
                kept.push(self.keep(change).await?);
            }
            if let Some(desk) = desk.as_mut().filter(|_| self.history.session != SessionId::default()) {
                desk.extend(kept.iter().cloned());
            }
            bodies.push(Body::WorkspaceDelta(WorkspaceDelta { changes: kept }));
        }
        for entry in &reply.entries {
            match entry {
                Body::EffectProposed(effect) => self.parts.observer.see(Progress::Proposed(effect)),
                Body::EffectRefused(refused) => {
                    self.parts.observer.see(Progress::Refused { kind: refused.kind, reason: &refused.reason });
                }
                _ => {}
            }
        }
        let images = self.keep_images(&mut reply).await?;
        bodies.extend(reply.entries);
        let result = ToolResult {
            call: call.id.clone(),
            name: call.name.clone(),
            content: reply.content,
            is_error: reply.is_error,
            images,
        };
        self.parts.observer.see(Progress::ToolEnded { call, result: &result, took: began.elapsed() });
        bodies.push(Body::ToolResult(result));
        self.record(bodies).await?;
        drop(desk);
        Ok(())
    }

    async fn keep(&mut self, change: Change) -> Result<FileChange, Error> {
        let now = match change.now {
            Now::File { content, mode } => FileNow::File { blob: self.journal.put_blob(&content).await?, mode },
            Now::Directory => FileNow::Directory,
            Now::Link { target } => FileNow::Link { target },
            Now::Gone => FileNow::Gone,
        };
        Ok(FileChange { path: change.path, now })
    }
}

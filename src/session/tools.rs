//! Runs the calls of one answer and records what came of each.

use futures::future::BoxFuture;
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
use crate::tool::{Nature, Reply, Toolbox};

/// What the model reads of a call behind the one that ended the run.
const ENDED: &str = "Not run: an earlier call of this message ended the run.";

/// What the model reads of a call that would end the run beside others, whose results it has not read.
const BESIDE: &str = "Not run: this call ends the run, so it must be the only one of its message. Read the results of the \
                      others, then call it alone.";

/// What the model reads of a call in a message that did not end with it.
const INCOMPLETE: &str = "Not run: your message did not end as a tool call does, so it may be incomplete. Ask again.";

/// What the model reads of a call that waited until the end for those of other sessions.
const TOO_LATE: &str = "Not run: others changed files until the time for it was over.";

/// A call that came to its end, with what it holds until that is recorded.
struct Done<'a> {
    call: &'a Call,
    nature: Option<Nature>,
    reply: Reply,
    began: Instant,
    /// Where it may have changed files.
    desk: Option<OwnedMutexGuard<Vec<FileChange>>>,
}

/// What running a call means; nothing where it does not run.
fn nature(toolbox: &Toolbox, step: &Step<'_>) -> Option<Nature> {
    toolbox.get(&step.call.name).filter(|_| !step.repeated).map(|tool| tool.nature())
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
        let (cancel, failpoints) = (self.parts.cancel.clone(), self.journal.failpoints.clone());
        for group in dispatch::plan(&toolbox, &calls) {
            let is_delegated = group.iter().any(|step| nature(&toolbox, step) == Some(Nature::Delegated));
            let mut replies = stream::iter(self.started(&toolbox, group, left_over)).buffered(dispatch::PARALLEL);
            let mut tasks = Vec::new();
            while let Some(done) = replies.next().await {
                // What was cut and left nothing behind is simply run again by the next attempt.
                if cancel.is_cancelled() && done.nature != Some(Nature::Outside) {
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

    /// The calls of a group under way, each to its reply.
    fn started<'a>(&self, toolbox: &'a Toolbox, group: Vec<Step<'a>>, left_over: bool) -> Vec<BoxFuture<'a, Done<'a>>> {
        let (deadline, sight) = (self.deadline(), self.parts.provider.sight());
        let contained = self.parts.sandbox.as_ref().is_some_and(|sandbox| sandbox.capabilities().contained);
        let refusals = self.refusals(toolbox, &group, left_over);
        let started = group.into_iter().zip(refusals).map(|(step, refusal)| {
            let nature = nature(toolbox, &step);
            let changes_files = toolbox.get(&step.call.name).is_some_and(|tool| tool.changes_files());
            let needs_desk = contained && changes_files && !step.repeated && refusal.is_none();
            let (desk, cancel) = (self.parts.desk.clone(), self.parts.cancel.clone());
            let (observer, failpoints) = (self.parts.observer.clone(), self.journal.failpoints.clone());
            async move {
                let began = Instant::now();
                let desk = if needs_desk { desk.take(&cancel, deadline).await } else { None };
                let reply = match refusal {
                    Some(reason) => Reply::error(reason),
                    None if needs_desk && desk.is_none() => Reply::error(TOO_LATE),
                    None => {
                        observer.see(Progress::ToolStarted(step.call));
                        failpoints.hit(failpoint::TOOL_RUNNING);
                        let reply = dispatch::run(toolbox, step, &cancel, deadline, sight).await;
                        failpoints.hit(failpoint::TOOL_RAN);
                        reply
                    }
                };
                Done { call: step.call, nature, reply, began, desk }
            }
            .boxed()
        });
        started.collect()
    }

    /// Why calls of a group are not run; nothing where they are. Asked anew for each group: tasks use what all
    /// have.
    fn refusals(&self, toolbox: &Toolbox, group: &[Step<'_>], left_over: bool) -> Vec<Option<String>> {
        let answer = self.history.last_answer();
        let incomplete = answer.is_some_and(|answer| answer.stop != Stop::Tools);
        let beside = answer.is_some_and(|answer| resume::calls(answer).len() > 1);
        let ended = resume::has_ended(&self.history);
        let standing = self.standing();
        // Calls that may still run.
        let mut left = self.parts.purse.calls();
        let mut refusal = |step: &Step<'_>| {
            let Step { call, .. } = *step;
            let nature = toolbox.get(&call.name).map(|tool| tool.nature());
            let is_last = call.name == resume::FINISH || call.name == resume::GIVE_UP;
            match standing {
                _ if incomplete => Some(INCOMPLETE.to_owned()),
                _ if ended => Some(ENDED.to_owned()),
                // What a task did stands in its own conversation, which ends by itself.
                _ if self.history.children.is_open(&call.id) => None,
                _ if left_over && (self.parts.moved || nature == Some(Nature::Outside)) => {
                    Some(resume::UNKNOWN.to_owned())
                }
                Standing::Over(limit) if !is_last => Some(format!("Not run: {} is used up.", limit.budget())),
                // A run whose budget is used up does not come back to it.
                Standing::Over(_) => None,
                _ if is_last && beside && left > 0 && nature.is_some() => Some(BESIDE.to_owned()),
                _ if is_last => None,
                _ if left == 0 => Some(format!("Not run: {} is used up.", Limited::Calls.budget())),
                _ => {
                    left -= 1;
                    None
                }
            }
        };
        group.iter().map(&mut refusal).collect()
    }

    /// Files first, then what the tool adds to the log, then its result: one transaction.
    async fn record_result(&mut self, done: Done<'_>) -> Result<(), Error> {
        let Done { call, mut reply, began, desk, nature: _ } = done;
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

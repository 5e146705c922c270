//! Runs the calls of one answer and records what came of each.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt, stream};
use tokio::time::Instant;

use super::{Error, Session, resume};
use crate::domain::budget::{Limited, Standing};
use crate::domain::entry::{Body, FileChange, FileNow, WorkspaceDelta};
use crate::domain::id::RunId;
use crate::domain::message::{Call, Stop, ToolResult};
use crate::sandbox::{Change, Now};
use crate::session::history::Turn;
use crate::telemetry::failpoint;
use crate::telemetry::progress::Progress;
use crate::tool::{Nature, Reply, dispatch};

/// What the model reads of a call behind the one that ended the run.
const ENDED: &str = "Not run: an earlier call of this message ended the run.";

/// What the model reads of a call that would end the run beside others, whose results it has not read.
const BESIDE: &str = "Not run: this call ends the run, so it must be the only one of its message. Read the results of the \
                      others, then call it alone.";

/// What the model reads of a call in a message that did not end with it.
const INCOMPLETE: &str = "Not run: your message did not end as a tool call does, so it may be incomplete. Ask again.";

impl Session {
    /// Gives each call its one result, in the order of the calls. Returns early when stopped; what
    /// has no record then is asked again by the next attempt.
    pub(super) async fn run_tools(
        &mut self,
        run: &RunId,
        calls: Vec<Call>,
        left_over: bool,
        standing: Standing,
    ) -> Result<(), Error> {
        let toolbox = self.parts.toolbox.clone();
        let nature = |call: &Call| toolbox.get(&call.name).map(|tool| tool.nature());
        let is_last = |call: &Call| call.name == resume::FINISH || call.name == resume::GIVE_UP;
        let incomplete = self.history.last_answer().is_some_and(|answer| answer.stop != Stop::Tools);
        let beside = self.history.last_answer().is_some_and(|answer| resume::calls(answer).len() > 1);
        let (observer, failpoints) = (self.parts.observer.clone(), self.journal.failpoints.clone());
        let (cancel, deadline) = (self.parts.cancel.clone(), self.deadline(run));
        let sight = self.parts.provider.sight();
        // Calls that may still run.
        let mut left = self.parts.limits.calls.saturating_sub(self.spent(run).calls);
        for group in dispatch::plan(&toolbox, &calls) {
            let ended = resume::has_ended(&self.history);
            let mut refusal = |call: &Call| match standing {
                _ if incomplete => Some(INCOMPLETE.to_owned()),
                _ if ended => Some(ENDED.to_owned()),
                _ if left_over && (self.parts.moved || nature(call) == Some(Nature::Outside)) => {
                    Some(resume::UNKNOWN.to_owned())
                }
                Standing::Over(limit) if !is_last(call) => {
                    Some(format!("Not run: the budget of {} of this run is used up.", limit.as_str()))
                }
                // A run whose budget is used up does not come back to it.
                Standing::Over(_) => None,
                _ if is_last(call) && beside && left > 0 && nature(call).is_some() => Some(BESIDE.to_owned()),
                _ if is_last(call) => None,
                _ if left == 0 => {
                    Some(format!("Not run: the budget of {} of this run is used up.", Limited::Calls.as_str()))
                }
                _ => {
                    left -= 1;
                    None
                }
            };
            let group: Vec<_> = group.into_iter().map(|step| (step, refusal(step.call))).collect();
            let replies = group.into_iter().map(|(step, refusal)| {
                let (toolbox, cancel, observer, failpoints) = (&toolbox, &cancel, &observer, &failpoints);
                async move {
                    let began = Instant::now();
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
                    (step.call, reply, began.elapsed())
                }
                .boxed()
            });
            // All made first: who keeps the closure cannot be sent to another thread.
            let mut replies = stream::iter(replies.collect::<Vec<_>>()).buffered(dispatch::PARALLEL);
            while let Some((call, reply, took)) = replies.next().await {
                // What was cut and left nothing behind is simply run again by the next attempt.
                if cancel.is_cancelled() && nature(call) != Some(Nature::Outside) {
                    return Ok(());
                }
                self.record_result(call, reply, took).await?;
                failpoints.hit(failpoint::WITHIN_BATCH);
            }
            if cancel.is_cancelled() {
                return Ok(());
            }
        }
        failpoints.hit(failpoint::BATCH_DONE);
        match self.history.turns.last() {
            Some(Turn::Results(_)) => self.push_last().await,
            _ => Ok(()),
        }
    }

    /// Files first, then what the tool adds to the log, then its result: one transaction.
    async fn record_result(&mut self, call: &Call, mut reply: Reply, took: Duration) -> Result<(), Error> {
        let mut bodies = Vec::new();
        let changes = self.parts.sandbox.as_ref().map(|sandbox| sandbox.take_changes()).unwrap_or_default();
        if !changes.is_empty() {
            let mut kept = Vec::with_capacity(changes.len());
            for change in changes {
                kept.push(self.keep(change).await?);
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
        self.parts.observer.see(Progress::ToolEnded { call, result: &result, took });
        bodies.push(Body::ToolResult(result));
        self.record(bodies).await
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

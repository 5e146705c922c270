//! One conversation of an instance: opened from its log, prompted, and journalled as it goes.
//!
//! The log is the truth. Everything here is either the fold of it ([`history`], [`resume`]) or
//! appends to it before acting on it ([`turns`], `tools`, [`delegation`], `compaction`).

mod compaction;
mod day;
pub mod delegation;
pub mod history;
mod images;
pub mod join;
pub mod journal;
pub mod purse;
pub mod resume;
mod tools;
pub mod turns;

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::budget::{Limited, Standing};
use crate::domain::entry::{Body, Prompt};
use crate::domain::id::RunId;
use crate::provider::{Conversation, Opening, Provider, Said};
use crate::sandbox::Sandbox;
use crate::telemetry::progress::Observer;
use crate::tool::Toolbox;
use delegation::{Delegates, Desk};
use history::{History, Turn};
use journal::Journal;
use purse::Purse;

/// A session under one lease: the only writer of its log.
pub struct Session {
    journal: Journal,
    history: History,
    conversation: Box<dyn Conversation>,
    parts: Parts,
    /// The oldest run behind the one under way, once it was not let in.
    waits: Option<RunId>,
}

/// What a session works with.
pub struct Parts {
    /// Who answers.
    pub provider: Arc<dyn Provider>,
    /// Who answers when that one does not, however often it is asked; one after the other.
    pub fallback: VecDeque<Arc<dyn Provider>>,
    /// Who writes summaries, if not who answers.
    pub summariser: Option<Arc<dyn Provider>>,
    /// Whether the run is about nothing but a summary of what was said, which only the `summariser` can make.
    pub compacts: bool,
    /// Tokens that fit into the model's context, where the operator says it.
    pub window: Option<u64>,
    /// What the agent's file makes of the prompt now, where another one stands in the log: taken when the
    /// conversation is compacted.
    pub prompt: Option<Prompt>,
    /// What it may ask for.
    pub toolbox: Toolbox,
    /// Where tools work, if anywhere; its changes are recorded with each result.
    pub sandbox: Option<Arc<dyn Sandbox>>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
    /// What it may use, and has used.
    pub purse: Arc<Purse>,
    /// Where the sessions of a run, which share their sandbox, change files of it.
    pub desk: Arc<Desk>,
    /// Permits of the model calls that all sessions of a run may have under way at once.
    pub asking: Arc<Semaphore>,
    /// Who works on the tasks that it hands out, if anybody does.
    pub delegates: Option<Arc<dyn Delegates>>,
    /// Earlier attempts of the run worked in another sandbox: what they left open cannot be run again here.
    pub moved: bool,
    /// Whether a run must end through `finish`.
    pub needs_result: bool,
    /// Ends the attempt early, leaving the run resumable.
    pub cancel: CancellationToken,
    /// When the attempt began.
    pub started: Instant,
    /// When the attempt must end, whatever the run may still use; another one goes on.
    pub ends: Option<Instant>,
    /// A fresh number from 0 up to 1 for each wait, so that crowds of retries spread.
    pub jitter: fn() -> f64,
}

/// Why a session cannot go on. Nothing that was recorded is lost.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be written.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// The sandbox is broken.
    #[error(transparent)]
    Sandbox(#[from] crate::sandbox::Error),
    /// The log has no prompt where one must be.
    #[error("the log of this instance has no prompt for {0}: this is a bug of hob, please report it")]
    NoPrompt(RunId),
    /// A task's conversation is still open where none can be.
    #[error("a task outlived the run that gave it: this is a bug of hob, please report it")]
    Kept,
}

impl Session {
    /// Opens a conversation from a log whose prompt is recorded; everything said so far is
    /// serialised for the provider once, here.
    ///
    /// # Errors
    /// When the log holds no prompt yet, or an image that was shown is gone or damaged.
    pub async fn open(mut journal: Journal, history: History, run: &RunId, parts: Parts) -> Result<Self, Error> {
        let conversation = conversation(&mut journal, &history, run, &parts).await?;
        Ok(Self { journal, history, conversation, parts, waits: None })
    }

    /// Says something to the model: recorded first, then pushed.
    async fn say(&mut self, body: Body) -> Result<(), Error> {
        self.record(vec![body]).await?;
        self.push_last().await
    }

    /// Says the last turn to the model, which is recorded.
    async fn push_last(&mut self) -> Result<(), Error> {
        match self.history.turns.last() {
            Some(turn) => push(&mut self.journal, self.conversation.as_mut(), turn).await,
            None => Ok(()),
        }
    }

    /// Serialises all that was said anew, for who answers now.
    async fn converse_anew(&mut self, run: &RunId) -> Result<(), Error> {
        self.conversation = conversation(&mut self.journal, &self.history, run, &self.parts).await?;
        Ok(())
    }

    /// Appends, then folds what was appended.
    async fn record(&mut self, bodies: Vec<Body>) -> Result<(), Error> {
        for entry in self.journal.append(bodies).await? {
            self.parts.purse.pay(&entry.body);
            self.history.add(entry);
        }
        Ok(())
    }

    /// Tokens that fit into the context of who answers now, if that is known.
    fn window(&self) -> Option<u64> {
        self.parts.window.or_else(|| self.parts.provider.window())
    }

    /// Where this run stands, the time of this attempt considered.
    fn standing(&self) -> Standing {
        match self.parts.purse.standing() {
            Standing::Free if self.is_late() => Standing::Land(Limited::Time),
            standing => standing,
        }
    }

    /// Whether 80 % of the time until the attempt must end are over.
    fn is_late(&self) -> bool {
        let given = self.parts.ends.map(|ends| ends.duration_since(self.parts.started));
        given.is_some_and(|given| self.parts.started.elapsed() * 10 >= given * 8)
    }

    /// Whether the attempt must end now.
    fn is_at_end(&self) -> bool {
        self.parts.ends.is_some_and(|ends| ends <= Instant::now())
    }

    /// Gives the journal back, for settlement.
    pub fn close(mut self, run: &RunId) -> (Journal, History) {
        self.history.settle_up(run, self.parts.purse.spent());
        (self.journal, self.history)
    }
}

/// All that was said, in the provider's own bytes.
async fn conversation(
    journal: &mut Journal,
    history: &History,
    run: &RunId,
    parts: &Parts,
) -> Result<Box<dyn Conversation>, Error> {
    let prompt = history.prompt.as_ref().ok_or_else(|| Error::NoPrompt(run.clone()))?;
    let mut conversation = parts.provider.open(Opening {
        system: &prompt.system,
        environment: &prompt.environment,
        tools: &prompt.tools,
        thinking: prompt.thinking,
    });
    // Results still missing at the end are pushed when they are there.
    let complete = match history.turns.as_slice() {
        [before @ .., Turn::Answer(answer), Turn::Results(results)] if results.len() < resume::calls(answer).len() => {
            before.len() + 1
        }
        all => all.len(),
    };
    for turn in &history.turns[..complete] {
        push(journal, conversation.as_mut(), turn).await?;
    }
    Ok(conversation)
}

/// Appends one turn to a provider's conversation.
async fn push(journal: &mut Journal, conversation: &mut dyn Conversation, turn: &Turn) -> Result<(), Error> {
    match turn {
        Turn::User(text) => conversation.push(Said::User(text)),
        Turn::Answer(answer) => conversation.push(Said::Answer(answer)),
        Turn::Results(results) => {
            conversation.push(Said::Results(results));
            images::show(journal, conversation, results).await?;
        }
    }
    Ok(())
}

//! What comes while a run is under way: comments that it answers too, and a head that makes it old.

use futures::future::BoxFuture;

use super::history::{NEW_HEAD, Turn};
use super::{Error, Session};
use crate::domain::entry::{Body, Note, RunJoined, Settled};
use crate::domain::id::RunId;
use crate::domain::message::{Message, Usage};
use crate::domain::outcome::Outcome;
use crate::domain::run::Run;
use crate::queue;

/// Decides which of the runs that wait are answered by the one under way.
pub trait Joins: Send + Sync {
    /// What the model reads of `late`; `None` when it must wait for its own turn.
    fn words<'a>(&'a self, late: &'a Run) -> BoxFuture<'a, Option<String>>;
}

impl Session {
    /// Looks between two turns who came since. In their order: who must wait keeps those behind waiting.
    pub(super) async fn look_behind(&mut self, run: &RunId, joins: &dyn Joins) -> Result<(), Error> {
        // An answer that asks for more is answered by a note first.
        if matches!(self.history.turns.last(), Some(Turn::Answer(_))) {
            return Ok(());
        }
        self.journal.log.lock().await.look().await?;
        while let Some(late) = self.next_behind(run).await {
            match joins.words(&late).await {
                Some(text) => self.join(run, &late, text).await?,
                None => self.waits = Some(late.id),
            }
        }
        self.tell_of_a_new_head(run).await
    }

    /// The oldest one behind, unless it must wait.
    async fn next_behind(&mut self, run: &RunId) -> Option<Run> {
        let log = self.journal.log.lock().await;
        let late = queue::behind(&log, run).next()?;
        let waits = self.waits.as_ref() == Some(&late.id) || log.abort_asked(&late.id).is_some();
        (!waits).then(|| late.clone())
    }

    /// In one transaction: said to the model, and settled.
    async fn join(&mut self, run: &RunId, late: &Run, text: String) -> Result<(), Error> {
        let joined = RunJoined { run: late.id.clone(), task: late.task.clone() };
        let settled = Settled {
            run: late.id.clone(),
            outcome: Outcome::Joined { run: run.clone() },
            message: String::new(),
            result: None,
            usage: Usage::default(),
            cost_nano_usd: Some(0),
        };
        let bodies = vec![Body::RunJoined(joined), Body::Message(Message::User { text }), Body::Settled(settled)];
        self.record(bodies).await?;
        self.push_last().await
    }

    async fn tell_of_a_new_head(&mut self, run: &RunId) -> Result<(), Error> {
        if self.history.find(run).is_none_or(|known| known.told_of_head) {
            return Ok(());
        }
        let Some(sha) = queue::newer_head(&*self.journal.log.lock().await, run) else { return Ok(()) };
        let sha: String = sha.chars().filter(char::is_ascii_hexdigit).take(64).collect();
        let text = format!(
            "{NEW_HEAD} the head of the pull request is `{sha}` by now, and a run for it follows this one. Finish what you \
             have to say of the head you looked at, say which one that is, and propose no change of the code."
        );
        self.say(Body::Note(Note { text })).await
    }
}

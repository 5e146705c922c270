//! What the log says of one run.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::budget::Spent;
use crate::domain::effect::Effect;
use crate::domain::entry::{AttemptStarted, Body, EffectRefused, Input, Settled};
use crate::domain::id::{RunId, Seq};
use crate::domain::message::{Answer, Call, Message, ToolResult, Usage};
use crate::provider::catalog;
use crate::session::resume;

/// What the log says of one run.
#[derive(Clone, Debug)]
pub struct RunHistory {
    /// Which.
    pub run: RunId,
    /// Attempts begun.
    pub attempts: u32,
    /// What it was asked.
    pub input: Option<Input>,
    /// Whether its task was said to the model.
    pub asked: bool,
    /// Its task and what joined it, as they were said and where, until it is settled.
    pub words: Vec<(Seq, String)>,
    /// How often the conversation was compacted since the model answered last.
    pub compacted: u32,
    /// Its turns, and what they and those of its tasks cost, over all attempts; the time that earlier
    /// attempts worked.
    pub spent: Spent,
    /// What confined the newest attempt, as it was recorded.
    pub sandbox: String,
    /// When the first attempt began.
    pub first_began: Option<Timestamp>,
    /// When the newest attempt began.
    began: Option<Timestamp>,
    /// How long the attempts before the newest one worked.
    before: Duration,
    /// What its last answer that said anything said aloud; untrusted.
    pub said: String,
    /// Model calls since the last answer that failed in a way that may pass.
    pub failures: u32,
    /// Answers in a row that were cut at the limit of output tokens, or called tools and did not
    /// end as a tool call does.
    pub cut: u32,
    /// Tries to finish with a result that failed: reminders to, and results that did not fit.
    pub unfinished: u32,
    /// How often in a row the same call came to the same result, and what that was.
    pub repeated: Repeated,
    /// Whether the newest attempt was told to land.
    pub told_to_land: bool,
    /// Whether it was told that a newer head than its own waits.
    pub told_of_head: bool,
    /// Writes that stand in its plan; a later one of the same key has replaced the earlier.
    pub proposed: Vec<Effect>,
    /// Writes that were refused.
    pub refused: Vec<EffectRefused>,
    /// How it ended.
    pub settled: Option<Settled>,
}

impl RunHistory {
    pub(super) fn new(run: RunId) -> Self {
        Self {
            run,
            attempts: 0,
            input: None,
            asked: false,
            words: Vec::new(),
            compacted: 0,
            spent: Spent::default(),
            sandbox: String::new(),
            first_began: None,
            began: None,
            before: Duration::ZERO,
            said: String::new(),
            failures: 0,
            cut: 0,
            unfinished: 0,
            repeated: Repeated::default(),
            told_to_land: false,
            told_of_head: false,
            proposed: Vec::new(),
            refused: Vec::new(),
            settled: None,
        }
    }

    /// How long the attempts before the newest one worked: a kill does not give a run new time.
    pub fn worked_before(&self) -> Duration {
        self.before
    }

    pub(super) fn begin(&mut self, started: &AttemptStarted, at: Timestamp) {
        self.attempts = started.attempt;
        self.sandbox.clone_from(&started.sandbox);
        self.before = self.spent.time;
        // The attempt before may have had less time than the run.
        self.told_to_land = false;
        self.first_began.get_or_insert(at);
        self.began = Some(at);
    }

    /// The writer's clock may have been set back between two entries: then no time has passed.
    pub(super) fn worked_until(&mut self, at: Timestamp) {
        let this = self.began.and_then(|began| Duration::try_from(at.duration_since(began)).ok()).unwrap_or_default();
        self.spent.time = self.spent.time.max(self.before + this);
    }

    /// What it is asked.
    pub(super) fn ask(&mut self, text: &str, at: Seq) {
        self.asked = true;
        self.words.push((at, text.to_owned()));
    }

    /// Takes off what an entry of its conversation cost.
    pub(super) fn pay(&mut self, body: &Body) {
        count(&mut self.spent, body);
        self.spent.turns += u32::from(is_turn(body));
    }

    /// Takes up an answer.
    pub(super) fn answered(&mut self, answer: &Answer) {
        self.failures = 0;
        self.compacted = 0;
        self.say(answer);
    }

    /// Takes up a result of a call.
    pub(super) fn called(&mut self, call: Option<&Call>, result: &ToolResult) {
        if let Some(call) = call {
            self.repeated.see(call, result);
        }
    }

    /// What an answer adds to what was said. One that goes on after a cut goes on with its text.
    fn say(&mut self, answer: &Answer) {
        let said = resume::text(answer);
        match (said.is_empty(), self.cut > 0 && !self.said.is_empty()) {
            (true, _) => {}
            (false, true) => self.said = format!("{}\n\n{said}", self.said),
            (false, false) => self.said = said,
        }
        self.cut = if resume::is_cut(answer) { self.cut + 1 } else { 0 };
    }
}

/// Adds what an entry cost.
pub(in crate::session) fn count(spent: &mut Spent, body: &Body) {
    match body {
        Body::Message(Message::Assistant(answer)) => pay(spent, &answer.model, answer.usage),
        Body::UsageNoted(noted) => pay(spent, &noted.model, noted.usage),
        Body::ToolResult(_) => spent.calls = spent.calls.saturating_add(1),
        _ => {}
    }
}

/// Whether an entry stands for a model call.
pub(in crate::session) fn is_turn(body: &Body) -> bool {
    matches!(body, Body::Message(Message::Assistant(_)) | Body::UsageNoted(_))
}

fn pay(spent: &mut Spent, model: &str, usage: Usage) {
    spent.usage += usage;
    let price = catalog::cost(model, usage);
    spent.paid_nano_usd = spent.paid_nano_usd.saturating_add(price.unwrap_or_default());
    spent.cost_nano_usd = spent.cost_nano_usd.zip(price).map(|(sum, more)| sum.saturating_add(more));
}

/// The same call again, with the same result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeated {
    /// How often in a row, from 1.
    pub times: u32,
    /// Whether the model was told since it began.
    pub told: bool,
    /// What was asked and answered.
    last: u64,
}

impl Repeated {
    fn see(&mut self, call: &Call, result: &ToolResult) {
        let mut hash = DefaultHasher::new();
        let blobs: Vec<&str> = result.images.iter().map(|image| image.blob.as_str()).collect();
        (&call.name, &call.arguments, &result.content, blobs).hash(&mut hash);
        let this = hash.finish();
        *self = if this == self.last {
            Self { times: self.times.saturating_add(1), ..*self }
        } else {
            Self { times: 1, told: false, last: this }
        };
    }
}

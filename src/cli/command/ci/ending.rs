//! How a job ended. Summary, outputs and annotations each tell it in their own way, all from here.

use crate::cli::output::Level;
use crate::domain::effect::Effect;
use crate::domain::entry::Settled;
use crate::domain::event::Forge;
use crate::domain::outcome::Outcome;
use crate::domain::run::Run;
use crate::session::history::{History, RunHistory};

/// A run as its job leaves it. All texts in it may be foreign: who renders them makes them harmless.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending<'a> {
    /// Which run.
    pub(super) run: &'a Run,
    /// The log it is in.
    pub(super) history: &'a History,
    /// Why it has no outcome yet, where it has none: `SIGTERM`, what the model's server said.
    pub(super) stopped: &'a str,
    /// `provider/model` that it was given to.
    pub(super) model: &'a str,
    /// Where the forge's pages are: `https://github.com`, or a sub-path of a host. No slash at the end.
    pub(super) server: &'a str,
    /// What became of the writes it proposed, in their order.
    pub(super) writes: &'a [Written<'a>],
    /// What was trusted, and why.
    pub(super) trust: Trust<'a>,
    /// What else a reader should know, one sentence each.
    pub(super) notes: &'a [String],
    /// Whether the next job knows of this one: a public repository keeps no sessions.
    pub(super) is_remembered: bool,
    /// The directory that holds the session.
    pub(super) bundle: &'a str,
    /// SHA-256 of the archive that was put on the shelf, lower-case hex; empty when none was.
    pub(super) bundle_digest: &'a str,
}

/// A job that brought no run to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WithoutRun {
    /// The event starts no agent, as it should be.
    Skipped,
    /// Whoever caused it may not.
    Refused,
    /// What is said beside it.
    Failed,
    /// It was told to stop before it had admitted one.
    Interrupted,
}

impl WithoutRun {
    /// As programs compare it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// How grave it is.
    pub(super) fn level(self) -> Level {
        match self {
            Self::Skipped => Level::Notice,
            Self::Refused | Self::Interrupted => Level::Warning,
            Self::Failed => Level::Error,
        }
    }
}

/// A proposed write, and what became of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    /// Which.
    pub(super) effect: &'a Effect,
    /// How it went.
    pub(super) fate: Fate<'a>,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate<'a> {
    /// Written by this job; the address is empty where the object has none.
    Applied {
        /// Where people see it.
        url: &'a str,
    },
    /// Written already, by an earlier attempt.
    Found {
        /// Where people see it.
        url: &'a str,
    },
    /// A newer one stands there.
    Superseded,
    /// It will not be written.
    Dropped {
        /// Why.
        reason: &'a str,
    },
    /// It is owed still: the next job of the instance writes it, where that knows of this one.
    Waiting {
        /// What for.
        reason: &'a str,
    },
}

/// What was trusted in this job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust<'a> {
    /// Login of who started it.
    pub(super) actor: &'a str,
    /// Why they may: `role write, asked of the forge`.
    pub(super) authority: &'a str,
    /// Whether the session was restored, and from where, or is fresh, and why.
    pub(super) session: &'a str,
    /// Where it rests until the next job, and for how long.
    pub(super) state: &'a str,
}

/// How it ended, as one word and one sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The agent answered.
    Good,
    /// It answered, up to a limit.
    Limited,
    /// It failed.
    Bad,
    /// Somebody stopped it, or another run answers in its place.
    Ended,
    /// It has no outcome yet: the next job goes on with it, where that knows of this one.
    Open,
}

impl<'a> Ending<'a> {
    /// What the log says of the run.
    pub(super) fn known(&self) -> Option<&'a RunHistory> {
        self.history.find(&self.run.id)
    }

    /// Its outcome and last words.
    pub(super) fn settled(&self) -> Option<&'a Settled> {
        self.known()?.settled.as_ref()
    }

    /// The outcome as programs compare it: the words of an outcome, and `interrupted`.
    pub(super) fn word(&self) -> &'static str {
        self.settled().map_or("interrupted", |settled| settled.outcome.as_str())
    }

    /// The outcome as people read it, on one line.
    pub(super) fn sentence(&self) -> String {
        let kept =
            if self.is_remembered { "what was done is kept" } else { "nothing of it is kept: run the job again" };
        match self.settled() {
            Some(settled) => settled.outcome.to_string(),
            None if self.stopped.is_empty() => format!("interrupted; {kept}"),
            None => format!("interrupted: {}; {kept}", self.stopped),
        }
    }

    /// What becomes of a write that waits, as a word.
    pub(super) fn waiting(&self) -> &'static str {
        if self.is_remembered { "owed" } else { "lost, run the job again" }
    }

    /// The outcome as a sign.
    pub(super) fn mark(&self) -> Mark {
        match self.settled().map(|settled| &settled.outcome) {
            None => Mark::Open,
            Some(Outcome::Completed { limited: None }) => Mark::Good,
            Some(Outcome::Completed { limited: Some(_) }) => Mark::Limited,
            Some(Outcome::Failed { .. }) => Mark::Bad,
            Some(Outcome::Aborted { .. } | Outcome::Superseded { .. } | Outcome::Joined { .. }) => Mark::Ended,
        }
    }

    /// The dialect of the forge; GitHub's where no event says.
    pub(super) fn forge(&self) -> Forge {
        self.run.task.event.as_ref().map_or(Forge::Github, |event| event.forge)
    }

    /// US dollars, in nano-dollars; `None` for a model without a sourced price.
    pub(super) fn cost_nano_usd(&self) -> Option<u64> {
        match self.settled() {
            Some(settled) => settled.cost_nano_usd,
            None => self.known()?.spent.cost_nano_usd,
        }
    }
}

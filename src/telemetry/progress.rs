//! What a run tells whoever watches it, while it happens. Never stored: the log is the record.

use std::time::Duration;

use crate::domain::effect::Effect;
use crate::domain::id::RunId;
use crate::domain::message::{Call, ToolResult, Usage};
use crate::domain::name::{EffectKind, Name};

/// One thing worth showing.
#[derive(Clone, Debug)]
pub enum Progress<'a> {
    /// An attempt begins; `resumed` when an earlier one left off.
    Started {
        /// Which run.
        run: &'a RunId,
        /// From 1.
        attempt: u32,
        /// `provider/model`.
        model: &'a str,
        /// Kind of sandbox.
        sandbox: &'a str,
        /// Entries that were there already.
        resumed: bool,
    },
    /// The model is asked, for the n-th time in this run (from 1).
    Asked {
        /// From 1.
        turn: u32,
    },
    /// A piece of what the model says. Untrusted.
    Text(&'a str),
    /// A piece of what the model thinks. Untrusted.
    Reasoning(&'a str),
    /// The model's answer is whole.
    Answered {
        /// Its tokens.
        usage: Usage,
    },
    /// The model's service failed in a way that may pass.
    Retrying {
        /// What it said.
        reason: &'a str,
        /// When it is asked again.
        wait: Duration,
    },
    /// A tool starts.
    ToolStarted(&'a Call),
    /// A tool ended.
    ToolEnded {
        /// What it was asked.
        call: &'a Call,
        /// What came of it.
        result: &'a ToolResult,
        /// How long it took.
        took: Duration,
    },
    /// A write stands in the plan.
    Proposed(&'a Effect),
    /// A write was refused.
    Refused {
        /// What was asked for.
        kind: EffectKind,
        /// Why.
        reason: &'a str,
    },
    /// Something that an agent does on a task which this run gave it.
    Delegated {
        /// Who.
        agent: &'a Name,
        /// What.
        progress: &'a Progress<'a>,
    },
    /// Anything else a person should know, one line.
    Note(&'a str),
}

/// Watches a run. Must return at once; never fails.
pub trait Observer: Send + Sync {
    /// Sees one thing.
    fn see(&self, progress: Progress<'_>);
}

/// Watches nothing.
impl Observer for () {
    fn see(&self, _: Progress<'_>) {}
}

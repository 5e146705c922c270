//! The conversations that tasks of the last answer were given to.

use std::collections::BTreeMap;

use crate::domain::entry::{ChildSession, Entry};
use crate::domain::id::{Seq, SessionId};

/// What a log says of a conversation's children.
#[derive(Clone, Debug, Default)]
pub struct Children {
    /// How many there ever were.
    begun: u32,
    /// Those whose task has no result yet.
    open: BTreeMap<SessionId, Child>,
    /// Which of them works for a call.
    calls: BTreeMap<String, SessionId>,
}

/// A conversation whose task has no result yet.
#[derive(Clone, Debug)]
pub struct Child {
    /// Which.
    pub session: SessionId,
    /// The entry that names it, in the conversation above.
    pub begins: Seq,
    /// What was said in it and beneath it, in the order of the log.
    pub entries: Vec<Entry>,
}

impl Children {
    /// What the next one is called, where `ahead` others are about to begin.
    pub fn next(&self, of: &SessionId, ahead: u32) -> SessionId {
        of.child(self.begun.saturating_add(ahead).saturating_add(1))
    }

    /// Whether this call was given a conversation.
    pub fn is_open(&self, call: &str) -> bool {
        self.calls.contains_key(call)
    }

    /// The conversation of a call, to go on with.
    pub fn take(&mut self, call: &str) -> Option<Child> {
        self.open.remove(&self.calls.remove(call)?)
    }

    /// One that hob did not name so is none: two calls never share a conversation, nor one with who asked.
    pub(super) fn begin(&mut self, of: &SessionId, ChildSession { session, call }: ChildSession, begins: Seq) {
        self.begun = self.begun.saturating_add(1);
        let is_ours = session.above().is_some_and(|above| above == *of);
        if is_ours && !self.is_open(&call) && !self.open.contains_key(&session) {
            self.calls.insert(call, session.clone());
            self.open.insert(session.clone(), Child { session, begins, entries: Vec::new() });
        }
    }

    /// An entry of one of them, or of one beneath.
    pub(super) fn add(&mut self, entry: Entry) {
        let line = std::iter::successors(Some(entry.session.clone()), SessionId::above);
        if let Some(child) = line.take(LINE_MAX).find(|session| self.open.contains_key(session))
            && let Some(child) = self.open.get_mut(&child)
        {
            child.entries.push(entry);
        }
    }

    /// The call has its result: nobody asks for what was said there any more.
    pub(super) fn end(&mut self, call: &str) {
        self.take(call);
    }
}

/// More generations than there can be.
const LINE_MAX: usize = 16;

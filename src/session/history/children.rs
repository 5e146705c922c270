//! The conversations that tasks of the last answer were given to.

use std::collections::BTreeMap;

use crate::domain::entry::{ChildSession, Entry};
use crate::domain::id::{Seq, SessionId};

/// What a log says of a conversation's children.
#[derive(Clone, Debug, Default)]
pub struct Children {
    /// How many there ever were.
    begun: u32,
    /// Those whose task has no result yet, by the call that gave it.
    open: BTreeMap<String, Child>,
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
        self.open.contains_key(call)
    }

    /// The conversation of a call, to go on with.
    pub fn take(&mut self, call: &str) -> Option<Child> {
        self.open.remove(call)
    }

    pub(super) fn begin(&mut self, ChildSession { session, call }: ChildSession, begins: Seq) {
        self.begun = self.begun.saturating_add(1);
        self.open.insert(call, Child { session, begins, entries: Vec::new() });
    }

    /// An entry of one of them, or of one beneath.
    pub(super) fn add(&mut self, entry: Entry) {
        let own = |child: &&mut Child| entry.session == child.session || entry.session.is_beneath(&child.session);
        if let Some(child) = self.open.values_mut().find(own) {
            child.entries.push(entry);
        }
    }

    /// The call has its result: nobody asks for what was said there any more.
    pub(super) fn end(&mut self, call: &str) {
        self.open.remove(call);
    }
}

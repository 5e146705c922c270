//! The fold: what the entries of a log add up to. Pure, and linear in the length of the log.

mod children;
pub mod files;
mod run;
mod size;
#[cfg(test)]
pub(crate) mod tests;
mod touched;

use std::collections::{HashMap, HashSet};

pub use self::children::{Child, Children};
use self::files::Files;
pub use self::run::{Repeated, RunHistory};
pub(super) use self::run::{count, is_turn};
pub use self::size::Size;
pub(super) use self::size::estimate;
pub use self::touched::Touched;
use super::resume;
use crate::domain::budget::Spent;
use crate::domain::entry::{Body, Compaction, Entry, FileChange, Prompt};
use crate::domain::id::{RunId, Seq, SessionId};
use crate::domain::message::{Answer, Block, Call, Message, ToolResult};

/// What an instance's log adds up to, on the active path of one of its sessions.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Which of them.
    pub session: SessionId,
    /// Where the active path ends.
    pub leaf: Seq,
    /// The prompt in force.
    pub prompt: Option<Prompt>,
    /// What was said, in the order a model reads it: the summary of the last compaction, and what it kept.
    pub turns: Vec<Turn>,
    /// The first entry of each of them.
    begins: Vec<Seq>,
    /// Runs in the order of their first entry.
    pub runs: Vec<RunHistory>,
    /// What a contained sandbox holds.
    pub files: Files,
    /// Files that the agent looked at and changed.
    pub touched: Touched,
    /// How much of the model's window the turns take.
    pub size: Size,
    /// The conversations that tasks of the last answer were given to.
    pub children: Children,
    /// Which of the runs is under way: what follows is its own, whoever joins it.
    under_way: Option<usize>,
}

/// One thing said.
#[derive(Clone, Debug)]
pub enum Turn {
    /// By hob.
    User(String),
    /// By the model.
    Answer(Answer),
    /// Results of the answer before it, in the order of its calls. Fewer than calls while tools run.
    Results(Vec<ToolResult>),
}

/// First words of a note that tells the model to land; [`RunHistory::told_to_land`] looks for it.
pub(crate) const LAND: &str = "Budget:";

/// First words of a note about a call that is made again and again; [`run::Repeated::told`] looks for it.
pub(crate) const LOOP: &str = "Loop:";

/// First words of a note about a newer head; [`RunHistory::told_of_head`] looks for it.
pub(crate) const NEW_HEAD: &str = "New head:";

/// First words of a reminder to finish; [`RunHistory::unfinished`] counts them.
pub(crate) const REMINDER: &str = "Reminder:";

impl History {
    /// Folds a whole log, for its first session.
    pub fn of(entries: Vec<Entry>) -> Self {
        Self::default().fold(entries)
    }

    /// Folds what is known of a child.
    pub fn of_child(child: Child) -> Self {
        let Child { session, begins, entries } = child;
        Self { session, leaf: begins, ..Self::default() }.fold(entries)
    }

    fn fold(mut self, mut entries: Vec<Entry>) -> Self {
        keep_active_path(&self.session, &mut entries);
        for entry in entries {
            self.add(entry);
        }
        self
    }

    /// Adds the next entry of the active path, or one of a conversation beneath.
    pub fn add(&mut self, entry: Entry) {
        if entry.session != self.session {
            return self.add_beneath(entry);
        }
        self.leaf = entry.seq;
        let Entry { seq, at, .. } = entry;
        self.with_own(|run| run.pay(&entry.body));
        match entry.body {
            Body::AttemptStarted(started) => {
                let position = self.position(&started.run);
                self.under_way = Some(position);
                self.runs[position].begin(&started, at);
            }
            Body::Input(input) => {
                let run = self.run(&input.run);
                run.input = Some(input);
            }
            Body::Prompt(prompt) => {
                self.size.open(&prompt);
                self.prompt = Some(prompt);
            }
            Body::Note(note) => {
                self.with_own(|run| {
                    run.told_to_land |= note.text.starts_with(LAND);
                    run.told_of_head |= note.text.starts_with(NEW_HEAD);
                    run.repeated.told |= note.text.starts_with(LOOP);
                    run.unfinished += u32::from(note.text.starts_with(REMINDER));
                });
                self.said(seq, Turn::User(note.text));
            }
            Body::Message(Message::User { text }) => {
                self.with_own(|run| run.ask(&text, seq));
                self.said(seq, Turn::User(text));
            }
            Body::Message(Message::Assistant(answer)) => {
                self.with_own(|run| run.answered(&answer));
                self.touched.call(&answer);
                self.said(seq, Turn::Answer(answer));
            }
            Body::MessageInterrupted(cut) => {
                if cut.unshown {
                    self.drop_unread_images();
                }
                self.with_own(|run| run.failures += u32::from(cut.transient));
            }
            Body::ChildSession(child) => self.children.begin(&self.session, child, seq),
            Body::ToolResult(result) => {
                self.children.end(&result.call);
                let unfit = result.is_error && result.name == resume::FINISH;
                let call = self.asked_for(&result);
                self.with_own(|run| {
                    run.unfinished += u32::from(unfit);
                    run.called(call.as_ref(), &result);
                });
                match self.turns.last_mut() {
                    Some(Turn::Results(results)) => {
                        self.size.grow(&result);
                        results.push(result);
                    }
                    _ => self.said(seq, Turn::Results(vec![result])),
                }
            }
            Body::Compaction(Compaction { summary, first_kept, .. }) => {
                self.compact(summary, first_kept);
                self.with_own(|run| {
                    run.compacted += 1;
                    // What results said before may not be read again.
                    run.repeated = Repeated::default();
                });
            }
            Body::WorkspaceDelta(delta) => {
                self.see_changes(&delta.changes);
            }
            Body::EffectProposed(effect) => {
                let proposed = &mut self.run(&effect.run).proposed;
                proposed.retain(|earlier| earlier.key != effect.key);
                proposed.push(effect);
            }
            Body::EffectRefused(refused) => {
                let run = self.run(&refused.run);
                run.refused.push(refused);
            }
            // The first outcome wins, for ever.
            Body::Settled(settled) => {
                let position = self.position(&settled.run);
                let run = &mut self.runs[position];
                run.worked_until(at);
                run.words.clear();
                run.settled.get_or_insert(settled);
                self.under_way.take_if(|under_way| *under_way == position);
            }
            _ => {}
        }
        self.with_own(|run| run.worked_until(at));
    }

    /// What a conversation beneath costs is the run's, and the files are the instance's.
    fn add_beneath(&mut self, entry: Entry) {
        self.with_own(|run| {
            count(&mut run.spent, &entry.body);
            run.worked_until(entry.at);
        });
        if let Body::WorkspaceDelta(delta) = &entry.body {
            self.see_changes(&delta.changes);
        }
        self.children.add(entry);
    }

    /// Takes up what a conversation beneath changed.
    pub(super) fn see_changes(&mut self, changes: &[FileChange]) {
        for change in changes {
            self.files.add(change);
            self.touched.change(&change.path);
        }
    }

    /// Takes over what an account says that a run has used; its time stays as the entries tell it.
    pub(super) fn settle_up(&mut self, run: &RunId, spent: Spent) {
        let known = self.run(run);
        known.spent = Spent { time: known.spent.time, ..spent };
    }

    /// What the log says of this run, if anything.
    pub fn find(&self, run: &RunId) -> Option<&RunHistory> {
        self.runs.iter().find(|known| known.run == *run)
    }

    /// Which run of the instance this is, from 0.
    pub fn ordinal(&self, run: &RunId) -> u32 {
        let position = self.runs.iter().position(|known| known.run == *run).unwrap_or(self.runs.len());
        u32::try_from(position).unwrap_or(u32::MAX)
    }

    /// The last answer of the conversation.
    pub fn last_answer(&self) -> Option<&Answer> {
        self.turns.iter().rev().find_map(|turn| match turn {
            Turn::Answer(answer) => Some(answer),
            _ => None,
        })
    }

    /// Whether the first turn stands for others.
    pub fn begins_with_a_summary(&self) -> bool {
        self.begins.first() == Some(&Seq(0))
    }

    /// The place of a turn, by its number in [`History::turns`]; what comes next after the last.
    pub fn place(&self, turn: usize) -> Option<Seq> {
        self.begins.get(turn).copied()
    }

    /// The call of the last answer that a result is of.
    fn asked_for(&self, result: &ToolResult) -> Option<Call> {
        let mut calls = self.last_answer()?.blocks.iter().filter_map(|block| match block {
            Block::Call(call) => Some(call),
            _ => None,
        });
        calls.find(|call| call.id == result.call).cloned()
    }

    fn said(&mut self, seq: Seq, turn: Turn) {
        self.size.add(&turn);
        self.turns.push(turn);
        self.begins.push(seq);
    }

    /// What was said before the first kept entry stands in the summary from here on.
    fn compact(&mut self, summary: String, first_kept: Seq) {
        let turns = self.begins.drain(..).zip(self.turns.drain(..)).skip_while(|(seq, turn)| {
            // No result is kept without the answer that asked for it.
            *seq < first_kept || matches!(turn, Turn::Results(_))
        });
        let (begins, turns) = std::iter::once((Seq(0), Turn::User(summary))).chain(turns).unzip();
        (self.begins, self.turns) = (begins, turns);
        self.size.anew(&self.turns);
    }

    fn run(&mut self, run: &RunId) -> &mut RunHistory {
        let position = self.position(run);
        &mut self.runs[position]
    }

    fn position(&mut self, run: &RunId) -> usize {
        self.runs.iter().position(|known| known.run == *run).unwrap_or_else(|| {
            self.runs.push(RunHistory::new(run.clone()));
            self.runs.len() - 1
        })
    }

    fn with_own(&mut self, change: impl FnOnce(&mut RunHistory)) {
        if let Some(run) = self.under_way.and_then(|position| self.runs.get_mut(position)) {
            change(run);
        }
    }
}

/// Of the entries of a session, keeps those from the root to the leaf. A `leaf_moved` entry hangs where
/// the leaf went, so following parents from the last entry leaves out what the move left behind.
fn keep_active_path(session: &SessionId, entries: &mut Vec<Entry>) {
    let own = || entries.iter().filter(|entry| entry.session == *session);
    // One without moves is its own path.
    if own().zip(own().skip(1)).all(|(before, entry)| entry.parent == Some(before.seq)) {
        return;
    }
    let parents: HashMap<Seq, Option<Seq>> = own().map(|entry| (entry.seq, entry.parent)).collect();
    let leaf = own().next_back().map(|entry| entry.seq);
    let path: HashSet<Seq> = std::iter::successors(leaf, |seq| {
        // Parents lie before their children: what does not would be a loop, and ends the path.
        parents.get(seq).copied().flatten().filter(|parent| parent < seq && parents.contains_key(parent))
    })
    .collect();
    entries.retain(|entry| entry.session != *session || path.contains(&entry.seq));
}

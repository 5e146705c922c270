//! The fold: what the entries of a log add up to. Pure, and linear in the length of the log.

pub mod files;
mod run;

use std::collections::{HashMap, HashSet};

use self::files::Files;
pub use self::run::RunHistory;
use super::resume;
use crate::domain::entry::{Body, Compaction, Entry, Prompt};
use crate::domain::id::{RunId, Seq, SessionId};
use crate::domain::message::{Answer, Message, ToolResult};

/// What an instance's log adds up to, on the active path of its default session.
#[derive(Clone, Debug, Default)]
pub struct History {
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

/// First words of a note about a newer head; [`RunHistory::told_of_head`] looks for it.
pub(crate) const NEW_HEAD: &str = "New head:";

/// First words of a reminder to finish; [`RunHistory::unfinished`] counts them.
pub(crate) const REMINDER: &str = "Reminder:";

impl History {
    /// Folds a whole log.
    pub fn of(mut entries: Vec<Entry>) -> Self {
        let session = SessionId::default();
        entries.retain(|entry| entry.session == session);
        keep_active_path(&mut entries);
        let mut history = Self::default();
        for entry in entries {
            history.add(entry);
        }
        history
    }

    /// Adds the next entry of the active path.
    pub fn add(&mut self, entry: Entry) {
        self.leaf = entry.seq;
        let Entry { seq, at, .. } = entry;
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
            Body::Prompt(prompt) => self.prompt = Some(prompt),
            Body::Note(note) => {
                self.with_own(|run| {
                    run.told_to_land |= note.text.starts_with(LAND);
                    run.told_of_head |= note.text.starts_with(NEW_HEAD);
                    run.unfinished += u32::from(note.text.starts_with(REMINDER));
                });
                self.said(seq, Turn::User(note.text));
            }
            Body::Message(Message::User { text }) => {
                self.said(seq, Turn::User(text));
                self.with_own(|run| run.asked = true);
            }
            Body::Message(Message::Assistant(answer)) => {
                self.with_own(|run| run.answered(&answer));
                self.said(seq, Turn::Answer(answer));
            }
            Body::MessageInterrupted(cut) => self.with_own(|run| run.failures += u32::from(cut.transient)),
            Body::ToolResult(result) => {
                let unfit = result.is_error && result.name == resume::FINISH;
                self.with_own(|run| run.unfinished += u32::from(unfit));
                match self.turns.last_mut() {
                    Some(Turn::Results(results)) => results.push(result),
                    _ => self.said(seq, Turn::Results(vec![result])),
                }
            }
            Body::Compaction(Compaction { summary, first_kept, .. }) => self.compact(summary, first_kept),
            Body::WorkspaceDelta(delta) => delta.changes.iter().for_each(|change| self.files.add(change)),
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
                run.settled.get_or_insert(settled);
                self.under_way.take_if(|under_way| *under_way == position);
            }
            _ => {}
        }
        self.with_own(|run| run.worked_until(at));
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

    fn said(&mut self, seq: Seq, turn: Turn) {
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

/// Keeps the entries from the root to the leaf. A `leaf_moved` entry hangs where the leaf went, so
/// following parents from the last entry leaves out what the move left behind.
fn keep_active_path(entries: &mut Vec<Entry>) {
    // A log without moves is its own path.
    if entries.windows(2).all(|pair| pair[1].parent == Some(pair[0].seq)) {
        return;
    }
    let parents: HashMap<Seq, Option<Seq>> = entries.iter().map(|entry| (entry.seq, entry.parent)).collect();
    let leaf = entries.last().map(|entry| entry.seq);
    let path: HashSet<Seq> = std::iter::successors(leaf, |seq| {
        // Parents lie before their children: what does not would be a loop, and ends the path.
        parents.get(seq).copied().flatten().filter(|parent| parent < seq && parents.contains_key(parent))
    })
    .collect();
    entries.retain(|entry| path.contains(&entry.seq));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::entry::{AttemptStarted, Input, LeafMoved, MessageInterrupted, Note, Settled};
    use crate::domain::id::{Epoch, EventKey, InstanceId, InstanceKind};
    use crate::domain::message::{Block, Call, Stop, Usage};

    /// Builds a log from words: `start`, `input`, `ask`, `say`, `call`, `calls` (two), `result`,
    /// `cut`, `finish`, `finished`, `land`, `settle`, `other` (another run is settled), `back:<n>` (the leaf goes to entry n).
    pub(crate) fn log(words: &str) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut leaf = None;
        for word in words.split_whitespace() {
            let seq = Seq(entries.len() as u64);
            let body = match word {
                "start" => Body::AttemptStarted(AttemptStarted {
                    run: run(),
                    attempt: 1 + entries.iter().filter(|e| e.body.kind() == "attempt_started").count() as u32,
                    hob: "0".into(),
                    model: "m".into(),
                    sandbox: "s".into(),
                }),
                "input" => Body::Input(Input {
                    run: run(),
                    event_key: EventKey::from_parts(["e"]),
                    task: Default::default(),
                    marker: "hob-0".into(),
                }),
                "ask" => Body::Message(Message::User { text: "task".into() }),
                "land" => Body::Note(Note { text: format!("{LAND} land") }),
                "say" => answer(&[], Stop::End),
                "call" => answer(&[("1", "bash")], Stop::Tools),
                "calls" => answer(&[("1", "bash"), ("2", "read")], Stop::Tools),
                "finish" => answer(&[("1", "finish")], Stop::Tools),
                "finish+" => answer(&[("1", "finish"), ("2", "read")], Stop::Tools),
                "result" | "finished" => Body::ToolResult(ToolResult {
                    call: "1".into(),
                    name: if word == "result" { "bash" } else { "finish" }.into(),
                    content: "ok".into(),
                    is_error: false,
                }),
                "cut" => Body::MessageInterrupted(MessageInterrupted {
                    reason: "cut".into(),
                    transient: true,
                    partial: String::new(),
                }),
                "stop" => Body::MessageInterrupted(MessageInterrupted {
                    reason: "stopped".into(),
                    transient: false,
                    partial: String::new(),
                }),
                "settle" | "other" => Body::Settled(Settled {
                    run: if word == "settle" {
                        run()
                    } else {
                        RunId::derive(&instance(), &EventKey::from_parts(["o"]), None)
                    },
                    outcome: crate::domain::outcome::Outcome::Completed { limited: None },
                    message: "done".into(),
                    result: None,
                    usage: Usage::default(),
                    cost_nano_usd: None,
                }),
                back => {
                    let to = Seq(back.strip_prefix("back:").unwrap().parse().unwrap());
                    leaf = Some(to);
                    Body::LeafMoved(LeafMoved { to, reason: "overflow".into() })
                }
            };
            entries.push(Entry {
                seq,
                epoch: Epoch(1),
                at: jiff::Timestamp::UNIX_EPOCH,
                session: SessionId::default(),
                parent: leaf,
                body,
            });
            leaf = Some(seq);
        }
        entries
    }

    fn instance() -> InstanceId {
        InstanceId {
            host: "h".into(),
            repo: 1,
            kind: InstanceKind::Issue,
            key: "4".into(),
            agent: "a".parse().unwrap(),
        }
    }

    pub(crate) fn run() -> RunId {
        RunId::derive(&instance(), &EventKey::from_parts(["e"]), None)
    }

    fn answer(calls: &[(&str, &str)], stop: Stop) -> Body {
        let calls =
            calls.iter().map(|(id, name)| Call { id: (*id).into(), name: (*name).into(), arguments: "{}".into() });
        let text = Block::Text { text: "words".into() };
        Body::Message(Message::Assistant(Answer {
            blocks: std::iter::once(text).chain(calls.map(Block::Call)).collect(),
            stop,
            model: "m".into(),
            usage: Usage { input: 10, ..Usage::default() },
            request: String::new(),
        }))
    }

    fn shape(history: &History) -> String {
        let turn = |turn: &Turn| match turn {
            Turn::User(_) => "user".to_owned(),
            Turn::Answer(_) => "answer".to_owned(),
            Turn::Results(results) => format!("results:{}", results.len()),
        };
        history.turns.iter().map(turn).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_log_folds_into_what_was_said() {
        for (words, expected) in [
            ("", ""),
            ("start input ask", "user"),
            ("start input ask cut start", "user"),
            ("start input ask call", "user answer"),
            ("start input ask call result say settle", "user answer results:1 answer"),
            ("start input ask calls result start result say", "user answer results:2 answer"),
            ("start input ask call result land say", "user answer results:1 user answer"),
            // The answer that overflowed is left behind, its results with it.
            ("start input ask call result back:2 say", "user answer"),
        ] {
            assert_eq!(shape(&History::of(log(words))), expected, "after `{words}`");
        }
    }

    #[test]
    fn what_a_run_spent_is_counted_over_its_attempts() {
        let history = History::of(log("start input ask call cut cut start result say"));
        let run = history.find(&run()).unwrap();
        assert_eq!((run.attempts, run.spent.turns, run.spent.usage.input, run.failures), (2, 2, 20, 0));
        assert!(History::of(log("start input ask land")).runs[0].told_to_land);
        assert_eq!(History::of(log("start input ask cut stop cut")).runs[0].failures, 2);
    }

    #[test]
    fn what_follows_a_run_that_joined_is_counted_for_the_one_it_joined() {
        let history = History::of(log("start input ask call result ask other land cut say"));
        let run = history.find(&run()).unwrap();
        assert_eq!((run.spent.turns, run.told_to_land, run.said.as_str()), (2, true, "words"));
        let other = &history.runs[1];
        assert_eq!((other.spent.turns, other.asked, other.settled.is_some()), (0, false, true));
        assert_eq!(shape(&history), "user answer results:1 user user answer");
    }

    #[test]
    fn the_first_outcome_wins() {
        let mut entries = log("start input ask say settle settle");
        if let Some(Entry { body: Body::Settled(settled), .. }) = entries.last_mut() {
            settled.message = "late".into();
        }
        assert_eq!(History::of(entries).runs[0].settled.as_ref().unwrap().message, "done");
    }

    #[test]
    fn a_path_whose_parents_lie_ahead_ends_instead_of_looping() {
        let mut entries = log("start input ask");
        entries[1].parent = Some(Seq(2));
        assert_eq!(shape(&History::of(entries)), "user");
    }
}

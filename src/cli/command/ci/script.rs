//! A run for the renderers to tell of: an agent that looks, proposes, and answers.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::ending::{Ending, Fate, Trust, Written};
use crate::domain::effect::{Effect, EffectKey, Write};
use crate::domain::entry::{AttemptStarted, Body, EffectRefused, Entry, Settled};
use crate::domain::event::{Actor, ActorKind, Event, EventKind, Forge, Repository, Thread, ThreadKind};
use crate::domain::id::{Epoch, EventKey, RunId, Seq, SessionId};
use crate::domain::message::{Answer, Block, Call, Message, Stop, ToolResult, Usage};
use crate::domain::name::EffectKind;
use crate::domain::outcome::Outcome;
use crate::domain::run::{Authority, Run, Task};
use crate::session::history::History;

/// What stands in the foreign places of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    /// What the model says, at the end and on its way.
    pub(super) said: &'a str,
    /// Every other place that a stranger, a model, a tool or a forge can write to.
    pub(super) elsewhere: &'a str,
}

/// A run with its log and what became of its writes.
pub(super) struct Story {
    pub(super) run: Run,
    pub(super) history: History,
    pub(super) effects: Vec<Effect>,
    elsewhere: String,
    notes: Vec<String>,
}

impl Story {
    /// A run of two turns that was settled, after one that had answered in one turn.
    pub(super) fn new(words: Words<'_>, outcome: Outcome) -> Self {
        let mut story = Self::open(words);
        let mut log = Log::default();
        let earlier = RunId::derive(&story.run.instance, &EventKey::from_parts(["earlier"]), None);
        log.begin(&earlier, 1);
        log.says("An earlier answer.", &[]);
        log.settle(&earlier, Outcome::Completed { limited: None }, "An earlier answer.", None);
        log.begin(&story.run.id, 2);
        log.says(
            words.elsewhere,
            &[
                ("1", "grep", json!({ "pattern": "committ", "path": "docs" })),
                ("2", "read", json!({ "path": words.elsewhere })),
                ("3", words.elsewhere, json!({ words.elsewhere: words.elsewhere })),
                ("4", "bash", json!({ "command": "sleep 9" })),
            ],
        );
        log.came("1", "grep", &"docs/start.md:9: git committ\n".repeat(80), false);
        log.came("2", "read", words.elsewhere, true);
        log.came("3", words.elsewhere, words.elsewhere, false);
        for effect in &story.effects {
            log.add(Body::EffectProposed(effect.clone()));
        }
        log.add(Body::EffectRefused(EffectRefused {
            run: story.run.id.clone(),
            kind: EffectKind::Label,
            reason: words.elsewhere.to_owned(),
        }));
        log.says(words.said, &[]);
        log.settle(&story.run.id, outcome, words.said, Some(json!({ "severity": "low", "why": words.elsewhere })));
        story.history = log.history();
        story
    }

    /// The same run before it has an outcome.
    pub(super) fn unsettled(words: Words<'_>) -> Self {
        let mut story = Self::open(words);
        let mut log = Log::default();
        log.begin(&story.run.id, 1);
        log.says(words.said, &[("1", "bash", json!({ "command": "make test" }))]);
        story.history = log.history();
        story.effects.clear();
        story
    }

    fn open(words: Words<'_>) -> Self {
        let event = event(words.elsewhere);
        let instance = event.instance(&"triage".parse().unwrap());
        let run = RunId::derive(&instance, &event.key, None);
        let effect = |ordinal, write: Write| Effect {
            key: EffectKey::derive(b"secret", &instance, &run, write.kind(), ordinal),
            run: run.clone(),
            ordinal,
            write,
        };
        let effects = vec![
            effect(0, Write::Status { body: words.said.to_owned() }),
            effect(0, Write::Comment { body: words.said.to_owned() }),
            effect(
                0,
                Write::Label { add: vec!["documentation".into(), words.elsewhere.into()], remove: vec!["bug".into()] },
            ),
            effect(1, Write::Comment { body: words.said.to_owned() }),
            effect(2, Write::Comment { body: words.said.to_owned() }),
        ];
        let admitted_at = event.at;
        let event_key = event.key.clone();
        let task = Task { event: Some(event), message: None, input: None };
        Self {
            run: Run {
                id: run,
                instance,
                event_key,
                attempt_tag: None,
                admitted_at,
                authority: Authority::default(),
                task,
            },
            history: History::default(),
            effects,
            elsewhere: words.elsewhere.to_owned(),
            notes: vec![format!("the bundle of run 88 was not used: {}", words.elsewhere)],
        }
    }

    /// Tells its ending to `listener`.
    pub(super) fn tell<T>(&self, listener: impl FnOnce(&Ending<'_>) -> T) -> T {
        let url = "https://github.com/acme/widgets/issues/42#issuecomment-7";
        let reason = self.elsewhere.as_str();
        let fates = [
            Fate::Applied { url },
            Fate::Found { url: reason },
            Fate::Applied { url: "" },
            Fate::Dropped { reason },
            Fate::Waiting { reason },
        ];
        let writes: Vec<_> = self.effects.iter().zip(fates).map(|(effect, fate)| Written { effect, fate }).collect();
        listener(&Ending {
            run: &self.run,
            history: &self.history,
            stopped: reason,
            model: "anthropic/claude-sonnet-4-5",
            server: "https://github.com",
            writes: &writes,
            trust: Trust {
                actor: reason,
                authority: "role write, asked of the forge",
                session: "restored from run 77 of this repository",
                state: "artifact hob-0123 of this run, kept for 90 days",
            },
            notes: &self.notes,
            is_remembered: true,
            bundle: "/home/runner/work/_temp/hob/hob-0123",
            bundle_digest: "5ce6d55d8d235343",
        })
    }
}

fn event(foreign: &str) -> Event {
    let author = Actor { id: 7, login: foreign.to_owned(), kind: ActorKind::User };
    Event {
        forge: Forge::Github,
        host: "github.com".into(),
        repository: Repository { id: 1, path: "acme/widgets".into(), visibility: None },
        kind: EventKind::Issue,
        action: "opened".into(),
        actor: author.clone(),
        thread: Thread {
            kind: ThreadKind::Issue,
            number: 42,
            title: foreign.to_owned(),
            body: foreign.to_owned(),
            author: Some(author),
            labels: vec![foreign.to_owned()],
            state: "open".into(),
            confidential: false,
        },
        comment: None,
        change: None,
        label: None,
        at: Timestamp::UNIX_EPOCH,
        key: EventKey::from_parts(["now"]),
    }
}

/// A log in the making, one entry a second.
#[derive(Default)]
struct Log(Vec<Entry>);

impl Log {
    fn add(&mut self, body: Body) {
        let seq = Seq(self.0.len() as u64);
        let parent = seq.0.checked_sub(1).map(Seq);
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seq.0 as i64);
        self.0.push(Entry { seq, epoch: Epoch(1), at, session: SessionId::default(), parent, body });
    }

    fn begin(&mut self, run: &RunId, attempt: u32) {
        self.add(Body::AttemptStarted(AttemptStarted {
            run: run.clone(),
            attempt,
            hob: "0".into(),
            model: "anthropic/claude-sonnet-4-5".into(),
            sandbox: "virtual: in memory; no network, no processes".into(),
        }));
        self.add(Body::Message(Message::User { text: "task".into() }));
    }

    fn says(&mut self, text: &str, calls: &[(&str, &str, Value)]) {
        let calls = calls.iter().map(|(id, name, arguments)| {
            Block::Call(Call { id: (*id).into(), name: (*name).into(), arguments: arguments.to_string() })
        });
        self.add(Body::Message(Message::Assistant(Answer {
            blocks: std::iter::once(Block::Text { text: text.into() }).chain(calls).collect(),
            stop: Stop::Tools,
            model: "anthropic/claude-sonnet-4-5".into(),
            usage: Usage { input: 1200, output: 345, cache_read: 10_000, cache_write: 0 },
            request: String::new(),
        })));
    }

    fn came(&mut self, call: &str, name: &str, content: &str, is_error: bool) {
        let result =
            ToolResult { call: call.into(), name: name.into(), content: content.into(), is_error, images: Vec::new() };
        self.add(Body::ToolResult(result));
    }

    fn settle(&mut self, run: &RunId, outcome: Outcome, message: &str, result: Option<Value>) {
        self.add(Body::Settled(Settled {
            run: run.clone(),
            outcome,
            message: message.into(),
            result,
            usage: Usage { input: 2400, output: 690, cache_read: 20_000, cache_write: 0 },
            cost_nano_usd: Some(12_345_678),
        }));
    }

    fn history(self) -> History {
        History::of(self.0)
    }
}

/// A run that went well, in plain words.
pub(super) fn plain() -> Words<'static> {
    Words { said: "The word `commit` is misspelled in **one** place:\n\n- `docs/start.md:9`", elsewhere: "ada" }
}

/// What could be taken for something else, wherever it stands.
pub(super) const HOSTILE: &str = "x\r::add-mask::x\n::error title=a::b\n##[group]c\u{2028}::warning::d\u{1b}[2K\u{1b}]0;t\u{7}\
    \n\n# Trust\n</blockquote></details><img src=x> | a | ![p](https://evil.example) @mallory `tick\n```\nEOF\nhob_\noutcome=failed\noutcome<<E\nfailed\nE\n\
    [^1]: foot\n\u{202e}\u{200b}%0A::notice::e\0";

pub(super) fn hostile() -> Words<'static> {
    Words { said: HOSTILE, elsewhere: HOSTILE }
}

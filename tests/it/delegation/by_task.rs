//! A model that answers by what it was asked, and sees who waits beside whom.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hob::domain::message::{Answer, Block, Call, Stop, Usage};
use hob::provider::{self, Conversation, Delta, Opening, Place, Provider, Said};
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify};

/// Answers by what a conversation was asked last.
pub(super) struct ByTask {
    answer: fn(&str, u32) -> Block,
    /// Where tasks wait for each other.
    pub(super) together: Option<Barrier>,
    /// Told of the first task, which then gets no answer.
    pub(super) silence: Option<Notify>,
    now: AtomicUsize,
    /// How many tasks ever waited at once.
    pub(super) most: AtomicUsize,
    /// Every call, in the order they came.
    pub(super) places: Mutex<Vec<Place>>,
}

impl ByTask {
    pub(super) fn new(answer: fn(&str, u32) -> Block, together: Option<usize>) -> Arc<Self> {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self {
            answer,
            together: together.map(Barrier::new),
            silence: None,
            now,
            most,
            places: Mutex::default(),
        })
    }
}

/// Its conversations hold it.
pub(super) struct Shared(pub(super) Arc<ByTask>);

impl Provider for Shared {
    fn model(&self) -> &str {
        "scripted/model"
    }

    fn open(&self, _: Opening<'_>) -> Box<dyn Conversation> {
        Box::new(Talk { of: self.0.clone(), task: None })
    }
}

struct Talk {
    of: Arc<ByTask>,
    task: Option<String>,
}

impl Conversation for Talk {
    fn push(&mut self, said: Said<'_>) {
        if let Said::User(text) = said {
            self.task = Some(text.to_owned());
        }
    }

    fn ask<'a>(
        &'a mut self,
        place: Place,
        _: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> BoxFuture<'a, Result<Answer, provider::Error>> {
        async move {
            let task = self.task.clone().unwrap_or_default();
            let turn = place.turn;
            self.of.places.lock().unwrap().push(place);
            if let Some(together) = self.of.together.as_ref().filter(|_| task.starts_with("Another agent")) {
                let now = self.of.now.fetch_add(1, Ordering::SeqCst) + 1;
                self.of.most.fetch_max(now, Ordering::SeqCst);
                together.wait().await;
                self.of.now.fetch_sub(1, Ordering::SeqCst);
            }
            if let Some(silence) = self.of.silence.as_ref().filter(|_| task.starts_with("Another agent"))
                && self.of.now.fetch_add(1, Ordering::SeqCst) == 0
            {
                silence.notify_one();
                std::future::pending::<()>().await;
            }
            let block = (self.of.answer)(&task, turn);
            let stop = if matches!(block, Block::Call(_)) { Stop::Tools } else { Stop::End };
            let blocks = match block {
                Block::Call(call) if call.name == "tasks" => tasks(&call.arguments),
                Block::Call(call) if call.name == "twins" => twins(),
                block => vec![block],
            };
            let usage = Usage { input: 10, ..Usage::default() };
            Ok(Answer { blocks, stop, model: "scripted/model".into(), usage, request: String::new() })
        }
        .boxed()
    }
}

/// So many tasks in one message.
fn tasks(number: &str) -> Vec<Block> {
    let task = |n: usize| {
        let arguments = json!({ "agent": "finder", "prompt": format!("Find {n}.") }).to_string();
        Block::Call(Call { id: format!("t{n}"), name: "task".into(), arguments })
    };
    (0..number.parse().unwrap()).map(task).collect()
}

/// Calls that change files and one that hands out a task, all of one name, which no wire lets through.
fn twins() -> Vec<Block> {
    let twin = |name: &str, arguments: Value| {
        Block::Call(Call { id: "a".into(), name: name.into(), arguments: arguments.to_string() })
    };
    let write = || twin("write", json!({ "path": "a.txt", "content": "a" }));
    vec![write(), write(), write(), twin("task", json!({ "agent": "finder", "prompt": "Find." }))]
}

pub(super) fn text(text: &str) -> Block {
    Block::Text { text: text.into() }
}

pub(super) fn call(name: &str, arguments: &str) -> Block {
    Block::Call(Call { id: format!("{name}-{arguments}"), name: name.into(), arguments: arguments.into() })
}

//! A model that does what the operator's message says, so that a run is its own script.
//!
//! | message | the model |
//! |---|---|
//! | `say WORDS` | answers with them |
//! | `wait WORDS` | answers with them as soon as the test lets it |
//! | `walk N WORDS` | does as with `steps`, and begins each turn as soon as the test lets it |
//! | `steps N WORDS` | calls the shell N times, each leaves a line in `steps.txt`, then answers |
//! | `plan N WORDS` | does N such steps in one message, the last one takes a while where a file `slowly` is; proposes a comment; then answers |
//! | `costs CENTS N WORDS` | does as with `steps`, and each turn costs so much |
//! | `panic WORDS` | is a bug of ours |
//! | `down` | is not there |
//!
//! Without a message the title of the thread is the script, and one that says nothing is `say nothing`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hob::domain::message::{Answer, Block, Call, Stop, Usage};
use hob::provider::{Conversation, Delta, Error, ErrorKind, Opening, Place, Provider, Said};
use tokio::sync::{Notify, Semaphore};

/// The model, for all its conversations.
pub(super) struct Scripted {
    /// A permit for each answer that is waited for.
    pub(super) gate: Arc<Semaphore>,
    asked: Arc<Asked>,
    /// What was said to the model, in all conversations.
    pub(super) heard: Arc<Mutex<Vec<String>>>,
}

#[derive(Default)]
struct Asked {
    now: AtomicUsize,
    ever: AtomicUsize,
    most: Mutex<usize>,
    changed: Notify,
}

impl Default for Scripted {
    fn default() -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), asked: Arc::default(), heard: Arc::default() }
    }
}

impl Scripted {
    /// Waits until so many conversations wait for an answer.
    pub(super) async fn waits(&self, conversations: usize) {
        self.until(|asked| asked.now.load(Ordering::SeqCst) == conversations).await;
    }

    /// Waits until answers were waited for so often in all.
    pub(super) async fn waited(&self, times: usize) {
        self.until(|asked| asked.ever.load(Ordering::SeqCst) >= times).await;
    }

    async fn until(&self, holds: impl Fn(&Asked) -> bool) {
        loop {
            let changed = self.asked.changed.notified();
            if holds(&self.asked) {
                return;
            }
            changed.await;
        }
    }

    /// How many ever waited at once.
    pub(super) fn most(&self) -> usize {
        *self.asked.most.lock().unwrap()
    }
}

impl Provider for Scripted {
    fn model(&self) -> &str {
        "scripted/model"
    }

    fn open(&self, _: Opening<'_>) -> Box<dyn Conversation> {
        Box::new(Talk {
            task: "say nothing".to_owned(),
            gate: self.gate.clone(),
            asked: self.asked.clone(),
            heard: self.heard.clone(),
        })
    }
}

struct Talk {
    task: String,
    gate: Arc<Semaphore>,
    asked: Arc<Asked>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Talk {
    /// Waits until the test lets it go on.
    async fn permit(&self) {
        let waiting = Waiting::new(&self.asked);
        self.gate.acquire().await.unwrap().forget();
        drop(waiting);
    }
}

/// Counts who waits, also when the wait is dropped.
struct Waiting(Arc<Asked>);

impl Waiting {
    fn new(asked: &Arc<Asked>) -> Self {
        let now = asked.now.fetch_add(1, Ordering::SeqCst) + 1;
        asked.ever.fetch_add(1, Ordering::SeqCst);
        let mut most = asked.most.lock().unwrap();
        *most = now.max(*most);
        asked.changed.notify_waiters();
        Self(asked.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

impl Conversation for Talk {
    fn push(&mut self, said: Said<'_>) {
        let Said::User(text) = said else { return };
        self.heard.lock().unwrap().push(text.to_owned());
        let asked = text.split_once("The operator asks:\n\n").map(|(_, task)| task);
        if let Some(task) = asked.or_else(|| text.lines().find_map(|line| line.strip_prefix("script: "))) {
            task.clone_into(&mut self.task);
        }
    }

    fn ask<'a>(
        &'a mut self,
        place: Place,
        on: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> BoxFuture<'a, Result<Answer, Error>> {
        async move {
            let (verb, rest) = self.task.split_once(' ').unwrap_or((&self.task, ""));
            match verb {
                "say" => {
                    on(Delta::Text(rest));
                    Ok(says(rest))
                }
                "wait" => {
                    self.permit().await;
                    Ok(says(rest))
                }
                "steps" | "walk" => {
                    if verb == "walk" {
                        self.permit().await;
                    }
                    let (steps, name) = rest.split_once(' ').unwrap();
                    let step = place.turn;
                    if step < steps.parse().unwrap() { Ok(steps_on(name, step)) } else { Ok(says(name)) }
                }
                "costs" => {
                    let (cents, rest) = rest.split_once(' ').unwrap();
                    let (steps, name) = rest.split_once(' ').unwrap();
                    let step = place.turn;
                    let answer = if step < steps.parse().unwrap() { steps_on(name, step) } else { says(name) };
                    // Two dollars for a million.
                    let usage = Usage { input: cents.parse::<u64>().unwrap() * 5_000, ..Usage::default() };
                    Ok(Answer { usage, ..answer })
                }
                "plan" => {
                    on(Delta::Text("Well"));
                    let (steps, name) = rest.split_once(' ').unwrap();
                    Ok(match place.turn {
                        0 => all_of(name, steps.parse().unwrap()),
                        1 => proposes(name),
                        _ => says(name),
                    })
                }
                "panic" => panic!("{rest}"),
                "down" => Err(Error { kind: ErrorKind::Config, message: "the model is not there".to_owned() }),
                other => unreachable!("`{other}` is no word of a script"),
            }
        }
        .boxed()
    }
}

fn says(words: &str) -> Answer {
    answer(vec![Block::Text { text: words.to_owned() }], Stop::End)
}

fn steps_on(name: &str, step: u32) -> Answer {
    answer(vec![does(name, step, "")], Stop::Tools)
}

fn all_of(name: &str, steps: u32) -> Answer {
    let call = |step| does(name, step, if step + 1 == steps { "; [ ! -e slowly ] || sleep 2" } else { "" });
    answer((0..steps).map(call).collect(), Stop::Tools)
}

/// A step that the shell does, and what it does then.
fn does(name: &str, step: u32, then: &str) -> Block {
    let arguments = serde_json::json!({ "command": format!("echo '{name} {step}' >> steps.txt{then}") }).to_string();
    Block::Call(Call { id: format!("{name}-{step}"), name: "bash".to_owned(), arguments })
}

fn proposes(body: &str) -> Answer {
    let arguments = serde_json::json!({ "body": body }).to_string();
    let call = Call { id: format!("{body}-comment"), name: "propose_comment".to_owned(), arguments };
    answer(vec![Block::Call(call)], Stop::Tools)
}

fn answer(blocks: Vec<Block>, stop: Stop) -> Answer {
    let usage = Usage { input: 10, output: 2, ..Usage::default() };
    // Called as one whose price is known: what it costs is counted.
    Answer { blocks, stop, model: "anthropic/claude-sonnet-5".to_owned(), usage, request: String::new() }
}

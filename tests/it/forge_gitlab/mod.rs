//! A GitLab that remembers, behind a socket: the routes that hob uses, in GitLab's own shapes.
//!
//! ```ignore
//! let gitlab = GitlabServer::start();
//! gitlab.memory().member(7, "ada", 30);
//! gitlab.fault("notes/create", Fault::CutAfter);
//! // … a forge, or a child process with CI_API_V4_URL = gitlab.url() and the token TOKEN …
//! assert_eq!(gitlab.memory().notes(ThreadKind::Issue, ISSUE), ["Hello"]);
//! ```
//!
//! Issue 4 and merge request 5 are there, and a job whose token is [`JOB_TOKEN`]. Requests are
//! checked against the parameters that GitLab documents: a wrong one is answered as GitLab would,
//! and fails the test when the server is dropped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod memory;
mod operations;
mod own_words;
mod registry;
mod routes;
mod shelf;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::scene::http::{Listening, Request, receive};
pub(crate) use memory::Memory;
pub(crate) use operations::example;

/// A project's access token, whose bot is [`BOT`].
pub(crate) const TOKEN: &str = "glpat-test0123456789";
/// The token of the running job.
pub(crate) const JOB_TOKEN: &str = "glcbt-64_test0123456789";
/// Id and name of the project's bot.
pub(crate) const BOT: (u64, &str) = (1701, "project_14_bot_0a1b2c");
/// The project's id.
pub(crate) const PROJECT: u64 = 14;
/// Whose the project is, and what it is called.
pub(crate) const PATH: &str = "acme/widgets";
/// An issue that is there.
pub(crate) const ISSUE: u64 = 4;
/// A merge request that is there.
pub(crate) const MERGE_REQUEST: u64 = 5;
/// The pipeline of the running job, on the default branch.
pub(crate) const PIPELINE: u64 = 500;

/// The running server; stops when dropped.
pub(crate) struct GitlabServer {
    /// For `CI_API_V4_URL`.
    url: String,
    stage: Arc<Stage>,
    _listening: Listening,
}

/// One request that was understood, or not.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The operation; empty when there is none.
    pub(crate) operation: String,
    pub(crate) request: Request,
}

/// What goes wrong with one request, instead of or beside the answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing is done, and this is said.
    Answer(Answer),
    /// It is done, and this is said.
    DoneBut(Answer),
    /// Nothing is done, and the connection ends.
    CutBefore,
    /// It is done, and the connection ends.
    CutAfter,
    /// It is done, and the connection ends in the middle of the answer.
    CutWithin,
    /// It is done and answered once [`GitlabServer::go_on`] is called.
    Hold,
}

/// An answer as it goes over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

struct Stage {
    memory: Mutex<Memory>,
    journal: Mutex<Vec<Call>>,
    faults: Mutex<Vec<(String, VecDeque<Fault>)>>,
    wrong: Mutex<Vec<String>>,
    held: Semaphore,
}

impl GitlabServer {
    /// A GitLab at the root of its host.
    pub(crate) fn start() -> Self {
        Self::below("")
    }

    /// A GitLab below a path of its host, such as `/git`.
    pub(crate) fn below(path: &str) -> Self {
        let stage = Arc::new(Stage {
            memory: Mutex::new(Memory::new()),
            journal: Mutex::default(),
            faults: Mutex::default(),
            wrong: Mutex::default(),
            held: Semaphore::new(0),
        });
        let base = format!("{path}/api/v4");
        let listening = Listening::start({
            let (stage, base) = (Arc::clone(&stage), base.clone());
            move |socket| talk(socket, base.clone(), Arc::clone(&stage))
        });
        lock(&stage.memory).host.clone_from(&listening.url);
        Self { url: format!("{}{base}", listening.url), stage, _listening: listening }
    }

    /// For `CI_API_V4_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What is there can be seen and changed, as people would do it on the web.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.stage.memory)
    }

    /// The next request for this operation goes wrong; several wait in line.
    pub(crate) fn fault(&self, operation: &str, fault: Fault) {
        let mut faults = lock(&self.stage.faults);
        match faults.iter_mut().find(|(known, _)| known == operation) {
            Some((_, waiting)) => waiting.push_back(fault),
            None => faults.push((operation.to_owned(), VecDeque::from([fault]))),
        }
    }

    /// Lets one held request go on.
    pub(crate) fn go_on(&self) {
        self.stage.held.add_permits(1);
    }

    /// Every request so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.stage.journal).clone()
    }

    /// How often an operation was asked for.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| call.operation == operation).count()
    }
}

impl Drop for GitlabServer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let wrong = lock(&self.stage.wrong);
            assert!(wrong.is_empty(), "wrong requests to GitLab: {wrong:#?}");
        }
    }
}

impl Answer {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        Self { status, headers: vec![kind], body: body.to_string().into_bytes() }
    }

    /// A refusal in GitLab's words.
    pub(crate) fn refusal(status: u16, message: &str) -> Self {
        Self::json(status, &json!({ "message": message }))
    }

    /// With this header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Said\r\ncontent-length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        [head.as_bytes(), b"\r\n", self.body.as_slice()].concat()
    }
}

/// Serves one connection until either side ends it.
async fn talk(mut socket: TcpStream, base: String, stage: Arc<Stage>) {
    while let Some(mut request) = receive(&mut socket).await {
        let whole = request.clone();
        request.target = request.target.strip_prefix(&base).unwrap_or(&request.target).to_owned();
        let operation = operations::named(&request).unwrap_or_default();
        let fault = stage.next_fault(&operation);
        lock(&stage.journal).push(Call { operation, request: whole });
        let answer = match fault {
            None => stage.act(&request),
            Some(Fault::Answer(answer)) => answer,
            Some(Fault::CutBefore) => return,
            Some(Fault::DoneBut(answer)) => {
                stage.act(&request);
                answer
            }
            Some(Fault::CutAfter) => {
                stage.act(&request);
                return;
            }
            Some(Fault::CutWithin) => {
                let bytes = stage.act(&request).bytes();
                let _ = socket.write_all(&bytes[..bytes.len() - 9]).await;
                return;
            }
            Some(Fault::Hold) => {
                stage.held.acquire().await.unwrap().forget();
                stage.act(&request)
            }
        };
        if socket.write_all(&answer.bytes()).await.is_err() {
            return;
        }
    }
}

impl Stage {
    fn next_fault(&self, operation: &str) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        faults.iter_mut().find(|(known, _)| known == operation)?.1.pop_front()
    }

    /// Does what is asked; notes what is wrong with it.
    fn act(&self, request: &Request) -> Answer {
        let mut memory = lock(&self.memory);
        let date = memory.date();
        let answer = match operations::check(request) {
            Ok(()) => routes::answer(&mut memory, request),
            Err(reason) => {
                lock(&self.wrong).push(format!("{} {}: {reason}", request.method, request.target));
                Answer::json(400, &json!({ "error": reason }))
            }
        };
        answer.header("date", &date)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

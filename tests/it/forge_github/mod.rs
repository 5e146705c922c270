//! A GitHub that remembers, behind a socket: the routes that hob uses, in GitHub's own shapes.
//!
//! ```ignore
//! let github = GithubServer::start();
//! github.member(7, "hubot", "write");
//! github.fault("issues/create-comment", Fault::CutAfter);
//! // … a forge, or a child process with GITHUB_API_URL = github.url() and the token TOKEN …
//! assert_eq!(github.comments(4), ["Hello"]);
//! ```
//!
//! Issue 4 and pull request 5 are there. Requests are checked against GitHub's OpenAPI description:
//! a wrong one is answered as GitHub would, and fails the test when the server is dropped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub(crate) mod artifacts;
mod memory;
mod operations;
mod routes;
mod runner;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::scene::http::{Listening, Request, receive};
use memory::Memory;
pub(crate) use runner::runtime_token;

/// The token that requests must carry.
pub(crate) const TOKEN: &str = "ghs_test0123456789";
/// Whose the repository is, and what it is called.
pub(crate) const REPOSITORY: &str = "acme/widgets";
/// The repository's id.
pub(crate) const REPOSITORY_ID: u64 = 700_100;
/// An issue that is there.
pub(crate) const ISSUE: u64 = 4;
/// A pull request that is there.
pub(crate) const PULL: u64 = 5;

/// How long a test waits for something that should happen soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running server; stops when dropped.
pub(crate) struct GithubServer {
    listening: Listening,
    runner: Listening,
    _storage: Listening,
    stage: Arc<Stage>,
}

/// The hosts that are GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    Api,
    /// The artifact service of the runners.
    Runner,
    /// Where artifacts lie.
    Storage,
}

/// One request that was understood, or not.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// GitHub's name of the operation; empty when there is none.
    pub(crate) operation: String,
    pub(crate) request: Request,
}

/// What goes wrong with one request, instead of or beside the answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing: it is the next one's turn.
    Well,
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
    /// It is done twice, as by a server that lags behind itself.
    Twice,
    /// It is done and answered once [`GithubServer::go_on`] is called.
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
    noted: Condvar,
    faults: Mutex<Vec<(String, VecDeque<Fault>)>>,
    wrong: Mutex<Vec<String>>,
    held: Semaphore,
}

impl GithubServer {
    /// A GitHub with the repository [`REPOSITORY`], asked with a workflow's token.
    pub(crate) fn start() -> Self {
        Self::with(REPOSITORY, REPOSITORY_ID)
    }

    /// The same for another repository.
    pub(crate) fn with(repository: &str, id: u64) -> Self {
        let stage = Arc::new(Stage {
            memory: Mutex::new(Memory::new(repository, id)),
            journal: Mutex::default(),
            noted: Condvar::new(),
            faults: Mutex::default(),
            wrong: Mutex::default(),
            held: Semaphore::new(0),
        });
        let [listening, runner, storage] = [Host::Api, Host::Runner, Host::Storage].map(|host| {
            let stage = Arc::clone(&stage);
            Listening::start(move |socket| talk(socket, Arc::clone(&stage), host))
        });
        lock(&stage.memory).url.clone_from(&listening.url);
        lock(&stage.memory).artifacts.storage.clone_from(&storage.url);
        Self { listening, runner, _storage: storage, stage }
    }

    /// For `GITHUB_API_URL`; `/api/v3` may follow, as on an Enterprise Server.
    pub(crate) fn url(&self) -> &str {
        &self.listening.url
    }

    /// For `ACTIONS_RESULTS_URL`, with a [`runtime_token`].
    pub(crate) fn runner_url(&self) -> String {
        format!("{}/", self.runner.url)
    }

    /// What is there can be seen and changed, as people would do it on the web.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.stage.memory)
    }

    /// An account and its role: `none`, `read`, `triage`, `write`, `maintain`, `admin`, or `base:custom`.
    pub(crate) fn member(&self, id: u64, login: &str, role: &str) {
        self.memory().member(id, login, role);
    }

    /// The next request for this operation goes wrong; several wait in line.
    pub(crate) fn fault(&self, operation: &str, fault: Fault) {
        let mut faults = lock(&self.stage.faults);
        match faults.iter_mut().find(|(known, _)| known == operation) {
            Some((_, waiting)) => waiting.push_back(fault),
            None => faults.push((operation.to_owned(), VecDeque::from([fault]))),
        }
    }

    /// Nothing goes wrong from here on.
    pub(crate) fn well(&self) {
        lock(&self.stage.faults).clear();
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

    /// Waits until an operation is asked for.
    pub(crate) fn wait_for(&self, operation: &str) {
        let is_missing = |calls: &mut Vec<Call>| !calls.iter().any(|call| call.operation == operation);
        let waited = self.stage.noted.wait_timeout_while(lock(&self.stage.journal), PATIENCE, is_missing);
        assert!(!waited.unwrap().1.timed_out(), "nobody asked for `{operation}`");
    }

    /// The texts of a thread's comments.
    pub(crate) fn comments(&self, number: u64) -> Vec<String> {
        self.memory().comments(number)
    }

    /// The labels of a thread.
    pub(crate) fn labels(&self, number: u64) -> Vec<String> {
        self.memory().labels(number)
    }
}

impl Drop for GithubServer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let wrong = lock(&self.stage.wrong);
            assert!(wrong.is_empty(), "wrong requests to GitHub: {wrong:#?}");
        }
    }
}

impl Answer {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let kind = ("content-type".to_owned(), "application/json; charset=utf-8".to_owned());
        Self { status, headers: vec![kind], body: body.to_string().into_bytes() }
    }

    /// A refusal in GitHub's words.
    pub(crate) fn refusal(status: u16, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "message": message, "status": status.to_string() }))
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
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// Serves one connection until either side ends it.
async fn talk(mut socket: TcpStream, stage: Arc<Stage>, host: Host) {
    while let Some(request) = receive(&mut socket).await {
        let operation = match host {
            Host::Api => operations::named(&request),
            Host::Runner | Host::Storage => runner::named(&request),
        };
        let fault = stage.next_fault(operation.as_deref().unwrap_or_default());
        lock(&stage.journal).push(Call { operation: operation.unwrap_or_default(), request: request.clone() });
        stage.noted.notify_all();
        let answer = match fault {
            None | Some(Fault::Well) => stage.act(host, &request),
            Some(Fault::Answer(answer)) => answer,
            Some(Fault::CutBefore) => return,
            Some(Fault::DoneBut(answer)) => {
                stage.act(host, &request);
                answer
            }
            Some(Fault::CutAfter) => {
                stage.act(host, &request);
                return;
            }
            Some(Fault::CutWithin) => {
                let bytes = stage.act(host, &request).bytes();
                let _ = socket.write_all(&bytes[..bytes.len() - 9]).await;
                return;
            }
            Some(Fault::Twice) => {
                stage.act(host, &request);
                stage.act(host, &request)
            }
            Some(Fault::Hold) => {
                stage.held.acquire().await.unwrap().forget();
                stage.act(host, &request)
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
    fn act(&self, host: Host, request: &Request) -> Answer {
        let checked = match host {
            Host::Api => operations::check(request),
            Host::Runner => runner::check(request),
            Host::Storage => runner::check_storage(request),
        };
        if let Err(reason) = checked {
            lock(&self.wrong).push(format!("{} {}: {reason}", request.method, request.target));
            return Answer::refusal(422, &format!("Invalid request. {reason}"));
        }
        let mut memory = lock(&self.memory);
        match host {
            Host::Api => routes::answer(&mut memory, request),
            Host::Runner => runner::answer(&mut memory, request),
            Host::Storage => runner::storage(&mut memory.artifacts, request),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

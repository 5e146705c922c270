//! A scripted model behind a socket: every wire format from one description of an answer.
//!
//! ```ignore
//! let server = ModelServer::start([
//!     answer().text("I look.").call("c1", "read", json!({"path": "README.md"})).end_tools(),
//!     Reply::status(429).header("retry-after", "1"),
//!     answer().text("Done.").end(),
//! ]);
//! ```
//!
//! It listens on loopback in a thread of its own, so that async tests, sync tests and started
//! binaries use it alike. Each request takes the next reply. What a request must have (path, key,
//! version, length, a JSON body) is checked here; a fault answers 400 and fails the test when the
//! server is dropped. A stall lasts until the client hangs up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod wire;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use hob::provider::{Access, Site, WORDS};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::http::{Listening, Request, receive};
pub(crate) use wire::{Answer, Wire, answer};

/// The key that requests must carry.
pub(crate) const KEY: &str = "sk-test-0123456789";

/// How long a test waits for something that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// The running server; stops when dropped.
pub(crate) struct ModelServer {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    stage: Arc<Stage>,
    _listening: Listening,
}

/// What one request gets.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
    cut_at: Option<usize>,
    stall_at: Option<usize>,
    piece: usize,
    pause: Duration,
}

#[derive(Clone, Debug)]
enum Body {
    Answer(Answer),
    Bytes(Vec<u8>),
}

/// Which reply a request gets.
enum Script {
    /// The next one.
    InLine(VecDeque<Reply>),
    /// That of its turn.
    ByTurn(Vec<Reply>),
}

impl Script {
    fn reply(&mut self, request: &Request) -> Option<Reply> {
        match self {
            Self::InLine(replies) => replies.pop_front(),
            Self::ByTurn(replies) => replies.get(turns(request)).cloned(),
        }
    }
}

/// Answers that the conversation of a request holds.
fn turns(request: &Request) -> usize {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let messages = body["messages"].as_array().or(body["input"].as_array()).into_iter().flatten();
    messages.filter(|message| message["role"] == "assistant").count()
}

struct Stage {
    key: String,
    script: Mutex<Script>,
    requests: Mutex<Vec<Request>>,
    faults: Mutex<Vec<String>>,
    /// Replies that have stalled so far.
    stalls: Mutex<usize>,
    stalled: Condvar,
    hung_up: Notify,
    connections: AtomicUsize,
}

impl ModelServer {
    /// Listens, with these replies in store.
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with_key(KEY, replies)
    }

    /// Listens. The reply of a turn is given as often as that turn is asked for.
    pub(crate) fn by_turn(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(KEY, Script::ByTurn(replies.into_iter().collect()))
    }

    /// The same, for requests that carry this key.
    pub(crate) fn with_key(key: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(key, Script::InLine(replies.into_iter().collect()))
    }

    fn with(key: &str, script: Script) -> Self {
        let stage = Arc::new(Stage {
            key: key.to_owned(),
            script: Mutex::new(script),
            requests: Mutex::default(),
            faults: Mutex::default(),
            stalls: Mutex::default(),
            stalled: Condvar::new(),
            hung_up: Notify::new(),
            connections: AtomicUsize::new(0),
        });
        let listening = Listening::start({
            let stage = Arc::clone(&stage);
            move |socket| {
                stage.connections.fetch_add(1, Ordering::Relaxed);
                talk(socket, Arc::clone(&stage))
            }
        });
        Self { url: listening.url.clone(), stage, _listening: listening }
    }

    /// What a provider needs to reach this server, in every protocol.
    pub(crate) fn access(&self) -> Access {
        self.access_at("", KEY)
    }

    /// The same below this path, with this key; an empty one is none.
    pub(crate) fn access_at(&self, base: &str, key: &str) -> Access {
        let key = (!key.is_empty()).then(|| hob::domain::secret::Secret::new(key.to_owned()));
        let site = Site { base_url: Some(format!("{}{base}", self.url)), key };
        Access { sites: WORDS.map(|word| (word, site.clone())).into(), ..Access::default() }
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.stage.requests).clone()
    }

    /// Every request's body so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.requests().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
    }

    /// Replies that nobody asked for yet.
    pub(crate) fn left(&self) -> usize {
        match &*lock(&self.stage.script) {
            Script::InLine(replies) => replies.len(),
            Script::ByTurn(replies) => {
                let asked = self.requests().iter().map(|request| turns(request) + 1).max();
                replies.len().saturating_sub(asked.unwrap_or_default())
            }
        }
    }

    /// Connections that were opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.stage.connections.load(Ordering::Relaxed)
    }

    /// Waits until this many replies have stalled.
    pub(crate) fn wait_for_stall(&self, count: usize) {
        let stalls = lock(&self.stage.stalls);
        let waited = self.stage.stalled.wait_timeout_while(stalls, PATIENCE, |stalls| *stalls < count);
        assert!(!waited.unwrap().1.timed_out(), "no client came as far as where the reply stalls");
    }

    /// Waits until a client has hung up on a stalled reply.
    pub(crate) async fn wait_for_hang_up(&self) {
        let hung_up = tokio::time::timeout(PATIENCE, self.stage.hung_up.notified()).await;
        hung_up.expect("the client still holds the connection");
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let faults = lock(&self.stage.faults);
            assert!(faults.is_empty(), "bad requests to the model server: {faults:#?}");
        }
    }
}

/// Where vendors and their gateways have the protocols.
const BASES: &[&str] =
    &["", "/v1", "/openai/v1", "/api/v1", "/v1beta/openai", "/v1/projects/p/locations/l/endpoints/openapi"];

/// Which protocol a request speaks, or what is wrong with it. An empty key is none.
fn check(request: &Request, key: &str) -> Result<Wire, String> {
    let path = BASES.iter().filter_map(|base| request.target.strip_prefix(base)).min_by_key(|path| path.len());
    let bearer = ("authorization", format!("Bearer {key}"));
    let (wire, header) = match path {
        Some("/messages") => (Wire::Anthropic, ("x-api-key", key.to_owned())),
        Some("/responses") => (Wire::OpenaiResponses, bearer),
        Some("/chat/completions") => (Wire::OpenaiChat, bearer),
        _ => return Err(format!("no such path: {}", request.target)),
    };
    let header = if request.header("api-key").is_some() { ("api-key", key.to_owned()) } else { header };
    let wants = |name: &str, value: &str| match request.header(name) {
        Some(given) if given == value => Ok(()),
        given => Err(format!("header {name} is {given:?}, not {value:?}")),
    };
    let keys = ["x-api-key", "authorization", "api-key"];
    match keys.iter().find(|name| request.header(name).is_some_and(|_| key.is_empty() || **name != header.0)) {
        Some(name) => return Err(format!("header {name} has no business here")),
        None if key.is_empty() => {}
        None => wants(header.0, &header.1)?,
    }
    wants("content-type", "application/json")?;
    if wire == Wire::Anthropic {
        wants("anthropic-version", "2023-06-01")?;
    }
    if request.header("content-length").is_none() {
        return Err("the length is not told".to_owned());
    }
    let body: Value = serde_json::from_slice(&request.body).map_err(|error| format!("the body is no JSON: {error}"))?;
    if body["stream"] != true {
        return Err("the body asks for no stream".to_owned());
    }
    Ok(wire)
}

impl Reply {
    /// An empty answer with this status.
    pub(crate) fn status(status: u16) -> Self {
        let body = Body::Bytes(Vec::new());
        let (piece, pause) = (usize::MAX, Duration::ZERO);
        Self { status, headers: Vec::new(), body, cut_at: None, stall_at: None, piece, pause }
    }

    /// A page of a proxy, with status 200.
    pub(crate) fn html() -> Self {
        Self::status(200).header("content-type", "text/html").body("<!doctype html><title>Sign in</title>")
    }

    /// These bytes as an event stream.
    pub(crate) fn stream(bytes: impl Into<Vec<u8>>) -> Self {
        Self::status(200).header("content-type", "text/event-stream").body(bytes)
    }

    /// With this header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this body.
    pub(crate) fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Bytes(bytes.into());
        self
    }

    /// The socket is closed after this many bytes of the body.
    pub(crate) fn cut_at(mut self, bytes: usize) -> Self {
        self.cut_at = Some(bytes);
        self
    }

    /// Nothing more comes after this many bytes of the body, and the socket stays open.
    pub(crate) fn stall_at(mut self, bytes: usize) -> Self {
        self.stall_at = Some(bytes);
        self
    }

    /// In pieces of this many bytes.
    pub(crate) fn in_pieces_of(mut self, bytes: usize) -> Self {
        self.piece = bytes;
        self
    }

    /// With a pause before each piece.
    pub(crate) fn pausing(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    fn bytes(&self, wire: Wire) -> Vec<u8> {
        match &self.body {
            Body::Answer(answer) => answer.encode(wire).into_bytes(),
            Body::Bytes(bytes) => bytes.clone(),
        }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { body: Body::Answer(answer), ..Self::status(200).header("content-type", "text/event-stream") }
    }
}

/// Serves one connection until either side ends it.
async fn talk(mut socket: TcpStream, stage: Arc<Stage>) {
    while let Some(request) = receive(&mut socket).await {
        let checked = check(&request, &stage.key);
        let next = lock(&stage.script).reply(&request);
        lock(&stage.requests).push(request);
        let (wire, reply) = match (checked, next) {
            (Ok(wire), Some(reply)) => (wire, reply),
            (Ok(wire), None) => {
                lock(&stage.faults).push("a request more than there are replies".to_owned());
                (wire, Reply::status(400).body("the script has ended"))
            }
            (Err(fault), _) => {
                let reply = Reply::status(400).body(fault.clone());
                lock(&stage.faults).push(fault);
                (Wire::Anthropic, reply)
            }
        };
        if send(&mut socket, &reply, &reply.bytes(wire), &stage).await.is_none() {
            return;
        }
    }
}

/// Writes a reply; nothing when the connection is over.
async fn send(socket: &mut TcpStream, reply: &Reply, body: &[u8], stage: &Stage) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} Scripted\r\ntransfer-encoding: chunked\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    socket.write_all(head.as_bytes()).await.ok()?;
    let end = [reply.cut_at, reply.stall_at].into_iter().flatten().min().unwrap_or(body.len()).min(body.len());
    for piece in body[..end].chunks(reply.piece) {
        if !reply.pause.is_zero() {
            tokio::time::sleep(reply.pause).await;
        }
        let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        socket.write_all(&chunk).await.ok()?;
    }
    if reply.stall_at.is_some() {
        *lock(&stage.stalls) += 1;
        stage.stalled.notify_all();
        while !matches!(socket.read(&mut [0; 64]).await, Ok(0) | Err(_)) {}
        stage.hung_up.notify_one();
        return None;
    }
    if reply.cut_at.is_some() {
        return None;
    }
    socket.write_all(b"0\r\n\r\n").await.ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

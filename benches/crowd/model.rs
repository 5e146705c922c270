//! A model that speaks Anthropic's Messages on loopback, 50 ms late: two commands, one after the other,
//! then words. How far a conversation is, its results say; so nothing is kept, but one request of each turn.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Failed;

/// Makes this program the server.
pub(crate) const ARGUMENT: &str = "--model-server";

/// Model calls of one conversation.
pub(crate) const TURNS: usize = 3;

/// What is said at last.
pub(crate) const LAST: &str = "All done.";

const LATE: Duration = Duration::from_millis(50);

/// A running server; ends with the value.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start() -> Result<Self, Failed> {
        #[expect(clippy::disallowed_methods, reason = "starts itself")]
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.arg(ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        let stdout = process.stdout.take().ok_or("no pipe")?;
        BufReader::new(stdout).read_line(&mut address)?;
        Ok(Self { process, address: address.trim().to_owned() })
    }

    /// User and system time of its one thread until now.
    pub(crate) fn cpu(&self) -> Result<Duration, Failed> {
        let stat = std::fs::read_to_string(format!("/proc/{}/schedstat", self.process.id()))?;
        Ok(Duration::from_nanos(stat.split(' ').next().ok_or("no schedstat")?.parse()?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn serve() -> ExitCode {
    let served = || -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("http://{}", listener.local_addr()?);
            let bodies = Bodies::default();
            loop {
                let (socket, _) = listener.accept().await?;
                tokio::spawn(talk(socket, bodies.clone()));
            }
        })
    };
    if served().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A request of each turn, as it came.
type Bodies = Arc<Mutex<HashMap<usize, Vec<u8>>>>;

/// Answers until the other side hangs up.
async fn talk(mut socket: TcpStream, bodies: Bodies) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let head = loop {
            if let Some(at) = find(&read, b"\r\n\r\n") {
                break at + 4;
            }
            more(&mut socket, &mut read).await?;
        };
        let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
        while read.len() < head + length {
            more(&mut socket, &mut read).await?;
        }
        let body: Vec<u8> = read.drain(..head + length).skip(head).collect();
        let known = || bodies.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match text.strip_prefix("get /body/") {
            Some(rest) => {
                let turn = rest.split(' ').next()?.parse().ok()?;
                known().get(&turn).cloned().unwrap_or_default()
            }
            None => {
                let turn = count(&body, b"\"tool_result\"");
                known().entry(turn).or_insert(body);
                tokio::time::sleep(LATE).await;
                stream(turn).into_bytes()
            }
        };
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n", answer.len());
        socket.write_all(&[head.as_bytes(), &answer].concat()).await.ok()?;
    }
}

async fn more(socket: &mut TcpStream, read: &mut Vec<u8>) -> Option<()> {
    if socket.read_buf(read).await.ok()? == 0 { None } else { Some(()) }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn count(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).filter(|window| *window == what).count()
}

/// The answer of a turn.
fn stream(turn: usize) -> String {
    let (block, delta, stop) = if turn + 1 < TURNS {
        let call = format!(r#"{{"type":"tool_use","id":"toolu_{turn}","name":"bash","input":{{}}}}"#);
        (call, r#"{"type":"input_json_delta","partial_json":"{\"command\":\"echo hello\"}"}"#.to_owned(), "tool_use")
    } else {
        let words = format!(r#"{{"type":"text_delta","text":"{LAST}"}}"#);
        (r#"{"type":"text","text":""}"#.to_owned(), words, "end_turn")
    };
    let usage = r#"{"input_tokens":900,"output_tokens":1}"#;
    [
        ("message_start", format!(r#"{{"type":"message_start","message":{{"id":"m","type":"message","role":"assistant","model":"scripted","content":[],"stop_reason":null,"usage":{usage}}}}}"#)),
        ("content_block_start", format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#)),
        ("content_block_delta", format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#)),
        ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#.to_owned()),
        ("message_delta", format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{stop}"}},"usage":{{"output_tokens":20}}}}"#)),
        ("message_stop", r#"{"type":"message_stop"}"#.to_owned()),
    ]
    .map(|(event, data)| format!("event: {event}\ndata: {data}\n\n"))
    .concat()
}

//! A model on loopback that speaks Anthropic's Messages: calls a tool until it has been answered
//! often enough, then says something.
//!
//! It keeps nothing between requests: the base URL says how often to call, and the results in a
//! request say how often it has.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

/// Makes this program the server.
pub(crate) const ARGUMENT: &str = "--model-server";

/// The server counts the bytes of a request as tokens, by the usual rule of thumb.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

/// How the model answers; part of its address.
#[derive(Clone, Copy)]
pub(crate) struct Answers {
    /// Answers with calls, before the one without.
    pub(crate) turns: usize,
    /// Calls in each.
    pub(crate) calls: usize,
    pub(crate) tool: Tool,
}

/// What is called.
#[derive(Clone, Copy)]
pub(crate) enum Tool {
    /// `bash`, for a built-in command.
    Echo,
    /// `read`, for a file of 10 KB.
    Read,
}

impl Tool {
    fn word(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Read => "read",
        }
    }

    /// The tool's own name, and what it is given, inside a JSON text. No call is like the one before: who
    /// makes the same again and again is stopped.
    fn call(self, id: usize) -> (&'static str, String) {
        match self {
            Self::Echo => ("bash", format!(r#"{{\"command\":\"echo hello {id}\"}}"#)),
            Self::Read => ("read", format!(r#"{{\"path\":\"ten.txt\",\"limit\":{}}}"#, 1000 + id)),
        }
    }
}

/// A running server; ends with the value.
pub(crate) struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts this program over as a server and waits for its address.
    pub(crate) fn start() -> Result<Self, String> {
        let failed = |error: io::Error| format!("the model server does not start: {error}");
        let program = std::env::current_exe().map_err(failed)?;
        #[expect(clippy::disallowed_methods, reason = "starts itself")]
        let mut command = Command::new(program);
        let mut process = command.arg(ARGUMENT).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let mut address = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut address).map_err(failed)?;
        }
        Ok(Self { process, address: address.trim().to_owned() })
    }

    /// Where a model that answers so is asked.
    pub(crate) fn url(&self, answers: Answers) -> String {
        let Answers { turns, calls, tool } = answers;
        format!("http://{}/{turns}/{calls}/{}", self.address, tool.word())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Prints its address, then answers until it is killed.
pub(crate) fn serve() -> ExitCode {
    let Ok(listener) = TcpListener::bind("127.0.0.1:0") else { return ExitCode::FAILURE };
    let Ok(address) = listener.local_addr() else { return ExitCode::FAILURE };
    println!("{address}");
    for connection in listener.incoming().flatten() {
        thread::spawn(move || converse(&connection));
    }
    ExitCode::SUCCESS
}

/// Answers requests on one connection until the client hangs up, or asks for nonsense.
fn converse(connection: &TcpStream) -> Option<()> {
    connection.set_nodelay(true).ok()?;
    let mut reader = BufReader::with_capacity(1 << 18, connection);
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        // POST /<turns>/<calls>/<tool>/v1/messages HTTP/1.1
        let path: Vec<String> = line.split(['/', ' ']).map(str::to_owned).collect();
        let number = |at: usize| path.get(at)?.parse::<usize>().ok();
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok()?;
            }
        }
        body.clear();
        reader.by_ref().take(length).read_to_end(&mut body).ok()?;
        let results = str::from_utf8(&body).ok()?.matches(r#""type":"tool_result""#).count();
        let (turns, calls) = (number(2)?, number(3)?);
        let tool = if path.get(4)? == Tool::Echo.word() { Tool::Echo } else { Tool::Read };
        let calls = if results < turns * calls { calls } else { 0 };
        let answer = answer(length / BYTES_PER_TOKEN, results, calls, tool);
        let mut writer: &TcpStream = connection;
        writer.write_all(answer.as_bytes()).ok()?;
    }
}

/// A whole response: a sentence, and so many calls, numbered from `first`. Each event is a chunk.
fn answer(input: u64, first: usize, calls: usize, tool: Tool) -> String {
    let mut response =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    let mut event = |kind: &str, fields: &str| {
        let event = format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{fields}}}\n\n");
        response.push_str(&format!("{:x}\r\n{event}\r\n", event.len()));
    };
    let message = r#""id":"msg_1","type":"message","role":"assistant","model":"bench","content":[],"stop_reason":null"#;
    event(
        "message_start",
        &format!(r#","message":{{{message},"usage":{{"input_tokens":{input},"output_tokens":1}}}}"#),
    );
    event("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#);
    for word in ["I ", "look ", "at ", "it."] {
        event("content_block_delta", &format!(r#","index":0,"delta":{{"type":"text_delta","text":"{word}"}}"#));
    }
    event("content_block_stop", r#","index":0"#);
    for index in 1..=calls {
        let id = first + index;
        let (name, arguments) = tool.call(id);
        let call = format!(r#"{{"type":"tool_use","id":"toolu_{id}","name":"{name}","input":{{}}}}"#);
        event("content_block_start", &format!(r#","index":{index},"content_block":{call}"#));
        let delta = format!(r#"{{"type":"input_json_delta","partial_json":"{arguments}"}}"#);
        event("content_block_delta", &format!(r#","index":{index},"delta":{delta}"#));
        event("content_block_stop", &format!(r#","index":{index}"#));
    }
    let reason = if calls == 0 { "end_turn" } else { "tool_use" };
    event("message_delta", &format!(r#","delta":{{"stop_reason":"{reason}"}},"usage":{{"output_tokens":20}}"#));
    event("message_stop", "");
    response.push_str("0\r\n\r\n");
    response
}

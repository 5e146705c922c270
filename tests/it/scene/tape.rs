//! Recorded conversations written by hand, for tests that need a model's decisions and no model.

use std::path::Path;

use serde_json::{Value, json};

/// A replay file under way.
pub(crate) struct Tape {
    lines: Vec<Value>,
    /// A task's conversation, where it is one.
    session: Option<String>,
    run: u32,
    turn: u32,
}

impl Tape {
    /// Nothing recorded yet; what follows belongs to the instance's first run.
    pub(crate) fn new() -> Self {
        Self { lines: vec![json!({ "hob_replay": 1, "model": "anthropic/scripted" })], session: None, run: 0, turn: 0 }
    }

    /// What follows belongs to the instance's next run.
    pub(crate) fn next_run(mut self) -> Self {
        (self.run, self.turn) = (self.run + 1, 0);
        self
    }

    /// What is said in the conversation of a task.
    pub(crate) fn task(self, session: &str, said: impl FnOnce(Self) -> Self) -> Self {
        let Self { session: above, run, turn, .. } = self;
        let within = said(Self { session: Some(session.to_owned()), run: 0, turn: 0, lines: self.lines });
        Self { lines: within.lines, session: above, run, turn }
    }

    /// The model says something and is done.
    pub(crate) fn says(self, text: &str) -> Self {
        self.answer(json!([{ "type": "text", "text": text }]), "end")
    }

    /// The model summarises what was said so far.
    pub(crate) fn summarises(mut self, text: &str) -> Self {
        self = self.says(text);
        if let Some(line) = self.lines.last_mut() {
            line["summary"] = json!(0);
        }
        self
    }

    /// The model calls tools, each a name and its arguments.
    pub(crate) fn calls<const N: usize>(self, calls: [(&str, Value); N]) -> Self {
        self.writes(calls.into_iter().map(|(name, arguments)| (name.to_owned(), arguments.to_string())))
    }

    /// The model calls tools, each a name and what it wrote as its arguments.
    pub(crate) fn writes(self, calls: impl IntoIterator<Item = (String, String)>) -> Self {
        let (run, turn) = (self.run, self.turn);
        let within = self.session.as_ref().map(|session| format!("{session}-")).unwrap_or_default();
        let call = |(at, (name, arguments)): (usize, (String, String))| json!({ "type": "call", "id": format!("{within}call-{run}-{turn}-{at}"), "name": name, "arguments": arguments });
        let blocks: Vec<Value> = calls.into_iter().enumerate().map(call).collect();
        self.answer(Value::Array(blocks), "tools")
    }

    fn answer(mut self, blocks: Value, stop: &str) -> Self {
        let usage = json!({ "input": 1000, "output": 50 });
        let answer = json!({ "blocks": blocks, "stop": stop, "usage": usage });
        let mut line = json!({ "run": self.run, "turn": self.turn, "answer": answer });
        if let Some(session) = &self.session {
            line["session"] = json!(session);
        }
        self.lines.push(line);
        self.turn += 1;
        self
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) {
        let lines: Vec<String> = self.lines.iter().map(Value::to_string).collect();
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }
}

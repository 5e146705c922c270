//! A session as people read it: what happened, in order, one line each. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::output::one_line;
use crate::domain::entry::{Body, Entry};
use crate::domain::id::{Epoch, Seq, SessionId};
use crate::domain::image::KeptImage;
use crate::domain::message::{Block, Message, Usage};
use crate::domain::run::Task;

/// Columns of foreign text in a line.
const WIDE: usize = 100;

/// Renders the entries of a log under a heading.
pub(super) fn render(label: &str, entries: &[Entry]) -> String {
    let mut text = format!("{}\n\n", line(label));
    for entry in entries {
        for (what, words) in rows(&entry.body) {
            let at = entry.at.strftime("%Y-%m-%d %H:%M:%S");
            let whose = whose(&entry.session);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{at}  {:>4}  {what:<9} {whose}{words}", entry.seq);
        }
    }
    text
}

/// Stands before what a task's conversation says.
fn whose(session: &SessionId) -> String {
    if *session == SessionId::default() { String::new() } else { format!("{session} │ ") }
}

/// The lines of one entry: a heading word and what it says, harmless and short.
fn rows(body: &Body) -> Vec<(&'static str, String)> {
    let row = |what, words: String| vec![(what, line(&words))];
    match body {
        Body::Header(header) => {
            row("session", format!("{} (log version {}, hob {})", header.instance, header.version, header.hob))
        }
        Body::AttemptStarted(attempt) => row(
            "attempt",
            format!("{} of {} with {}; {}", attempt.attempt, attempt.run, attempt.model, attempt.sandbox),
        ),
        Body::Input(input) => row("input", asked(&input.task)),
        Body::Prompt(prompt) => {
            let tools: Vec<&str> = prompt.tools.iter().map(|tool| tool.name.as_str()).collect();
            row("prompt", format!("{} bytes; tools {}", prompt.system.len(), tools.join(", ")))
        }
        Body::RunJoined(joined) => row("joined", format!("{}, {}", joined.run, asked(&joined.task))),
        Body::Note(note) => row("note", note.text.clone()),
        Body::Message(Message::User { text }) => row("task", format!("{} bytes", text.len())),
        Body::Message(Message::Assistant(answer)) => {
            let mut rows: Vec<_> = answer.blocks.iter().map(said).collect();
            if let Some((_, words)) = rows.last_mut() {
                let _ = write!(words, "  ({})", tokens(answer.usage));
            }
            rows
        }
        Body::MessageInterrupted(cut) => row("cut", cut.reason.clone()),
        Body::ToolResult(result) => {
            let lines = result.content.lines().count();
            let first = result.content.lines().find(|line| !line.trim().is_empty()).unwrap_or("(nothing)");
            let more = if lines > 1 { format!("  (+{} lines)", lines - 1) } else { String::new() };
            let what = if result.is_error { "error" } else { "result" };
            let images = result.images.iter().map(|image| {
                let KeptImage { name, kind, size, .. } = image;
                ("image", line(&format!("{name} ({}, {size} bytes)", kind.media_type())))
            });
            [(what, format!("{}{more}", line(first)))].into_iter().chain(images).collect()
        }
        Body::WorkspaceDelta(delta) => {
            let paths: Vec<&str> = delta.changes.iter().map(|change| change.path.as_str()).collect();
            row("files", paths.join(", "))
        }
        Body::ChildSession(child) => row("begins", child.session.to_string()),
        Body::AbortSeen(seen) => row("stop", format!("asked for by {}", seen.by)),
        Body::EffectProposed(effect) => row("effect", format!("{} proposed ({})", effect.write.kind(), effect.key)),
        Body::EffectRefused(refused) => row("refused", format!("{}: {}", refused.kind, refused.reason)),
        Body::EffectApplied(applied) => row("applied", applied.key.to_string()),
        Body::Settled(settled) => {
            row("settled", format!("{}: {}  ({})", settled.run, settled.outcome, tokens(settled.usage)))
        }
        Body::UsageNoted(noted) => row("model", format!("a {}  ({})", noted.purpose, tokens(noted.usage))),
        Body::Compaction(compaction) => {
            row("summary", format!("of {} tokens, in {} bytes", compaction.tokens_before, compaction.summary.len()))
        }
        other => row("entry", other.kind().to_owned()),
    }
}

fn said(block: &Block) -> (&'static str, String) {
    match block {
        Block::Text { text } => ("model", line(text)),
        Block::Reasoning { text, .. } => ("thought", line(text)),
        Block::Call(call) => ("call", line(&format!("{} {}", call.name, call.arguments))),
    }
}

fn asked(task: &Task) -> String {
    match (&task.event, &task.message) {
        (Some(event), _) => {
            format!("{} `{}` by {}: {}", event.reference(), event.action, event.actor.login, event.text())
        }
        (None, Some(message)) => message.clone(),
        (None, None) => task.input.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// Tokens as people read them: what went in, what of it came from a cache, what came out.
pub(super) fn tokens(usage: Usage) -> String {
    let Usage { input, output, cache_read, cache_write } = usage;
    let all = input.saturating_add(cache_read).saturating_add(cache_write);
    match cache_read {
        0 => format!("{all} tokens in, {output} out"),
        _ => format!("{all} tokens in, {cache_read} of them cached, {output} out"),
    }
}

/// Foreign text as one harmless line.
pub(super) fn line(text: &str) -> String {
    one_line(text, WIDE)
}

/// An entry as one JSON object, its body as it is stored.
pub(super) fn json(entry: &Entry) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        seq: Seq,
        epoch: Epoch,
        at: Timestamp,
        session: &'a SessionId,
        parent: Option<Seq>,
        kind: &'a str,
        body: Box<RawValue>,
    }
    let Entry { seq, epoch, at, session, parent, body } = entry;
    let kind = body.kind();
    let body = RawValue::from_string(body.write()?)?;
    serde_json::to_string(&Line { seq: *seq, epoch: *epoch, at: *at, session, parent: *parent, kind, body })
}

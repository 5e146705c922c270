//! What the length of a session costs: one more entry nothing, an opening as little as can be.

use std::time::{Duration, Instant};

use hob::domain::entry::Body;
use hob::domain::id::InstanceId;
use hob::session::history::History;
use hob::store::{Log, Store};
use serde_json::json;

use crate::place::{Failed, Stores, body, drafts, instance, now};
use crate::{Figure, Goal, disk};

/// Lengths of a session whose next entries are measured.
const SHORT: u64 = 100;
const LONG: u64 = 50_000;

/// Appends at each length, taken in turns, of which the middle one counts.
const APPENDS: usize = 400;

/// Entries that are written at once to make a session long.
const AT_ONCE: usize = 500;

/// One append to a session of a hundred entries beside one to a session of fifty thousand.
pub(crate) fn append(stores: &Stores) -> Result<Vec<Figure>, Failed> {
    let mut figures = Vec::new();
    for (name, store) in all(stores, "append")? {
        let note = body("note", &json!({ "text": "x".repeat(300) }))?;
        let mut logs = Vec::new();
        for (n, length) in [SHORT, LONG].into_iter().enumerate() {
            let mut log = stores.open(&store, &instance(n)?)?;
            let (fence, _) = stores.run(log.claim(now()))?;
            while log.next().0 < length {
                let left = usize::try_from(length - log.next().0)?.min(AT_ONCE);
                let drafts = drafts(&log, vec![note.clone(); left])?;
                stores.run(log.append(fence, drafts, now()))?;
            }
            logs.push((log, fence, Vec::new()));
        }
        for _ in 0..APPENDS {
            for (log, fence, each) in &mut logs {
                let drafts = drafts(log, vec![note.clone()])?;
                let since = Instant::now();
                stores.run(log.append(*fence, drafts, now()))?;
                each.push(since.elapsed());
            }
        }
        let middles = logs.into_iter().map(|(_, _, each)| disk::middle(each).as_secs_f64());
        let [short, long]: [f64; 2] = middles.collect::<Vec<_>>().try_into().map_err(|_| "two lengths")?;
        figures.extend([
            Figure::new(format!("append at entry {SHORT}, {name}"), short * 1e3, Goal::None, "ms"),
            Figure::new(format!("append at entry {LONG}, {name}"), long * 1e3, Goal::None, "ms"),
            Figure::new("  beside each other", long / short, Goal::AtMost(1.2), "×"),
        ]);
    }
    Ok(figures)
}

/// Of results in the session that is opened.
const RESULTS: usize = 2000;

/// Results between two compactions: about a megabyte.
const COMPACTED: usize = 100;

/// Entries that a compaction keeps: about eighty kilobytes.
const KEPT: u64 = 16;

/// Times it is opened; the least counts, for other work only adds.
const OPENINGS: usize = 9;

/// Processor time of opening a session of 20 MB and folding it. It was compacted all along, and would be
/// compacted again after its last entry: no session is further from its last compaction.
pub(crate) fn open(stores: &Stores) -> Result<Vec<Figure>, Failed> {
    let mut figures = Vec::new();
    let instance = instance(1)?;
    for (name, store) in all(stores, "open")? {
        fill(stores, &store, &instance)?;
        let (mut least, mut bytes) = (Duration::MAX, 0);
        for _ in 0..OPENINGS {
            let before = disk::cpu();
            let mut log = stores.open(&store, &instance)?;
            let history = History::of(log.take_entries());
            least = least.min(disk::cpu() - before);
            assert!(!history.turns.is_empty());
        }
        if let Some(peek) = stores.run(store.peek(&instance))? {
            bytes = peek.bytes;
        }
        let most = if name == "bundle" { 150.0 } else { 30.0 };
        let name = format!("CPU to open and fold {:.1} MB, {name}", bytes as f64 / 1e6);
        figures.push(Figure::new(name, least.as_secs_f64() * 1e3, Goal::AtMost(most), "ms"));
    }
    Ok(figures)
}

fn fill(stores: &Stores, store: &Store, instance: &InstanceId) -> Result<(), Failed> {
    let mut log = stores.open(store, instance)?;
    let (fence, _) = stores.run(log.claim(now()))?;
    let mut bodies = Vec::new();
    for n in 0..RESULTS {
        bodies.extend(turn(n)?);
        let is_full = n % COMPACTED == COMPACTED - 1 && n + 1 < RESULTS;
        if is_full {
            let first_kept = log.next().0 + bodies.len() as u64 - KEPT;
            bodies.push(body(
                "compaction",
                &json!({
                    "summary": "What was done until here. ".repeat(80),
                    "first_kept": first_kept,
                    "tokens_before": 180_000,
                    "files_read": ["src/main.rs"],
                    "files_changed": [],
                }),
            )?);
        }
        if is_full || n + 1 == RESULTS {
            append_all(stores, &mut log, fence, std::mem::take(&mut bodies))?;
        }
    }
    Ok(stores.run(log.release())?)
}

fn append_all(stores: &Stores, log: &mut Log, fence: hob::domain::id::Epoch, bodies: Vec<Body>) -> Result<(), Failed> {
    let drafts = drafts(log, bodies)?;
    stores.run(log.append(fence, drafts, now()))?;
    Ok(())
}

/// A call and its result of 10 KB.
fn turn(n: usize) -> Result<[Body; 2], Failed> {
    let call = json!({
        "role": "assistant",
        "blocks": [
            { "type": "text", "text": "I look at the next file, to see how it is used there." },
            { "type": "call", "id": format!("call-{n}"), "name": "read", "arguments": "{\"path\":\"src/main.rs\"}" },
        ],
        "stop": "tools",
        "model": "anthropic/bench",
        "usage": { "input": 10_000, "output": 100 },
        "request": "0".repeat(64),
    });
    let line = "    let found = lines.iter().find(|line| line.starts_with(\"word\"));\n";
    let content = line.repeat(10_000 / line.len());
    let result = json!({ "call": format!("call-{n}"), "name": "read", "content": content });
    Ok([body("message", &call)?, body("tool_result", &result)?])
}

/// The stores that keep something, each anew.
fn all(stores: &Stores, name: &str) -> Result<Vec<(&'static str, Store)>, Failed> {
    let mut all = vec![("SQLite", stores.sqlite(name)), ("bundle", stores.bundles(name))];
    all.extend(stores.postgres()?.map(|store| ("PostgreSQL", store)));
    Ok(all)
}

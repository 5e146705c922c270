//! Sixty-four writers on one SQLite file, beside a plain insert of the same bytes: rows of the same length
//! in a table of the same shape, on the same settings, as many in one transaction as there are writers.
//! No more can ever come together of writers that wait for each write.

use std::path::Path;
use std::time::{Duration, Instant};

use hob::store::{self, Store};
use rusqlite::{Connection, params};
use serde_json::json;
use tokio::task::JoinSet;

use crate::place::{Failed, Stores, admit, body, drafts, instance, now, open, run};
use crate::{Figure, Goal, disk};

const WRITERS: usize = 64;

/// Writes of each writer in one round.
const EACH: usize = 150;

/// Of which the middle one counts.
const ROUNDS: usize = 5;

/// Bytes of the text in an entry: half of what one has in a log of real work, most of which are short.
const TEXT: usize = 1000;

pub(crate) fn all(stores: &Stores) -> Result<Vec<Figure>, Failed> {
    let fsync = disk::fsync(stores.dir(), 300)?;
    let mut figures = vec![Figure::new("fsyncs of 4 KiB in a second", 1.0 / fsync.as_secs_f64(), Goal::None, "/s")];
    for (name, table, write) in
        [("appends", "log_lines", appends as Write), ("admissions", "inbox_lines", admissions as Write)]
    {
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let file = format!("{name}-{round}");
            let store = stores.sqlite(&file);
            ours.push(write(stores, &store)?);
            // Closed, so that all of it is in the file.
            drop(store);
            let lengths = lengths(&stores.file(&format!("{file}.sqlite")), table)?;
            plain.push(plainly(&stores.file(&format!("{file}-plain.sqlite")), &lengths)?);
        }
        let rate = |each| (WRITERS * EACH) as f64 / disk::middle(each).as_secs_f64();
        let (ours, plain) = (rate(ours), rate(plain));
        figures.extend([
            Figure::new(format!("{name}, {WRITERS} writers on SQLite"), ours, Goal::None, "/s"),
            Figure::new("  plain inserts of the same bytes", plain, Goal::None, "/s"),
            Figure::new("  beside each other", ours / plain, Goal::AtLeast(0.6), "×"),
        ]);
    }
    Ok(figures)
}

type Write = fn(&Stores, &Store) -> Result<Duration, Failed>;

/// Each writer has an instance, and the claim on it.
fn appends(stores: &Stores, store: &Store) -> Result<Duration, Failed> {
    let note = body("note", &json!({ "text": "x".repeat(TEXT) }))?;
    let mut logs = Vec::new();
    for n in 0..WRITERS {
        let mut log = stores.open(store, &instance(n)?)?;
        let (fence, _) = stores.run(log.claim(now()))?;
        logs.push((log, fence));
    }
    let since = Instant::now();
    let writers = logs.into_iter().map(|(mut log, fence)| {
        let note = note.clone();
        async move {
            for _ in 0..EACH {
                let drafts = drafts(&log, vec![note.clone()])?;
                log.append(fence, drafts, now()).await?;
            }
            Ok(())
        }
    });
    all_at_once(stores, writers)?;
    Ok(since.elapsed())
}

/// Each writer admits runs to an instance that is there.
fn admissions(stores: &Stores, store: &Store) -> Result<Duration, Failed> {
    let instances: Vec<_> = (0..WRITERS).map(instance).collect::<Result<_, _>>()?;
    for instance in &instances {
        stores.run(open(store, instance))?;
    }
    let runs: Vec<Vec<_>> = instances.iter().map(|instance| (0..EACH).map(|n| run(instance, n)).collect()).collect();
    let since = Instant::now();
    let writers = runs.into_iter().map(|runs| {
        let store = store.clone();
        async move {
            for run in &runs {
                admit(&store, run).await?;
            }
            Ok(())
        }
    });
    all_at_once(stores, writers)?;
    Ok(since.elapsed())
}

/// Each on its own, as the deliveries of a receiver are.
fn all_at_once<F>(stores: &Stores, writers: impl Iterator<Item = F>) -> Result<(), Failed>
where
    F: Future<Output = Result<(), store::Error>> + Send + 'static,
{
    stores.run(async {
        let mut writers: JoinSet<_> = writers.collect();
        while let Some(written) = writers.join_next().await {
            written??;
        }
        Ok(())
    })
}

/// How long each line is that was written, the headers of logs aside.
fn lengths(path: &Path, table: &str) -> Result<Vec<i64>, Failed> {
    let db = Connection::open(path)?;
    let select = format!("select length(line) from {table} order by rowid desc limit {}", WRITERS * EACH);
    let lengths = db.prepare(&select)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(lengths)
}

fn plainly(path: &Path, lengths: &[i64]) -> Result<Duration, Failed> {
    let db = Connection::open(path)?;
    db.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = full;
         create table lines (instance integer, seq integer, line text, primary key (instance, seq))",
    )?;
    let line = "x".repeat(usize::try_from(lengths.iter().copied().max().unwrap_or_default())?);
    let since = Instant::now();
    for (seq, together) in (0_i64..).zip(lengths.chunks(WRITERS)) {
        db.execute_batch("begin immediate")?;
        for (instance, length) in (0_i64..).zip(together) {
            let mut insert = db.prepare_cached("insert into lines values (?1, ?2, ?3)")?;
            insert.execute(params![instance, seq, line.get(..usize::try_from(*length)?)])?;
        }
        db.execute_batch("commit")?;
    }
    Ok(since.elapsed())
}

//! The verbs that write lines: each is one statement, and so one transaction, that compares what it expects
//! in the row of the instance and writes there.
//!
//! A statement that may be lost is said again, and changes nothing the second time. Whether it was done
//! the first time the row and the lines tell.

use tokio_postgres::types::ToSql;

use super::super::Error;
use super::super::chain::{Lines, Tail};
use super::super::compacted::{self, Filed};
use super::super::medium::{Change, Part, Written};
use super::super::record::Sum;
use super::instance::InPostgres;
use super::lines::{has, went_back};
use super::spending::{self, Counted};
use super::standing::column;
use crate::domain::id::RunId;
use crate::telemetry::failpoint;

/// Adds lines to the inbox; one alone may admit a run.
pub(super) async fn enter(at: &InPostgres, rows: &Lines, admits: Option<&RunId>) -> Result<Written, Error> {
    const SQL: &str = "WITH moved AS (
            UPDATE hob.instances SET
                inbox_next = $4, inbox_epoch = $5, inbox_sum = $6, inbox_length = $7,
                admitted = admitted + $9::bigint,
                unsettled = unsettled + $9::bigint,
                waits = CASE WHEN unsettled + $9::bigint > 0 THEN coalesce(waits, clock_timestamp()) END
            WHERE number = $1 AND inbox_next = $2::bigint AND inbox_sum = $3
            RETURNING number, admitted
        ), added AS (
            INSERT INTO hob.lines (instance, chain, place, line)
            SELECT number, 'inbox', $2::bigint + nth - 1, line
            FROM moved, unnest($8::bytea[]) WITH ORDINALITY AS new (line, nth)
        ), known AS (
            INSERT INTO hob.runs (instance, run, place, admitted)
            SELECT number, run, admitted - $9::bigint + nth - 1, clock_timestamp()
            FROM moved, unnest($10::text[]) WITH ORDINALITY AS new (run, nth)
        )
        SELECT number FROM moved";
    let Lines { from, to, .. } = rows;
    let Texts { lines, .. } = Texts::of(Part::Inbox, rows);
    let (from, to) = (End::of(from), End::of(to));
    let runs: Vec<&str> = admits.map(RunId::as_str).into_iter().collect();
    let count = i64::from(admits.is_some());
    let answer = at
        .ask(
            "admit a run",
            SQL,
            &[&from.next, &from.sum, &to.next, &to.epoch, &to.sum, &to.length, &lines, &count, &runs],
        )
        .await?;
    let is_done = !answer.rows.is_empty() || answer.in_doubt && has(at, Part::Inbox, &rows.to).await?;
    if !is_done {
        // It may be gone.
        at.standing().await?;
        return Ok(Written::Moved);
    }
    at.server.notify().await;
    Ok(Written::Done)
}

/// Writes lines, the cover, and what follows of them for the claim.
pub(super) async fn write(at: &InPostgres, change: Change<'_>) -> Result<Written, Error> {
    let Change { fence, lines, cover, settled, ends, bills } = &change;
    if cover.is_some() && matches!(lines, Some((Part::Applied, _))) {
        at.failpoints.hit(failpoint::EFFECT_DONE);
    }
    if *ends {
        at.failpoints.hit(failpoint::SETTLING);
    }
    let fence = fence.map(|fence| fence.0.cast_signed());
    let (cover_epoch, cover) = cover.map(|(epoch, cover)| (epoch.0.cast_signed(), cover.as_bytes())).unzip();
    let settled = i64::from(*settled);
    let counted = bills.map(|bills| Counted::new(&at.instance, bills));
    let sql = statement(lines.map(|(part, _)| part), counted.is_some());
    let answer = match lines {
        None => at.ask("write to an instance", &sql, &[&fence, &cover_epoch, &cover, &settled, ends]).await?,
        Some((part, lines)) => {
            let (from, to) = (End::of(&lines.from), End::of(&lines.to));
            let Texts { lines, kinds, shorts } = Texts::of(*part, lines);
            let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![
                &fence,
                &cover_epoch,
                &cover,
                &settled,
                ends,
                &from.next,
                &from.sum,
                &to.next,
                &to.epoch,
                &to.sum,
                &to.length,
                &lines,
                &kinds,
                &shorts,
            ];
            if let Some(Counted { day, host, repo, agent, actors, sums }) = &counted {
                parameters.extend([day as &(dyn ToSql + Sync), host, repo, agent, actors, sums]);
            }
            at.ask("write to an instance", &sql, &parameters).await?
        }
    };
    let written = if answer.rows.is_empty() { not_written(at, &change, answer.in_doubt).await? } else { Written::Done };
    if *ends && written == Written::Done {
        at.server.notify().await;
    }
    Ok(written)
}

/// Why a change did not find what it expects: because it was written before, or others wrote.
async fn not_written(at: &InPostgres, change: &Change<'_>, in_doubt: bool) -> Result<Written, Error> {
    let standing = at.standing().await?;
    let is_over = change.fence.filter(|fence| standing.epoch != *fence || standing.claim.is_none());
    if in_doubt {
        let is_done = match change.lines {
            Some((part, lines)) => has(at, part, &lines.to).await?,
            None => change.ends && change.fence == Some(standing.epoch) && standing.claim.is_none(),
        };
        if is_done {
            return Ok(Written::Done);
        }
    }
    if let Some((part, lines)) = change.lines {
        let end = standing.tail(part);
        if end.next < lines.from.next || change.fence.is_some_and(|fence| standing.epoch < fence) {
            return Err(went_back(at, part, &end));
        }
    }
    match is_over {
        Some(given) => Err(Error::Fenced { given }),
        None => Ok(Written::Moved),
    }
}

/// Keeps content. Not flushed to the disk: the change that names it is, and all that came before it.
pub(super) async fn put_blob(at: &InPostgres, digest: Sum, content: &[u8]) -> Result<(), Error> {
    const SQL: &str = "WITH quickly AS (SELECT set_config('synchronous_commit', 'off', true))
        INSERT INTO hob.blobs (instance, digest, content) SELECT $1, $2, $3 FROM quickly
        ON CONFLICT (instance, digest) DO NOTHING";
    at.ask("keep a blob", SQL, &[&digest.as_str(), &content]).await?;
    Ok(())
}

/// What writes a change to a chain, with what it cost, or without one only to the row of the instance.
fn statement(part: Option<Part>, costs: bool) -> String {
    let (moves, expects, adds) = match part.map(column) {
        None => Default::default(),
        Some(chain) => (
            format!("{chain}_next = $9, {chain}_epoch = $10, {chain}_sum = $11, {chain}_length = $12,"),
            format!("AND {chain}_next = $7::bigint AND {chain}_sum = $8"),
            format!(
                ", added AS (
                    INSERT INTO hob.lines (instance, chain, place, line, kind, short)
                    SELECT number, '{chain}', $7::bigint + nth - 1, line, kind, short
                    FROM moved, unnest($13::bytea[], $14::text[], $15::bytea[])
                        WITH ORDINALITY AS new (line, kind, short, nth)
                )"
            ),
        ),
    };
    let counts = if costs { spending::adds() } else { String::new() };
    // Who was admitted so lately that this statement does not see it waits since now.
    format!(
        "WITH moved AS (
            UPDATE hob.instances AS i SET
                {moves}
                cover = CASE WHEN epoch = $3 THEN $4 ELSE cover END,
                unsettled = greatest(unsettled - $5::bigint, 0),
                waits = CASE WHEN $5::bigint = 0 THEN waits WHEN unsettled > $5::bigint THEN coalesce((
                    SELECT runs.admitted FROM hob.runs AS runs
                    WHERE runs.instance = i.number AND runs.place = i.admitted - (i.unsettled - $5::bigint)
                ), clock_timestamp()) END,
                claim = CASE WHEN $6::boolean THEN NULL ELSE claim END,
                holder = CASE WHEN $6::boolean THEN NULL ELSE holder END,
                lease = CASE WHEN $6::boolean THEN NULL ELSE lease END
            WHERE number = $1 AND ($2::bigint IS NULL OR epoch = $2 AND claim IS NOT NULL) {expects}
            RETURNING number
        ){adds}{counts}
        SELECT number FROM moved"
    )
}

/// The end of a chain, as the database counts.
pub(super) struct End<'a> {
    pub(super) next: i64,
    pub(super) epoch: i64,
    pub(super) sum: &'a str,
    pub(super) length: i64,
}

impl<'a> End<'a> {
    pub(super) fn of(tail: &'a Tail) -> Self {
        let [next, epoch, length] = [tail.next.0, tail.epoch.0, tail.len].map(u64::cast_signed);
        Self { next, epoch, sum: tail.sum.as_str(), length }
    }
}

/// Lines as they are stored, without their ends, and how those of a log are filed.
pub(super) struct Texts<'a> {
    pub(super) lines: Vec<&'a [u8]>,
    pub(super) kinds: Vec<Option<String>>,
    pub(super) shorts: Vec<Option<Vec<u8>>>,
}

impl<'a> Texts<'a> {
    pub(super) fn of(part: Part, lines: &'a Lines) -> Self {
        let mut texts = Self { lines: Vec::new(), kinds: Vec::new(), shorts: Vec::new() };
        for (_, line) in lines.each() {
            let line = line.strip_suffix('\n').unwrap_or(line);
            let (kind, short) = match compacted::file(line) {
                Filed { kind, short } if part == Part::Log => (Some(kind), short),
                _ => (None, None),
            };
            texts.lines.push(line.as_bytes());
            texts.kinds.push(kind);
            texts.shorts.push(short.map(String::into_bytes));
        }
        texts
    }
}

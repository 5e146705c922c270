//! A whole instance on its way in: one transaction of many statements, for it may be large.

use tokio_postgres::types::ToSql;

use super::super::Error;
use super::super::chain::Tail;
use super::super::medium::{Part, Whole, Written};
use super::fault::Fault;
use super::server::{Patience, Server, thrown_away};
use super::standing::column;
use super::write::{End, Texts};

/// How much is sent with one statement.
const BATCH: usize = 4 << 20;

/// Makes an instance; [`Written::Moved`] when it is there already.
pub(super) async fn make(server: &Server, whole: &Whole<'_>) -> Result<Written, Error> {
    let told = |fault: Fault| fault.told(&server.place, "make an instance");
    let mut patience = Patience::default();
    let written = loop {
        match once(server, whole).await {
            Ok(written) => break written,
            Err(fault) => patience.after(fault).await.map_err(told)?,
        }
    };
    if written == Written::Moved && !(patience.was_tried() && stands(server, whole).await.map_err(told)?) {
        return Ok(Written::Moved);
    }
    server.notify().await;
    Ok(Written::Done)
}

async fn once(server: &Server, whole: &Whole<'_>) -> Result<Written, Fault> {
    let mut client = server.connection().await?;
    let written = async {
        let transaction = client.transaction().await?;
        let Some(number) = begin(&transaction, whole).await? else { return Ok(Written::Moved) };
        fill(&transaction, number, whole).await?;
        transaction.commit().await?;
        Ok(Written::Done)
    };
    let written = written.await;
    written.map_err(|fault| thrown_away(client, fault))
}

/// The row of the instance, with the ends that its chains will have; `None` when it is there already.
async fn begin(
    transaction: &deadpool_postgres::Transaction<'_>,
    whole: &Whole<'_>,
) -> Result<Option<i64>, tokio_postgres::Error> {
    const SQL: &str = "INSERT INTO hob.instances (name, id, epoch, cover,
            log_next, log_epoch, log_sum, log_length, inbox_next, inbox_epoch, inbox_sum, inbox_length,
            applied_next, applied_epoch, applied_sum, applied_length, admitted, unsettled, waits)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18::bigint,
            CASE WHEN $18::bigint > 0 THEN clock_timestamp() END)
        ON CONFLICT (name) DO NOTHING RETURNING number";
    let Whole { instance, epoch, cover, chains, runs, unsettled, .. } = whole;
    let tail = |part| chains.iter().find(|(chain, _)| *chain == part).map_or(Tail::START, |(_, lines)| lines.to);
    let tails = Part::ALL.map(tail);
    let [log, inbox, applied] = tails.each_ref().map(End::of);
    let (name, id, epoch, cover) = (instance.external(), instance.to_string(), epoch.0.cast_signed(), cover.as_bytes());
    let (admitted, unsettled) = (runs.len() as i64, i64::from(*unsettled));
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&name, &id, &epoch, &cover];
    for End { next, epoch, sum, length } in [&log, &inbox, &applied] {
        parameters.extend([next as &(dyn ToSql + Sync), epoch, sum, length]);
    }
    parameters.extend([&admitted as &(dyn ToSql + Sync), &unsettled]);
    let statement = transaction.prepare_cached(SQL).await?;
    let row = transaction.query_opt(&statement, &parameters).await?;
    row.map(|row| row.try_get(0)).transpose()
}

async fn fill(
    transaction: &deadpool_postgres::Transaction<'_>,
    number: i64,
    whole: &Whole<'_>,
) -> Result<(), tokio_postgres::Error> {
    const LINES: &str = "INSERT INTO hob.lines (instance, chain, place, line, kind, short)
        SELECT $1, $2, $3 + nth - 1, line, kind, short
        FROM unnest($4::bytea[], $5::text[], $6::bytea[]) WITH ORDINALITY AS new (line, kind, short, nth)";
    const RUNS: &str = "INSERT INTO hob.runs (instance, run, place, admitted)
        SELECT $1, run, nth - 1, clock_timestamp() FROM unnest($2::text[]) WITH ORDINALITY AS new (run, nth)";
    const BLOB: &str = "INSERT INTO hob.blobs (instance, digest, content) VALUES ($1, $2, $3)";
    let statement = transaction.prepare_cached(LINES).await?;
    for (part, lines) in &whole.chains {
        let mut place = lines.from.next.0.cast_signed();
        let Texts { lines, kinds, shorts } = Texts::of(*part, lines);
        let (mut rest, mut filed) = (lines.as_slice(), (kinds.as_slice(), shorts.as_slice()));
        while !rest.is_empty() {
            let mut size = 0;
            // At least one.
            let fits = |line: &&[u8]| {
                let is_first = size == 0;
                size += line.len();
                is_first || size <= BATCH
            };
            let count = rest.iter().copied().take_while(fits).count().max(1);
            let (batch, after) = rest.split_at(count);
            let ((kinds, kinds_after), (shorts, shorts_after)) = (filed.0.split_at(count), filed.1.split_at(count));
            transaction.execute(&statement, &[&number, &column(*part), &place, &batch, &kinds, &shorts]).await?;
            place += batch.len() as i64;
            (rest, filed) = (after, (kinds_after, shorts_after));
        }
    }
    let runs: Vec<&str> = whole.runs.iter().map(crate::domain::id::RunId::as_str).collect();
    if !runs.is_empty() {
        transaction.execute(&transaction.prepare_cached(RUNS).await?, &[&number, &runs]).await?;
    }
    if !whole.blobs.is_empty() {
        let statement = transaction.prepare_cached(BLOB).await?;
        for (digest, content) in &whole.blobs {
            transaction.execute(&statement, &[&number, &digest.as_str(), &&**content]).await?;
        }
    }
    Ok(())
}

/// Whether what is there is this very one: it was made, and only the answer was lost.
async fn stands(server: &Server, whole: &Whole<'_>) -> Result<bool, Fault> {
    const SQL: &str = "SELECT number FROM hob.instances WHERE name = $1 AND cover = $2";
    let answer = server.try_ask(SQL, &[&whole.instance.external(), &whole.cover.as_bytes()]).await?;
    Ok(!answer.rows.is_empty())
}

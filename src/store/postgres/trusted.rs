//! What an opening need not verify: the lines before the first that the last compaction kept, in short.

use serde::Deserialize;
use tokio_postgres::Row;

use super::super::Error;
use super::super::chain::Tail;
use super::super::compacted::first_kept;
use super::super::medium::{Each, Medium as _, Part};
use super::super::record;
use super::instance::InPostgres;
use crate::domain::id::{Epoch, Seq};

/// Gives them in order, and returns their end.
pub(super) async fn trusted(at: &InPostgres, each: Each<'_>) -> Result<Tail, Error> {
    const TURNS: &str = "SELECT line FROM hob.lines
        WHERE instance = $1 AND chain = 'log' AND kind IN ('compaction', 'leaf_moved') ORDER BY place";
    const SHORTS: &str = "SELECT place, coalesce(short, line) AS line, octet_length(line) AS length FROM hob.lines
        WHERE instance = $1 AND chain = 'log' AND place <= $2 ORDER BY place";
    const LAST: &str = "SELECT line FROM hob.lines WHERE instance = $1 AND chain = 'log' AND place = $2";
    let unreadable = |error| at.server.unreadable(&error);
    let line = |row: &Row| row.try_get::<_, &[u8]>("line").map(<[u8]>::to_vec);
    let turns = at.ask("read lines", TURNS, &[]).await?.rows;
    let turns: Vec<Vec<u8>> = turns.iter().map(line).collect::<Result<_, _>>().map_err(unreadable)?;
    let Some(last) = first_kept(&turns).and_then(|first| first.0.checked_sub(1)) else { return Ok(Tail::START) };

    let (mut next, mut len) = (0, 0);
    for row in at.ask("read lines", SHORTS, &[&last.cast_signed()]).await?.rows {
        if row.try_get::<_, i64>("place").map_err(unreadable)?.cast_unsigned() != next {
            break;
        }
        let line: &[u8] = row.try_get("line").map_err(unreadable)?;
        each(line, line.len() + 1)?;
        next += 1;
        len += u64::from(row.try_get::<_, i32>("length").map_err(unreadable)?.unsigned_abs()) + 1;
    }
    let row = at.ask("read lines", LAST, &[&last.cast_signed()]).await?.rows;
    let row = row.first().map(line).transpose().map_err(unreadable)?;
    match row.as_deref().and_then(|line| end(line, last, len)).filter(|_| next == last + 1) {
        Some(tail) => Ok(tail),
        None => {
            let what = "is missing, or is not what was written".to_owned();
            Err(Error::Damaged { path: at.path(Part::Log), line: next + 1, offset: 0, what })
        }
    }
}

/// The end of the log after this line, up to which it has so many bytes.
fn end(line: &[u8], place: u64, len: u64) -> Option<Tail> {
    #[derive(Deserialize)]
    struct Written {
        seq: Seq,
        epoch: Epoch,
    }
    let sum = record::unseal(line)?;
    let Written { seq, epoch } = serde_json::from_slice(line).ok()?;
    (seq.0 == place).then_some(Tail { next: Seq(place + 1), epoch, sum, len })
}

//! What an opening need not verify: the lines before the first that the last compaction kept, in short.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::Error;
use super::super::chain::Tail;
use super::super::compacted::first_kept;
use super::super::medium::{Each, Part};
use super::look::{bytes, end};
use super::refused::Refused;
use super::verbs::Instance;

/// Gives them in order, and returns their end.
pub(super) fn trusted(db: &Connection, instance: &Instance, each: Each<'_>) -> Result<Option<Tail>, Refused> {
    let turns = "select line from log_lines where instance = ?1 and kind in ('compaction', 'leaf_moved') order by seq";
    let mut turns = db.prepare_cached(turns)?;
    let turns = turns.query_map([instance.number], |row| Ok(bytes(row.get_ref(0)?).to_vec()))?;
    let turns: Vec<Vec<u8>> = turns.collect::<Result<_, _>>()?;
    let Some(last) = first_kept(&turns).and_then(|first| first.0.checked_sub(1)) else { return Ok(Some(Tail::START)) };

    let mut shorts = db.prepare_cached(
        "select seq, coalesce(short, line) from log_lines where instance = ?1 and seq <= ?2 order by seq",
    )?;
    let mut rows = shorts.query(params![instance.number, last.cast_signed()])?;
    let mut next = 0;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)?.cast_unsigned() != next {
            break;
        }
        let line = bytes(row.get_ref(1)?);
        each(line, line.len() + 1)?;
        next += 1;
    }
    let tail = db
        .prepare_cached("select ends, line from log_lines where instance = ?1 and seq = ?2")?
        .query_row(params![instance.number, last.cast_signed()], |row| {
            Ok(end(instance, Part::Log, last, row.get(0)?, bytes(row.get_ref(1)?)))
        })
        .optional()?;
    match tail {
        Some(tail) if next == last + 1 => Ok(Some(tail?)),
        _ => {
            let what = "is missing".to_owned();
            Err(Error::Damaged { path: instance.path(Part::Log), line: next + 1, offset: 0, what }.into())
        }
    }
}

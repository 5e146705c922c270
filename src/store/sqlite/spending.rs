//! The table of what model calls cost.

use jiff::civil::Date;
use rusqlite::{Connection, params};

use super::super::spending::{Bills, DAYS};
use super::refused::Refused;
use crate::domain::budget::Day;
use crate::domain::id::InstanceId;

/// Counts what the lines of the same transaction tell of; with the first of a day, the oldest day goes.
pub(super) fn add(db: &Connection, instance: &InstanceId, bills: &Bills) -> Result<(), Refused> {
    let InstanceId { host, repo, agent, .. } = instance;
    let day = bills.day.to_string();
    let mut add = db.prepare_cached(
        "insert into spent (day, host, repo, agent, actor, nano_usd) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict do update set nano_usd = nano_usd + excluded.nano_usd",
    )?;
    for (actor, nano_usd) in bills.rows() {
        add.execute(params![day, host, repo.cast_signed(), agent.as_str(), actor, nano_usd])?;
    }
    db.prepare_cached("delete from spent where day < date(?1, ?2)")?.execute(params![day, format!("-{DAYS} days")])?;
    Ok(())
}

/// The sums of a day.
pub(super) fn of(db: &Connection, instance: &InstanceId, day: Date, actor: u64) -> Result<Day, Refused> {
    let InstanceId { host, repo, agent, .. } = instance;
    let mut select = db.prepare_cached(
        "select coalesce(sum(nano_usd), 0), coalesce(sum(nano_usd) filter (where actor = ?5), 0) from spent
         where day = ?1 and host = ?2 and repo = ?3 and agent = ?4",
    )?;
    let sums = params![day.to_string(), host, repo.cast_signed(), agent.as_str(), actor.cast_signed()];
    Ok(select.query_row(sums, |row| {
        let nano_usd = |column| row.get::<_, i64>(column).map(|sum| u64::try_from(sum).unwrap_or_default());
        Ok(Day { agent_nano_usd: nano_usd(0)?, actor_nano_usd: nano_usd(1)? })
    })?)
}

//! The table of what model calls cost.

use jiff::civil::Date;
use tokio_postgres::Row;

use super::super::Error;
use super::super::spending::{Bills, DAYS};
use super::instance::InPostgres;
use crate::domain::budget::Day;
use crate::domain::id::InstanceId;

/// What a statement does beside that writes lines, where they tell of model calls; the oldest day goes with
/// the first of a new one, unless somebody removes it already. Its parameters are those of [`Counted`].
pub(super) fn adds() -> String {
    format!(
        ", billed AS (
            INSERT INTO hob.spent AS sums (day, host, repo, agent, actor, nano_usd)
            SELECT $16::text::date, $17::text, $18::bigint, $19::text, actor, nano_usd
            FROM moved, unnest($20::bigint[], $21::bigint[]) AS new (actor, nano_usd)
            ON CONFLICT (day, host, repo, agent, actor)
                DO UPDATE SET nano_usd = sums.nano_usd + excluded.nano_usd
        ), dropped AS (
            DELETE FROM hob.spent WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM hob.spent WHERE day < $16::text::date - {DAYS} FOR UPDATE SKIP LOCKED
            ))
        )"
    )
}

/// Bills, as the database counts.
pub(super) struct Counted<'a> {
    pub(super) day: String,
    pub(super) host: &'a str,
    pub(super) repo: i64,
    pub(super) agent: &'a str,
    pub(super) actors: Vec<i64>,
    pub(super) sums: Vec<i64>,
}

impl<'a> Counted<'a> {
    pub(super) fn new(instance: &'a InstanceId, bills: &Bills) -> Self {
        let (actors, sums) = bills.rows().unzip();
        let InstanceId { host, repo, agent, .. } = instance;
        let (day, repo, agent) = (bills.day.to_string(), repo.cast_signed(), agent.as_str());
        Self { day, host, repo, agent, actors, sums }
    }
}

/// The sums of a day.
pub(super) async fn of(at: &InPostgres, day: Date, actor: u64) -> Result<Day, Error> {
    const SQL: &str = "SELECT coalesce(sum(nano_usd), 0)::bigint AS agent,
            coalesce(sum(nano_usd) FILTER (WHERE actor = $5), 0)::bigint AS actor
        FROM hob.spent WHERE day = $1::text::date AND host = $2 AND repo = $3 AND agent = $4";
    let InstanceId { host, repo, agent, .. } = &at.instance;
    let (day, repo, agent, actor) = (day.to_string(), repo.cast_signed(), agent.as_str(), actor.cast_signed());
    let rows = at.server.ask("add up what a day cost", SQL, &[&day, host, &repo, &agent, &actor]).await?.rows;
    let sum = |column| {
        let sum = rows.first().map_or(Ok(0), |row: &Row| row.try_get::<_, i64>(column));
        sum.map(|sum| u64::try_from(sum).unwrap_or_default()).map_err(|error| at.server.unreadable(&error))
    };
    Ok(Day { agent_nano_usd: sum("agent")?, actor_nano_usd: sum("actor")? })
}

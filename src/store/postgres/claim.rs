//! The right to write to an instance: a lease on the database's clock.

use std::time::Duration;

use tokio_postgres::types::ToSql;

use super::super::Error;
use super::super::medium::{Bid, Part, Written};
use super::instance::InPostgres;
use super::lines::went_back;
use super::write::End;
use crate::domain::id::Epoch;

/// Gives out an epoch. Whoever had the one before it gave it back, or died, or did not renew it in time.
pub(super) async fn claim(at: &InPostgres, bid: Bid<'_>) -> Result<Written, Error> {
    const SQL: &str = "UPDATE hob.instances SET
            epoch = $2, cover = $3, claim = $4, holder = $5, lease = clock_timestamp() + $6::float8 * interval '1 second'
        WHERE number = $1 AND epoch = $7 AND (log_next, log_sum) = ($8, $9)
            AND (inbox_next, inbox_sum) = ($10, $11) AND (applied_next, applied_sum) = ($12, $13)
            AND (claim IS NULL OR lease < clock_timestamp() OR claim = $14)
        RETURNING number";
    let Bid { holder, epoch, cover, ends, lease } = bid;
    let name = at.server.name_a_claim();
    let holder = serde_json::to_string(holder).unwrap_or_default();
    let (epoch, before) = (epoch.0.cast_signed(), Epoch(epoch.0.wrapping_sub(1)));
    let (seconds, before_it) = (lease.as_secs_f64(), before.0.cast_signed());
    let [log, inbox, applied] = ends.each_ref().map(End::of);
    let mut dead: Option<String> = None;
    loop {
        let cover = cover.as_bytes();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&epoch, &cover, &name, &holder, &seconds, &before_it];
        for End { next, sum, .. } in [&log, &inbox, &applied] {
            parameters.extend([next as &(dyn ToSql + Sync), sum]);
        }
        parameters.push(&dead);
        if !at.ask("claim an instance", SQL, &parameters).await?.rows.is_empty() {
            return Ok(Written::Done);
        }
        let standing = at.standing().await?;
        match &standing.claim {
            // Done, and only the answer was lost.
            Some(claim) if claim.name == name => return Ok(Written::Done),
            Some(claim) => match claim.by() {
                Some(by) => return Err(Error::Held { by }),
                // Once for each that died.
                None if dead.as_ref() != Some(&claim.name) => dead = Some(claim.name.clone()),
                None => return Ok(Written::Moved),
            },
            None if standing.epoch < before => return Err(went_back(at, Part::Log, &standing.tail(Part::Log))),
            None => return Ok(Written::Moved),
        }
    }
}

/// Who has the claim now, for people.
pub(super) async fn held(at: &InPostgres) -> Result<Option<String>, Error> {
    Ok(at.standing().await?.claim.and_then(|claim| claim.by()))
}

/// Keeps a claim for another lease. One that nobody took is still there after its end.
pub(super) async fn renew(at: &InPostgres, fence: Epoch, lease: Duration) -> Result<(), Error> {
    const SQL: &str = "UPDATE hob.instances SET lease = clock_timestamp() + $3::float8 * interval '1 second'
        WHERE number = $1 AND epoch = $2 AND claim IS NOT NULL RETURNING number";
    let renewed = at.ask("renew a claim", SQL, &[&fence.0.cast_signed(), &lease.as_secs_f64()]).await?;
    if renewed.rows.is_empty() {
        at.standing().await?;
        return Err(Error::Fenced { given: fence });
    }
    Ok(())
}

/// Ends a claim, if it is not over.
pub(super) async fn release(at: &InPostgres, fence: Epoch) -> Result<(), Error> {
    const SQL: &str = "UPDATE hob.instances SET claim = NULL, holder = NULL, lease = NULL
        WHERE number = $1 AND epoch = $2 RETURNING number";
    if at.ask("release a claim", SQL, &[&fence.0.cast_signed()]).await?.rows.is_empty() {
        at.standing().await?;
    }
    at.server.notify().await;
    Ok(())
}

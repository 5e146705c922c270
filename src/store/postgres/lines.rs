//! The lines of a chain, as they come from the server, and whether they are all there.

use std::pin::pin;

use futures::TryStreamExt as _;
use tokio::time::timeout;

use super::super::Error;
use super::super::chain::Tail;
use super::super::medium::{Each, Medium as _, Part};
use super::super::record::{self, Sum};
use super::fault::Fault;
use super::instance::InPostgres;
use super::server::{ANSWER, Patience, thrown_away};
use super::standing::column;

/// Gives every line after `from`; `false` when there is no such chain. What was there when `from` was
/// seen, and what the instance names, must be there.
pub(super) async fn lines(at: &InPostgres, part: Part, from: &Tail, each: Each<'_>) -> Result<bool, Error> {
    let end = at.standing().await?.tail(part);
    let mut walk = Walk { at, part, from, end, next: from.next.0.saturating_sub(1), each };
    if end.next < from.next {
        return Err(went_back(at, part, &end));
    }
    if part == Part::Applied && end.next.0 == 0 {
        return Ok(false);
    }
    let mut patience = Patience::default();
    loop {
        match walk.on().await {
            Ok(()) => break,
            Err(Stopped::Refused(error)) => return Err(error),
            Err(Stopped::Lost(fault)) => {
                patience.after(fault).await.map_err(|fault| fault.told(&at.server.place, "read lines"))?;
            }
        }
    }
    if walk.next < end.next.0 {
        return Err(walk.damaged(walk.next, format!("is missing: its instance names {} lines", end.next)));
    }
    Ok(true)
}

/// Less is there than was there before: a copy was put back, or a server took over that had not got
/// everything yet. What is there is whole, and not the truth any more.
pub(super) fn went_back(at: &InPostgres, part: Part, end: &Tail) -> Error {
    let what = "was there, and is not any more: the database stands at an older state".to_owned();
    Error::Damaged { path: at.path(part), line: end.next.0 + 1, offset: end.len, what }
}

/// Whether a chain has this end in it, or had.
pub(super) async fn has(at: &InPostgres, part: Part, end: &Tail) -> Result<bool, Error> {
    const SQL: &str = "SELECT line FROM hob.lines WHERE instance = $1 AND chain = $2 AND place = $3";
    let place = end.next.0.wrapping_sub(1).cast_signed();
    let answer = at.ask("read lines", SQL, &[&column(part), &place]).await?;
    let line = answer.rows.first().map(|row| row.try_get::<_, &[u8]>(0)).transpose();
    let line = line.map_err(|error| at.server.unreadable(&error))?;
    Ok(line.and_then(record::unseal) == Some(end.sum))
}

/// How far a chain was read.
struct Walk<'a, 'e> {
    at: &'a InPostgres,
    part: Part,
    from: &'a Tail,
    end: Tail,
    /// The place of the next line; the last one before `from` is read again.
    next: u64,
    each: Each<'e>,
}

enum Stopped {
    Lost(Fault),
    Refused(Error),
}

impl From<tokio_postgres::Error> for Stopped {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Lost(error.into())
    }
}

impl Walk<'_, '_> {
    /// Reads on, one batch of the network in memory at a time.
    async fn on(&mut self) -> Result<(), Stopped> {
        const SQL: &str = "SELECT place, line FROM hob.lines
            WHERE instance = $1 AND chain = $2 AND place >= $3 ORDER BY place";
        let client = self.at.server.connection().await.map_err(Stopped::Lost)?;
        let walked = async {
            let statement = client.prepare_cached(SQL).await?;
            let (chain, next) = (column(self.part), self.next.cast_signed());
            let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&self.at.number, &chain, &next];
            let mut rows = pin!(client.query_raw(&statement, parameters).await?);
            loop {
                let row = timeout(ANSWER, rows.try_next()).await.map_err(|_| Stopped::Lost(Fault::Silent))?;
                let Some(row) = row? else { return Ok(()) };
                let place = row.try_get::<_, i64>(0)?.cast_unsigned();
                self.take(place, row.try_get(1)?).map_err(Stopped::Refused)?;
                self.next = place + 1;
            }
        };
        let walked = walked.await;
        walked.map_err(|stopped| match stopped {
            Stopped::Lost(fault) => Stopped::Lost(thrown_away(client, fault)),
            refused @ Stopped::Refused(_) => refused,
        })
    }

    fn take(&mut self, place: u64, line: &[u8]) -> Result<(), Error> {
        if place != self.next {
            return Err(self.damaged(self.next, format!("is missing: line {} follows", place.saturating_add(1))));
        }
        // Whose chain does not go on where it was left has another history.
        let other = |sum: Sum| record::unseal(line) != Some(sum);
        if place < self.from.next.0 {
            return if other(self.from.sum) { Err(went_back(self.at, self.part, self.from)) } else { Ok(()) };
        }
        if place + 1 == self.end.next.0 && other(self.end.sum) {
            return Err(self.damaged(place, "is not the one that its instance names".to_owned()));
        }
        (self.each)(line, line.len() + 1)
    }

    fn damaged(&self, place: u64, what: String) -> Error {
        Error::Damaged { path: self.at.path(self.part), line: place + 1, offset: self.from.len, what }
    }
}

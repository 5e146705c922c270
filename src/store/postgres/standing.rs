//! How an instance stands: read when a statement did not find what it expected.

use tokio_postgres::Row;

use super::super::chain::Tail;
use super::super::medium::{Inbox, Part};
use super::super::record::Sum;
use super::super::{Error, Holder};
use super::server::Server;
use crate::domain::id::{Epoch, Seq};

/// How an instance stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) epoch: Epoch,
    pub(super) claim: Option<Claim>,
    tails: [Tail; 3],
}

/// A claim under way.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) name: String,
    holder: String,
    /// Its lease is not over.
    is_alive: bool,
}

impl Claim {
    /// Who has it, as long as somebody does.
    pub(super) fn by(&self) -> Option<String> {
        if self.is_alive { held(&self.holder) } else { None }
    }
}

/// Who holds a claim, for people; `None` where its process was on this machine and is gone.
pub(super) fn held(holder: &str) -> Option<String> {
    match serde_json::from_str::<Holder>(holder) {
        Ok(holder) if holder.is_gone() => None,
        Ok(holder) => Some(holder.to_string()),
        Err(_) => Some("another process".to_owned()),
    }
}

impl Standing {
    /// `None` when the instance is not there any more.
    pub(super) async fn of(server: &Server, number: i64) -> Result<Option<Self>, Error> {
        const SQL: &str = "SELECT epoch, claim, holder, lease >= clock_timestamp() AS is_alive,
                log_next, log_epoch, log_sum, log_length, inbox_next, inbox_epoch, inbox_sum, inbox_length,
                applied_next, applied_epoch, applied_sum, applied_length
            FROM hob.instances WHERE number = $1";
        let answer = server.ask("read an instance", SQL, &[&number]).await?;
        answer.rows.first().map(Self::read).transpose().map_err(|error| server.unreadable(&error))
    }

    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let claim = match row.try_get::<_, Option<String>>("claim")? {
            Some(name) => Some(Claim { name, holder: row.try_get("holder")?, is_alive: row.try_get("is_alive")? }),
            None => None,
        };
        let [log, inbox, applied] = Part::ALL.map(|part| tail(row, part));
        Ok(Self {
            epoch: Epoch(row.try_get::<_, i64>("epoch")?.cast_unsigned()),
            claim,
            tails: [log?, inbox?, applied?],
        })
    }

    pub(super) fn tail(&self, part: Part) -> Tail {
        let [log, inbox, applied] = self.tails;
        match part {
            Part::Log => log,
            Part::Inbox => inbox,
            Part::Applied => applied,
        }
    }
}

/// An inbox, from a row that has its columns.
pub(super) fn inbox(row: &Row) -> Result<Inbox, tokio_postgres::Error> {
    let epoch = Epoch(row.try_get::<_, i64>("epoch")?.cast_unsigned());
    Ok(Inbox { tail: tail(row, Part::Inbox)?, epoch, knows: row.try_get("knows")? })
}

/// What the columns of a chain are called.
pub(super) fn column(part: Part) -> &'static str {
    match part {
        Part::Log => "log",
        Part::Inbox => "inbox",
        Part::Applied => "applied",
    }
}

/// The end of a chain, from a row that has its columns.
pub(super) fn tail(row: &Row, part: Part) -> Result<Tail, tokio_postgres::Error> {
    let number = |name: &str| Ok(row.try_get::<_, i64>(&*format!("{}_{name}", column(part)))?.cast_unsigned());
    let sum: &str = row.try_get(&*format!("{}_sum", column(part)))?;
    Ok(Tail {
        next: Seq(number("next")?),
        epoch: Epoch(number("epoch")?),
        // One that is none fits no line.
        sum: Sum::parse(sum).unwrap_or(Sum::of(b"")),
        len: number("length")?,
    })
}

//! Instances in a PostgreSQL database (13 or later), which many processes share.
//!
//! ```text
//! hob.instances   an instance: its cover, its newest epoch, the end of each chain, the claim under way
//! hob.lines       every line of every chain, as bytes
//! hob.runs        every run that was admitted
//! hob.blobs       content that entries name
//! hob.spent       what model calls cost, day by day
//! hob.records     a view of the lines, for people
//! ```
//!
//! Each verb is one statement, that compares what it expects in the row of the instance: so it is one
//! transaction, it may be said again when the line broke under it, and nobody waits for a process that
//! stopped in the middle of one. A claim is a lease on the database's clock.

mod address;
mod claim;
mod fault;
mod instance;
mod lines;
mod make;
mod news;
mod schema;
mod server;
mod spending;
mod standing;
mod tls;
mod trusted;
mod write;

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio_postgres::Row;

pub use address::{Address, InvalidAddress};

use super::medium::{Asked, Backend, Cover, Medium, Whole, Written};
use super::{Error, Holder};
use crate::domain::id::{InstanceId, RunId};
use crate::telemetry::failpoint::{self, Failpoints};
use instance::InPostgres;
use news::News;
use server::Server;
use standing::{Standing, held};

/// A database.
#[derive(Debug)]
pub(super) struct Postgres {
    server: Arc<Server>,
    news: News,
    failpoints: Failpoints,
}

impl Postgres {
    /// Connects, and makes the tables if they are not there; `extra_ca` is PEM.
    ///
    /// # Errors
    /// When the database cannot be reached, does not let us in, or is of a newer hob.
    pub(super) async fn connect(
        address: &Address,
        extra_ca: Option<&[u8]>,
        failpoints: Failpoints,
    ) -> Result<Self, Error> {
        let place = || address.place.clone();
        let tls = tls::connector(&address.trust, extra_ca);
        let tls = tls.map_err(|said| Error::Database { place: place(), doing: "begin to work", said })?;
        let name = schema::prepare(address, &tls).await?;
        let server = Arc::new(Server::new(address, tls.clone(), name)?);
        Ok(Self { server, news: News::new(address.config.clone(), tls), failpoints })
    }

    async fn number(&self, instance: &InstanceId) -> Result<Option<i64>, Error> {
        const SQL: &str = "SELECT number FROM hob.instances WHERE name = $1";
        let rows = self.server.ask("look for an instance", SQL, &[&instance.external()]).await?.rows;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(|error| self.server.unreadable(&error))
    }

    fn medium(&self, number: i64, instance: &InstanceId) -> InPostgres {
        let (server, failpoints) = (self.server.clone(), self.failpoints.clone());
        InPostgres { server, number, instance: instance.clone(), failpoints }
    }

    /// Both in one statement.
    async fn asked(&self, instance: &InstanceId, run: &RunId) -> Result<Option<Asked>, Error> {
        const SQL: &str = "SELECT number, epoch, inbox_next, inbox_epoch, inbox_sum, inbox_length,
                EXISTS (SELECT FROM hob.runs WHERE instance = number AND run = $2) AS knows
            FROM hob.instances WHERE name = $1";
        let answer = self.server.ask("read an inbox", SQL, &[&instance.external(), &run.as_str()]).await?;
        let Some(row) = answer.rows.first() else { return Ok(None) };
        let read = || Ok((row.try_get("number")?, standing::inbox(row)?));
        let (number, inbox) = read().map_err(|error| self.server.unreadable(&error))?;
        Ok(Some((Box::new(self.medium(number, instance)), inbox)))
    }

    async fn take_away(&self, instance: &InstanceId) -> Result<bool, Error> {
        const SQL: &str = "DELETE FROM hob.instances WHERE number = $1
            AND (claim IS NULL OR lease < clock_timestamp() OR claim = $2) RETURNING number";
        let Some(number) = self.number(instance).await? else { return Ok(false) };
        let mut dead: Option<String> = None;
        self.failpoints.hit(failpoint::FORGETTING);
        loop {
            if !self.server.ask("remove an instance", SQL, &[&number, &dead]).await?.rows.is_empty() {
                return Ok(true);
            }
            // Gone meanwhile, maybe by this very statement, the first time it was said.
            let Some(standing) = Standing::of(&self.server, number).await? else { return Ok(true) };
            match standing.claim {
                Some(claim) => match claim.by() {
                    Some(by) => return Err(Error::Held { by }),
                    None => dead = Some(claim.name),
                },
                None => dead = None,
            }
        }
    }

    async fn read_covers(&self) -> Result<Vec<Cover>, Error> {
        let rows =
            self.server.ask("list instances", "SELECT id, cover FROM hob.instances ORDER BY id", &[]).await?.rows;
        let cover = |row: &Row| {
            let id: &str = row.try_get("id")?;
            Ok(Cover { place: format!("{}/{id}", self.server.place), content: Ok(row.try_get("cover")?) })
        };
        rows.iter().map(cover).collect::<Result<_, _>>().map_err(|error| self.server.unreadable(&error))
    }

    /// Those that nobody has, and those whose holder died on this machine.
    async fn waits(&self, most: usize) -> Result<Vec<InstanceId>, Error> {
        // Whoever claims one right now has its row locked.
        const FREE: &str = "SELECT id, (extract(epoch FROM waits) * 1000000)::bigint AS since, holder
            FROM hob.instances
            WHERE waits IS NOT NULL AND (claim IS NULL OR lease < clock_timestamp())
            ORDER BY waits, number LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED";
        const HELD: &str = "SELECT id, (extract(epoch FROM waits) * 1000000)::bigint AS since, holder
            FROM hob.instances
            WHERE waits IS NOT NULL AND claim IS NOT NULL AND lease >= clock_timestamp()
            ORDER BY waits, number";
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let mut rows = self.server.ask("look for waiting runs", FREE, &[&limit]).await?.rows;
        let running = self.server.ask("look for waiting runs", HELD, &[]).await?.rows;
        let is_gone = |row: &Row| row.try_get("holder").is_ok_and(|holder| held(holder).is_none());
        rows.extend(running.into_iter().filter(is_gone));
        rows.sort_by_key(|row| row.try_get::<_, i64>("since").unwrap_or_default());
        let id = |row: &Row| row.try_get::<_, &str>("id").ok()?.parse().ok();
        Ok(rows.iter().filter_map(id).take(most).collect())
    }
}

impl Backend for Postgres {
    fn find<'a>(&'a self, instance: &'a InstanceId) -> BoxFuture<'a, Result<Option<Box<dyn Medium>>, Error>> {
        async move {
            let Some(number) = self.number(instance).await? else { return Ok(None) };
            Ok(Some(Box::new(self.medium(number, instance)) as Box<dyn Medium>))
        }
        .boxed()
    }

    fn find_for<'a>(&'a self, instance: &'a InstanceId, run: &'a RunId) -> BoxFuture<'a, Result<Option<Asked>, Error>> {
        self.asked(instance, run).boxed()
    }

    fn make<'a>(&'a self, whole: &'a Whole<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        make::make(&self.server, whole).boxed()
    }

    fn remove<'a>(&'a self, instance: &'a InstanceId, _: &'a Holder) -> BoxFuture<'a, Result<bool, Error>> {
        self.take_away(instance).boxed()
    }

    fn covers(&self) -> BoxFuture<'_, Result<Vec<Cover>, Error>> {
        self.read_covers().boxed()
    }

    fn waiting(&self, most: usize) -> BoxFuture<'_, Result<Vec<InstanceId>, Error>> {
        self.waits(most).boxed()
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        self.news.next().boxed()
    }
}

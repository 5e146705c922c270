//! One instance as rows.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::super::chain::{Lines, Tail};
use super::super::medium::{Bid, Change, Each, Inbox, Medium, Part, Written};
use super::super::record::Sum;
use super::super::{Error, Holder};
use super::claim;
use super::lines;
use super::server::{Answer, Server};
use super::spending;
use super::standing::{Standing, inbox};
use super::trusted::trusted;
use super::write;
use crate::domain::budget::Day;
use crate::domain::id::{Epoch, InstanceId, RunId};
use crate::telemetry::failpoint::Failpoints;

/// The rows of one instance. One that was removed and made again is another one.
#[derive(Debug)]
pub(super) struct InPostgres {
    pub(super) server: Arc<Server>,
    pub(super) number: i64,
    pub(super) instance: InstanceId,
    pub(super) failpoints: Failpoints,
}

impl InPostgres {
    /// A statement that is a whole transaction and may be said twice; its first parameter is the number.
    pub(super) async fn ask(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Answer, Error> {
        let mut all: Vec<&(dyn ToSql + Sync)> = vec![&self.number];
        all.extend(parameters);
        self.server
            .try_ask(sql, &all)
            .await
            .map_err(|fault| if fault.is_gone() { self.gone() } else { fault.told(&self.server.place, doing) })
    }

    /// The same for a statement that gives the one row of the instance.
    async fn row(&self, doing: &'static str, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row, Error> {
        self.ask(doing, sql, parameters).await?.rows.into_iter().next().ok_or_else(|| self.gone())
    }

    pub(super) async fn standing(&self) -> Result<Standing, Error> {
        Standing::of(&self.server, self.number).await?.ok_or_else(|| self.gone())
    }

    fn gone(&self) -> Error {
        Error::Gone { instance: Box::new(self.instance.clone()) }
    }

    async fn look_into_inbox(&self, run: &RunId) -> Result<Inbox, Error> {
        const SQL: &str = "SELECT epoch, inbox_next, inbox_epoch, inbox_sum, inbox_length,
                EXISTS (SELECT FROM hob.runs WHERE instance = number AND run = $2) AS knows
            FROM hob.instances WHERE number = $1";
        let row = self.row("read an inbox", SQL, &[&run.as_str()]).await?;
        inbox(&row).map_err(|error| self.server.unreadable(&error))
    }

    async fn read_cover(&self) -> Result<Vec<u8>, Error> {
        let row = self.row("read a cover", "SELECT cover FROM hob.instances WHERE number = $1", &[]).await?;
        row.try_get(0).map_err(|error| self.server.unreadable(&error))
    }

    async fn look_for_blob(&self, digest: Sum) -> Result<Option<Bytes>, Error> {
        const SQL: &str = "SELECT content FROM hob.blobs WHERE instance = $1 AND digest = $2";
        let answer = self.ask("read a blob", SQL, &[&digest.as_str()]).await?;
        let Some(row) = answer.rows.first() else { return Ok(None) };
        let content: &[u8] = row.try_get(0).map_err(|error| self.server.unreadable(&error))?;
        Ok(Some(Bytes::copy_from_slice(content)))
    }

    async fn list_blobs(&self) -> Result<Vec<Sum>, Error> {
        const SQL: &str = "SELECT digest FROM hob.blobs WHERE instance = $1 ORDER BY digest";
        let rows = self.ask("list blobs", SQL, &[]).await?.rows;
        let digest = |row: &Row| Sum::parse(row.try_get(0).unwrap_or_default());
        Ok(rows.iter().filter_map(digest).collect())
    }
}

impl Medium for InPostgres {
    fn path(&self, part: Part) -> PathBuf {
        self.place().join(part.file())
    }

    fn place(&self) -> PathBuf {
        PathBuf::from(format!("{}/{}", self.server.place, self.instance))
    }

    fn twin(&self) -> Box<dyn Medium> {
        let Self { server, number, instance, failpoints } = self;
        let (server, instance, failpoints) = (server.clone(), instance.clone(), failpoints.clone());
        Box::new(Self { server, number: *number, instance, failpoints })
    }

    fn hold<'a>(&'a mut self, _: &'a Holder) -> BoxFuture<'a, Result<(), Error>> {
        ready(Ok(())).boxed()
    }

    fn cover(&mut self) -> BoxFuture<'_, Result<Vec<u8>, Error>> {
        self.read_cover().boxed()
    }

    fn lines<'a>(&'a mut self, part: Part, from: &'a Tail, each: Each<'a>) -> BoxFuture<'a, Result<bool, Error>> {
        lines::lines(self, part, from, each).boxed()
    }

    fn trusted<'a>(&'a mut self, each: Each<'a>) -> BoxFuture<'a, Result<Tail, Error>> {
        trusted(self, each).boxed()
    }

    fn inbox<'a>(&'a mut self, run: &'a RunId) -> BoxFuture<'a, Result<Inbox, Error>> {
        self.look_into_inbox(run).boxed()
    }

    fn enter<'a>(&'a mut self, rows: &'a Lines, admits: Option<&'a RunId>) -> BoxFuture<'a, Result<Written, Error>> {
        write::enter(self, rows, admits).boxed()
    }

    fn claim<'a>(&'a mut self, bid: Bid<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        claim::claim(self, bid).boxed()
    }

    fn held(&mut self) -> BoxFuture<'_, Result<Option<String>, Error>> {
        claim::held(self).boxed()
    }

    fn renew(&mut self, fence: Epoch, lease: Duration) -> BoxFuture<'_, Result<(), Error>> {
        claim::renew(self, fence, lease).boxed()
    }

    fn release(&mut self, fence: Epoch) -> BoxFuture<'_, Result<(), Error>> {
        claim::release(self, fence).boxed()
    }

    fn write<'a>(&'a mut self, change: Change<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        write::write(self, change).boxed()
    }

    fn spent(&mut self, day: Date, actor: u64) -> BoxFuture<'_, Result<Option<Day>, Error>> {
        async move { spending::of(self, day, actor).await.map(Some) }.boxed()
    }

    fn put_blob<'a>(&'a mut self, digest: Sum, content: &'a [u8]) -> BoxFuture<'a, Result<(), Error>> {
        write::put_blob(self, digest, content).boxed()
    }

    fn blob(&mut self, digest: Sum) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        self.look_for_blob(digest).boxed()
    }

    fn digests(&mut self) -> BoxFuture<'_, Result<Vec<Sum>, Error>> {
        self.list_blobs().boxed()
    }
}

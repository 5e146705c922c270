//! The server: a pool of connections, and statements that are said until it is known what became of
//! them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio::time::{sleep, timeout};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::Error;
use super::address::Address;
use super::fault::{Fault, NEWER, causes};
use super::schema;

/// Most connections of one store, that for news aside.
const CONNECTIONS: usize = 8;

/// How long a connection may take, from the first packet to the last setting.
pub(super) const CONNECT: Duration = Duration::from_secs(15);

/// How long one is waited for while all are in use.
const WAIT: Duration = Duration::from_secs(60);

/// How long an answer may take; the server gives up a little earlier.
pub(super) const ANSWER: Duration = Duration::from_secs(65);

/// Before a statement that may be lost is said again: 6 s in all, for a server that restarts.
const PAUSES: [Duration; 8] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_millis(3200),
];

/// A server, with the one database on it.
pub(super) struct Server {
    pool: Pool,
    pub(super) place: String,
    /// Tells the claims of this store from those of all others.
    name: String,
    claims: AtomicU64,
}

/// What came of a statement.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) rows: Vec<Row>,
    /// It was said before, and nobody knows what came of that.
    pub(super) in_doubt: bool,
}

impl Server {
    /// Makes the pool; its connections come with their first use.
    pub(super) fn new(address: &Address, tls: MakeRustlsConnect, name: String) -> Result<Self, Error> {
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), tls, manager);
        let settings = settings();
        let set = Hook::async_fn(move |client, _| {
            let settings = settings.clone();
            Box::pin(async move { client.batch_execute(&settings).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CONNECT))
            .recycle_timeout(Some(CONNECT))
            .post_create(set)
            .build();
        let place = address.place.clone();
        match pool {
            Ok(pool) => Ok(Self { pool, place, name, claims: AtomicU64::new(0) }),
            Err(error) => Err(Error::Database { place, doing: "begin to work", said: error.to_string() }),
        }
    }

    /// A name that no other claim has.
    pub(super) fn name_a_claim(&self) -> String {
        format!("{}/{}", self.name, self.claims.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) async fn connection(&self) -> Result<Object, Fault> {
        Ok(self.pool.get().await?)
    }

    /// Says a statement that is a whole transaction, again where the line breaks. So it must be one
    /// that may be said twice: it compares what it expects.
    pub(super) async fn ask(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Answer, Error> {
        self.try_ask(sql, parameters).await.map_err(|fault| fault.told(&self.place, doing))
    }

    pub(super) async fn try_ask(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Answer, Fault> {
        let mut patience = Patience::default();
        loop {
            match self.ask_once(sql, parameters).await {
                Ok(rows) => return Ok(Answer { rows, in_doubt: patience.was_tried() }),
                Err(fault) => patience.after(fault).await?,
            }
        }
    }

    async fn ask_once(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Fault> {
        let client = self.connection().await?;
        let asked = timeout(ANSWER, async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, parameters).await
        });
        match asked.await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(thrown_away(client, error.into())),
            Err(_) => Err(thrown_away(client, Fault::Silent)),
        }
    }

    /// What a row without its columns is told as.
    pub(super) fn unreadable(&self, error: &tokio_postgres::Error) -> Error {
        let said = format!("{}; the tables are not as hob made them", causes(error));
        Error::Database { place: self.place.clone(), doing: "read a row", said }
    }

    /// Tells every process that listens. One that does not hear it looks by itself in a while.
    ///
    /// Not in the transaction that there is something to tell of: a commit that notifies waits for
    /// every other one, each with its flush to the disk, and this one has nothing to flush.
    pub(super) async fn notify(&self) {
        let _ = self.ask_once(super::news::NOTIFY, &[]).await;
    }
}

/// A connection that is not whole goes back to no pool.
pub(super) fn thrown_away(client: Object, fault: Fault) -> Fault {
    if fault.is_lost() {
        drop(Object::take(client));
    }
    fault
}

/// How often a lost statement was said.
#[derive(Debug, Default)]
pub(super) struct Patience(usize);

impl Patience {
    /// Waits, if what failed is worth another try.
    pub(super) async fn after(&mut self, fault: Fault) -> Result<(), Fault> {
        let pause = PAUSES.get(self.0).filter(|_| fault.is_lost());
        let Some(pause) = pause else { return Err(fault) };
        self.0 += 1;
        sleep(*pause).await;
        Ok(())
    }

    pub(super) fn was_tried(&self) -> bool {
        self.0 > 0
    }
}

/// What each connection begins with. A commit is always on the disk, whatever the server's default is;
/// and another process may have changed the schema since the last one.
fn settings() -> String {
    format!(
        "SET statement_timeout = '60s';
         SET lock_timeout = '30s';
         SET idle_in_transaction_session_timeout = '60s';
         SET default_transaction_isolation = 'read committed';
         SELECT set_config('synchronous_commit', 'on', false)
          WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');
         DO $$ DECLARE found integer := (SELECT version FROM hob.version); BEGIN
             IF found > {version} THEN
                 RAISE EXCEPTION 'schema version %', found USING ERRCODE = '{NEWER}';
             END IF;
         END $$",
        version = schema::VERSION,
    )
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("place", &self.place).finish_non_exhaustive()
    }
}

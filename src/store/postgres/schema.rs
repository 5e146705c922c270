//! The tables, and how those of an older hob become this one's.

use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::Error;
use super::address::Address;
use super::fault::Fault;
use super::server::{CONNECT, Patience};

/// What makes each version of the one before it.
const MIGRATIONS: [&str; 1] = [include_str!("schema/1.sql")];

/// The version that this program reads and writes.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// Held while tables are made: `hob` and a number of nobody else's.
const LOCK: &str = "SELECT pg_advisory_xact_lock(26735, 1)";

/// Connects, and makes the tables this program's if they are older. Returns a name that no other store
/// has. A newer schema is refused before anything in it is looked at.
pub(super) async fn prepare(address: &Address, tls: &MakeRustlsConnect) -> Result<String, Error> {
    let told = |fault: Fault| fault.told(&address.place, "begin to work");
    // Who begins is not kept waiting by a wrong address; who was let in once knows that it is right.
    let mut prepared = match prepare_once(address, tls).await {
        Err(Failed::Refused(error)) => return Err(error),
        Err(Failed::Never(fault)) => return Err(told(fault)),
        prepared => prepared,
    };
    let mut patience = Patience::default();
    loop {
        match prepared {
            Ok(name) => return Ok(name),
            Err(Failed::Refused(error)) => return Err(error),
            Err(Failed::Never(fault) | Failed::Later(fault)) => patience.after(fault).await.map_err(told)?,
        }
        prepared = prepare_once(address, tls).await;
    }
}

/// Why tables could not be made ready.
enum Failed {
    /// Nobody let us in.
    Never(Fault),
    /// After we were in.
    Later(Fault),
    Refused(Error),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Later(error.into())
    }
}

async fn prepare_once(address: &Address, tls: &MakeRustlsConnect) -> Result<String, Failed> {
    let connected = timeout(CONNECT, address.config.connect(tls.clone())).await;
    let (mut client, connection) = match connected {
        Ok(Ok(connected)) => connected,
        Ok(Err(error)) => return Err(Failed::Never(error.into())),
        Err(_) => return Err(Failed::Never(Fault::Silent)),
    };
    tokio::select! {
        prepared = migrate(&mut client, address) => prepared,
        // Ends before its client only when the line breaks.
        ended = connection => Err(ended.err().map_or(Failed::Later(Fault::Silent), Failed::from)),
    }
}

async fn migrate(client: &mut Client, address: &Address) -> Result<String, Failed> {
    if version(client, address).await? < VERSION {
        client.batch_execute("SET lock_timeout = '60s'; SET client_min_messages = warning").await?;
        let transaction = client.transaction().await?;
        transaction.batch_execute(LOCK).await?;
        // Whoever had the lock may have done it.
        let found = version(transaction.client(), address).await?;
        for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.batch_execute(migration).await?;
        }
        let stamp = "INSERT INTO hob.version (version) VALUES ($1) ON CONFLICT (one) DO UPDATE SET version = $1";
        transaction.execute(stamp, &[&VERSION]).await?;
        transaction.commit().await?;
    }
    Ok(client.query_one("SELECT gen_random_uuid()::text", &[]).await?.try_get(0)?)
}

/// The version that is there, 0 for none.
async fn version(client: &Client, address: &Address) -> Result<i32, Failed> {
    let is_there = client.query_one("SELECT to_regclass('hob.version') IS NOT NULL", &[]).await?;
    if !is_there.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let found = client.query_opt("SELECT version FROM hob.version", &[]).await?;
    let found: i32 = found.map_or(Ok(0), |row| row.try_get(0))?;
    if found > VERSION {
        let found = format!("schema version {found}");
        return Err(Failed::Refused(Error::Newer { path: address.place.clone().into(), found }));
    }
    Ok(found)
}

//! What a file must be before anything in it is believed, and how it becomes that.

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::super::Error;
use super::super::disk::{self, failed};
use super::refused::{Refused, database};

/// What is being done, in messages.
const OPEN: &str = "open a store";

/// Each brings a file from the version before it to the next one.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql")];

/// In the head of every file of ours: `hobs`.
const APPLICATION: i32 = 0x686f_6273;

/// How often it is tried meanwhile.
const TURN: Duration = Duration::from_millis(1);

/// Opens a file to write to it; makes it, and brings it to this version, where that is needed.
pub(super) fn writer(path: &Path, patience: Duration) -> Result<Connection, Error> {
    if !is_there(path)? {
        make(path)?;
    }
    let open = || -> Result<Connection, Refused> {
        let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, patience)?;
        // Before anything is written: what is not ours stays as it is.
        version(&db, path)?;
        write_ahead(&db, patience)?;
        db.execute_batch(
            "pragma synchronous = full; pragma foreign_keys = off; pragma secure_delete = on; pragma temp_store = memory",
        )?;
        migrate(&mut db, path)?;
        // The name of its log, too: SQLite does not mind when that fails.
        disk::sync_dir(dir_of(path))?;
        Ok(db)
    };
    open().map_err(|refused| refused.at(path, OPEN))
}

/// Opens a file to look at it; `None` while nothing was ever kept in it.
pub(super) fn reader(path: &Path, patience: Duration) -> Result<Option<Connection>, Error> {
    if !is_there(path)? {
        return Ok(None);
    }
    let open = || -> Result<_, Refused> {
        let db = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, patience)?;
        let version = version(&db, path)?;
        Ok((version > 0).then_some(db))
    };
    open().map_err(|refused| refused.at(path, OPEN))
}

/// Whether there is something at a path that could be opened.
fn is_there(path: &Path) -> Result<bool, Error> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => Ok(true),
        Ok(meta) if meta.is_dir() => Err(database(path, OPEN, "it is a directory; name a file in it")),
        Ok(_) => Err(database(path, OPEN, "it is not a regular file; name another one")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(failed(path, "look at", source)),
    }
}

/// An empty file that is nobody else's to read.
fn make(path: &Path) -> Result<(), Error> {
    let dir = dir_of(path);
    disk::create_dir(dir)?;
    // Never one that is there: a file that is closed takes all locks with it that its process has on it.
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(failed(path, "create", source)),
        _ => disk::sync_dir(dir),
    }
}

/// Where a file is.
fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn connect(path: &Path, access: OpenFlags, patience: Duration) -> Result<Connection, Refused> {
    let mut db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let mut since = Instant::now();
    db.busy_handler(Some(move |tried| {
        if tried == 0 {
            since = Instant::now();
        }
        std::thread::sleep(TURN);
        since.elapsed() < patience
    }))?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch("pragma trusted_schema = off; pragma cell_size_check = on")?;
    Ok(db)
}

/// How many of the migrations a file has seen; an error when it is not ours, or newer.
fn version(db: &Connection, path: &Path) -> Result<usize, Refused> {
    let asked = "select (select * from pragma_application_id), (select * from pragma_user_version), \
                 (select count(*) from sqlite_schema)";
    let (application, version, things): (i32, i32, i64) =
        db.query_row(asked, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if (application, version, things) == (0, 0, 0) {
        return Ok(0);
    }
    if application != APPLICATION {
        return Err(database(path, OPEN, "it is a database of another program; name another file").into());
    }
    match usize::try_from(version) {
        Ok(known) if known <= MIGRATIONS.len() => Ok(known),
        _ => Err(Error::Newer { path: path.to_owned(), found: format!("tables of version {version}") }.into()),
    }
}

/// Readers see the last commit while the next one is written.
fn write_ahead(db: &Connection, patience: Duration) -> Result<(), Refused> {
    let since = Instant::now();
    loop {
        // Who changes this does not wait for others by itself.
        match db.pragma_update(None, "journal_mode", "wal") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && since.elapsed() < patience => {
                std::thread::sleep(TURN);
            }
            done => return Ok(done?),
        }
    }
}

/// All in one transaction, which only one process can be in.
fn migrate(db: &mut Connection, path: &Path) -> Result<(), Refused> {
    if version(db, path)? == MIGRATIONS.len() {
        return Ok(());
    }
    let all = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let seen = version(&all, path)?;
    for migration in MIGRATIONS.iter().skip(seen) {
        all.execute_batch(migration)?;
    }
    all.pragma_update(None, "application_id", APPLICATION)?;
    all.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    Ok(all.commit()?)
}

//! What SQLite said no to, in words that name the next move.

use std::path::Path;

use rusqlite::ErrorCode;

use super::super::Error;

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub(super) enum Refused {
    /// By the rules of a store.
    Store(Error),
    /// By SQLite.
    Sqlite(rusqlite::Error),
}

impl Refused {
    /// As the store's error, which names the file and what was done with it.
    pub(super) fn at(self, path: &Path, doing: &'static str) -> Error {
        match self {
            Self::Store(error) => error,
            Self::Sqlite(error) => database(path, doing, &said(&error)),
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// The store's error for a file.
pub(super) fn database(path: &Path, doing: &'static str, said: &str) -> Error {
    Error::Database { place: path.display().to_string(), doing, said: said.to_owned() }
}

/// What SQLite says, and what to do then.
pub(super) fn said(error: &rusqlite::Error) -> String {
    let next = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process keeps it locked: let that one go on, or end it, then run the same command again"
        }
        Some(ErrorCode::DiskFull) => "make room, then run the same command again",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "make it and its directory writable",
        Some(ErrorCode::CannotOpen) => "see that its directory is there, and writable",
        Some(ErrorCode::NotADatabase) => "name another file",
        Some(ErrorCode::DatabaseCorrupt) => {
            "it was left as it is: put back a copy of it, or move it away to begin anew"
        }
        Some(ErrorCode::SystemIoFailure) => "see that its disk has room and is sound, then run the same command again",
        _ => "run the same command again",
    };
    format!("{error}; {next}")
}

//! Why a statement failed: whether it is worth to say it again, and what people are told.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use deadpool_postgres::{HookError, PoolError, TimeoutType};
use tokio_postgres::error::SqlState;

use super::super::Error;

/// What a connection is refused with where a newer hob made the tables.
pub(super) const NEWER: &str = "HOB01";

/// Why a statement, or the connection for it, failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server, or the line to it.
    Said(tokio_postgres::Error),
    /// Nobody answered in time.
    Silent,
    /// Every connection is in use, and stayed so.
    Busy,
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Said(error)
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => Self::Said(error),
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            // The pool is never closed, and its one hook speaks to the server only.
            PoolError::Timeout(_)
            | PoolError::PostCreateHook(HookError::Message(_))
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified => Self::Silent,
        }
    }
}

impl Fault {
    /// Whether the line broke, or the server stopped: then nobody knows what it did, and the next
    /// connection may find it up again.
    pub(super) fn is_lost(&self) -> bool {
        let error = match self {
            Self::Silent => return true,
            Self::Busy => return false,
            Self::Said(error) => error,
        };
        match error.code() {
            Some(code) => {
                code.code().starts_with("08")
                    || [
                        &SqlState::ADMIN_SHUTDOWN,
                        &SqlState::CRASH_SHUTDOWN,
                        &SqlState::CANNOT_CONNECT_NOW,
                        &SqlState::TOO_MANY_CONNECTIONS,
                        &SqlState::T_R_SERIALIZATION_FAILURE,
                        &SqlState::T_R_DEADLOCK_DETECTED,
                    ]
                    .contains(&code)
            }
            None => error.is_closed() || is_of_line(error),
        }
    }

    /// Whether the instance was removed under the statement.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Said(error) if error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION))
    }

    /// For people, with the next move.
    pub(super) fn told(&self, place: &str, doing: &'static str) -> Error {
        let said = match self {
            Self::Said(error) if error.code().is_some_and(|code| code.code() == NEWER) => {
                let found = error.as_db_error().map_or_else(String::new, |error| plain(error.message()));
                return Error::Newer { path: PathBuf::from(place), found };
            }
            Self::Said(error) => match error.code() {
                Some(code) => {
                    let said = error.as_db_error().map_or_else(String::new, |error| plain(error.message()));
                    format!("{said}; {}", next_move(code))
                }
                None => format!("{}; {}", causes(error), next_move_alone(error)),
            },
            Self::Silent => format!("the server did not answer in time; {LINE}"),
            Self::Busy => "all connections were in use for too long; start fewer runs at a time".to_owned(),
        };
        Error::Database { place: place.to_owned(), doing, said }
    }
}

/// Whether it is the line that broke; a certificate that is refused is told in the same way.
fn is_of_line(error: &tokio_postgres::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() != io::ErrorKind::InvalidData)
}

/// Where the server did not say what is wrong.
fn next_move_alone(error: &tokio_postgres::Error) -> &'static str {
    match error.to_string() {
        said if said.contains("TLS") => "see to `sslmode` and `sslrootcert` in its address",
        said if said.contains("configuration") => "put the user and the password into its address",
        _ => LINE,
    }
}

const LINE: &str = "see whether it runs and can be reached from here, then run the same command again";

fn next_move(code: &SqlState) -> &'static str {
    match code.code() {
        "28P01" | "28000" => "give a user and a password that the server knows, and that may connect from here",
        "3D000" => "create that database, or name another one",
        "42501" | "42P17" => "grant the user the right to it",
        "25006" => "give the address of the primary: this server is read-only",
        "53100" => "make room on the server's disk, then run the same command again",
        "53300" => "let the server take more connections, or start fewer processes",
        "57014" => "look what keeps the server busy, then run the same command again",
        code if code.starts_with("08") || code.starts_with("57") => LINE,
        _ => "what was acknowledged is there: see to the server, then run the same command again",
    }
}

/// An error with all that is behind it.
pub(super) fn causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    plain(&text)
}

/// What a server says is shown on one line of a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect()
}

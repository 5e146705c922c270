//! What a line of an instance says: entries of the log, rows of the inbox.

use serde::{Deserialize, Serialize};

use super::chain::Fault;
use super::record::Record;
use crate::domain::entry::{Body, Entry, Header};
use crate::domain::id::{InstanceId, RunId, Seq};
use crate::domain::run::Run;

/// Major version of the log's entries; in its header.
pub(super) const VERSION: u32 = 1;

/// A run was accepted.
pub(super) const ADMITTED: &str = "admitted";
/// Somebody wants a run to end.
pub(super) const ABORT: &str = "abort";

/// A row of the inbox.
#[derive(Debug)]
pub(super) enum Row {
    Admitted(Box<Run>),
    Abort(Abort),
}

/// Somebody wants a run to end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Abort {
    pub(super) run: RunId,
    /// Who, for people.
    pub(super) by: String,
}

/// A line of the log as an entry.
pub(super) fn entry(line: &Record<'_>, instance: &InstanceId) -> Result<Entry, Fault> {
    match (line.seq, line.parent, &*line.kind) {
        (Seq(0), None, "header") => header(line, instance)?,
        (Seq(0), ..) => return Err(Fault::Damage("is not the header of a log".to_owned())),
        (seq, Some(parent), kind) if parent < seq && kind != "header" => {}
        _ => return Err(Fault::Damage("does not follow an entry before it".to_owned())),
    }
    // The checksum is right, so this is what was written.
    let body = Body::read(&line.kind, line.body)
        .map_err(|error| Fault::Newer(format!("is another `{}` entry: {error}", line.kind.escape_debug())))?;
    let Record { seq, epoch, at, parent, .. } = *line;
    Ok(Entry { seq, epoch, at, session: line.session.clone(), parent, body })
}

fn header(line: &Record<'_>, instance: &InstanceId) -> Result<(), Fault> {
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    let wrong = |error: serde_json::Error| Fault::Damage(format!("is not the header of a log: {error}"));
    // The version first: a newer header may have another shape.
    let Version { version } = serde_json::from_str(line.body.get()).map_err(wrong)?;
    if version > VERSION {
        return Err(Fault::Newer(format!("begins a log of version {version}")));
    }
    let header: Header = serde_json::from_str(line.body.get()).map_err(wrong)?;
    if header.instance == *instance {
        Ok(())
    } else {
        Err(Fault::Damage(format!("begins the log of another instance, {}", header.instance)))
    }
}

/// The run that a line of the inbox admits, without a look at anything else.
#[cfg(feature = "sqlite")]
pub(super) fn admits(line: &str) -> Option<RunId> {
    #[derive(Deserialize)]
    struct Named {
        id: RunId,
    }
    let record: Record<'_> = serde_json::from_str(line).ok().filter(|record: &Record<'_>| record.kind == ADMITTED)?;
    Some(serde_json::from_str::<Named>(record.body.get()).ok()?.id)
}

/// A line of the inbox; `None` for a kind that a newer version brought.
pub(super) fn row(line: &Record<'_>, instance: &InstanceId) -> Result<Option<Row>, Fault> {
    fn read<'a, T: Deserialize<'a>>(line: &Record<'a>) -> Result<T, Fault> {
        let newer = |error| Fault::Newer(format!("is another `{}` row: {error}", line.kind.escape_debug()));
        serde_json::from_str(line.body.get()).map_err(newer)
    }
    match &*line.kind {
        ADMITTED => {
            let run: Box<Run> = read(line)?;
            if run.instance != *instance {
                return Err(Fault::Damage(format!("admits a run of another instance, {}", run.instance)));
            }
            Ok(Some(Row::Admitted(run)))
        }
        ABORT => Ok(Some(Row::Abort(read(line)?))),
        _ => Ok(None),
    }
}

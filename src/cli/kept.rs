//! Where sessions are kept on this machine, and how one is found by what people call it.

use std::path::{Path, PathBuf};

use super::env::Environment;
use super::refusal::Refusal;
use super::work::clock;
use crate::domain::id::InstanceId;
use crate::domain::run::Run;
use crate::store::location::{self, Location};
use crate::store::{Holder, Log, Peek, Process, Store};
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::progress::{Observer, Progress};

/// The directory of all bundles: `--store`, else `HOB_STATE`, else the user's state directory.
/// Never inside the workspace.
pub(super) fn root(store: Option<&str>, environment: &Environment, workspace: &Path) -> Result<PathBuf, Refusal> {
    let root = place(store, environment)?;
    location::outside(&root, workspace).map_err(Refusal::usage)
}

/// The same for a command that only looks. It need not exist yet.
pub(super) fn place(store: Option<&str>, environment: &Environment) -> Result<PathBuf, Refusal> {
    let place = named(store, environment)?;
    match std::fs::metadata(&place) {
        Ok(found) if !found.is_dir() => {
            let place = place.display();
            Err(Refusal::usage(format!("the store `{place}` is not a directory; give one with `--store` or HOB_STATE")))
        }
        _ => Ok(place),
    }
}

fn named(store: Option<&str>, environment: &Environment) -> Result<PathBuf, Refusal> {
    if let Some(store) = store {
        return match store.parse().map_err(Refusal::usage)? {
            Location::Bundles(dir) => Ok(dir),
            #[cfg(feature = "sqlite")]
            Location::Sqlite(_) => Err(Refusal::usage("no command works on a database yet; give a directory")),
            #[cfg(feature = "postgres")]
            Location::Postgres(_) => Err(Refusal::usage("no command works on a database yet; give a directory")),
        };
    }
    let user = || environment.user_state.as_ref().map(|state| state.join("hob"));
    environment.state.clone().or_else(user).ok_or_else(|| {
        Refusal::usage("there is no home directory to keep sessions in; name a directory with `--store` or HOB_STATE")
    })
}

/// An instance as it stands now, without the right to write to it; `None` when nothing of it is kept,
/// or none of its runs `concerns` the asker: a log is not read for nothing.
pub(super) async fn look(
    store: &Store,
    instance: &InstanceId,
    concerns: impl Fn(&Run) -> bool,
) -> Result<Option<Peek>, Refusal> {
    let is_asked_for = store.admitted(instance).await?.iter().any(concerns);
    Ok(if is_asked_for { store.peek(instance).await? } else { None })
}

/// Opens an instance for a command to work on it, and tells what was cut off of it.
pub(super) async fn open(
    command: &str,
    store: &Store,
    instance: &InstanceId,
    label: &str,
    observer: &dyn Observer,
) -> Result<Log, Refusal> {
    let (log, notes) = store.open(instance, label, holder(command, instance)).await?;
    for note in notes {
        observer.see(Progress::Note(&note));
    }
    Ok(log)
}

/// Who this process is, for others that want to write to the instance.
pub(super) fn holder(command: &str, instance: &InstanceId) -> Holder {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let what = format!("hob {command} {}", instance.agent);
    Holder { pid: std::process::id(), host, since: clock().now(), what, process: Process::this() }
}

/// Where a test wants this process to die; nowhere in a release build.
pub(super) fn failpoints(environment: &Environment) -> Result<Failpoints, Refusal> {
    Failpoints::parse(environment.failpoint.as_deref().unwrap_or_default()).map_err(Refusal::usage)
}

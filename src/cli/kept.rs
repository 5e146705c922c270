//! Where sessions are kept, and how one instance is opened.

use std::fmt;
use std::path::{Path, PathBuf};

use super::env::Environment;
use super::output;
use super::refusal::Refusal;
use crate::domain::id::InstanceId;
use crate::domain::run::Run;
use crate::domain::secret::Secret;
use crate::embed::machine;
use crate::store::location::{self, InvalidLocation, Location};
use crate::store::{Holder, Log, Peek, Store};
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::progress::{Observer, Progress};

/// Where a command finds sessions.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Where {
    /// Where sessions are kept: a directory, `sqlite:FILE`, `postgres://USER@HOST/DATABASE` or, for `run` alone, `memory:` [env: HOB_STATE] [default: the user's state directory]
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl Where {
    /// The password in what the command line has.
    pub(super) fn password(&self) -> Vec<Secret> {
        let passwords = self.store.as_deref().map(location::passwords).unwrap_or_default();
        passwords.into_iter().map(Secret::new).collect()
    }

    /// Whether nobody counts there what several runs cost together.
    pub(super) fn is_uncounted(&self, environment: &Environment) -> bool {
        is_uncounted(self.store.as_deref(), environment)
    }

    /// The store of a command that runs agents; never inside the workspace.
    pub(super) async fn to_work(&self, environment: &Environment, workspace: &Path) -> Result<Kept, Refusal> {
        let location = named(self.store.as_deref(), environment)?.outside(workspace).map_err(Refusal::usage)?;
        open_store(location, environment).await
    }

    /// The store of a command that looks at sessions, or manages them. It need not exist yet.
    pub(super) async fn to_look(&self, environment: &Environment) -> Result<Kept, Refusal> {
        elsewhere(named(self.store.as_deref(), environment)?, environment).await
    }
}

/// A store, and what it is called.
pub(super) struct Kept {
    pub(super) store: Store,
    location: Location,
}

impl Kept {
    /// What no tool may reach.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.location.path().map(Path::to_owned).into_iter().collect()
    }
}

/// Its name for people, harmless and without a password.
impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&output::defuse(&self.location.to_string()))
    }
}

/// Another store that a command names.
pub(super) async fn other(text: &str, environment: &Environment) -> Result<Kept, Refusal> {
    elsewhere(read(text)?, environment).await
}

/// A directory of bundles that stands for something else, by that name.
pub(super) fn bundles(dir: &Path, name: &str) -> Kept {
    Kept { store: Store::bundles(dir, Failpoints::default()), location: Location::Bundles(name.into()) }
}

async fn elsewhere(location: Location, environment: &Environment) -> Result<Kept, Refusal> {
    match location {
        Location::Memory => Err(Refusal::usage(
            "what is in `memory:` ends with the command that put it there; name another store with `--store` or \
             HOB_STATE",
        )),
        location => open_store(location, environment).await,
    }
}

/// Whether nobody counts what several runs cost together where `--store`, or the environment, says.
pub(super) fn is_uncounted(store: Option<&str>, environment: &Environment) -> bool {
    matches!(named(store, environment), Err(_) | Ok(Location::Memory | Location::Bundles(_)))
}

/// `--store`, else `HOB_STATE`, else the user's state directory.
fn named(store: Option<&str>, environment: &Environment) -> Result<Location, Refusal> {
    match (store, &environment.state, &environment.user_state) {
        (Some(store), _, _) => read(store),
        (None, Some(state), _) => state.to_str().map_or_else(|| Ok(Location::Bundles(state.clone())), read),
        (None, None, Some(user)) => Ok(Location::Bundles(user.join("hob"))),
        (None, None, None) => Err(Refusal::usage(
            "there is no home directory to keep sessions in; name a directory with `--store` or HOB_STATE",
        )),
    }
}

/// The directory that `HOB_STATE` names, for a job, whose sessions rest with the forge.
#[cfg(feature = "gitlab")]
pub(super) fn directory(state: &Path) -> Result<PathBuf, Refusal> {
    match state.to_str().map(read).transpose()? {
        None => Ok(state.to_owned()),
        Some(Location::Bundles(dir)) => Ok(dir),
        Some(other) => Err(Refusal::usage(format!(
            "HOB_STATE names `{other}`, but a job keeps its sessions with the forge; give a directory, or unset it"
        ))),
    }
}

fn read(text: &str) -> Result<Location, Refusal> {
    text.parse().map_err(|error: InvalidLocation| Refusal::usage(error))
}

/// The one place where a location becomes a store.
async fn open_store(location: Location, environment: &Environment) -> Result<Kept, Refusal> {
    let failpoints = failpoints(environment)?;
    let store = match &location {
        Location::Memory => Store::memory(failpoints),
        Location::Bundles(dir) => {
            is_directory(dir)?;
            Store::bundles(dir, failpoints)
        }
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => Store::sqlite(file, failpoints),
        #[cfg(feature = "postgres")]
        Location::Postgres(address) => {
            Store::postgres(address, super::parts::extra_ca(environment)?.as_deref(), failpoints).await?
        }
    };
    Ok(Kept { store, location })
}

fn is_directory(place: &Path) -> Result<(), Refusal> {
    match std::fs::metadata(place) {
        Ok(found) if !found.is_dir() => {
            let place = place.display();
            Err(Refusal::usage(format!(
                "the store `{place}` is not a directory; give one with `--store` or HOB_STATE, or `sqlite:FILE`"
            )))
        }
        _ => Ok(()),
    }
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
    machine::holder(format!("hob {command} {}", instance.agent))
}

/// Where a test wants this process to die; nowhere in a release build.
pub(super) fn failpoints(environment: &Environment) -> Result<Failpoints, Refusal> {
    Failpoints::parse(environment.failpoint.as_deref().unwrap_or_default()).map_err(Refusal::usage)
}

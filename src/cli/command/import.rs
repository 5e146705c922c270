//! `hob import`: copies sessions from another store, or from what a CI job left.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::export;
use crate::cli::env::Environment;
use crate::cli::kept::{self, Kept, Where};
use crate::cli::output::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::store::bundle::{self, archive};
use crate::store::location::Location;
use crate::telemetry::failpoint::Failpoints;

/// How an archive begins.
const ARCHIVE: &[u8] = b"PK\x03\x04";

/// Copy sessions from another store, or from what a CI job kept, to the byte
///
/// FROM is a store, or what was downloaded of a job: the archive with one session, or that archive
/// unpacked. All of it is verified; one that is kept here already stays as it is.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A directory, an archive, or the URL of a store
    from: String,

    /// Sessions in it: an instance, what people call it (`acme/widgets#42`), or one of its runs (`run-…`) [default: all]
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    #[command(flatten)]
    place: Where,
}

/// Copies them and says which.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(async {
        let to = args.place.to_look(environment).await?;
        let (from, unpacked) = open(&args.from, environment).await?;
        let (meant, exit) = export::meant(&from, &args.ids, args.ids.is_empty()).await?;
        let copied = export::copy(&from, &to, &meant, exit).await;
        drop(unpacked);
        copied
    })
}

/// What is imported from; where it had to be put elsewhere first, that place until it is dropped.
async fn open(text: &str, environment: &Environment) -> Result<(Kept, Option<TempDir>), Refusal> {
    let path = Path::new(text);
    if path.is_file() {
        let mut archive = Vec::new();
        let read =
            File::open(path).and_then(|file| file.take(archive::ARCHIVE_MAX as u64 + 1).read_to_end(&mut archive));
        read.map_err(|error| Refusal::failed(format!("`{text}` cannot be read: {error}")))?;
        if archive.starts_with(ARCHIVE) {
            return unpacked(text, &archive, environment).await.map(|(kept, dir)| (kept, Some(dir)));
        }
        return Err(Refusal::usage(format!(
            "`{text}` is no archive with a session; an SQLite file is named `sqlite:{text}`"
        )));
    }
    if path.join("manifest.json").is_file() {
        return linked(path, environment).map(|(kept, dir)| (kept, Some(dir)));
    }
    let location: Location = text.parse().map_err(Refusal::usage)?;
    if location.path().is_some_and(|path| !path.exists()) {
        return Err(Refusal::usage(format!("there is no `{location}` to import from")));
    }
    Ok((kept::other(text, environment).await?, None))
}

/// An archive as a store.
async fn unpacked(name: &str, archive: &[u8], environment: &Environment) -> Result<(Kept, TempDir), Refusal> {
    let refused = |error: archive::Error| Refusal::usage(format!("`{name}`: {error}"));
    let instance = archive::whose(archive).map_err(refused)?;
    let dir = temporary(environment)?;
    let holder = kept::holder("import", &instance);
    archive::unpack(archive, dir.path(), &instance, &holder, &Failpoints::default()).await.map_err(refused)?;
    Ok((kept::bundles(dir.path(), name), dir))
}

/// One bundle, whatever its directory is called, as a store.
fn linked(bundle: &Path, environment: &Environment) -> Result<(Kept, TempDir), Refusal> {
    let instance = bundle::whose(bundle)?;
    let dir = temporary(environment)?;
    let link = |real: std::path::PathBuf| symlink(real, dir.path().join(instance.external()));
    let linked = bundle.canonicalize().and_then(link);
    linked.map_err(|error| Refusal::failed(format!("`{}` cannot be read: {error}", bundle.display())))?;
    Ok((kept::bundles(dir.path(), &bundle.display().to_string()), dir))
}

fn temporary(environment: &Environment) -> Result<TempDir, Refusal> {
    let place = environment.temporary();
    let made = tempfile::Builder::new().prefix("hob-").tempdir_in(&place);
    made.map_err(|error| Refusal::failed(format!("no directory can be made in `{}`: {error}", place.display())))
}

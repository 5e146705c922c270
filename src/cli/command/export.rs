//! `hob export`: copies sessions into another store.

use crate::cli::env::Environment;
use crate::cli::find::{self, Found};
use crate::cli::kept::{self, Kept, Where};
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::cli::timeline::line;

/// Copy sessions into another store, to the byte
///
/// All of a session is verified on its way. Nothing here changes; where one of its name is there
/// already, that stays as it is.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["ids", "all"]))]
pub(in crate::cli) struct Args {
    /// Sessions: an instance, what people call it (`acme/widgets#42`), or one of its runs (`run-…`)
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    /// All sessions
    #[arg(long)]
    all: bool,

    /// Where to: a directory, or the URL of a store
    #[arg(long, value_name = "URL")]
    to: String,

    #[command(flatten)]
    place: Where,
}

/// Copies them and says which.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(async {
        let from = args.place.to_look(environment).await?;
        let to = kept::other(&args.to, environment).await?;
        let (meant, exit) = meant(&from, &args.ids, args.all).await?;
        copy(&from, &to, &meant, exit).await
    })
}

/// Those that were named; or all that can be read, and what is told of the others.
pub(super) async fn meant(from: &Kept, ids: &[String], all: bool) -> Result<(Vec<Found>, Exit), Refusal> {
    if !all {
        return Ok((find::find_all(from, ids).await?, Exit::Completed));
    }
    let (covers, exit) = find::all(from).await?;
    if covers.is_empty() && exit == Exit::Completed {
        output::tell(&format!("nothing is kept in `{from}`"));
    }
    Ok((covers.into_iter().map(Found::from).collect(), exit))
}

/// Copies each; one that cannot be copied keeps no other from it.
pub(super) async fn copy(from: &Kept, to: &Kept, meant: &[Found], mut exit: Exit) -> Result<Exit, Refusal> {
    for Found { instance, label, .. } in meant {
        match from.store.copy(instance, &to.store).await {
            Ok(true) => output::print(&format!("copied {} {} to `{to}`", line(label), line(&instance.to_string())))?,
            // Removed a moment ago.
            Ok(false) => {}
            Err(error) => exit = Refusal::from(error).show(),
        }
    }
    Ok(exit)
}

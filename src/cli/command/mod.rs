//! The commands, one file each.

mod abort;
mod check;
#[cfg(any(feature = "github", feature = "gitlab"))]
mod ci;
mod compact;
mod completions;
mod export;
mod forget;
mod import;
mod run;
mod runs;
mod sessions;
mod show;

use clap::Subcommand;

use super::env::Environment;
use super::kept;
use super::output::{self, Exit, Paint};
use super::refusal::Refusal;

/// A command with its arguments.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Run(run::Args),
    Check(check::Args),
    Runs(runs::Args),
    Sessions(sessions::Args),
    Show(show::Args),
    Abort(abort::Args),
    Compact(compact::Args),
    Forget(forget::Args),
    Export(export::Args),
    Import(import::Args),
    #[cfg(any(feature = "github", feature = "gitlab"))]
    Ci(ci::Args),
    Completions(completions::Args),
}

impl Command {
    /// Does what it says.
    pub(super) fn perform(&self) -> Result<Exit, Refusal> {
        match self {
            Self::Run(args) => run::run(args, &Environment::take().map_err(Refusal::usage)?),
            Self::Check(args) => check(args),
            Self::Runs(args) => runs::run(args, &look()?),
            Self::Sessions(args) => sessions::run(args, &look()?),
            Self::Show(args) => show::run(args, &look()?),
            Self::Compact(args) => compact::run(args, &Environment::take().map_err(Refusal::usage)?),
            Self::Abort(args) => abort::run(args, &look()?),
            Self::Forget(args) => forget::run(args, &look()?),
            Self::Export(args) => export::run(args, &look()?),
            Self::Import(args) => import::run(args, &look()?),
            #[cfg(any(feature = "github", feature = "gitlab"))]
            Self::Ci(args) => ci::run(args, &Environment::take().map_err(Refusal::usage)?),
            Self::Completions(args) => completions::run(args),
        }
    }
}

/// What a command that neither asks a model nor starts a tool needs to know.
fn look() -> Result<Environment, Refusal> {
    Environment::look().map_err(Refusal::usage)
}

fn check(args: &check::Args) -> Result<Exit, Refusal> {
    let mut page = Vec::new();
    // Where sessions would be kept; what is wrong with that is for other commands to say.
    let is_uncounted = Environment::look().map_or(true, |environment| kept::is_uncounted(None, &environment));
    let counts =
        check::run(args, &crate::provider::WORDS, is_uncounted, Paint::Colour, &mut page).map_err(Refusal::usage)?;
    output::print(&String::from_utf8_lossy(&page))?;
    Ok(if counts.is_fatal() { Exit::Usage } else { Exit::Completed })
}

//! The door: arguments, environment and files come in here; text and exit codes go out.

#![cfg_attr(not(feature = "gitlab"), expect(dead_code, reason = "without a CI or two, some of it has no user"))]

mod check;
#[cfg(any(feature = "github", feature = "gitlab"))]
mod ci;
mod completions;
pub mod env;
mod kept;
mod live;
pub mod output;
mod parts;
mod plan;
mod problem;
mod refusal;
mod report;
mod run;
mod runs;
mod show;
mod timeline;
mod wish;
mod work;

use clap::{Parser, Subcommand};

use env::Environment;
use output::{Exit, Paint};
use refusal::Refusal;

/// Durable AI agents for GitHub and GitLab
///
/// An agent is a Markdown file in `agents/`. A run gives it one event, lets it work in a sandbox,
/// keeps the session, and prints its answer with a plan of what it would write. Run the same
/// command again and it goes on where it stopped.
#[derive(Debug, Parser)]
#[command(name = "hob", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Check(check::Args),
    Runs(runs::Args),
    Show(show::Args),
    #[cfg(any(feature = "github", feature = "gitlab"))]
    Ci(ci::Args),
    Completions(completions::Args),
}

/// Parses the command line and does what it says.
pub fn main() -> Exit {
    match Cli::try_parse() {
        Ok(cli) => perform(&cli.command).unwrap_or_else(|refusal| refusal.show()),
        Err(help) => {
            // A closed pipe is no reason to fail.
            help.print().ok();
            if help.use_stderr() { Exit::Usage } else { Exit::Completed }
        }
    }
}

fn perform(command: &Command) -> Result<Exit, Refusal> {
    match command {
        Command::Run(args) => run::run(args, &Environment::take().map_err(Refusal::usage)?),
        Command::Check(args) => check(args),
        Command::Runs(args) => runs::run(args, &Environment::look().map_err(Refusal::usage)?),
        Command::Show(args) => show::run(args, &Environment::look().map_err(Refusal::usage)?),
        #[cfg(any(feature = "github", feature = "gitlab"))]
        Command::Ci(args) => ci::run(args, &Environment::take().map_err(Refusal::usage)?),
        Command::Completions(args) => completions::run(args),
    }
}

fn check(args: &check::Args) -> Result<Exit, Refusal> {
    let mut page = Vec::new();
    let counts = check::run(args, parts::PROVIDERS, Paint::Colour, &mut page).map_err(Refusal::usage)?;
    output::print(&String::from_utf8_lossy(&page))?;
    Ok(if counts.is_fatal() { Exit::Usage } else { Exit::Completed })
}

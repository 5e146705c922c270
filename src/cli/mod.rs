//! The door: arguments, environment and files come in here; text and exit codes go out.

#![cfg_attr(not(feature = "gitlab"), expect(dead_code, reason = "without a CI or two, some of it has no user"))]

mod command;
pub mod env;
mod find;
mod kept;
mod live;
pub mod output;
mod parts;
mod plan;
mod problem;
mod refusal;
mod report;
mod runtime;
mod table;
mod timeline;
mod wish;
mod work;

use clap::Parser;

use command::Command;
use output::Exit;

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

/// Parses the command line and does what it says.
pub fn main() -> Exit {
    match Cli::try_parse() {
        Ok(cli) => cli.command.perform().unwrap_or_else(|refusal| refusal.show()),
        Err(help) => {
            // A closed pipe is no reason to fail.
            help.print().ok();
            if help.use_stderr() { Exit::Usage } else { Exit::Completed }
        }
    }
}

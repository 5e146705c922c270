//! `hob completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::output::{self, Exit};
use super::refusal::Refusal;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell it is for
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(args: &Args) -> Result<Exit, Refusal> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "hob", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Completed)
}

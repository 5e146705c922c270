//! `hob completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The shell it is for
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(args: &Args) -> Result<Exit, Refusal> {
    output::print(&script(args.shell))?;
    Ok(Exit::Completed)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hob", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn printing_leaves_a_script_as_it_is() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            assert_eq!(output::defuse(&script), script, "{shell}");
        }
    }
}

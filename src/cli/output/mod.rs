//! Text to people: what may be printed, where, and with which exit code hob ends.
//!
//! Foreign text (an issue, a model, a tool) reaches a terminal or a job log through [`defuse()`] or
//! [`one_line`], as JSON through [`print_json`], and in no other way. What hob itself styles with ANSI codes goes to [`print()`] and
//! [`tell`], which take the styles off where nobody can see them: no terminal, `NO_COLOR`, `TERM=dumb`.

mod defuse;
mod workflow;

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::Style;

use crate::domain::outcome::Outcome;

pub use defuse::{defuse, defuse_json, one_line};
pub use workflow::{Command, Level};

/// Whether a text may hold ANSI styles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Bare text.
    Plain,
    /// Styled.
    Colour,
}

impl Paint {
    /// What standard error can show, and the user wants to see.
    pub fn of_stderr() -> Self {
        match anstream::AutoStream::choice(&io::stderr()) {
            anstream::ColorChoice::Never => Self::Plain,
            _ => Self::Colour,
        }
    }

    /// The text in a style, which ends with it.
    pub fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Colour if style != Style::new() && !text.is_empty() => format!("{style}{text}{style:#}"),
            _ => text.to_owned(),
        }
    }
}

/// How the process ends. Stable: scripts and CI jobs decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Completed, or nothing to do.
    Completed,
    /// The run failed or was aborted.
    Failed,
    /// Usage, configuration, a faulty file, or something that does not exist yet.
    Usage,
    /// The event may not start what it asked for.
    Refused,
    /// A budget ended the run.
    Limited,
    /// SIGINT. The state is saved; the same command goes on.
    Interrupted,
    /// SIGTERM. The state is saved; the same command goes on.
    Terminated,
}

impl Exit {
    /// The number the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Completed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Limited => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A run that another run answers is not a failure of the command that asked for it.
impl From<&Outcome> for Exit {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Completed { limited: None } | Outcome::Superseded { .. } | Outcome::Joined { .. } => {
                Self::Completed
            }
            Outcome::Completed { limited: Some(_) } => Self::Limited,
            Outcome::Failed { .. } | Outcome::Aborted { .. } => Self::Failed,
        }
    }
}

/// Writes the answer, the plan or a table to standard output, and a line end if it has none.
///
/// # Errors
/// A full disk, say: the user did not get what they asked for. A reader that went away (`| head`) is none.
pub fn print(text: &str) -> io::Result<()> {
    forgive_gone_reader(write_lines(&mut anstream::stdout().lock(), text))
}

/// Writes one JSON value to standard output, on one line when it is one. The same value: what a
/// terminal or a CI job would obey is escaped in its strings.
///
/// # Errors
/// As for [`print()`].
pub fn print_json(json: &str) -> io::Result<()> {
    print(&defuse_json(json))
}

/// Writes a message for people to standard error, and a line end if it has none. Nothing can be
/// done when that fails, so nothing is said.
pub fn tell(text: &str) {
    write_lines(&mut anstream::stderr().lock(), text).ok();
}

/// Asks a person something on standard error: the answer is typed on the same line.
pub fn ask(question: &str) {
    let mut out = anstream::stderr().lock();
    // As for `tell`.
    out.write_all(defuse(question).as_bytes()).and_then(|()| out.flush()).ok();
}

/// Gives commands to the runner of a CI job, on standard error, where everything else that it must
/// not obey stands between them. The one way in which a command is printed.
pub fn steer(commands: &[Command]) {
    let lines: String = commands.iter().map(|command| format!("{command}\n")).collect();
    let mut out = io::stderr().lock();
    // As for `tell`: nothing can be done when that fails.
    out.write_all(lines.as_bytes()).and_then(|()| out.flush()).ok();
}

fn write_lines(out: &mut dyn Write, text: &str) -> io::Result<()> {
    // Foreign text is harmless already; its place on a page may still have made it a job's command.
    let text = workflow::defuse(text);
    out.write_all(text.as_bytes())?;
    if !text.is_empty() && !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn forgive_gone_reader(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::budget::Limited;

    #[test]
    fn an_outcome_has_one_exit_code() {
        for (outcome, code) in [
            (Outcome::Completed { limited: None }, 0),
            (Outcome::Completed { limited: Some(Limited::Turns) }, 4),
            (Outcome::Failed { reason: "no key".into() }, 1),
            (Outcome::Aborted { by: "the operator".into() }, 1),
        ] {
            assert_eq!(Exit::from(&outcome).code(), code, "{outcome}");
        }
    }

    #[test]
    fn text_ends_with_one_line_end_and_nothing_stays_nothing() {
        for (given, written) in [("", ""), ("a", "a\n"), ("a\n", "a\n"), ("a\n\n", "a\n\n"), ("::x::", ": :x::\n")] {
            let mut out = Vec::new();
            write_lines(&mut out, given).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), written);
        }
    }

    #[test]
    fn a_gone_reader_is_no_error_and_a_full_disk_is() {
        let failed = |kind: io::ErrorKind| forgive_gone_reader(Err(kind.into())).is_err();
        assert!(!failed(io::ErrorKind::BrokenPipe));
        assert!(failed(io::ErrorKind::StorageFull));
    }
}

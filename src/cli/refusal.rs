//! Why a command did not do what it was asked, as the person at the terminal reads it.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

use super::output::{self, Exit, Paint};
use super::problem;
use crate::channel::ci;
use crate::domain::problem::Report;
use crate::telemetry::redact::Redactor;
use crate::{harness, store};

/// A command's early end: what is said, and how the process ends.
#[derive(Debug)]
pub(super) struct Refusal {
    exit: Exit,
    text: String,
}

impl Refusal {
    /// Usage, configuration, a faulty file: asking the same way again would bring the same.
    pub(super) fn usage(reason: impl Display) -> Self {
        Self { exit: Exit::Usage, text: error(reason) }
    }

    /// What was asked is right, and could not be done.
    pub(super) fn failed(reason: impl Display) -> Self {
        Self { exit: Exit::Failed, text: error(reason) }
    }

    /// Whoever caused it may not.
    pub(super) fn refused(reason: impl Display) -> Self {
        Self { exit: Exit::Refused, text: error(reason) }
    }

    /// Files with problems in them.
    pub(super) fn faulty(reports: &[Report]) -> Self {
        let text = reports.iter().map(|report| problem::render(report, Paint::Colour)).collect();
        Self { exit: Exit::Usage, text }
    }

    /// Without the secrets that whoever answered may have repeated.
    pub(super) fn redacted(self, redactor: &Redactor) -> Self {
        Self { text: redactor.redact(&self.text).into_owned(), ..self }
    }

    /// How the process ends.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// What is said, without colours, for a place that says by itself that it is an error.
    pub(super) fn plain(&self) -> String {
        let text = anstream::adapter::strip_str(&self.text).to_string();
        text.strip_prefix("error: ").map(str::to_owned).unwrap_or(text)
    }

    /// Says it, and how the process ends.
    pub(super) fn show(&self) -> Exit {
        output::tell(&self.text);
        self.exit
    }
}

fn error(reason: impl Display) -> String {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    format!("{red}error{red:#}: {}", output::defuse(&reason.to_string()))
}

/// Damage and newer versions are for the operator to mend; the rest may pass.
impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Damaged { .. } | store::Error::Newer { .. } | store::Error::Foreign { .. } => {
                Self::usage(error)
            }
            other => Self::failed(other),
        }
    }
}

/// What the forge answered may be right the next time; the rest will not.
impl From<ci::Error> for Refusal {
    fn from(wrong: ci::Error) -> Self {
        match wrong {
            ci::Error::Refused(reason) => Self::refused(reason),
            ci::Error::Answer { .. } => Self::failed(wrong),
            other => Self::usage(other),
        }
    }
}

impl From<harness::Error> for Refusal {
    fn from(error: harness::Error) -> Self {
        match error {
            harness::Error::Session(error) => Self::failed(error),
            other => Self::usage(other),
        }
    }
}

/// Standard output could not be written.
impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::failed(format!("cannot write to standard output: {error}"))
    }
}

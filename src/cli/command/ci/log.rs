//! The log of a job: parts that fold up, and foreign text in them between fences. Pure.
//!
//! Everything that `hob ci` says goes to standard error: a runner reads the two streams one beside
//! the other, and a fence on one of them would not hold back what is on the other.

use jiff::Timestamp;
use uuid::Uuid;

use crate::cli::output::{Command, one_line};
use crate::domain::secret::Secret;
use crate::telemetry::redact::SECRET_MIN;

/// Columns of a title.
const TITLE: usize = 120;

/// Whose runner reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runner {
    /// GitHub's, or one that does as it does.
    Github,
    /// GitLab's.
    Gitlab,
}

/// A part of the log that folds up. Between its two ends the runner obeys nothing.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    runner: Runner,
    name: String,
    token: String,
}

impl Fold {
    /// A part, and what begins it. `name` tells it from the other parts of the job: lower-case letters
    /// and digits; `random` must be fresh for each, because who reads the log knows it afterwards.
    pub(super) fn open(
        runner: Runner,
        name: &'static str,
        title: &str,
        at: Timestamp,
        random: Uuid,
    ) -> (Self, Vec<Command>) {
        let title = one_line(title, TITLE);
        let fold = Self { runner, name: format!("hob_{name}"), token: random.simple().to_string() };
        let begin = match runner {
            Runner::Github => vec![Command::group(&title), Command::stop(&fold.token)],
            Runner::Gitlab => vec![Command::section_start(&fold.name, &title, at)],
        };
        (fold, begin)
    }

    /// What ends it.
    pub(super) fn close(self, at: Timestamp) -> Vec<Command> {
        match self.runner {
            Runner::Github => vec![Command::resume(&self.token), Command::end_group()],
            Runner::Gitlab => vec![Command::section_end(&self.name, at)],
        }
    }
}

/// Keeps the secrets hob holds out of the logs of this job's other steps. Each line of one by itself,
/// as a runner compares; a short one would be found in many words by chance. Before any fence.
/// GitLab has no such command: its variables are masked where they are set.
pub(super) fn masks<'a>(runner: Runner, secrets: impl IntoIterator<Item = &'a Secret>) -> Vec<Command> {
    if runner != Runner::Github {
        return Vec::new();
    }
    let lines = secrets.into_iter().flat_map(|secret| secret.expose().lines().map(str::trim));
    lines.filter(|line| line.len() >= SECRET_MIN).map(Command::mask).collect()
}

#[cfg(test)]
mod tests;

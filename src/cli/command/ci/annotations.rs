//! What a job pins to the top of its page on GitHub: at most ten lines, the gravest first. Pure.

use super::ending::{Ending, Fate, Mark, WithoutRun};
use super::outputs;
use crate::cli::live::words;
use crate::cli::output::{Command, Level, one_line};

/// GitHub shows ten of each level for a step; ten in all are as many as anybody reads.
const LINES_MAX: usize = 10;

/// Columns of one; GitHub cuts at 4096 characters.
const COLUMNS: usize = 1000;

/// Columns of what was proposed.
const GIST: usize = 100;

/// The lines of a run.
pub(super) fn render(ending: &Ending<'_>) -> Vec<Command> {
    let agent = ending.run.instance.agent.as_str();
    let mut found: Vec<(Level, String)> = Vec::new();
    let level = match ending.mark() {
        Mark::Good => Level::Notice,
        Mark::Limited | Mark::Ended | Mark::Open => Level::Warning,
        Mark::Bad => Level::Error,
    };
    found.push((level, ending.sentence()));
    for written in ending.writes {
        let what = words::proposed(written.effect, GIST);
        match written.fate {
            Fate::Dropped { reason } => found.push((Level::Error, format!("{what} was not written: {reason}"))),
            Fate::Waiting { reason } if ending.is_remembered => {
                found.push((Level::Warning, format!("{what} is not written yet: {reason}")));
            }
            Fate::Waiting { reason } => {
                found.push((Level::Error, format!("{what} was not written, run the job again: {reason}")));
            }
            Fate::Applied { .. } | Fate::Found { .. } | Fate::Superseded => {}
        }
    }
    for refused in ending.known().map_or(&[][..], |known| known.refused.as_slice()) {
        found.push((Level::Warning, format!("{} was refused: {}", refused.kind, refused.reason)));
    }
    let result = ending.settled().and_then(|settled| settled.result.as_ref());
    if let Some(Err(bytes)) = result.map(outputs::json) {
        found.push((
            Level::Warning,
            format!("the result is {bytes} bytes, too long for an output; it is in the bundle"),
        ));
    }
    found.extend(ending.notes.iter().map(|note| (Level::Warning, note.clone())));
    let outcome = found.remove(0);
    // A stable sort: within a level they stay in the order of what happened.
    found.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    let left = found.len().saturating_sub(LINES_MAX - 1);
    if left > 0 {
        found.truncate(LINES_MAX - 2);
        found.push((Level::Notice, format!("{} more are in the summary", left + 1)));
    }
    let lines = std::iter::once(outcome).chain(found);
    lines.map(|(level, text)| Command::annotation(level, &format!("hob: {agent}"), &one_line(&text, COLUMNS))).collect()
}

/// The line of a job that brought no run to its end, and why.
pub(super) fn without_run(outcome: WithoutRun, reason: &str) -> Command {
    Command::annotation(outcome.level(), "hob", &one_line(reason, COLUMNS))
}

#[cfg(test)]
mod tests;

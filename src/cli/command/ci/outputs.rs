//! The step outputs of the GitHub Action, as the text that is appended to the file `GITHUB_OUTPUT`. Pure.

use std::borrow::Cow;

use serde_json::Value;
use uuid::Uuid;

use super::ending::{Ending, WithoutRun};
use crate::cli::output::{defuse, defuse_json};

/// Longest message and longest result, in bytes: a step that reads one from an environment variable
/// must be able to start, and Linux gives a variable 128 KiB. GitHub's own limit, 1 MiB in UTF-16 for
/// all outputs of a job, is then far.
const VALUE_MAX: usize = 120_000;

/// Ends a message that was cut.
const CUT: &str = "\n[the rest is left out: it is longer than an output may be]";

/// Every output, in the order of `action.yml`.
pub(super) const NAMES: [&str; 8] =
    ["outcome", "message", "result", "run", "session", "cost", "bundle", "bundle-digest"];

/// The outputs as name and value. The words of the model and its result are harmless in a log; to a
/// shell, a query or a page they are foreign text like any other.
pub(super) fn values(ending: &Ending<'_>) -> [(&'static str, String); NAMES.len()] {
    let settled = ending.settled();
    let message = settled.map_or_else(String::new, |settled| bounded(&defuse(settled.message.trim())));
    let result = settled.and_then(|settled| settled.result.as_ref()).and_then(|result| json(result).ok());
    let cost = ending.cost_nano_usd().map(|nano| format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000));
    [
        ("outcome", ending.word().to_owned()),
        ("message", message),
        ("result", result.unwrap_or_default()),
        ("run", ending.run.id.to_string()),
        ("session", ending.run.instance.to_string()),
        ("cost", cost.unwrap_or_default()),
        ("bundle", ending.bundle.to_owned()),
        ("bundle-digest", ending.bundle_digest.to_owned()),
    ]
}

/// A result as an output; its length in bytes where it is too long, because half a JSON value is none.
pub(super) fn json(result: &Value) -> Result<String, usize> {
    let json = defuse_json(&result.to_string()).into_owned();
    if json.len() > VALUE_MAX { Err(json.len()) } else { Ok(json) }
}

/// The outputs of a job that brought no run to its end.
pub(super) fn without_run(outcome: WithoutRun) -> [(&'static str, String); 1] {
    [("outcome", outcome.as_str().to_owned())]
}

/// What is appended to the file. Every value stands between two lines with a delimiter that nobody
/// who wrote a value could know, and that is in none of them.
pub(super) fn render(values: &[(&'static str, String)], random: Uuid) -> String {
    let mut delimiter = format!("hob_{}", random.simple());
    while values.iter().any(|(_, value)| value.contains(&delimiter)) {
        delimiter.push('_');
    }
    values.iter().map(|(name, value)| format!("{name}<<{delimiter}\n{}\n{delimiter}\n", without_nul(value))).collect()
}

/// A step that reads the value from its environment would not start with one.
fn without_nul(value: &str) -> Cow<'_, str> {
    if value.contains('\0') { value.replace('\0', "␀").into() } else { value.into() }
}

fn bounded(text: &str) -> String {
    if text.len() <= VALUE_MAX {
        return text.to_owned();
    }
    format!("{}{CUT}", &text[..text.floor_char_boundary(VALUE_MAX - CUT.len())])
}

#[cfg(test)]
mod tests;

//! How things are called in every view of a run. Everything foreign is made harmless here.

use serde_json::Value;

use crate::cli::output::one_line;
use crate::domain::effect::{Effect, Write};
use crate::domain::message::{Call, ToolResult};

/// Longest name of a tool, in columns: a model may write anything.
const NAME_MAX: usize = 40;

/// Arguments that say best what a call is about, best first.
const TELLING: [&str; 8] = ["command", "pattern", "path", "name", "skill", "query", "body", "prompt"];

/// The tool's name.
pub(in crate::cli) fn name(call: &Call) -> String {
    one_line(&call.name, NAME_MAX)
}

/// What a call is about: its most telling argument, or the arguments as they are.
pub(in crate::cli) fn gist(call: &Call, columns: usize) -> String {
    let Ok(arguments) = call.arguments() else { return one_line(&call.arguments, columns) };
    if arguments.is_empty() {
        return String::new();
    }
    let telling = TELLING.iter().find_map(|name| arguments.get(*name).map(|value| (*name, value)));
    match telling {
        Some(("pattern", Value::String(pattern))) => match arguments.get("path") {
            Some(Value::String(path)) => one_line(&format!("{pattern} in {path}"), columns),
            _ => one_line(pattern, columns),
        },
        Some(("prompt", Value::String(prompt))) => match arguments.get("agent") {
            Some(Value::String(agent)) => one_line(&format!("{agent}, {prompt}"), columns),
            _ => one_line(prompt, columns),
        },
        Some((_, Value::String(value))) => one_line(value, columns),
        _ => one_line(&call.arguments, columns),
    }
}

/// The first line of what a failed call was answered.
pub(in crate::cli) fn complaint(result: &ToolResult, columns: usize) -> String {
    let first = result.content.lines().map(|line| one_line(line, columns)).find(|line| !line.is_empty());
    first.unwrap_or_else(|| "failed".to_owned())
}

/// What stands in the plan.
pub(in crate::cli) fn proposed(effect: &Effect, columns: usize) -> String {
    let text = match &effect.write {
        Write::Status { .. } => "status comment".to_owned(),
        Write::Comment { .. } => "comment".to_owned(),
        Write::Label { add, remove } => {
            let mut words = vec!["labels".to_owned()];
            words.extend(add.iter().map(|label| format!("+{label}")));
            words.extend(remove.iter().map(|label| format!("-{label}")));
            words.join(" ")
        }
    };
    one_line(&text, columns)
}

/// `950`, `12.4k`, `3.1M`.
pub(in crate::cli) fn count(number: u64) -> String {
    match number {
        0..=999 => number.to_string(),
        1_000..=999_949 => format!("{:.1}k", number as f64 / 1e3),
        _ => format!("{:.1}M", number as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_by_its_most_telling_argument() {
        for (arguments, told) in [
            (r#"{"command":"grep -rn \"foo\" src","timeout":5}"#, "grep -rn \"foo\" src"),
            (r#"{"path":"src/lib.rs","old":"a","new":"b"}"#, "src/lib.rs"),
            (r#"{"pattern":"fn main","path":"src"}"#, "fn main in src"),
            (r#"{"pattern":"**/*.rs"}"#, "**/*.rs"),
            (r#"{"agent":"finder","prompt":"Find it."}"#, "finder, Find it."),
            (r#"{"add":["bug"],"remove":[]}"#, r#"{"add":["bug"],"remove":[]}"#),
            (r#"{"severity":"high"}"#, r#"{"severity":"high"}"#),
            ("{}", ""),
            ("", ""),
            (r#"{"command":"#, r#"{"command":"#),
            ("{\"command\":\"a\\nb\\u001b[2J\"}", "a b"),
        ] {
            let call = Call { id: "1".into(), name: "t".into(), arguments: arguments.into() };
            assert_eq!(gist(&call, 40), told, "{arguments}");
        }
    }

    #[test]
    fn counts_are_short() {
        for (number, short) in
            [(0, "0"), (999, "999"), (1000, "1.0k"), (12_449, "12.4k"), (999_950, "1.0M"), (3_100_000, "3.1M")]
        {
            assert_eq!(count(number), short);
        }
    }
}

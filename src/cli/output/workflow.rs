//! Makes text harmless for the log of a CI job.
//!
//! GitHub's runner reads every line that a step prints, and obeys the ones that look like a command:
//! `::add-mask::…` at the start of a line, whatever white space is before it, and `##[error]…` anywhere
//! in one. A space takes the command apart, and a person still reads what was there.

use std::borrow::Cow;

/// What a command of today begins with, at the start of a line.
const COMMAND: &str = "::";

/// What a command of older days begins with.
pub(super) const OLD_COMMAND: &str = "##[";

/// The text without a line that a runner would obey. Text that is harmless is handed back as it came.
pub(super) fn defuse(text: &str) -> Cow<'_, str> {
    if !text.contains(OLD_COMMAND) && !text.lines().any(|line| line.trim_start().starts_with(COMMAND)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for line in text.split_inclusive('\n') {
        let words = line.trim_start();
        match words.strip_prefix(COMMAND) {
            Some(rest) => {
                out.push_str(line.strip_suffix(words).unwrap_or_default());
                out.push_str(": :");
                out.push_str(&rest.replace(OLD_COMMAND, "## ["));
            }
            None => out.push_str(&line.replace(OLD_COMMAND, "## [")),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_a_command() {
        for (given, left) in [
            ("::error::x", ": :error::x"),
            ("a\n \t::add-mask::x\n", "a\n \t: :add-mask::x\n"),
            ("\u{a0}\u{2003}::x::", "\u{a0}\u{2003}: :x::"),
            ("::::", ": :::"),
            ("##[error]x and ##[group]y", "## [error]x and ## [group]y"),
            ("::a::###[b]", ": :a::### [b]"),
            ("\n\n::x", "\n\n: :x"),
        ] {
            assert_eq!(defuse(given), left, "{given:?}");
            assert_eq!(defuse(left), left, "{left:?}");
        }
    }

    #[test]
    fn other_text_is_not_copied() {
        for text in ["", "std::fmt\n- ::x", "## Heading\n##\n[x]", ": :"] {
            assert!(matches!(defuse(text), Cow::Borrowed(_)), "{text:?}");
        }
    }
}

//! Commands in the log of a CI job: none in foreign text, and those that hob gives itself.
//!
//! GitHub's runner reads every line that a step prints, and obeys the ones that look like a command:
//! `::add-mask::…` at the start of a line, whatever white space is before it, and `##[error]…` anywhere
//! in one. A space takes the command apart, and a person still reads what was there. GitLab's log
//! knows the begin and the end of a section that folds up, and nothing else.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;

use super::one_line;

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

/// A line that a runner obeys. What of it is foreign cannot leave its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command(String);

/// How grave an annotation is, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// To know.
    Notice,
    /// To look at.
    Warning,
    /// To mend.
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Command {
    /// Pins a line to the page of the job.
    pub fn annotation(level: Level, title: &str, text: &str) -> Self {
        let title = data(title).replace(':', "%3A").replace(',', "%2C");
        Self(format!("::{} title={title}::{}", level.word(), data(text)))
    }

    /// Begins a part of the log that folds up; a group inside another one ends that one.
    pub fn group(title: &str) -> Self {
        Self(format!("::group::{}", data(title)))
    }

    /// Ends it.
    pub fn end_group() -> Self {
        Self("::endgroup::".to_owned())
    }

    /// Commands are text from here on, until [`Command::resume`] with this token.
    pub fn stop(token: &str) -> Self {
        Self(format!("::stop-commands::{token}"))
    }

    /// Commands are commands again.
    pub fn resume(token: &str) -> Self {
        Self(format!("::{token}::"))
    }

    /// Shows `***` in place of the value in every log of this job from here on.
    pub fn mask(value: &str) -> Self {
        Self(format!("::add-mask::{}", data(value)))
    }

    /// GitLab: begins a section that folds up. `name` is letters, digits and `_`.
    pub fn section_start(name: &str, title: &str, at: Timestamp) -> Self {
        Self(format!("\u{1b}[0Ksection_start:{}:{name}\r\u{1b}[0K{}", at.as_second(), one_line(title, 200)))
    }

    /// GitLab: ends it.
    pub fn section_end(name: &str, at: Timestamp) -> Self {
        Self(format!("\u{1b}[0Ksection_end:{}:{name}\r\u{1b}[0K", at.as_second()))
    }
}

/// As the runner prints it away: without a line end.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands behind the last `::`, spelled as the runner reads it back.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line_and_its_text_stays_in_its_place() {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        for (command, line) in [
            (
                Command::annotation(Level::Error, "a:b,c%", "100%\r\n::warning::x"),
                "::error title=a%3Ab%2Cc%25::100%25%0D%0A::warning::x",
            ),
            (Command::group("turn 1\n::x::"), "::group::turn 1%0A::x::"),
            (Command::stop("t0"), "::stop-commands::t0"),
            (Command::resume("t0"), "::t0::"),
            (Command::mask("p%ss\nword"), "::add-mask::p%25ss%0Aword"),
            (
                Command::section_start("hob_1", "a\r\u{1b}[0Ksection_end:1:hob_1\r", at),
                "\u{1b}[0Ksection_start:1700000000:hob_1\r\u{1b}[0Ka␍section_end:1:hob_1␍",
            ),
            (Command::section_end("hob_1", at), "\u{1b}[0Ksection_end:1700000000:hob_1\r\u{1b}[0K"),
        ] {
            assert_eq!(command.to_string(), line);
        }
    }

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

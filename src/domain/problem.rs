//! Something wrong with a file that a user wrote: where, what, and the next move.

use std::ops::Range;

/// One finding about one file. Codes are stable: documentation and SARIF name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable, kebab-case, e.g. `unknown-key`.
    pub code: &'static str,
    /// Whether a run is refused because of it.
    pub severity: Severity,
    /// What is wrong, naming the thing; lower case, no full stop.
    pub message: String,
    /// Bytes of the file that the message is about; `None` means the file as a whole.
    pub span: Option<Range<usize>>,
    /// Short text under the marked bytes.
    pub label: Option<String>,
    /// The next move.
    pub help: Option<String>,
}

/// Whether a [`Problem`] stops a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the run goes on.
    Warning,
    /// The file is refused.
    Error,
}

impl Problem {
    /// An error without a place; see [`Problem::at`] and [`Problem::help`].
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), span: None, label: None, help: None }
    }

    /// A warning without a place.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Marks the bytes it is about.
    #[must_use]
    pub fn at(mut self, span: Range<usize>) -> Self {
        self.span = Some(span);
        self
    }

    /// Says something under the marked bytes.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Names the next move.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A file together with what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The path as the user would type it.
    pub path: String,
    /// The text that the spans of the problems point into.
    pub source: String,
    /// In the order of the file.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether any problem stops a run.
    pub fn is_fatal(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }
}

/// The member of `known` that a user most likely meant by `given`, if one is near enough.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_ascii_lowercase();
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&given, word), word))
        .filter(|(distance, word)| *distance <= 1.max(word.len() / 3))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_word_is_offered_and_a_far_one_is_not() {
        let tools = ["read", "write", "bash", "grep"];
        for (given, expected) in
            [("shel", None), ("gerp", Some("grep")), ("Read", Some("read")), ("wirte", Some("write")), ("", None)]
        {
            assert_eq!(nearest(given, tools), expected, "for `{given}`");
        }
    }
}

//! A Markdown file with a YAML head between two `---` lines: an agent, a skill.
//!
//! Such files come from repositories, so they are bounded and read strictly: no tags, anchors,
//! aliases or merges, no key twice. Everything that is wrong is told at once, with its place.

mod fields;
mod node;
mod parse;

use std::ops::Range;

pub use fields::{Fields, NotYet, dollars, flag, items, length, list, name, number, seconds, text, word, words};
pub use node::{Member, Node, Scalar, Shape};
pub use parse::{DEPTH_MAX, NODES_MAX, parse};

use super::problem::Problem;

/// Longest head, in bytes.
pub const HEAD_MAX: usize = 64 << 10;

/// Longest body, in bytes: with more, nothing else would fit in front of a model.
pub const BODY_MAX: usize = 256 << 10;

/// Longest file that is worth opening; of a longer one, one byte more is enough to tell.
pub const FILE_MAX: usize = HEAD_MAX + BODY_MAX + 16;

/// Where the two parts of a file are, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The YAML, without the lines of hyphens.
    pub head: Range<usize>,
    /// The Markdown after the second line of hyphens.
    pub body: Range<usize>,
}

/// The text of a file, if it is one of at most [`FILE_MAX`] bytes.
pub fn source(bytes: Vec<u8>) -> Result<String, Problem> {
    if bytes.len() > FILE_MAX {
        return Err(Problem::error("too-large", format!("the file is larger than {FILE_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::error("not-utf8", format!("the file is not UTF-8: byte {at} is no character"))
            .help("save it as UTF-8 in your editor")
    })
}

/// Finds head and body. A byte order mark and Windows line ends are fine.
pub fn split(source: &str) -> Result<Parts, Problem> {
    let start = if source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lines = Lines { source, next: start };
    let first = lines.next().unwrap_or(start..start);
    if !is_fence(source, &first) {
        return Err(Problem::error("no-front-matter", "the file does not begin with a line `---`")
            .at(first)
            .help("begin the file with `---`, the settings as YAML, and another `---`; the text follows"));
    }
    let head_start = lines.next;
    let Some(end) = lines.by_ref().find(|line| is_fence(source, line)) else {
        return Err(Problem::error("no-front-matter", "the settings are not closed by a second line `---`")
            .at(first)
            .label("opened here")
            .help("put a line `---` between the settings and the text"));
    };
    let parts = Parts { head: head_start..end.start, body: lines.next..source.len() };
    for (what, range, most) in [("settings", &parts.head, HEAD_MAX), ("text", &parts.body, BODY_MAX)] {
        if range.len() > most {
            return Err(Problem::error(
                "too-large",
                format!("the {what} of this file are {} bytes, at most {most} are read", range.len()),
            )
            .help("move what is seldom needed into a skill: its files are read only when they are asked for"));
        }
    }
    Ok(parts)
}

fn is_fence(source: &str, line: &Range<usize>) -> bool {
    source.get(line.clone()).is_some_and(|line| line.trim_end() == "---")
}

/// The lines of a text as byte ranges without their ends; `next` is where the following one begins.
struct Lines<'a> {
    source: &'a str,
    next: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.source.get(self.next..).filter(|rest| !rest.is_empty())?;
        let start = self.next;
        let length = rest.find('\n').unwrap_or(rest.len());
        self.next = (start + length + 1).min(self.source.len());
        Some(start..start + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_text_that_is_not_too_large() {
        assert_eq!(source("Grüße".into()).unwrap(), "Grüße");
        for (bytes, code) in [(b"caf\xe9\n".to_vec(), "not-utf8"), (vec![b'x'; FILE_MAX + 1], "too-large")] {
            assert_eq!(source(bytes).unwrap_err().code, code);
        }
    }

    #[test]
    fn head_and_body_are_found_whatever_the_line_ends() {
        for (source, head, body) in [
            ("---\na: 1\n---\nhello\n", "a: 1\n", "hello\n"),
            ("---\r\na: 1\r\n---\r\nhello", "a: 1\r\n", "hello"),
            ("\u{feff}---\na: 1\n---\n", "a: 1\n", ""),
            ("---\n---", "", ""),
            ("--- \na: x---y\n---\t\nb\n---\n", "a: x---y\n", "b\n---\n"),
        ] {
            let parts = split(source).unwrap();
            assert_eq!((&source[parts.head], &source[parts.body]), (head, body), "{source:?}");
        }
    }

    #[test]
    fn a_file_without_a_closed_head_is_refused() {
        for source in ["", "\n", "hello", "# Title\n---\na: 1\n---\n", "---", "---\na: 1\n", "----\na\n---\n"] {
            assert_eq!(split(source).unwrap_err().code, "no-front-matter", "{source:?}");
        }
    }

    #[test]
    fn both_parts_are_bounded() {
        let head = format!("---\n{}---\n", "#\n".repeat(HEAD_MAX));
        assert_eq!(split(&head).unwrap_err().code, "too-large");
        let body = format!("---\n---\n{}", "x".repeat(BODY_MAX + 1));
        assert_eq!(split(&body).unwrap_err().code, "too-large");
    }
}

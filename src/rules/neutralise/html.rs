//! Raw HTML inside Markdown: comments go, a few plain tags stay, the rest is shown.

use std::ops::Range;

use super::pass::Edit;
use super::{Change, Place, token};

/// Tags without attributes that only change how a text looks.
const TAGS: [&str; 17] = [
    "b",
    "blockquote",
    "br",
    "code",
    "del",
    "details",
    "em",
    "hr",
    "i",
    "ins",
    "kbd",
    "p",
    "pre",
    "strong",
    "sub",
    "summary",
    "sup",
];

/// References to characters that stay; others could spell an `@` or a `/`.
const REFERENCES: [&str; 8] = ["&amp;", "&lt;", "&gt;", "&quot;", "&nbsp;", "&hellip;", "&mdash;", "&#47;"];

/// One tag or comment in a line of text.
pub(super) fn inline(text: &str, at: Range<usize>, edits: &mut Vec<Edit>) {
    tag(text, at.clone(), at.end, edits);
}

/// A block of HTML: its tags, and the text between them, which a forge searches as well.
pub(super) fn block(text: &str, at: Range<usize>, place: &Place, called: &mut Vec<String>, edits: &mut Vec<Edit>) {
    // Looked for once: a block full of comments that never end is searched in linear time.
    let last_comment = text[at.clone()].rfind("-->").map_or(at.start, |found| at.start + found);
    let mut from = at.start;
    while from < at.end {
        let next = text[from..at.end].find('<').map_or(at.end, |found| from + found);
        between(text, from..next, place, called, edits);
        from = if next < at.end { tag(text, next..at.end, last_comment, edits) } else { next };
    }
}

/// What starts with the `<` at the start of `at`; returns where it ends. No comment ends behind
/// `last_comment`.
fn tag(text: &str, at: Range<usize>, last_comment: usize, edits: &mut Vec<Edit>) -> usize {
    let start = at.start;
    let rest = &text[at];
    let ended = if start <= last_comment { comment(rest) } else { None };
    if let Some(length) = ended {
        edits.push(Edit { at: start..start + length, with: String::new(), why: Change::Html });
        return start + length;
    }
    match plain_tag(rest) {
        Some(length) => start + length,
        None => {
            edits.push(Edit { at: start..start + 1, with: "&lt;".to_owned(), why: Change::Html });
            start + 1
        }
    }
}

fn comment(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix("<!--")?;
    if let Some(short) = ["<!-->", "<!--->"].iter().find(|short| rest.starts_with(**short)) {
        return Some(short.len());
    }
    inner.find("-->").map(|found| found + "<!---->".len())
}

fn plain_tag(rest: &str) -> Option<usize> {
    let close = rest.bytes().take(24).position(|byte| byte == b'>')?;
    let inner = rest.get(1..close)?.trim_end_matches([' ', '/']);
    let name = inner.strip_prefix('/').unwrap_or(inner).to_ascii_lowercase();
    (TAGS.contains(&name.as_str()) || name == "details open").then_some(close + 1)
}

fn between(text: &str, at: Range<usize>, place: &Place, called: &mut Vec<String>, edits: &mut Vec<Edit>) {
    let part = &text[at.clone()];
    for token in token::tokens(part, place, called) {
        let gap = at.start + token.gap;
        edits.push(Edit { at: gap..gap, with: " ".to_owned(), why: token.why });
    }
    for (found, _) in part.match_indices('&') {
        let rest = &part[found..];
        let spells = rest[1..].starts_with(|c: char| c == '#' || c.is_ascii_alphabetic());
        if spells && !REFERENCES.iter().any(|reference| rest.starts_with(reference)) {
            let start = at.start + found;
            edits.push(Edit { at: start..start + 1, with: "&amp;".to_owned(), why: Change::Html });
        }
    }
}

//! One parse of a text, and the changes that it asks for.

use std::collections::BTreeSet;
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::token::{self, Token};
use super::{Change, Place, html, may_link};
use crate::domain::event::Forge;

/// Puts `with` in the place of some bytes.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) at: Range<usize>,
    pub(super) with: String,
    pub(super) why: Change,
}

/// The text after one round of changes, or `None` if nothing in it acts.
pub(super) fn pass(text: &str, place: &Place, changes: &mut BTreeSet<Change>) -> Option<String> {
    let mut found = read(text, place);
    found.sort_by_key(|edit| edit.at.start);
    let mut next = String::with_capacity(text.len() + 64);
    let mut done = 0;
    for edit in found {
        // What overlaps an earlier change is looked at again in the next round.
        if edit.at.start < done {
            continue;
        }
        next.push_str(&text[done..edit.at.start]);
        next.push_str(&edit.with);
        done = edit.at.end;
        changes.insert(edit.why);
    }
    next.push_str(&text[done..]);
    (next != text).then_some(next)
}

fn read(text: &str, place: &Place) -> Vec<Edit> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_FOOTNOTES;
    let events = Parser::new_ext(text, options).into_offset_iter();
    let mut edits = Vec::new();
    for (_, definition) in events.reference_definitions().iter() {
        if !may_link(&definition.dest, place) {
            let start = definition.span.start + text[definition.span.clone()].find('[').unwrap_or(0);
            edits.push(Edit { at: start..start, with: "\\".to_owned(), why: Change::Link });
        }
    }
    let mut code: Vec<Range<usize>> = Vec::new();
    let mut raw: Vec<Range<usize>> = Vec::new();
    let mut runs: Vec<Run> = Vec::new();
    let mut run = Run::default();
    let mut in_code = false;
    for (event, at) in events {
        match event {
            Event::Text(_) if in_code => {}
            Event::Text(piece) => run.push(text, &piece, at),
            Event::SoftBreak => run.push(text, "\n", at),
            event => {
                runs.push(std::mem::take(&mut run));
                match event {
                    Event::Start(Tag::CodeBlock(_)) => {
                        in_code = true;
                        code.push(at);
                    }
                    Event::End(TagEnd::CodeBlock) => in_code = false,
                    Event::Start(Tag::HtmlBlock) => raw.push(at),
                    Event::InlineHtml(_) => html::inline(text, at, &mut edits),
                    Event::Start(Tag::Link { link_type, dest_url, .. }) if !may_link(&dest_url, place) => {
                        edits.push(unlink(text, at, 0, link_type));
                    }
                    Event::Start(Tag::Image { link_type, dest_url, .. }) if !may_link(&dest_url, place) => {
                        edits.push(unlink(text, at, 1, link_type));
                    }
                    _ => {}
                }
            }
        }
    }
    runs.push(run);
    let mut called = Vec::new();
    // A code span put into a text with a single backtick somewhere would pair with that one.
    let stray = runs.iter().any(|run| run.text.contains('`'));
    for run in &runs {
        for token in token::tokens(&run.text, place, &mut called) {
            edits.push(run.defuse(text, &token, stray));
        }
    }
    for block in &raw {
        html::block(text, block.clone(), place, &mut called, &mut edits);
    }
    commands(text, place.forge, &code, &raw, &mut edits);
    edits
}

/// Shows a link as it was written. `bracket` is where its `[` stands.
fn unlink(text: &str, at: Range<usize>, bracket: usize, link_type: LinkType) -> Edit {
    if matches!(link_type, LinkType::Autolink | LinkType::Email) {
        let target = text[at.clone()].trim_start_matches('<').trim_end_matches('>');
        let with = if text.contains('`') {
            target.replacen(':', ": ", 1).replacen('@', " @ ", 1)
        } else {
            format!("`{target}`")
        };
        return Edit { at, with, why: Change::Link };
    }
    let start = at.start + bracket;
    Edit { at: start..start, with: "\\".to_owned(), why: Change::Link }
}

/// Neighbouring text as a reader sees it, with the way back to the source.
#[derive(Default)]
struct Run {
    text: String,
    pieces: Vec<Piece>,
}

struct Piece {
    /// Where it starts in the run.
    from: usize,
    source: Range<usize>,
    /// It stands in the source as it is read.
    verbatim: bool,
}

impl Run {
    fn push(&mut self, source: &str, piece: &str, at: Range<usize>) {
        let verbatim = source.get(at.clone()) == Some(piece);
        self.pieces.push(Piece { from: self.text.len(), source: at, verbatim });
        self.text.push_str(piece);
    }

    /// Where in the source the character before `end` of the run ends.
    fn source_end(&self, end: usize) -> usize {
        let index = self.pieces.partition_point(|piece| piece.from < end).saturating_sub(1);
        self.pieces
            .get(index)
            .map_or(0, |piece| if piece.verbatim { piece.source.start + (end - piece.from) } else { piece.source.end })
    }

    fn source_start(&self, start: usize) -> usize {
        let index = self.pieces.partition_point(|piece| piece.from <= start).saturating_sub(1);
        self.pieces.get(index).map_or(0, |piece| {
            if piece.verbatim { piece.source.start + (start - piece.from) } else { piece.source.start }
        })
    }

    /// As a code span where that is safe, else with a space in it.
    fn defuse(&self, source: &str, token: &Token, stray: bool) -> Edit {
        let at = self.source_start(token.at.start)..self.source_end(token.at.end);
        let written = source.get(at.clone()).unwrap_or_default();
        let alone = !source[..at.start].ends_with(['`', '\\']) && !source[at.end..].starts_with('`');
        if !stray && alone && written == &self.text[token.at.clone()] {
            return Edit { at, with: format!("`{written}`"), why: token.why };
        }
        let gap = self.source_end(token.gap);
        Edit { at: gap..gap, with: " ".to_owned(), why: token.why }
    }
}

/// Lines that a forge or another bot would obey. They read the source, line by line.
fn commands(text: &str, forge: Forge, code: &[Range<usize>], raw: &[Range<usize>], edits: &mut Vec<Edit>) {
    let inside = |blocks: &[Range<usize>], at: usize| {
        let before = blocks.partition_point(|block| block.start <= at);
        before > 0 && blocks[before - 1].end > at
    };
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let start = from + command_start(line);
        let rest = &line[start - from..];
        let is_slash = is_slash_command(rest);
        if inside(code, start) {
            if is_slash && is_command_in_code(line, forge) {
                edits.push(Edit { at: start..start, with: "\\".to_owned(), why: Change::Command });
            }
        } else if is_slash && inside(raw, start) {
            edits.push(Edit { at: start..start + 1, with: "&#47;".to_owned(), why: Change::Command });
        } else if is_slash {
            edits.push(Edit { at: start..start, with: "\\".to_owned(), why: Change::Command });
        } else if is_word_command(rest) {
            let first = rest.bytes().next().unwrap_or(b' ');
            edits.push(Edit { at: start..start + 1, with: format!("&#{first};"), why: Change::Command });
        }
        from += line.len();
    }
}

/// Where a line's own text starts, behind indentation, quote and list marks.
fn command_start(line: &str) -> usize {
    let rest = line.trim_start_matches([' ', '\t', '>', '*', '+', '-']);
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = match digits.strip_prefix(['.', ')']) {
        Some(item) if digits.len() < rest.len() => item.trim_start_matches([' ', '\t', '>', '*', '+', '-']),
        _ => rest,
    };
    line.len() - rest.len()
}

fn is_slash_command(rest: &str) -> bool {
    rest.strip_prefix('/').is_some_and(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// GitLab finds its quick actions with a pattern of its own, for which a block of code that Markdown
/// knows need not be one. Single words alone are commands there, so paths stay as they are.
pub(super) fn is_command_in_code(line: &str, forge: Forge) -> bool {
    let rest = &line[command_start(line)..];
    let end = rest.trim_start_matches('/').trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    forge == Forge::Gitlab && is_slash_command(rest) && (end.is_empty() || end.starts_with(char::is_whitespace))
}

/// Merge bots that take a bare word.
fn is_word_command(rest: &str) -> bool {
    const VERBS: [&str; 11] = ["r+", "r-", "r=", "d+", "d=", "p=", "try", "merge", "retry", "delegate", "cancel"];
    let mut words = rest.split_whitespace();
    let bot = words.next().unwrap_or_default().to_ascii_lowercase();
    matches!(bot.trim_end_matches(':'), "bors" | "homu")
        && words.next().is_some_and(|verb| VERBS.iter().any(|known| verb.to_ascii_lowercase().starts_with(known)))
}

//! Foreign text on a Markdown page: shown, and nothing more. It forms no heading, row, link, image,
//! tag or mention of that page, whatever is in it.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};

use crate::cli::output::{defuse, one_line};
use crate::domain::event::Forge;
use crate::rules::neutralise::{Place, neutralise};

/// Parses of a quoted text before it is shown as code instead. Two are usual.
const PASSES_MAX: usize = 8;

/// Blocks of code that a forge draws instead of showing.
const DRAWN: [&str; 6] = ["mermaid", "geojson", "topojson", "stl", "math", "plantuml"];

/// One line of at most `columns`, as code; `—` when nothing is left of it. Fits a cell of a table.
pub(super) fn code(text: &str, columns: usize) -> String {
    let line = one_line(text, columns);
    if line.is_empty() {
        return "—".to_owned();
    }
    let ticks = "`".repeat(longest_run(&line, '`') + 1);
    // In a cell a bar ends the cell, also inside code.
    let line = line.replace('|', "\\|");
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{line}{pad}{ticks}")
}

/// A whole text as a block of code.
pub(super) fn block(text: &str, language: &str) -> String {
    let text = defuse(text);
    let fence = "`".repeat(3.max(longest_run(&text, '`') + 1));
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// Markdown that somebody else wrote, as a quote with its form kept: emphasis, lists, tables and code
/// stay; links, images, HTML, mentions, commands and footnotes are shown as they were written.
/// `who` is the author, in the page's own Markdown.
pub(super) fn quote(text: &str, who: &str, forge: Forge) -> String {
    let inert = inert(text, forge);
    let mut page = format!("> **{who}** wrote:\n>\n");
    for line in inert.trim_end().lines() {
        // A line alone ends no quote, so each has its mark.
        page.push_str(if line.is_empty() { ">" } else { "> " });
        page.push_str(line);
        page.push('\n');
    }
    page
}

fn inert(text: &str, forge: Forge) -> String {
    let place = Place { forge, hosts: Vec::new(), people: Vec::new(), closes: false };
    let mut text = defuse(text).into_owned();
    for _ in 0..PASSES_MAX {
        let neutral = neutralise(&text, &place).text;
        match contained(&neutral) {
            Some(next) => text = next,
            None => return neutral,
        }
    }
    block(&text, "text")
}

/// The text without what leaves a quote or is drawn in place of being shown; `None` when there is
/// nothing of it in the text.
fn contained(text: &str) -> Option<String> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_FOOTNOTES;
    let mut edits: Vec<(usize, &str)> = Vec::new();
    for (event, at) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            // A tag that closes what it did not open would close the quote.
            Event::Html(_) | Event::InlineHtml(_) => edits.extend(tags(text, at)),
            // Footnotes are collected at the end of the page, outside of any quote.
            Event::FootnoteReference(_) | Event::Start(Tag::FootnoteDefinition(_)) => {
                edits.extend(text[at.clone()].find('[').map(|found| (at.start + found, "\\")));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let word = info.split([' ', ',', '{']).next().unwrap_or_default().to_ascii_lowercase();
                if DRAWN.contains(&word.as_str()) {
                    edits.extend(text[at.clone()].find(&*info).map(|found| (at.start + found, "text ")));
                }
            }
            _ => {}
        }
    }
    if edits.is_empty() {
        return None;
    }
    edits.sort_unstable();
    edits.dedup();
    let mut next = String::with_capacity(text.len() + 8 * edits.len());
    let mut done = 0;
    for (at, with) in edits {
        next.push_str(&text[done..at]);
        next.push_str(with);
        // A `<` is replaced, before everything else there is something put.
        done = if with == LESS { at + 1 } else { at };
    }
    next.push_str(&text[done..]);
    Some(next)
}

const LESS: &str = "&lt;";

fn tags(text: &str, at: Range<usize>) -> impl Iterator<Item = (usize, &'static str)> {
    let start = at.start;
    text[at].match_indices('<').map(move |(found, _)| (start + found, LESS))
}

fn longest_run(text: &str, of: char) -> usize {
    let (mut longest, mut length) = (0, 0);
    for c in text.chars() {
        length = if c == of { length + 1 } else { 0 };
        longest = longest.max(length);
    }
    longest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::TagEnd;

    use super::*;

    fn quoted(text: &str) -> String {
        quote(text, "triage", Forge::Github)
    }

    #[test]
    fn a_line_of_code_shows_what_it_was_given() {
        for (given, shown) in [
            ("plain", "`plain`"),
            ("", "—"),
            (" \n\t", "—"),
            ("two\nlines", "`two lines`"),
            ("a `b` c", "``a `b` c``"),
            ("`x`", "`` `x` ``"),
            ("``` ```", "```` ``` ``` ````"),
            ("a|b \\| c", "`a\\|b \\\\| c`"),
            ("@everyone <img src=x> [x](y)", "`@everyone <img src=x> [x](y)`"),
            ("\u{1b}[31mred\u{202e}", "`red<U+202E>`"),
            ("::add-mask::x", "`: :add-mask::x`"),
        ] {
            assert_eq!(code(given, 40), shown, "{given:?}");
        }
    }

    #[test]
    fn a_block_of_code_is_not_ended_by_its_text() {
        assert_eq!(block("a\n```\n# b\n", "json"), "````json\na\n```\n# b\n````\n");
    }

    #[test]
    fn a_quote_keeps_its_form_and_nothing_in_it_acts() {
        for (given, shown) in [
            ("It is *here*:\n\n- a\n- b", "It is *here*:\n>\n> - a\n> - b"),
            ("```rust\nfn main() {}\n```", "```rust\n> fn main() {}\n> ```"),
            ("@mallory, see [this](https://evil.example)", "`@mallory`, see \\[this](`https://evil.example`)"),
            ("![p](https://evil.example/?q)", "!\\[p](`https://evil.example/?q`)"),
            ("</blockquote>\n\n# Trust\n", "&lt;/blockquote>\n>\n> # Trust"),
            ("a <b>bold</b> <details>", "a &lt;b>bold&lt;/b> &lt;details>"),
            ("x[^1]\n\n[^1]: # Writes", "x\\[^1]\n>\n> \\[^1]: # Writes"),
            ("```mermaid\ngraph\n```", "```text mermaid\n> graph\n> ```"),
            ("> [!CAUTION]\n> all is lost", "> [!CAUTION]\n> > all is lost"),
            ("a\r::error::x\u{2028}b", "a␍::error::x<U+2028>b"),
            ("", ""),
        ] {
            let expected = format!("> **triage** wrote:\n>\n{}", if shown.is_empty() { "" } else { "> " });
            let expected = format!("{expected}{shown}{}", if shown.is_empty() { "" } else { "\n" });
            assert_eq!(quoted(given), expected, "{given:?}");
        }
    }

    /// Pieces that open and close things.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            "[`<>\\[\\]()!|#*_~@&:/\\\\ \n\r-]{0,6}",
            prop::sample::select(vec![
                "</blockquote>",
                "<!--",
                "-->",
                "```",
                "~~~",
                "[^1]",
                "[^1]: ",
                "\n\n",
                "# ",
                "| a |\n|---|\n",
                "<details>",
                "</td></table>",
                "![x](https://evil.example)",
                "[r]: https://evil.example\n",
                "[x][r]",
                "<script>",
                "@mallory",
                "https://evil.example",
                "\n    ",
                "&lt;",
                "$$",
                "1. ",
                "- ",
                "> ",
                "```mermaid\n",
                "\u{2028}",
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    /// What stands outside of the first quote of a page that goes on with `end`.
    fn after_quote(page: &str) -> Vec<String> {
        let all = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
        let (mut depth, mut outside) = (0_u32, Vec::new());
        for event in Parser::new_ext(page, all) {
            match event {
                Event::Start(Tag::BlockQuote(_)) => depth += 1,
                Event::End(TagEnd::BlockQuote(_)) => depth -= 1,
                Event::Text(text) if depth == 0 => outside.push(text.to_string()),
                Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::FootnoteDefinition(_))
                | Event::Html(_)
                | Event::InlineHtml(_)
                | Event::FootnoteReference(_) => outside.push(format!("{event:?}")),
                _ => {}
            }
        }
        outside
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_stays_in_the_quote(text in hostile()) {
            let page = format!("{}\nend\n", quoted(&text));
            prop_assert_eq!(after_quote(&page), ["end"], "{}", page);
        }

        #[test]
        fn whatever_is_in_a_cell_stays_in_the_cell(text in hostile(), other in hostile()) {
            let page = format!("| a | b |\n|---|---|\n| {} | {} |\n", code(&text, 60), code(&other, 60));
            let mut cells = 0;
            let mut acts = Vec::new();
            for event in Parser::new_ext(&page, Options::ENABLE_TABLES) {
                match event {
                    Event::Start(Tag::TableCell) => cells += 1,
                    Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow) | Event::End(_) => {}
                    Event::Code(_) => {}
                    Event::Text(ref words) if ["a", "b", "—"].contains(&&**words) => {}
                    other => acts.push(format!("{other:?}")),
                }
            }
            prop_assert_eq!((cells, acts), (4, Vec::<String>::new()), "{}", page);
        }

        #[test]
        fn whatever_is_in_a_block_of_code_stays_in_it(text in hostile()) {
            let page = format!("{}\nend\n", block(&text, "text"));
            let blocks = Parser::new(&page).filter(|event| matches!(event, Event::Start(Tag::CodeBlock(_)))).count();
            prop_assert_eq!(blocks, 1, "{}", page);
            prop_assert!(Parser::new(&page).any(|event| event == Event::Text("end".into())), "{}", page);
        }
    }
}

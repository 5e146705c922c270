//! What a text says to hob, read as Markdown: what stands in code, in a quote or in HTML is
//! somebody else's words, or an example.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TextMergeWithOffset};

/// Most bytes that are read: a forge's longest comment of 65 536 characters, at four bytes each.
const READ_MAX: usize = 4 << 16;

/// What follows `/hob` on the first line that starts with it, in a paragraph of its own writer.
pub(super) fn command(text: &str) -> Option<&str> {
    let text = head(text);
    spoken(text).find_map(|Spoken { range, is_paragraph }| {
        let said = text.get(range.clone()).filter(|_| is_paragraph)?;
        // Markup, an escape or a list mark before it: then it is not what the line starts with.
        let starts_line = text.get(..range.start)?.rsplit('\n').next()?.bytes().all(|b| b == b' ');
        let is_alone = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t']);
        said.strip_prefix("/hob").filter(|rest| starts_line && is_alone(rest))?;
        let line = text.get(range.start..)?.lines().next()?;
        line.strip_prefix("/hob").map(str::trim)
    })
}

/// Whether the text mentions `@login`, in any case of letters.
pub(super) fn mentions(text: &str, login: &str) -> bool {
    let text = head(text);
    let login = login.trim_start_matches('@');
    let is_part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    !login.is_empty()
        && spoken(text).any(|Spoken { range, .. }| {
            let said = text.get(range).unwrap_or_default();
            said.match_indices('@').any(|(at, _)| {
                let (before, after) = (&said[..at], &said[at + 1..]);
                let name = after.get(..login.len()).unwrap_or_default();
                let rest = after.get(login.len()..).unwrap_or_default();
                name.eq_ignore_ascii_case(login)
                    && !rest.starts_with(is_part_of_name)
                    && !before.ends_with(|c: char| is_part_of_name(c) || matches!(c, '/' | '@' | '.'))
            })
        })
}

/// A run of plain text within one line.
struct Spoken {
    range: Range<usize>,
    /// Stands in a paragraph that is in no list, quote or other block.
    is_paragraph: bool,
}

fn spoken(text: &str) -> impl Iterator<Item = Spoken> {
    let events = TextMergeWithOffset::new(Parser::new_ext(text, Options::empty()).into_offset_iter());
    let mut open = Vec::new();
    events.filter_map(move |(event, range)| {
        match event {
            Event::Start(tag) => open.push(block(&tag)),
            Event::End(_) => {
                open.pop();
            }
            Event::Text(_) if !open.contains(&Block::NotSpoken) => {
                return Some(Spoken { range, is_paragraph: open == [Block::Paragraph] });
            }
            _ => {}
        }
        None
    })
}

#[derive(PartialEq, Eq)]
enum Block {
    Paragraph,
    NotSpoken,
    Other,
}

fn block(tag: &Tag<'_>) -> Block {
    match tag {
        Tag::Paragraph => Block::Paragraph,
        Tag::BlockQuote(_) | Tag::CodeBlock(_) | Tag::HtmlBlock => Block::NotSpoken,
        _ => Block::Other,
    }
}

fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(READ_MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_command_stands_at_the_start_of_a_line_of_its_writers_own_words() {
        for (text, expected) in [
            ("/hob", Some("")),
            ("/hob fix this", Some("fix this")),
            ("/hob\tfix  ", Some("fix")),
            ("Please:\n/hob fix\nthanks", Some("fix")),
            ("Please:\r\n/hob fix\r\nthanks", Some("fix")),
            ("First.\n\n   /hob fix `x` and *y*", Some("fix `x` and *y*")),
            ("> /hob not mine\n\n/hob mine", Some("mine")),
            ("```\n/hob no\n```\n/hob yes", Some("yes")),
            ("/hob one\n/hob two", Some("one")),
            ("", None),
            ("hob fix", None),
            ("see /hob fix", None),
            ("/hobby", None),
            ("/hob-fix", None),
            ("/HOB fix", None),
            ("> /hob fix", None),
            ("> quoted\n/hob lazy", None),
            ("    /hob fix", None),
            ("```\n/hob fix\n```", None),
            ("```\n/hob fix, unclosed", None),
            ("~~~sh\n/hob fix\n~~~", None),
            ("`/hob fix`", None),
            ("``\n/hob fix\n``", None),
            ("- /hob fix", None),
            ("1. x\n\n   /hob fix", None),
            ("# /hob fix", None),
            ("**/hob fix**", None),
            ("\\/hob fix", None),
            ("&#47;hob fix", None),
            ("<!-- /hob fix -->", None),
            ("<!--\n/hob fix\n-->", None),
            ("<!--\n/hob fix", None),
            ("x <!--\n/hob fix\n--> y", None),
            ("<details>\n/hob fix\n</details>", None),
            ("[x]: /url\n'\n/hob fix\n'", None),
        ] {
            assert_eq!(command(text), expected, "in {text:?}");
        }
    }

    #[test]
    fn a_mention_is_a_whole_login_in_its_writers_own_words() {
        for (text, login, expected) in [
            ("@my-bot please", "my-bot", true),
            ("hey @My-Bot, please", "my-bot", true),
            ("- (@my-bot)", "@my-bot", true),
            ("hey @my_bot_x.", "my_bot_x", true),
            ("@my-bot-2", "my-bot", false),
            ("me@my-bot", "my-bot", false),
            ("@acme/my-bot", "my-bot", false),
            ("`@my-bot`", "my-bot", false),
            ("> @my-bot", "my-bot", false),
            ("```\n@my-bot\n```", "my-bot", false),
            ("<!-- @my-bot -->", "my-bot", false),
            ("@", "my-bot", false),
            ("@my-bö", "my-bot", false),
            ("@", "", false),
        ] {
            assert_eq!(mentions(text, login), expected, "@{login} in {text:?}");
        }
    }

    #[test]
    fn a_long_text_of_marks_is_read_in_time() {
        for mark in ["[", "*a ", "> ", "`", "<!--", "![[](", "@", "- ", "&", "_a"] {
            let text = mark.repeat(READ_MAX / mark.len());
            assert_eq!(command(&text), None);
            assert!(!mentions(&text, "my-bot"));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[@/hobx`>*_<!\\[\\]()\\\\&#-. \n\t\u{e4}\u{1f600}]{0,60}") {
            let _ = command(&text);
            let _ = mentions(&text, "hob");
        }
    }
}

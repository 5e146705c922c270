//! Makes foreign text harmless for a terminal and a log.
//!
//! A terminal obeys what it is sent: it can be told to hide text, to rewrite lines above, to set its
//! title, to fill the clipboard, to show a link under another's name. Bidirectional controls and
//! invisible characters make a line read other than it is.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::CharIndices;

use unicode_width::UnicodeWidthChar;

use super::workflow;
use crate::domain::invisible::is_hidden;

/// Longest escape sequence that is taken out as a whole, in bytes. Of a longer one only the escape
/// character is made visible, so that text cannot be hidden in it.
const SEQUENCE_MAX: usize = 4096;

/// The text with nothing in it that a terminal or a CI job would obey, or a reader would not see.
/// Complete ANSI, OSC and DCS sequences and invisible characters are dropped; other controls become
/// visible (`␛`, `␍`, `<U+202E>`); a job's command is taken apart (`: :error::`); line ends and tabs
/// stay. Takes time linear in the text; text that is harmless is handed back as it came.
pub fn defuse(text: &str) -> Cow<'_, str> {
    match controls(text) {
        Cow::Borrowed(text) => workflow::defuse(text),
        Cow::Owned(text) => Cow::Owned(workflow::defuse(&text).into_owned()),
    }
}

/// JSON, as the same value, in which everything that [`defuse`] would change is spelled as an escape.
pub fn defuse_json(json: &str) -> Cow<'_, str> {
    let is_harmless = |c| treat(c) == Treat::Keep;
    if json.chars().all(is_harmless) && !json.contains(workflow::OLD_COMMAND) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        match c {
            '[' if out.ends_with("##") => out.push_str("\\u005b"),
            c if is_harmless(c) => out.push(c),
            // Stands between values alone: a string has it escaped already.
            '\0'..' ' => out.push(' '),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    Cow::Owned(out)
}

/// The text without what a terminal would obey or a reader would not see.
fn controls(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(|c| treat(c) != Treat::Keep) else { return Cow::Borrowed(text) };
    let (harmless, rest) = text.split_at(first);
    let mut out = String::with_capacity(text.len());
    out.push_str(harmless);
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match treat(c) {
            Treat::Keep => out.push(c),
            Treat::Drop => {}
            Treat::Show => show(c, &mut out),
            Treat::Escape => match sequence(&rest[at..]) {
                Some(end) => skip_to(&mut chars, at + end),
                None => show(c, &mut out),
            },
            // The line end of a Windows file is a line end; a lone return would overwrite the line.
            Treat::Return if matches!(chars.peek(), Some((_, '\n'))) => {}
            Treat::Return => show(c, &mut out),
        }
    }
    Cow::Owned(out)
}

/// The text, made harmless, on one line of at most `columns` terminal columns; `…` marks a cut.
/// White space becomes single spaces. Looks no further into a long text than it has to.
pub fn one_line(text: &str, columns: usize) -> String {
    // Enough for every column, and for the sequences between them.
    let enough = columns.saturating_mul(8).saturating_add(SEQUENCE_MAX);
    let head = &text[..text.floor_char_boundary(enough)];
    let mut cut = head.len() < text.len();
    let mut line = String::new();
    let (mut used, mut gap) = (0, false);
    for c in defuse(head).chars() {
        if c.is_whitespace() {
            gap = !line.is_empty();
            continue;
        }
        let width = c.width().unwrap_or(0) + usize::from(gap);
        if used + width > columns {
            cut = true;
            break;
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
        }
        line.push(c);
        used += width;
    }
    if cut && columns > 0 {
        while used + 1 > columns {
            used -= line.pop().and_then(UnicodeWidthChar::width).unwrap_or(0);
        }
        line.truncate(line.trim_end().len());
        line.push('…');
    }
    line
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Treat {
    Keep,
    Drop,
    Show,
    Escape,
    Return,
}

fn treat(c: char) -> Treat {
    match c {
        '\n' | '\t' | ' '..='~' => Treat::Keep,
        '\u{1b}' => Treat::Escape,
        '\r' => Treat::Return,
        // Line and paragraph separators, bidirectional controls.
        '\u{2028}'
        | '\u{2029}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Treat::Show,
        c if c.is_control() => Treat::Show,
        // Joiners and the text selector change what is beside them, and nothing in a log needs them.
        '\u{200c}' | '\u{200d}' | '\u{fe0e}' => Treat::Drop,
        c if is_hidden(c) => Treat::Drop,
        _ => Treat::Keep,
    }
}

fn show(c: char, out: &mut String) {
    match c {
        '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + c as u32)),
        '\u{7f}' => out.push('␡'),
        _ => out.push_str(&format!("<U+{:04X}>", c as u32)),
    }
}

/// Length in bytes of the complete escape sequence that `text` begins with; `None` when it is cut,
/// or longer than [`SEQUENCE_MAX`]. Never looks past the next control character, so that the
/// searches of one text do not overlap.
fn sequence(text: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..SEQUENCE_MAX.min(text.len()))?;
    match bytes.get(1)? {
        b'[' => {
            let body = bytes.get(2..)?;
            let last = body.iter().position(|b| !(0x20..=0x3f).contains(b))?;
            (0x40..=0x7e).contains(body.get(last)?).then_some(2 + last + 1)
        }
        b']' | b'P' | b'X' | b'^' | b'_' => {
            let body = bytes.get(2..)?;
            let last = body.iter().position(u8::is_ascii_control)?;
            match (body.get(last)?, body.get(last + 1)) {
                (7, _) => Some(2 + last + 1),
                (0x1b, Some(b'\\')) => Some(2 + last + 2),
                _ => None,
            }
        }
        0x20..=0x2f => {
            let last = bytes.get(2..)?.iter().position(|b| !(0x20..=0x2f).contains(b))?;
            (0x30..=0x7e).contains(bytes.get(2 + last)?).then_some(2 + last + 1)
        }
        0x30..=0x7e => Some(2),
        _ => None,
    }
}

fn skip_to(chars: &mut Peekable<CharIndices<'_>>, end: usize) {
    while chars.next_if(|(at, _)| *at < end).is_some() {}
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_gone_and_what_a_person_wrote_is_left() {
        for (given, left) in [
            ("plain text,\n\ttabs and ünïcode 日本 👍🏽 ❤️", "plain text,\n\ttabs and ünïcode 日本 👍🏽 ❤️"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2J\u{1b}[H\u{1b}[?1049hscreen", "screen"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]52;c;ZXZpbA==\u{1b}\\x", "x"),
            ("\u{1b}]8;;https://evil.example\u{1b}\\bank\u{1b}]8;;\u{1b}\\", "bank"),
            ("\u{1b}Pq#0;2;0;0;0\u{1b}\\sixel", "sixel"),
            ("\u{1b}_Gf=32;AAAA\u{1b}\\kitty", "kitty"),
            ("\u{1b}(0lqk\u{1b}cReset", "lqkReset"),
            ("\u{1b}]0;never ends, so it is shown", "␛]0;never ends, so it is shown"),
            ("\u{1b}]0;cut by a line end\n\u{7}", "␛]0;cut by a line end\n␇"),
            ("\u{1b}[31", "␛[31"),
            ("\u{1b}", "␛"),
            ("\u{1b}\u{1b}[1m[31m", "␛[31m"),
            ("\u{9b}31m\u{9d}0;x\u{9c}", "<U+009B>31m<U+009D>0;x<U+009C>"),
            ("safe\rEVIL", "safe␍EVIL"),
            ("dos\r\nline\r\r\n", "dos\nline␍\n"),
            ("pass\u{8}\u{8}word\0\u{7f}", "pass␈␈word␀␡"),
            ("if access == \u{202e}nimda\u{2066}", "if access == <U+202E>nimda<U+2066>"),
            ("a\u{200b}b\u{feff}c\u{ad}d\u{2060}e", "abcde"),
            ("hidden \u{e0069}\u{e0067}\u{e006e}ore", "hidden ore"),
            ("one\u{2028}two\u{2029}\u{85}", "one<U+2028>two<U+2029><U+0085>"),
            ("a\n::error::b", "a\n: :error::b"),
            (":\u{200b}:add-mask::b #\u{1b}[1m#[x]", ": :add-mask::b ## [x]"),
        ] {
            assert_eq!(defuse(given), left, "{given:?}");
        }
    }

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(defuse("all fine\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_sequence_hides_no_more_than_a_bounded_piece() {
        let text = format!("\u{1b}]0;{}\u{7}end", "x".repeat(SEQUENCE_MAX));
        assert!(defuse(&text).starts_with("␛]0;xxx"));
        // Each search ends at the next control, so this is not quadratic: it would take minutes.
        let many = "\u{1b}]0;".repeat(200_000);
        assert_eq!(defuse(&many).chars().filter(|c| *c == '␛').count(), 200_000);
    }

    #[test]
    fn json_keeps_its_value_and_shows_nothing_that_a_terminal_would_obey() {
        let text = "\u{9b}2J\u{202e}\u{200b}\u{e0041}\u{7f}\u{1b}[1m\r\n::error::##[group]## é\t\\";
        let json = format!(" {{\r\t\"a\" : {} }}", serde_json::Value::from(text));
        let shown = defuse_json(&json);
        assert!(matches!(defuse(&shown), Cow::Borrowed(_)), "{shown}");
        assert!(
            shown.contains(r"\u009b2J\u202e\u200b\udb40\udc41\u007f") && shown.contains(r"##\u005bgroup]"),
            "{shown}"
        );
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(value["a"], text);
        assert!(matches!(defuse_json(r#"{"a":["é##"]}"#), Cow::Borrowed(_)));
    }

    #[test]
    fn one_line_is_cut_to_its_columns() {
        for (given, columns, line) in [
            ("short", 10, "short"),
            ("exactly ten", 11, "exactly ten"),
            ("one too many", 11, "one too ma…"),
            ("cut at a space", 7, "cut at…"),
            ("  several\n\n lines\tand\u{1b}[1m styles  ", 40, "several lines and styles"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
            ("", 5, ""),
        ] {
            assert_eq!(one_line(given, columns), line, "{given:?} in {columns}");
        }
        assert_eq!(one_line(&"\u{200b}".repeat(1 << 20), 5), "…");
    }

    /// Mostly what breaks terminals, with plain text between.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            Just("\u{1b}".to_owned()),
            Just("\u{1b}[".to_owned()),
            Just("\u{1b}]8;;".to_owned()),
            Just("\u{1b}\\".to_owned()),
            "[\\x00-\\x1f\\x7f-\\u{9f}\\u{200b}-\\u{200f}\\u{2028}-\\u{202e}]{0,4}",
            "[0-9;]{0,3}[a-zA-Z]",
            "[:#\\[ \n]{0,5}",
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_control_is_ever_left(text in hostile()) {
            let left = defuse(&text);
            prop_assert!(left.chars().all(|c| treat(c) == Treat::Keep), "{left:?}");
            prop_assert!(left.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
        }

        #[test]
        fn twice_is_once(text in hostile()) {
            let once = defuse(&text).into_owned();
            prop_assert_eq!(defuse(&once), once.as_str());
        }

        #[test]
        fn json_is_the_same_value(text in hostile()) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = defuse_json(&json);
            prop_assert!(matches!(defuse(&shown), Cow::Borrowed(_)), "{shown}");
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }

        #[test]
        fn one_line_keeps_its_columns(text in hostile(), columns in 0usize..40) {
            let line = one_line(&text, columns);
            let width: usize = line.chars().map(|c| c.width().unwrap_or(0)).sum();
            prop_assert!(width <= columns, "{line:?} is {width} wide");
            prop_assert!(!line.contains(['\n', '\t']));
        }
    }
}

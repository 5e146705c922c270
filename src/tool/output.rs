//! What a model is shown of files and command output: whole lines and whole characters, bounded,
//! without anything that speaks to a terminal. What is left out is always named.

use std::borrow::Cow;

/// Lines shown at most: a sandbox keeps a file of what goes beyond.
pub const LINES_MAX: usize = crate::sandbox::LINES_MAX;

/// Bytes shown at most.
pub const BYTES_MAX: usize = 50 << 10;

/// Bytes of any reply. Tools keep to [`BYTES_MAX`] and say what they left out; this is for what they
/// did not think of.
pub const CONTENT_MAX: usize = 64 << 10;

/// Bytes shown of one line of a file.
pub const LINE_MAX: usize = 8 << 10;

/// Bytes at the start of a file that tell text from binary.
const SNIFF: usize = 8 << 10;

/// Whether a file is better not shown as text: a NUL near its start, as git decides it.
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(SNIFF).any(|byte| *byte == 0)
}

/// A part of a file, from its head.
#[derive(Debug, PartialEq, Eq)]
pub struct Window {
    /// Whole lines; those over [`LINE_MAX`] are cut and say so.
    pub text: String,
    /// How many lines that is.
    pub lines: usize,
    /// How many lines the file has.
    pub total: usize,
}

/// The lines from `first` (counted from 1) that fit: at most `most` and [`LINES_MAX`] of them, at
/// most [`BYTES_MAX`] bytes.
pub fn window(text: &str, first: usize, most: usize) -> Window {
    let mut shown = Window { text: String::new(), lines: 0, total: 0 };
    let mut full = false;
    for line in text.split_inclusive('\n') {
        shown.total += 1;
        if shown.total < first || full {
            continue;
        }
        let line = shorten_line(line);
        full = shown.lines >= most.min(LINES_MAX) || shown.text.len() + line.len() > BYTES_MAX;
        if !full {
            shown.text.push_str(&line);
            shown.lines += 1;
        }
    }
    shown
}

fn shorten_line(line: &str) -> Cow<'_, str> {
    if line.len() <= LINE_MAX {
        return line.into();
    }
    let kept = line.floor_char_boundary(LINE_MAX - 64);
    let rest = line.trim_end_matches(['\r', '\n']).len().saturating_sub(kept);
    format!("{} [{rest} more bytes in this line]\n", &line[..kept]).into()
}

/// The lines of a file from `offset` on, counted from 1, at most `limit` of them and what [`window`] shows;
/// below them what is not shown, and where to go on.
///
/// # Errors
/// When it has fewer lines, in a sentence.
pub fn page(path: &str, bytes: &[u8], offset: Option<u64>, limit: Option<u64>) -> Result<String, String> {
    if bytes.is_empty() {
        return Ok(format!("[`{path}` is empty]"));
    }
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let first = number(offset.unwrap_or(1)).max(1);
    let file = of_file(bytes);
    let Window { text, lines, total } = window(&file.text, first, limit.map_or(usize::MAX, number));
    if first > total {
        let lines = if total == 1 { "1 line".to_owned() } else { format!("{total} lines") };
        return Err(format!("`{path}` has {lines}; offset {first} is past its end."));
    }
    let mut notes = Vec::new();
    let last = first - 1 + lines;
    if last < total {
        notes.push(format!("[lines {first} to {last} of {total}; go on with offset {}]", last + 1));
    }
    if file.dropped > 0 {
        notes.push(format!("[{} control characters are not shown]", file.dropped));
    }
    Ok(with_notes(text, &notes))
}

/// The end of `text` that fits: whole lines, at most `lines` of them and [`BYTES_MAX`] bytes. A
/// last line that does not fit alone loses its beginning.
pub fn tail(text: &str, lines: usize) -> &str {
    let mut start = text.len();
    for line in text.split_inclusive('\n').rev().take(lines) {
        if text.len() - start + line.len() > BYTES_MAX {
            break;
        }
        start -= line.len();
    }
    if start == text.len() && lines > 0 {
        start = text.ceil_char_boundary(text.len().saturating_sub(BYTES_MAX));
    }
    &text[start..]
}

/// At most `most` bytes of a foreign text on one line, for a place inside a sentence.
pub fn one_line(text: &str, most: usize) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() > most {
        line.truncate(line.floor_char_boundary(most.saturating_sub('…'.len_utf8())));
        line.push('…');
    }
    line
}

/// At most `most` bytes of a text that may quote something long: its two ends, on one line.
pub fn both_ends(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let half = most / 2;
    let (head, tail) = (text.floor_char_boundary(half), text.ceil_char_boundary(text.len() - half));
    one_line(&format!("{} […] {}", &text[..head], &text[tail..]), most + 16)
}

/// At most [`CONTENT_MAX`] bytes of a reply, and a word when that is not all of it.
pub fn bounded(mut content: String) -> String {
    if content.len() > CONTENT_MAX {
        let whole = content.len();
        content.truncate(content.floor_char_boundary(CONTENT_MAX));
        content.push_str(&format!("\n[cut here: {whole} bytes in all]"));
    }
    content
}

/// The text, then the notes on lines of their own.
pub fn with_notes(mut text: String, notes: &[String]) -> String {
    for note in notes {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(note);
    }
    text
}

/// Notes as they stand below a result.
pub fn bracketed(notes: &[String]) -> Vec<String> {
    notes.iter().map(|note| format!("[{note}]")).collect()
}

/// Text of foreign bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// UTF-8; bytes that were not are `�`.
    pub text: String,
    /// Characters that would have spoken to a terminal and were left out.
    pub dropped: usize,
}

/// The text of a file: escape sequences and control characters are left out, line ends are kept
/// as they are.
pub fn of_file(bytes: &[u8]) -> Cleaned {
    clean(bytes, LineEnds::Kept)
}

/// The text of what a command printed: as [`of_file`], with the line ends of a terminal (`\r\n`,
/// and `\r` going back over its line) made plain.
pub fn of_terminal(bytes: &[u8]) -> String {
    clean(bytes, LineEnds::Terminal).text
}

#[derive(Clone, Copy, PartialEq)]
enum LineEnds {
    Kept,
    Terminal,
}

/// One pass over the characters. An escape sequence that does not end, ends with its line, so that
/// it cannot hide what comes after.
fn clean(bytes: &[u8], ends: LineEnds) -> Cleaned {
    let source = String::from_utf8_lossy(bytes);
    let mut text = String::with_capacity(source.len());
    let mut kept = 0;
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.peek() {
                Some('[') => skip_control_sequence(&mut chars, true),
                Some(']' | 'P' | 'X' | '^' | '_') => skip_string(&mut chars),
                _ => {
                    while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
                    chars.next_if(|c| ('0'..='~').contains(c));
                }
            },
            '\u{9b}' => skip_control_sequence(&mut chars, false),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            '\r' if ends == LineEnds::Terminal => {
                while chars.next_if_eq(&'\r').is_some() {}
                if chars.peek().is_some_and(|next| *next != '\n') {
                    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
                }
            }
            '\r' if chars.peek() == Some(&'\n') => {
                text.push(c);
                kept += 1;
            }
            '\n' | '\t' => {
                text.push(c);
                kept += 1;
            }
            c if c.is_control() => {}
            c => {
                text.push(c);
                kept += 1;
            }
        }
    }
    Cleaned { text, dropped: source.chars().count().saturating_sub(kept) }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Parameters, intermediates, one final byte.
fn skip_control_sequence(chars: &mut Chars<'_>, bracket: bool) {
    if bracket {
        chars.next();
    }
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// Everything up to BEL, `ESC \` or the end of the line.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        if matches!(c, '\u{7}' | '\u{9c}') || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_window_is_whole_lines_from_where_it_was_asked() {
        let text = "one\ntwo\r\nthree";
        for (first, most, shown, lines) in
            [(1, 9, text, 3), (2, 1, "two\r\n", 1), (3, 9, "three", 1), (4, 9, "", 0), (1, 0, "", 0)]
        {
            let expected = Window { text: shown.into(), lines, total: 3 };
            assert_eq!(window(text, first, most), expected, "from {first}, {most} lines");
        }
        assert_eq!(window("", 1, 9).total, 0);
    }

    #[test]
    fn a_line_that_is_too_long_says_how_much_of_it_is_missing() {
        let shown = window(&format!("{}\nnext", "ä".repeat(10_000)), 1, 9);
        let (line, rest) = shown.text.split_once('\n').unwrap();
        assert!(line.ends_with("ä [11872 more bytes in this line]"), "{}", &line[line.len() - 60..]);
        assert_eq!(rest, "next");
    }

    #[test]
    fn a_tail_is_the_last_whole_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc\n");
        assert_eq!(tail("a\nb\nc", 9), "a\nb\nc");
        assert_eq!(tail("", 9), "");
        let long = "x".repeat(BYTES_MAX);
        assert_eq!(tail(&format!("first\n{long}"), 9), long);
        assert_eq!(tail(&"ä".repeat(BYTES_MAX), 9).len(), BYTES_MAX);
    }

    #[test]
    fn nothing_that_speaks_to_a_terminal_reaches_the_model() {
        for (given, expected) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]0;never ended\nnext", "\nnext"),
            ("\u{9b}31mred \u{1b}(Bplain \u{1b}7", "red plain "),
            ("a\u{8}\u{0}b\u{7f}\tc", "ab\tc"),
            ("10%\r20%\rdone\r\n", "done\n"),
            ("pty\r\r\nline\r", "pty\nline"),
        ] {
            assert_eq!(of_terminal(given.as_bytes()), expected, "{given:?}");
        }
        assert_eq!(of_terminal(b"\xff\xfe!"), "\u{fffd}\u{fffd}!");
        let file = of_file(b"a\r\nb\rc\x1b[1m");
        assert_eq!(file, Cleaned { text: "a\r\nbc".into(), dropped: 5 });
    }

    #[test]
    fn what_is_too_long_keeps_both_ends_or_its_beginning() {
        assert_eq!(both_ends("short", 20), "short");
        assert_eq!(
            both_ends(&format!("`{}` does not exist.", "é".repeat(99)), 40),
            "`ééééééééé […] é` does not exist."
        );
        let cut = bounded("é".repeat(CONTENT_MAX));
        assert!(cut.len() < CONTENT_MAX + 99 && cut.ends_with("é\n[cut here: 131072 bytes in all]"));
    }

    proptest! {
        #[test]
        fn caps_hold_for_every_text(text in "(\\PC|\n|\r){0,300}", repeat in 1_usize..400, first in 1_usize..50) {
            let text = text.repeat(repeat);
            let shown = window(&text, first, usize::MAX);
            prop_assert!(shown.text.len() <= BYTES_MAX && shown.lines <= LINES_MAX);
            let end = tail(&text, LINES_MAX);
            prop_assert!(end.len() <= BYTES_MAX && end.split_inclusive('\n').count() <= LINES_MAX);
            prop_assert!(text.ends_with(end));
        }

        #[test]
        fn clean_text_stays_as_it_is(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let once = of_file(&bytes);
            prop_assert_eq!(of_file(once.text.as_bytes()), Cleaned { text: once.text.clone(), dropped: 0 });
            let shown = of_terminal(&bytes);
            prop_assert!(shown.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            prop_assert!(one_line(&once.text, 20).len() <= 20);
        }
    }
}

//! Characters that a reader does not see and a machine does.

/// The text without control characters (line end and tab stay), bidi controls, tag characters,
/// zero-width characters and stray variation selectors; and how many those were. Joiners stay where
/// scripts and emoji need them: once, after a character outside of ASCII. A selector stays once,
/// after a visible character.
pub fn without_invisible(text: &str) -> (String, usize) {
    let mut visible = String::with_capacity(text.len());
    let mut dropped = 0;
    let mut last = '\n';
    for c in text.chars() {
        let stays = match c {
            '\n' | '\t' => true,
            '\u{200c}' | '\u{200d}' => !last.is_ascii() && !is_joiner(last),
            '\u{fe0e}' | '\u{fe0f}' => !last.is_whitespace() && !is_joiner(last),
            c => !c.is_control() && !is_hidden(c),
        };
        if stays {
            visible.push(c);
            last = c;
        } else {
            dropped += 1;
        }
    }
    (visible, dropped)
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Whether nothing of it is ever seen: format, bidi and tag characters, fillers, zero-width ones. Not
/// the joiners and selectors that scripts and emoji need.
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_reader_sees_is_left() {
        for (given, expected, dropped) in [
            ("plain\n\ttext", "plain\n\ttext", 0),
            ("a\u{200b}b\u{202e}c\u{2066}d", "abcd", 3),
            ("tag\u{e0041}\u{e0042}s", "tags", 2),
            ("👩\u{200d}💻 1\u{fe0f}\u{20e3}", "👩\u{200d}💻 1\u{fe0f}\u{20e3}", 0),
            ("می\u{200c}خواهم", "می\u{200c}خواهم", 0),
            ("a\u{200d}b ❤\u{fe0f}\u{200d}\u{200d}", "ab ❤\u{fe0f}\u{200d}", 2),
            ("bell\u{7}", "bell", 1),
        ] {
            assert_eq!(without_invisible(given), (expected.to_owned(), dropped), "{given:?}");
        }
    }
}

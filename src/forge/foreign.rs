//! What a code host or the network said, before it stands in a message of ours.

use crate::domain::invisible::without_invisible;

/// Longest text that is repeated, in characters.
const TEXT_MAX: usize = 300;

/// Deepest chain of causes that is told.
const CAUSES_MAX: usize = 8;

/// The text on one line, without characters that a reader does not see, cut.
pub(super) fn harmless(text: &str) -> String {
    let plain: String = text.chars().take(4 * TEXT_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let (plain, _) = without_invisible(&plain);
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// An error with its causes, outermost first; without the address, which HTTP clients repeat.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next.filter(|_| said.len() < CAUSES_MAX) {
        let text = error.to_string();
        let text = text.split(" for url (").next().unwrap_or_default().to_owned();
        if !said.last().is_some_and(|last| last.contains(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    harmless(&said.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_one_line_and_shows_all_it_says() {
        for (given, expected) in [
            ("Not Found", "Not Found"),
            (" a\r\n::error::b\u{1b}[31m\u{202e}c\u{200b} ", "a ::error::b [31mc"),
            ("a\u{2028}b", "ab"),
            ("", ""),
        ] {
            assert_eq!(harmless(given), expected);
        }
        assert_eq!(harmless(&"ä".repeat(5000)), format!("{}…", "ä".repeat(TEXT_MAX)));
    }
}

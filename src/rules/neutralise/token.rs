//! What acts inside a line of text: mentions, addresses, closing keywords.

use std::ops::Range;

use super::{Change, MENTIONS_MAX, Place, may_link};

/// Something that must not act.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Its bytes in the text.
    pub(super) at: Range<usize>,
    /// Where a space breaks it.
    pub(super) gap: usize,
    pub(super) why: Change,
}

const CLOSING: [&str; 16] = [
    "close",
    "closes",
    "closed",
    "closing",
    "fix",
    "fixes",
    "fixed",
    "fixing",
    "resolve",
    "resolves",
    "resolved",
    "resolving",
    "implement",
    "implements",
    "implemented",
    "implementing",
];

/// Longest scheme of an address that is looked for.
const SCHEME_MAX: usize = 32;

/// All of them, from left to right. `called` holds the people whom the whole text calls so far.
pub(super) fn tokens(text: &str, place: &Place, called: &mut Vec<String>) -> Vec<Token> {
    let mut found = Vec::new();
    let mut from = 0;
    while from < text.len() {
        let rest = &text[from..];
        let after_word = from > 0 && is_word(text.as_bytes()[from - 1]);
        let first = rest.as_bytes()[0];
        if first == b'@' && !after_word {
            let length = mention(rest);
            if length > 1 && !may_call(&rest[1..length], place, called) {
                found.push(Token { at: from..from + length, gap: from + 1, why: Change::Mention });
            }
            from += length.max(1);
        } else if first.is_ascii_alphabetic() && (!after_word || text.as_bytes()[from - 1] == b'_') {
            if let Some((length, gap)) = address(rest) {
                if !may_show(&rest[..length], place) {
                    found.push(Token { at: from..from + length, gap: from + gap, why: Change::Link });
                }
                from += length;
                continue;
            }
            let word = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
            if !place.closes
                && CLOSING.contains(&rest[..word].to_ascii_lowercase().as_str())
                && let Some((skip, length, gap)) = closed_thing(&rest[word..])
            {
                let start = from + word + skip;
                found.push(Token { at: start..start + length, gap: start + gap, why: Change::Closing });
                from = start + length;
                continue;
            }
            from += word;
        } else {
            from += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Bytes of a mention at the start of `text`; a team's path counts.
fn mention(text: &str) -> usize {
    let name = text[1..].bytes().take_while(|byte| is_word(*byte) || matches!(byte, b'-' | b'.' | b'/')).count();
    let name = text[1..1 + name].trim_end_matches(['.', '-', '/']).len();
    1 + name
}

fn may_call(login: &str, place: &Place, called: &mut Vec<String>) -> bool {
    let login = login.to_ascii_lowercase();
    if called.contains(&login) {
        return true;
    }
    let may = called.len() < MENTIONS_MAX && place.people.iter().any(|person| person.eq_ignore_ascii_case(&login));
    if may {
        called.push(login);
    }
    may
}

/// Bytes of an address at the start of `text` that a forge would make a link, and where its host
/// starts.
fn address(text: &str) -> Option<(usize, usize)> {
    let scheme = text
        .bytes()
        .take(SCHEME_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'))
        .count();
    let host = if text[scheme..].starts_with("://") {
        scheme + 3
    } else if text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("www.")) {
        4
    } else {
        return None;
    };
    let end = text.find(|c: char| c.is_whitespace() || c == '<').unwrap_or(text.len());
    let end = text[..end].trim_end_matches(['?', '!', '.', ',', ':', ';', '*', '_', '~', '\'', '"', ')', ']']).len();
    (end > host).then_some((end, host))
}

/// An `@` would be a mention where a forge ends the address before it.
fn may_show(address: &str, place: &Place) -> bool {
    let target = if address.contains("://") { address.to_owned() } else { format!("https://{address}") };
    !address.contains('@') && may_link(&target, place)
}

/// What a closing keyword before `text` would close: bytes before it, its bytes, where to break it.
fn closed_thing(text: &str) -> Option<(usize, usize, usize)> {
    let thing = text.trim_start_matches([':', ' ', '\t', '\n']);
    if thing.len() == text.len() {
        return None;
    }
    let thing = ["issues", "issue"]
        .iter()
        .find_map(|word| thing.strip_prefix(word).filter(|rest| rest.starts_with([' ', '\t', '\n'])))
        .map_or(thing, |rest| rest.trim_start_matches([' ', '\t', '\n']));
    let skip = text.len() - thing.len();
    if let Some((length, gap)) = address(thing) {
        return Some((skip, length, gap));
    }
    let path = thing.bytes().take_while(|byte| is_word(*byte) || matches!(byte, b'-' | b'.' | b'/')).count();
    let digits = |from: usize| thing[from..].bytes().take_while(u8::is_ascii_digit).count();
    if thing[path..].starts_with('#') && digits(path + 1) > 0 {
        return Some((skip, path + 1 + digits(path + 1), path + 1));
    }
    // `GH-1`, and the keys of issue trackers that GitLab closes as well.
    let key = thing.bytes().take_while(|byte| is_word(*byte)).count();
    let number = digits((key + 1).min(path));
    (key > 0 && thing[key..].starts_with('-') && number > 0).then_some((skip, key + 1 + number, key + 1))
}

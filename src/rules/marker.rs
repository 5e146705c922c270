//! The hidden last line by which a comment of ours is found again.
//!
//! It names the effect, and for a text that is edited in place the time of the run that wrote it. A
//! MAC under the operator's secret proves it: without that secret nobody can make one up. With an
//! empty secret it proves nothing. A copied line stays right in any case: whoever looks must still
//! check that our own account wrote the comment, and when.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};
use sha2::Sha256;

use crate::domain::effect::EffectKey;

const HEAD: &str = "<!-- hob:v1 ";
const FOOT: &str = " -->";

/// Longest fence that [`mark`] closes.
const FENCE_MAX: usize = 64;

/// Digits of the last second there is.
const SECOND_MAX: usize = 12;

/// Bytes that [`mark`] adds to a body at most.
pub const MARKER_MAX: usize = 1 + FENCE_MAX + 2 + HEAD.len() + 32 + 1 + SECOND_MAX + 1 + 32 + FOOT.len();

/// The body with its marker below it; with `at`, the marker tells since when the body holds. Code
/// that the body leaves open is closed: nobody would see a marker but there.
pub fn mark(secret: &[u8], key: &EffectKey, at: Option<Timestamp>, body: &str) -> String {
    let body = body.trim_end();
    let close = open_fence(body).map(|fence| format!("\n{fence}")).unwrap_or_default();
    let named = match at {
        Some(at) => format!("{key} {}", at.as_second().max(0)),
        None => key.to_string(),
    };
    format!("{body}{close}\n\n{HEAD}{named} {}{FOOT}", mac(secret, &named))
}

/// The fence of the code block that would go on below a text.
fn open_fence(text: &str) -> Option<String> {
    let below = format!("{text}\n\nbelow");
    let open = Parser::new(&below).into_offset_iter().find_map(|(event, range)| {
        let is_code = matches!(event, Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))));
        (is_code && range.end == below.len()).then_some(range.start)
    })?;
    let fence = below.get(open..)?.trim_start_matches(' ');
    let kind = fence.chars().next()?;
    let fence: String = fence.chars().take_while(|c| *c == kind).collect();
    (fence.len() <= FENCE_MAX).then_some(fence)
}

/// Whether the last line of a comment marks it as this effect.
pub fn is_marked(secret: &[u8], key: &EffectKey, comment: &str) -> bool {
    read(secret, comment).is_some_and(|marker| marker.key == key.to_string())
}

/// Whether the last line of a comment marks it as some effect of this operator's.
pub fn is_ours(secret: &[u8], comment: &str) -> bool {
    read(secret, comment).is_some()
}

/// Since when what a comment says holds, to the second, where its marker tells.
pub fn marked_at(secret: &[u8], comment: &str) -> Option<Timestamp> {
    read(secret, comment)?.at
}

/// What a comment says, without its marker.
pub fn unmarked(comment: &str) -> &str {
    let comment = comment.trim_end();
    let above = comment.rfind('\n').map_or("", |end| &comment[..end]);
    if line(comment).is_some() { above.trim_end() } else { comment }
}

/// A marker whose proof is right.
struct Marker<'a> {
    key: &'a str,
    at: Option<Timestamp>,
}

fn read<'a>(secret: &[u8], comment: &'a str) -> Option<Marker<'a>> {
    let (named, proof) = line(comment)?.rsplit_once(' ')?;
    if !is_proof(secret, named, proof) {
        return None;
    }
    Some(match named.split_once(' ') {
        Some((key, at)) => Marker { key, at: Some(Timestamp::from_second(at.parse().ok()?).ok()?) },
        None => Marker { key: named, at: None },
    })
}

/// What stands in the last line, if that looks like a marker.
fn line(comment: &str) -> Option<&str> {
    let last = comment.trim_end().lines().next_back()?.trim_end();
    last.strip_prefix(HEAD)?.strip_suffix(FOOT)
}

fn is_proof(secret: &[u8], named: &str, proof: &str) -> bool {
    let Ok(proof) = hex::decode(proof) else { return false };
    // Compared in constant time by the MAC's own verification.
    proof.len() == 16 && keyed(secret, named).verify_truncated_left(&proof).is_ok()
}

fn mac(secret: &[u8], named: &str) -> String {
    hex::encode(&keyed(secret, named).finalize().into_bytes()[..16])
}

fn keyed(secret: &[u8], named: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(b"hob marker v1\0");
    mac.update(named.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> EffectKey {
        serde_json::from_value(serde_json::Value::String(text.repeat(32))).unwrap()
    }

    #[test]
    fn a_comment_is_found_by_its_own_marker_alone() {
        let body = mark(b"secret", &key("a"), None, "Hello.\n");
        assert_eq!(body.len() + 1 + FENCE_MAX + 1 + SECOND_MAX, "Hello.".len() + MARKER_MAX);
        insta::assert_snapshot!(body, @"
        Hello.

        <!-- hob:v1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 5939f72e7a6153c9043bc3d7c9231841 -->
        ");
        assert!(is_marked(b"secret", &key("a"), &body));
        // Forges add line ends.
        assert!(is_marked(b"secret", &key("a"), &format!("{}\r\n", body.replace('\n', "\r\n"))));
        assert!(!is_marked(b"secret", &key("b"), &body), "another effect");
        assert!(is_ours(b"secret", &body) && !is_ours(b"other", &body) && !is_ours(b"secret", "Hello."));
        assert!(!is_marked(b"other", &key("a"), &body), "another operator");
        assert!(!is_marked(b"secret", &key("a"), &format!("{body}\nI quote it")), "not the last line");
        for odd in ["", "<!-- hob:v1 -->", "<!-- hob:v1 x -->", &format!("<!-- hob:v1 {} zz -->", key("a"))] {
            assert!(!is_marked(b"secret", &key("a"), odd), "{odd}");
        }
        assert!(!is_marked(b"secret", &key("a"), &format!("<!-- hob:v1 {}  -->", key("a"))), "an empty proof");
    }

    #[test]
    fn a_marker_tells_since_when_its_text_holds() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let body = mark(b"secret", &key("a"), at("2026-03-01T09:00:00.7Z"), "Done.\n");
        assert!(body.starts_with("Done.\n\n<!-- hob:v1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1772355600 "), "{body}");
        assert!(is_marked(b"secret", &key("a"), &body) && is_ours(b"secret", &body));
        assert_eq!(marked_at(b"secret", &body), at("2026-03-01T09:00:00Z"));
        assert_eq!(marked_at(b"secret", &body.replace("1772355600", "1772355601")), None, "a made-up time");
        assert_eq!(marked_at(b"other", &body), None);
        assert_eq!(marked_at(b"secret", &mark(b"secret", &key("a"), None, "Done.")), None);
        for named in ["x -", "x 1 2", "x ", "x 99999999999999999999", "x 1e3"] {
            let odd = format!("{HEAD}{named} {}{FOOT}", mac(b"secret", named));
            assert!(!is_marked(b"secret", &key("a"), &odd), "{odd}");
            assert_eq!(marked_at(b"secret", &odd), None, "{odd}");
        }
    }

    #[test]
    fn a_text_is_told_from_its_marker() {
        let body = mark(b"secret", &key("a"), None, "Two\nlines.\n\n");
        for (comment, text) in [
            (body.as_str(), "Two\nlines."),
            (&format!("{}\r\n", body.replace('\n', "\r\n")), "Two\r\nlines."),
            (&mark(b"", &key("a"), None, ""), ""),
            ("Two\nlines.\n", "Two\nlines."),
            ("", ""),
        ] {
            assert_eq!(unmarked(comment), text);
        }
    }

    #[test]
    fn a_marker_is_never_shown_as_code() {
        for (body, closed) in [
            ("```\nlog", "```\nlog\n```"),
            ("~~~~ rust\n```\nlog", "~~~~ rust\n```\nlog\n~~~~"),
            ("  ```\nlog\n", "  ```\nlog\n```"),
            ("```\nlog\n```", "```\nlog\n```"),
            ("```\nlog\n```\n`````\n", "```\nlog\n```\n`````\n`````"),
            ("- ```\n  log", "- ```\n  log"),
            ("> ```\n> log", "> ```\n> log"),
            ("`` ` open", "`` ` open"),
            ("    indented", "    indented"),
        ] {
            let marked = mark(b"secret", &key("a"), Some(Timestamp::MAX), body);
            assert!(marked.starts_with(&format!("{closed}\n\n{HEAD}")), "{marked}");
            assert!(is_marked(b"secret", &key("a"), &marked));
            assert!(marked.len() <= body.len() + MARKER_MAX);
            let hidden = Parser::new(&marked).any(|event| matches!(event, Event::Html(html) if html.starts_with(HEAD)));
            assert!(hidden, "{marked}");
        }
    }
}

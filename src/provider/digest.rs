//! What a conversation says, in no vendor's words, as one digest: so that a recorded answer can
//! tell whether it is still given to the question it was given to.

use sha2::{Digest, Sha256};

use super::body::json;
use super::{Image, Opening, Said};
use crate::domain::message::Message;

/// What foreign text is framed with: these four characters and sixteen random lower-case hex
/// digits, new in every prompt.
const MARKER: &[u8] = b"hob-";
const MARKER_DIGITS: usize = 16;

/// SHA-256 over one line of JSON for the system prompt (without its environment), one for each
/// tool and one for each message, with the random marker of frames made all zeros. What was
/// pushed is hashed once.
#[derive(Clone)]
pub(super) struct Conversed(Sha256);

impl Conversed {
    pub(super) fn open(opening: Opening<'_>) -> Self {
        let mut conversed = Self(Sha256::new());
        conversed.line(json(&opening.system));
        for tool in opening.tools {
            conversed.line(json(tool));
        }
        conversed
    }

    pub(super) fn push(&mut self, said: Said<'_>) {
        match said {
            Said::User(text) => self.line(json(&Message::User { text: text.to_owned() })),
            Said::Shown { text, images } => {
                let shown = |image: &Image<'_>| (image.kind, hex::encode(Sha256::digest(image.bytes)));
                self.line(json(&(text, images.iter().map(shown).collect::<Vec<_>>())));
            }
            Said::Answer(answer) => self.line(json(&answer.blocks)),
            Said::Results(results) => self.line(json(&results)),
        }
    }

    /// Lower-case hex.
    pub(super) fn digest(&self) -> String {
        hex::encode(self.0.clone().finalize())
    }

    fn line(&mut self, mut json: Vec<u8>) {
        zero_markers(&mut json);
        self.0.update(&json);
        self.0.update(b"\n");
    }
}

/// Overwrites the digits of every marker with zeros.
fn zero_markers(text: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.windows(MARKER.len()).position(|four| four == MARKER)) {
        let digits = at + found + MARKER.len();
        at = digits;
        let Some(run) = text.get_mut(digits..digits + MARKER_DIGITS) else { continue };
        if run.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            run.fill(b'0');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::name::Thinking;

    #[test]
    fn the_random_marker_of_a_frame_is_no_part_of_a_digest() {
        for (text, expected) in [
            ("a hob-0123456789abcdef b", "a hob-0000000000000000 b"),
            ("hob-0123456789abcdefhob-fedcba9876543210", "hob-0000000000000000hob-0000000000000000"),
            ("hob-0123456789abcde", "hob-0123456789abcde"),
            ("hob-0123456789ABCDEF", "hob-0123456789ABCDEF"),
            ("hob-hob-0123456789abcdef", "hob-hob-0000000000000000"),
            ("hob-", "hob-"),
            ("", ""),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            zero_markers(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        }
    }

    #[test]
    fn a_digest_changes_with_what_was_said_and_not_with_the_day() {
        let open = |system, environment| Opening { system, environment, tools: &[], thinking: Thinking::Off };
        let digest = |opening, text| {
            let mut conversed = Conversed::open(opening);
            conversed.push(Said::User(text));
            conversed.digest()
        };
        let one = digest(open("s", "Monday"), "hob-0123456789abcdef");
        assert_eq!(one, digest(open("s", "Tuesday"), "hob-aaaaaaaaaaaaaaaa"));
        assert_ne!(one, digest(open("t", "Monday"), "hob-0123456789abcdef"));
        assert_ne!(one, digest(open("s", "Monday"), "x"));
    }
}

//! The hidden last line by which a comment of ours is found again.
//!
//! It names the effect, and proves by a MAC that it was made by this operator: a copied or made-up
//! line finds nothing. Whoever looks must still check that our own account wrote the comment.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::effect::EffectKey;

const HEAD: &str = "<!-- hob:v1 ";
const FOOT: &str = " -->";

/// Bytes that [`mark`] adds to a body at most.
pub const MARKER_MAX: usize = 2 + HEAD.len() + 32 + 1 + 32 + FOOT.len();

/// The body with its marker below it.
pub fn mark(secret: &[u8], key: &EffectKey, body: &str) -> String {
    format!("{}\n\n{HEAD}{key} {}{FOOT}", body.trim_end(), mac(secret, key))
}

/// Whether the last line of a comment marks it as this effect.
pub fn is_marked(secret: &[u8], key: &EffectKey, comment: &str) -> bool {
    read(comment).is_some_and(|(named, proof)| named == key.to_string() && is_proof(secret, named, proof))
}

/// Whether the last line of a comment marks it as some effect of this operator's.
pub fn is_ours(secret: &[u8], comment: &str) -> bool {
    read(comment).is_some_and(|(named, proof)| is_proof(secret, named, proof))
}

/// The effect that the last line names, and its proof.
fn read(comment: &str) -> Option<(&str, &str)> {
    let last = comment.trim_end().lines().next_back()?.trim_end();
    last.strip_prefix(HEAD)?.strip_suffix(FOOT)?.split_once(' ')
}

fn is_proof(secret: &[u8], named: &str, proof: &str) -> bool {
    let Ok(proof) = hex::decode(proof) else { return false };
    // Compared in constant time by the MAC's own verification.
    proof.len() == 16 && keyed(secret, named).verify_truncated_left(&proof).is_ok()
}

fn mac(secret: &[u8], key: &EffectKey) -> String {
    hex::encode(&keyed(secret, &key.to_string()).finalize().into_bytes()[..16])
}

fn keyed(secret: &[u8], key: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(b"hob marker v1\0");
    mac.update(key.as_bytes());
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
        let body = mark(b"secret", &key("a"), "Hello.\n");
        assert_eq!(body.len(), "Hello.".len() + MARKER_MAX);
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
}

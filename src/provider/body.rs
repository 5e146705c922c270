//! The bytes of a request, in pieces that are shared with the conversation, never copied.

use bytes::Bytes;
use futures::stream;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// One request's body.
#[derive(Default)]
pub(super) struct Body {
    pieces: Vec<Bytes>,
}

impl Body {
    pub(super) fn with_capacity(pieces: usize) -> Self {
        Self { pieces: Vec::with_capacity(pieces) }
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.pieces.push(piece);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// SHA-256 of all of it, lower-case hex.
    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for piece in &self.pieces {
            hash.update(piece);
        }
        hex::encode(hash.finalize())
    }

    pub(super) fn into_stream(self) -> reqwest::Body {
        reqwest::Body::wrap_stream(stream::iter(self.pieces.into_iter().map(Ok::<_, std::convert::Infallible>)))
    }

    #[cfg(test)]
    pub(super) fn concat(&self) -> String {
        String::from_utf8(self.pieces.concat()).unwrap()
    }
}

/// Compact JSON of what is made of text, numbers, lists and raw JSON.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("text, numbers, lists and raw JSON have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_digest_are_those_of_the_whole() {
        let mut body = Body::with_capacity(2);
        for piece in ["he", "", "llo"] {
            body.push(Bytes::from_static(piece.as_bytes()));
        }
        assert_eq!((body.len(), body.concat().as_str()), (5, "hello"));
        assert_eq!(body.digest(), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    }
}

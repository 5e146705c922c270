//! The bytes of a request, in pieces that are shared with the conversation.

use bytes::{Bytes, BytesMut};
use futures::stream;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Small pieces are sent together up to so many bytes: what a pipe or a socket takes at once.
const BLOCK: usize = 64 << 10;

/// One request's body.
#[derive(Default)]
pub(super) struct Body {
    pieces: Vec<Bytes>,
    settled: usize,
}

/// SHA-256 over the beginning of a conversation's bodies that no later request changes, so that a
/// turn hashes what is new.
#[derive(Default)]
pub(super) struct Hashed {
    hash: Sha256,
    pieces: usize,
}

impl Hashed {
    /// SHA-256 of all of `body`, lower-case hex. Every body given must begin with the settled
    /// pieces of the ones before.
    pub(super) fn digest(&mut self, body: &Body) -> String {
        for piece in body.pieces.iter().take(body.settled).skip(self.pieces) {
            self.hash.update(piece);
            self.pieces += 1;
        }
        let mut hash = self.hash.clone();
        for piece in body.pieces.iter().skip(self.pieces) {
            hash.update(piece);
        }
        hex::encode(hash.finalize())
    }
}

impl Body {
    pub(super) fn with_capacity(pieces: usize) -> Self {
        Self { pieces: Vec::with_capacity(pieces), settled: 0 }
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        self.pieces.push(piece);
    }

    /// Everything pushed so far stands like this in every later body of the conversation.
    pub(super) fn settle(&mut self) {
        self.settled = self.pieces.len();
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    pub(super) fn into_stream(self) -> reqwest::Body {
        reqwest::Body::wrap_stream(stream::iter(blocks(self.pieces).map(Ok::<_, std::convert::Infallible>)))
    }

    #[cfg(test)]
    pub(super) fn concat(&self) -> String {
        String::from_utf8(self.pieces.concat()).unwrap()
    }
}

/// The same bytes in few pieces: a long conversation has thousands of small ones, and a call of the
/// system for every few of them costs more than copying them, one block at a time.
fn blocks(pieces: Vec<Bytes>) -> impl Iterator<Item = Bytes> {
    let mut left: usize = pieces.iter().map(Bytes::len).sum();
    let mut pieces = pieces.into_iter().peekable();
    std::iter::from_fn(move || {
        let first = pieces.next()?;
        if pieces.peek().is_none_or(|next| first.len() + next.len() > BLOCK) {
            left -= first.len();
            return Some(first);
        }
        let mut block = BytesMut::with_capacity(BLOCK.min(left));
        block.extend_from_slice(&first);
        while let Some(piece) = pieces.next_if(|piece| block.len() + piece.len() <= BLOCK) {
            block.extend_from_slice(&piece);
        }
        left -= block.len();
        Some(block.freeze())
    })
}

/// Compact JSON of what is made of text, numbers, lists and raw JSON.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("text, numbers, lists and raw JSON have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_sent_together_and_large_ones_as_they_are() {
        let sizes = |sizes: &[usize]| {
            let pieces = || sizes.iter().zip(0_u8..).map(|(size, n)| Bytes::from(vec![n; *size])).collect::<Vec<_>>();
            let blocks: Vec<Bytes> = blocks(pieces()).collect();
            assert_eq!(blocks.concat(), pieces().concat());
            blocks.iter().map(Bytes::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[1, 2, 0, 3]), [6]);
        assert_eq!(sizes(&[1, BLOCK, 2, BLOCK - 2, 1]), [1, BLOCK, BLOCK, 1]);
        assert_eq!(sizes(&[3 * BLOCK, 1, 1]), [3 * BLOCK, 2]);
    }

    #[test]
    fn length_and_digest_are_those_of_the_whole() {
        let body = |settled: &[&'static str], rest: &[&'static str]| {
            let mut body = Body::default();
            settled.iter().for_each(|piece| body.push(Bytes::from_static(piece.as_bytes())));
            body.settle();
            rest.iter().for_each(|piece| body.push(Bytes::from_static(piece.as_bytes())));
            body
        };
        let mut hashed = Hashed::default();
        for (body, whole) in [
            (body(&[], &["he", "", "llo"]), "hello"),
            (body(&["he"], &["ll"]), "hell"),
            (body(&["he"], &["ll"]), "hell"),
            (body(&["he", "llo", " wor"], &["ld"]), "hello world"),
            (body(&["he", "llo", " wor"], &[]), "hello wor"),
        ] {
            assert_eq!((body.len(), body.concat().as_str()), (whole.len(), whole));
            assert_eq!(hashed.digest(&body), hex::encode(Sha256::digest(whole)));
        }
    }
}

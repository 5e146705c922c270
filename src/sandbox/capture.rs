//! What a command printed: the tail of it in memory, all of it in a spill that is opened only when
//! the tail no longer holds everything, or holds more lines than are shown.

use std::io::{self, Write};

use bytes::Bytes;

use super::{LINES_MAX, SPILL_MAX, TAIL_MAX};

/// Takes output in, at a memory cost of two tails whatever is printed.
pub(super) struct Capture<W, Open> {
    tail: Vec<u8>,
    bytes: u64,
    /// Ends of lines, until there are enough of them to matter.
    lines: usize,
    spilled: u64,
    spill: Spill<W, Open>,
}

enum Spill<W, Open> {
    Unopened(Open),
    Open(W),
    Failed(io::Error),
}

/// What was taken in.
pub(super) struct Captured<W> {
    /// The last [`TAIL_MAX`] bytes.
    pub(super) tail: Bytes,
    /// How much was printed in all.
    pub(super) bytes: u64,
    /// Where everything is, when the tail is not everything.
    pub(super) spill: Option<W>,
    /// What the reader should know about it.
    pub(super) notes: Vec<String>,
}

impl<W: Write, Open: FnOnce() -> io::Result<W>> Capture<W, Open> {
    /// Nothing printed yet. `open` makes the spill.
    pub(super) fn new(open: Open) -> Self {
        Self { tail: Vec::new(), bytes: 0, lines: 0, spilled: 0, spill: Spill::Unopened(open) }
    }

    /// Takes in the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.lines <= LINES_MAX {
            self.lines += piece.iter().filter(|byte| **byte == b'\n').count();
        }
        if self.bytes > TAIL_MAX as u64 || self.lines > LINES_MAX {
            self.spill(piece);
        }
        let piece = &piece[piece.len().saturating_sub(TAIL_MAX)..];
        if self.tail.len() + piece.len() > 2 * TAIL_MAX {
            let keep = TAIL_MAX - piece.len();
            self.tail.drain(..self.tail.len() - keep);
        }
        self.tail.extend_from_slice(piece);
    }

    /// What was taken in.
    pub(super) fn finish(mut self) -> Captured<W> {
        let excess = self.tail.len().saturating_sub(TAIL_MAX);
        self.tail.drain(..excess);
        let mut notes = Vec::new();
        let spill = match self.spill {
            Spill::Unopened(_) => None,
            Spill::Open(spill) => {
                if self.spilled < self.bytes {
                    notes.push(format!("only the first {} bytes of the output were kept in its file", self.spilled));
                }
                Some(spill)
            }
            Spill::Failed(error) => {
                notes.push(format!("the whole output could not be kept, only the end of it: {error}"));
                None
            }
        };
        Captured { tail: self.tail.into(), bytes: self.bytes, spill, notes }
    }

    /// Writes to the spill; the first time, all that came before it too.
    fn spill(&mut self, piece: &[u8]) {
        self.spill = match std::mem::replace(&mut self.spill, Spill::Failed(io::ErrorKind::Other.into())) {
            Spill::Unopened(open) => match open().and_then(|mut spill| spill.write_all(&self.tail).map(|()| spill)) {
                Ok(spill) => {
                    self.spilled = self.tail.len() as u64;
                    Spill::Open(spill)
                }
                Err(error) => Spill::Failed(error),
            },
            other => other,
        };
        if let Spill::Open(spill) = &mut self.spill {
            let room = usize::try_from(SPILL_MAX.saturating_sub(self.spilled)).unwrap_or(usize::MAX);
            let piece = &piece[..piece.len().min(room)];
            match spill.write_all(piece) {
                Ok(()) => self.spilled += piece.len() as u64,
                Err(error) => self.spill = Spill::Failed(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pieces: impl IntoIterator<Item = Vec<u8>>) -> Captured<Vec<u8>> {
        let mut capture = Capture::new(|| Ok(Vec::new()));
        for piece in pieces {
            capture.push(&piece);
            assert!(capture.tail.capacity() <= 4 * TAIL_MAX);
        }
        capture.finish()
    }

    #[test]
    fn little_output_never_opens_a_spill() {
        let captured = run([b"a".to_vec(), vec![b'b'; TAIL_MAX - 1]]);
        assert!(captured.spill.is_none());
        assert_eq!((captured.bytes, captured.tail.len()), (TAIL_MAX as u64, TAIL_MAX));
    }

    #[test]
    fn many_lines_open_a_spill_and_what_came_before_is_in_it() {
        let line = |n: usize| format!("{n}\n").into_bytes();
        assert!(run((0..LINES_MAX).map(line)).spill.is_none());
        let captured = run((0..LINES_MAX + 5).map(line));
        assert_eq!(captured.spill.unwrap(), captured.tail);
        assert_eq!(captured.bytes, captured.tail.len() as u64);
    }

    #[test]
    fn the_spill_holds_everything_and_the_tail_its_end() {
        for size in [1, 7, 4096, TAIL_MAX - 1, TAIL_MAX, TAIL_MAX + 1, 5 * TAIL_MAX] {
            let everything: Vec<u8> = (0..7 * TAIL_MAX + 3).map(|n| (n % 251) as u8).collect();
            let captured = run(everything.chunks(size.max(97)).map(<[u8]>::to_vec));
            assert_eq!(captured.spill.unwrap(), everything);
            assert_eq!(captured.tail, everything[everything.len() - TAIL_MAX..]);
            assert!(captured.notes.is_empty());
        }
    }

    #[test]
    fn a_full_spill_says_so() {
        let captured = run((0..=SPILL_MAX >> 20).map(|_| vec![0; 1 << 20]));
        assert_eq!(captured.spill.unwrap().len() as u64, SPILL_MAX);
        insta::assert_snapshot!(captured.notes.join("\n"), @"only the first 67108864 bytes of the output were kept in its file");
    }

    #[test]
    fn a_spill_that_cannot_be_opened_costs_only_itself() {
        let mut capture = Capture::<Vec<u8>, _>::new(|| Err(io::Error::other("disk full")));
        capture.push(&vec![b'x'; TAIL_MAX + 1]);
        let captured = capture.finish();
        assert_eq!(captured.tail.len(), TAIL_MAX);
        insta::assert_snapshot!(captured.notes.join("\n"), @"the whole output could not be kept, only the end of it: disk full");
    }
}

//! What a model has said so far in one streamed answer: bounded, in the order it came.

use super::Delta;
use crate::domain::message::{Block, Call, Stop, Usage};

/// Most blocks one answer may have.
pub(super) const BLOCKS_MAX: usize = 128;

/// Whoever watches an answer come.
pub(super) type On<'a> = &'a mut (dyn FnMut(Delta<'_>) + Send);

/// Reads one protocol's frames.
pub(super) trait Reader: Send {
    /// Takes the data of one frame, and brings the answer once the protocol's end mark was in it.
    fn frame(&mut self, data: &str, on: On<'_>) -> Result<Option<Whole>, Fault>;
}

/// An answer whose stream reached its end mark.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) blocks: Vec<Block>,
    pub(super) stop: Stop,
    pub(super) usage: Usage,
}

/// Why a stream is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The vendor says so itself: its word for the kind, and its sentence.
    Said { kind: String, message: String },
    /// Not the protocol.
    Malformed(String),
    /// More than we take.
    TooMuch(String),
    /// The window ended before the answer did.
    Overflow,
    /// A stop that hob does not know; what it means for the calls cannot be guessed.
    Stop(String),
}

/// Shows a whole answer as if it came now.
pub(super) fn show(blocks: &[Block], on: On<'_>) {
    for block in blocks {
        match block {
            Block::Text { text } => on(Delta::Text(text)),
            Block::Reasoning { text, .. } => on(Delta::Reasoning(text)),
            Block::Call(call) => on(Delta::Call(&call.name)),
        }
    }
}

/// The blocks under way, each under the key the protocol gives it.
#[derive(Default)]
pub(super) struct Blocks {
    slots: Vec<(u64, Block)>,
}

impl Blocks {
    /// Begins a block. Keys may repeat: the latest one is meant.
    pub(super) fn begin(&mut self, key: u64, block: Block) -> Result<&mut Block, Fault> {
        if self.slots.len() >= BLOCKS_MAX {
            return Err(Fault::TooMuch(format!("more than {BLOCKS_MAX} blocks in one answer")));
        }
        self.slots.push((key, block));
        self.last().ok_or_else(|| Fault::Malformed("no block".to_owned()))
    }

    /// The latest block under this key.
    pub(super) fn get(&mut self, key: u64) -> Option<&mut Block> {
        self.slots.iter_mut().rev().find(|(known, _)| *known == key).map(|(_, block)| block)
    }

    /// The latest call under this key.
    pub(super) fn call(&mut self, key: u64) -> Option<&mut Call> {
        self.slots.iter_mut().rev().find_map(|(known, block)| match block {
            Block::Call(call) if *known == key => Some(call),
            _ => None,
        })
    }

    /// The block begun last.
    pub(super) fn last(&mut self) -> Option<&mut Block> {
        self.slots.last_mut().map(|(_, block)| block)
    }

    /// Signs what was thought, or puts a ciphertext in its place.
    pub(super) fn seal(&mut self, sealed: String) -> Result<(), Fault> {
        for (_, block) in &mut self.slots {
            if let Block::Reasoning { signature, redacted: false, .. } = block {
                *signature = Some(sealed);
                return Ok(());
            }
        }
        let block = Block::Reasoning { text: String::new(), signature: Some(sealed), redacted: true };
        self.begin(u64::MAX, block)?;
        self.slots.rotate_right(1);
        Ok(())
    }

    /// Whether a tool is called.
    pub(super) fn has_calls(&self) -> bool {
        self.slots.iter().any(|(_, block)| matches!(block, Block::Call(_)))
    }

    /// Closes the answer. `ids` names calls that the vendor left without an id; it must be
    /// different for each request, because results are filed under the id.
    pub(super) fn finish(&mut self, stop: Stop, usage: Usage, ids: &str) -> Result<Whole, Fault> {
        let mut blocks: Vec<Block> = std::mem::take(&mut self.slots).into_iter().map(|(_, block)| block).collect();
        // An empty text says nothing, and is refused when it is sent again.
        blocks.retain(|block| !matches!(block, Block::Text { text } if text.is_empty()));
        let mut seen: Vec<&str> = Vec::new();
        for (position, block) in blocks.iter_mut().enumerate() {
            let Block::Call(call) = block else { continue };
            if call.name.is_empty() {
                return Err(Fault::Malformed("a tool call without a name".to_owned()));
            }
            if call.id.is_empty() {
                call.id = format!("call_{ids}_{position}");
            }
            if seen.contains(&call.id.as_str()) {
                return Err(Fault::Malformed("two tool calls with one id".to_owned()));
            }
            seen.push(&call.id);
        }
        if stop == Stop::Tools && seen.is_empty() {
            return Err(Fault::Malformed("it stopped for tools without calling one".to_owned()));
        }
        Ok(Whole { blocks, stop, usage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str, name: &str) -> Block {
        Block::Call(Call { id: id.into(), name: name.into(), arguments: String::new() })
    }

    #[test]
    fn an_answer_has_at_most_128_blocks() {
        let mut blocks = Blocks::default();
        for key in 0..128 {
            blocks.begin(key, call(&key.to_string(), "read")).unwrap();
        }
        assert!(matches!(blocks.begin(u64::MAX, call("x", "read")), Err(Fault::TooMuch(_))));
    }

    #[test]
    fn calls_have_names_and_ids_of_their_own() {
        let finish = |calls: &[(&str, &str)]| {
            let mut blocks = Blocks::default();
            for (key, (id, name)) in calls.iter().enumerate() {
                blocks.begin(key as u64, call(id, name)).unwrap();
            }
            blocks.finish(Stop::Tools, Usage::default(), "abc")
        };
        assert_eq!(
            finish(&[("", "read"), ("", "bash")]).unwrap().blocks,
            [call("call_abc_0", "read"), call("call_abc_1", "bash")]
        );
        for bad in [&[("1", "read"), ("1", "bash")][..], &[("1", "")], &[]] {
            assert!(matches!(finish(bad), Err(Fault::Malformed(_))), "{bad:?} passed");
        }
    }
}

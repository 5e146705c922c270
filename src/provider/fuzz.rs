//! The door of the fuzz targets under `fuzz/`; there only with `--cfg fuzzing`.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;

use super::Opening;
use super::blocks::{BLOCKS_MAX, Whole};
use super::http::Line;
use super::streamed::Asked;
use super::vendor::Vendor;
use crate::domain::message::Block;
use crate::domain::name::Thinking;

/// Reads `bytes` as the streamed answer of the vendor with this word, in pieces whose length the
/// first byte gives, and checks what must hold for every answer.
///
/// # Panics
/// When it does not hold.
pub fn stream(word: &str, bytes: &[u8]) {
    let (Some(vendor), Some((piece, rest))) = (Vendor::find(word), bytes.split_first()) else { return };
    let opening = Opening { system: "", environment: "", tools: &[], thinking: Thinking::Off };
    let mut reader = vendor.wire.open(Asked { full: word, name: word }, opening).reader("0123456789abcdef");
    let pieces = rest.chunks(usize::from(*piece).max(1)).map(Bytes::copy_from_slice).map(Ok::<_, std::io::Error>);
    let Ok(url) = "http://127.0.0.1:9/".parse() else { return };
    let line = Line {
        who: vendor.word,
        url,
        headers: Vec::new(),
        key: None,
        extra_roots: Vec::new(),
        idle: Duration::from_secs(1),
        client: OnceLock::new(),
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let mut shown = 0;
    let read = runtime.block_on(line.read(stream::iter(pieces), &mut *reader, &mut |_| shown += 1));
    let Ok(Whole { blocks, .. }) = read else { return };
    assert!(blocks.len() <= BLOCKS_MAX && shown <= bytes.len());
    let calls: Vec<_> =
        blocks.iter().filter_map(|block| if let Block::Call(call) = block { Some(call) } else { None }).collect();
    for (at, call) in calls.iter().enumerate() {
        assert!(!call.id.is_empty() && !call.name.is_empty());
        assert!(calls.iter().skip(at + 1).all(|other| other.id != call.id), "one id twice");
    }
}

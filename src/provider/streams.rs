//! For tests: the streamed answer of a protocol, and what holds for it in every one.

use super::blocks::{BLOCKS_MAX, Reader, Whole};
use super::http::tests::read;
use super::{Error, ErrorKind};

/// Makes a protocol's reader for the answer to the request with this digest.
pub(super) type Fresh = fn(&str) -> Box<dyn Reader>;

/// What the frames add up to.
pub(super) fn whole(fresh: Fresh, text: &str) -> Result<Whole, Error> {
    read(vec![text.as_bytes().to_vec()], &mut *fresh("0123456789abcdef"))
}

/// One message whose frames are given.
pub(super) fn message(frames: &[&str]) -> String {
    frames.iter().map(|frame| format!("data: {frame}\n\n")).collect()
}

/// It does not matter where the network cuts, nor how a line ends.
pub(super) fn assert_cuts_change_nothing(fresh: Fresh, recorded: &str) {
    let bytes: Vec<Vec<u8>> = recorded.bytes().map(|byte| vec![byte]).collect();
    assert_eq!(read(bytes, &mut *fresh("0123456789abcdef")).unwrap(), whole(fresh, recorded).unwrap());
    assert_eq!(whole(fresh, &recorded.replace('\n', "\r\n")).unwrap(), whole(fresh, recorded).unwrap());
}

/// A stream that ends too early is an error that may pass.
pub(super) fn assert_no_beginning_is_an_answer(fresh: Fresh, recorded: &str) {
    // The last byte only closes a frame that is complete without it.
    for end in 0..recorded.len() - 1 {
        let error = read(vec![recorded.as_bytes()[..end].to_vec()], &mut *fresh("")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient { after: None }, "cut at {end}: {error}");
    }
}

/// The frames in this order, some left out and some twice, bring a bounded answer or an error.
pub(super) fn assert_any_order_is_borne(fresh: Fresh, recorded: &str, order: &[usize]) {
    let frames: Vec<&str> = recorded.split_inclusive("\n\n").collect();
    let text: String = order.iter().filter_map(|at| frames.get(*at).copied()).collect();
    if let Ok(answer) = whole(fresh, &text) {
        assert!(answer.blocks.len() <= BLOCKS_MAX);
    }
}

//! Where a conversation is cut, and when. Pure.

use crate::session::history::{Turn, estimate};

/// Tokens of a window that stay free for the next answer.
const RESERVE: u64 = 16_384;

/// Tokens of what was said last that stay as they are.
const KEPT: u64 = 20_000;

/// Tokens that a summary is made of, at most: it is paid for.
const SUMMARISED: u64 = 150_000;

/// How often a conversation is cut for one answer: each time less is kept, and nothing at last.
pub(super) const CUTS: u32 = 3;

/// From how many tokens on a conversation is cut.
pub(super) fn threshold(window: u64) -> u64 {
    window - RESERVE.min(window / 3)
}

/// How many tokens are kept by the cut after so many others.
pub(super) fn kept(window: Option<u64>, cuts: u32) -> u64 {
    let most = window.map_or(KEPT, |window| KEPT.min(threshold(window) / 2));
    match cuts {
        0 => most,
        1 => most / 4,
        _ => 0,
    }
}

/// How many tokens of the rest are read by who makes the summary and has this window.
pub(super) fn summarised(window: Option<u64>, size: u64) -> u64 {
    // What was too long is told by half of it.
    window.map_or(size / 2, threshold).clamp(1000, SUMMARISED)
}

/// The first turn that is kept, so that about so many tokens are: one by hob or an answer, never results,
/// which stay with the answer that asked for them. All of them, past the end, is none.
pub(super) fn place(turns: &[Turn], kept: u64) -> usize {
    let mut left = kept;
    let mut first = turns.len();
    for (n, turn) in turns.iter().enumerate().rev() {
        let size = estimate(turn);
        if size > left {
            break;
        }
        left -= size;
        if !matches!(turn, Turn::Results(_)) {
            first = n;
        }
    }
    first
}

/// The first turn that the model has not read, or whose results it has not: it asked for them, or they are
/// what it is asked.
pub(super) fn unread(turns: &[Turn]) -> usize {
    match turns.iter().rposition(|turn| matches!(turn, Turn::Answer(_))) {
        Some(answer) if matches!(turns.get(answer + 1), Some(Turn::Results(_))) => answer,
        Some(answer) => answer + 1,
        None => 0,
    }
}

/// Whether enough is cut off to be worth a summary.
pub(super) fn is_worth_it(turns: &[Turn], cut: usize) -> bool {
    let size = |turns: &[Turn]| turns.iter().map(estimate).sum::<u64>();
    size(turns.get(..cut).unwrap_or(turns)).saturating_mul(4) >= size(turns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::{Answer, Block, Stop, ToolResult, Usage};

    fn turns(shape: &str) -> Vec<Turn> {
        let turn = |word: &str| {
            let text = "x".repeat(word[1..].parse::<usize>().unwrap() * 3);
            match &word[..1] {
                "u" => Turn::User(text),
                "r" => Turn::Results(vec![ToolResult {
                    call: "1".into(),
                    name: "read".into(),
                    content: text,
                    is_error: false,
                    images: Vec::new(),
                }]),
                _ => Turn::Answer(Answer {
                    blocks: vec![Block::Text { text }],
                    stop: Stop::End,
                    model: "m".into(),
                    usage: Usage::default(),
                    request: String::new(),
                }),
            }
        };
        shape.split(' ').map(turn).collect()
    }

    #[test]
    fn about_as_much_is_kept_as_asked_for() {
        for (shape, kept, place_at) in [
            ("u5 a5 r5 a5", 0, 4),
            ("u5 a5 r5 a5", 4, 4),
            ("u5 a5 r5 a5", 5, 3),
            // Results alone are not kept.
            ("u5 a5 r5 a5", 10, 3),
            ("u5 a5 r5 a5", 15, 1),
            ("u5 a5 r5 a5", 20, 0),
            ("u5 a5 r500", 20, 3),
            ("u5 a5 r5 u5", 19, 1),
        ] {
            assert_eq!(place(&turns(shape), kept), place_at, "{shape}, {kept}");
        }
    }

    #[test]
    fn a_small_window_keeps_a_third_of_it_free() {
        assert_eq!([200_000, 32_000, 3000].map(threshold), [183_616, 21_334, 2000]);
        assert_eq!([0, 1, 2, 3].map(|cuts| kept(Some(200_000), cuts)), [20_000, 5000, 0, 0]);
        assert_eq!((kept(None, 0), kept(Some(30_000), 0)), (20_000, 10_000));
    }
}

//! What is known about models: only what a source says. A model that is not here has no price and
//! no window, never a guess.

use std::borrow::Cow;

use crate::domain::message::Usage;

/// One model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// `provider/model`, without the date of a snapshot.
    pub model: &'static str,
    /// Tokens that fit into its context.
    pub window: u64,
    /// Most tokens of one answer.
    pub output: u32,
    /// What it costs.
    pub price: Price,
    /// Where the numbers stand.
    pub source: &'static str,
    /// When they were read there.
    pub seen: &'static str,
}

/// Nano-dollars for one token: 1000 is one dollar for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Fresh input.
    pub input: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// Input read from the cache.
    pub cache_read: u64,
    /// Input written to the cache (for five minutes, where that can be chosen).
    pub cache_write: u64,
    /// Beyond this many tokens of prompt the whole call is billed at other rates.
    pub long: Option<Long>,
}

/// Rates of calls with a long prompt, as multiples of [`Price`] in halves: 2 is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Long {
    /// Tokens of prompt, cached ones counted.
    pub above: u64,
    /// Of everything in the prompt.
    pub input_halves: u64,
    /// Of the output.
    pub output_halves: u64,
}

/// The row of a model named `provider/model`; a snapshot's date at its end is ignored, and which of
/// OpenAI's protocols it is asked in.
pub fn find(model: &str) -> Option<&'static Row> {
    let model = model.strip_prefix("openai-chat/").map_or(Cow::Borrowed(model), |name| format!("openai/{name}").into());
    ROWS.iter().find(|row| {
        model.strip_prefix(row.model).is_some_and(|rest| {
            let date = rest.strip_prefix('-').unwrap_or(rest);
            rest.is_empty() || (date.len() < rest.len() && is_date(date))
        })
    })
}

impl Row {
    /// Nano-dollars for the usage of **one** call; sums of calls may cross the line to [`Long`].
    pub fn cost(&self, usage: Usage) -> u64 {
        let Price { input, output, cache_read, cache_write, long } = self.price;
        let prompt = usage.input.saturating_add(usage.cache_read).saturating_add(usage.cache_write);
        let (input_halves, output_halves) = match long {
            Some(long) if prompt > long.above => (long.input_halves, long.output_halves),
            Some(_) | None => (2, 2),
        };
        // Wide enough for any counts, so that only the sum is cut.
        let cost = |tokens: u64, price: u64, halves: u64| u128::from(tokens) * u128::from(price * halves) / 2;
        let cost = cost(usage.input, input, input_halves)
            + cost(usage.cache_read, cache_read, input_halves)
            + cost(usage.cache_write, cache_write, input_halves)
            + cost(usage.output, output, output_halves);
        u64::try_from(cost).unwrap_or(u64::MAX)
    }
}

/// `20251001` or `2025-10-01`.
fn is_date(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits == 8 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-') && matches!(text.len(), 8 | 10)
}

const fn price(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Price {
    Price { input, output, cache_read, cache_write, long: None }
}

const fn long(price: Price, above: u64, input_halves: u64, output_halves: u64) -> Price {
    Price { long: Some(Long { above, input_halves, output_halves }), ..price }
}

const fn row(model: &'static str, window: u64, output: u32, price: Price, source: &'static str) -> Row {
    Row { model, window, output, price, source, seen: "2026-11-23" }
}

const CLAUDE: &str = "https://platform.claude.com/docs/en/about-claude/pricing";
/// Prices of the 5.5 generation with their cache rates, checked there against the vendor's page on
/// 2026-10-10; windows and outputs are those of the vendor's model pages.
const CLAUDE_5_5: &str = "https://docs.rs/synaps/0.10.2/synaps_cli/pricing/index.html";

const ROWS: &[Row] = &[
    row("anthropic/claude-opus-5-5", 1_000_000, 128_000, price(4000, 20_000, 200, 5000), CLAUDE_5_5),
    row("anthropic/claude-sonnet-5-5", 1_000_000, 128_000, price(2000, 10_000, 100, 2500), CLAUDE_5_5),
    row("anthropic/claude-haiku-5-5", 1_000_000, 128_000, long(price(100, 500, 10, 125), 100_000, 10, 10), CLAUDE_5_5),
    row("anthropic/claude-fable-5-1", 1_000_000, 128_000, price(10_000, 50_000, 250, 12_500), CLAUDE),
    row("anthropic/claude-opus-5", 1_000_000, 128_000, price(5000, 25_000, 500, 6250), CLAUDE),
    row("anthropic/claude-sonnet-5", 1_000_000, 128_000, price(2000, 10_000, 200, 2500), CLAUDE),
    row("anthropic/claude-opus-4-7", 1_000_000, 128_000, price(5000, 25_000, 500, 6250), CLAUDE),
    row("anthropic/claude-opus-4-6", 1_000_000, 128_000, price(5000, 25_000, 500, 6250), CLAUDE),
    row("anthropic/claude-opus-4-5", 200_000, 64_000, price(5000, 25_000, 500, 6250), CLAUDE),
    row("anthropic/claude-sonnet-4-6", 1_000_000, 64_000, price(3000, 15_000, 300, 3750), CLAUDE),
    row("anthropic/claude-sonnet-4-5", 200_000, 64_000, price(3000, 15_000, 300, 3750), CLAUDE),
    row("anthropic/claude-haiku-4-5", 200_000, 64_000, price(1000, 5000, 100, 1250), CLAUDE),
    row(
        "openai/gpt-5.6-terra",
        1_050_000,
        128_000,
        long(price(2000, 12_000, 200, 2500), 272_000, 4, 3),
        "https://developers.openai.com/api/docs/models/gpt-5.6-terra",
    ),
    row(
        "openai/gpt-5.6-luna",
        1_050_000,
        128_000,
        long(price(200, 1200, 20, 250), 272_000, 4, 3),
        "https://developers.openai.com/api/docs/models/gpt-5.6-luna",
    ),
    row(
        "openai/gpt-5-mini",
        400_000,
        128_000,
        price(250, 2000, 25, 250),
        "https://developers.openai.com/api/docs/models/gpt-5-mini",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_by_its_whole_name_with_or_without_a_date() {
        for (model, expected) in [
            ("anthropic/claude-haiku-4-5", Some("anthropic/claude-haiku-4-5")),
            ("anthropic/claude-haiku-4-5-20251001", Some("anthropic/claude-haiku-4-5")),
            ("openai-chat/gpt-5-mini-2025-08-07", Some("openai/gpt-5-mini")),
            ("openai/gpt-5-mini", Some("openai/gpt-5-mini")),
            ("anthropic/claude-sonnet-5-5", Some("anthropic/claude-sonnet-5-5")),
            ("anthropic/claude-sonnet-5", Some("anthropic/claude-sonnet-5")),
            ("anthropic/claude-sonnet-5-9", None),
            ("anthropic/claude-sonnet-520251001", None),
            ("openai-chat/gpt-5-mini-fast", None),
            ("openai-chat/claude-sonnet-5", None),
            ("replay/x", None),
            ("", None),
        ] {
            assert_eq!(find(model).map(|row| row.model), expected, "for `{model}`");
        }
    }

    #[test]
    fn a_call_costs_what_its_prompt_length_says() {
        let sonnet = find("anthropic/claude-sonnet-5").unwrap();
        let usage = Usage { input: 1000, output: 100, cache_read: 10_000, cache_write: 2000 };
        assert_eq!(sonnet.cost(usage), 2_000_000 + 1_000_000 + 2_000_000 + 5_000_000);
        let terra = find("openai/gpt-5.6-terra").unwrap();
        let call = |input| terra.cost(Usage { input, output: 1, ..Usage::default() });
        assert_eq!(call(272_000), 272_000 * 2000 + 12_000);
        assert_eq!(call(272_001), 272_001 * 4000 + 18_000);
        assert_eq!(terra.cost(Usage { input: u64::MAX, output: u64::MAX, ..Usage::default() }), u64::MAX);
    }

    #[test]
    fn every_row_is_whole() {
        for row in ROWS {
            assert!(row.source.starts_with("https://") && row.seen.len() == 10, "{}", row.model);
            assert!(u64::from(row.output) < row.window && row.price.cache_read < row.price.input, "{}", row.model);
            assert_eq!(ROWS.iter().filter(|other| other.model == row.model).count(), 1);
        }
    }
}

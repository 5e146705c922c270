//! What is known about models: only what a source says. A model that is not here has no price and
//! no window, never a guess.

mod rows;

use std::borrow::Cow;

use super::vendor::{Needed, Vendor};
use crate::domain::image::Sight;
use crate::domain::message::Usage;

pub use rows::ROWS;

/// One model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// `provider/model`, without the date of a snapshot.
    pub model: &'static str,
    /// Tokens that fit into its context.
    pub window: u64,
    /// Most tokens of one answer.
    pub output: u32,
    /// What of images it can be shown.
    pub sight: Sight,
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

/// What of images the model named `provider/model` can be shown: nothing where no source says that it sees.
pub fn sight(model: &str) -> Sight {
    find(model).map_or(Sight::NONE, |row| row.sight)
}

/// Nano-dollars for the usage of **one** call of the model named `provider/model`: nothing where it
/// runs on a machine of one's own, unknown where no source names a price.
pub fn cost(model: &str, usage: Usage) -> Option<u64> {
    let vendor = model.split_once('/').and_then(|(word, _)| Vendor::find(word));
    // What hob itself says in the place of a model.
    if model.starts_with("hob/") {
        return Some(0);
    }
    match vendor {
        Some(vendor) if vendor.key.needed == Needed::Never => Some(0),
        Some(_) | None => find(model).map(|row| row.cost(usage)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ModelName;

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
    fn a_model_on_ones_own_machine_costs_nothing_and_has_no_window_that_is_known() {
        let usage = Usage { input: 1000, output: 1000, ..Usage::default() };
        for (model, expected) in [
            ("ollama/qwen3:8b", Some(0)),
            ("vllm/openai/gpt-oss-120b", Some(0)),
            ("groq/openai/gpt-oss-120b", Some(150_000 + 600_000)),
            ("groq/nobody/knows", None),
            ("openai-chat/local", None),
            ("replay/x", None),
        ] {
            assert_eq!(cost(model, usage), expected, "{model}");
        }
        assert!(find("ollama/qwen3:8b").is_none());
    }

    #[test]
    fn every_row_is_whole() {
        for row in ROWS {
            assert!(row.source.starts_with("https://") && row.seen.len() == 10, "{}", row.model);
            assert!(u64::from(row.output) <= row.window && row.price.cache_read <= row.price.input, "{}", row.model);
            assert!(ModelName::parse(row.model).is_ok_and(|model| model.vendor.is_some()), "{}", row.model);
            assert_eq!(ROWS.iter().filter(|other| other.model == row.model).count(), 1);
        }
    }
}

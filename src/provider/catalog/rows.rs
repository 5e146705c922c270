//! The table of models.

use super::{Long, Price, Row};
use crate::domain::image::{ImageKind, Sight};

const fn price(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Price {
    Price { input, output, cache_read, cache_write, long: None }
}

const fn long(price: Price, above: u64, input_halves: u64, output_halves: u64) -> Price {
    Price { long: Some(Long { above, input_halves, output_halves }), ..price }
}

const fn row(model: &'static str, window: u64, output: u32, price: Price, source: &'static str) -> Row {
    Row { model, window, output, sight: Sight::FULL, price, source, seen: "2026-11-23" }
}

/// One that does not see.
const fn blind(row: Row) -> Row {
    Row { sight: Sight::NONE, ..row }
}

/// One of Google, which takes no GIF: <https://ai.google.dev/gemini-api/docs/image-understanding>. Or one
/// whose vendor says nothing of it.
const fn no_gif(row: Row) -> Row {
    Row { sight: Sight { kinds: &[ImageKind::Png, ImageKind::Jpeg, ImageKind::Webp], ..Sight::FULL }, ..row }
}

/// One of Mistral, where the ninth image of a request was refused:
/// <https://github.com/earendil-works/pi/pull/120>.
const fn few(row: Row) -> Row {
    Row { sight: Sight { most: 8, ..row.sight }, ..row }
}

const GEMINI: &str = "https://github.com/anomalyco/models.dev/tree/dev/providers/google/models";
const GROQ: &str = "https://github.com/anomalyco/models.dev/tree/dev/providers/groq/models";
const MISTRAL: &str = "https://github.com/anomalyco/models.dev/tree/dev/providers/mistral/models";
const OPENROUTER: &str = "https://github.com/anomalyco/models.dev/tree/dev/providers/openrouter/models";
/// The price of peak hours; at other times it is half of that.
const DEEPSEEK: &str = "https://api-docs.deepseek.com/quick_start/pricing";
const CLAUDE: &str = "https://platform.claude.com/docs/en/about-claude/pricing";
/// Prices of the 5.5 generation with their cache rates, checked there against the vendor's page on
/// 2026-10-10; windows and outputs are those of the vendor's model pages.
const CLAUDE_5_5: &str = "https://docs.rs/synaps/0.10.2/synaps_cli/pricing/index.html";

/// Every model, by vendor.
pub const ROWS: &[Row] = &[
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
    row("openrouter/anthropic/claude-sonnet-5", 1_000_000, 128_000, price(2000, 10_000, 200, 2500), OPENROUTER),
    // Until 2026-12-31; twice as much from then on.
    no_gif(row("gemini/gemini-3.8-flash", 1_048_576, 65_536, price(750, 3750, 75, 750), GEMINI)),
    no_gif(row("gemini/gemini-3.5-flash", 1_048_576, 65_536, price(1500, 9000, 150, 1500), GEMINI)),
    no_gif(row(
        "gemini/gemini-3.1-pro-preview",
        1_048_576,
        65_536,
        long(price(2000, 12_000, 200, 2000), 200_000, 4, 3),
        GEMINI,
    )),
    no_gif(row(
        "gemini/gemini-2.5-pro",
        1_048_576,
        65_536,
        long(price(1250, 10_000, 125, 1250), 200_000, 4, 3),
        GEMINI,
    )),
    no_gif(row("gemini/gemini-2.5-flash", 1_048_576, 65_536, price(300, 2500, 30, 300), GEMINI)),
    blind(row("groq/openai/gpt-oss-120b", 131_072, 65_536, price(150, 600, 75, 150), GROQ)),
    // 37.5 to read from the cache, rounded up.
    blind(row("groq/openai/gpt-oss-20b", 131_072, 65_536, price(75, 300, 38, 75), GROQ)),
    // Nothing is said of cached input here: it is counted as fresh.
    few(row("mistral/mistral-medium-3-5", 262_144, 262_144, price(1500, 7500, 1500, 1500), MISTRAL)),
    few(row("mistral/mistral-large-2512", 262_144, 262_144, price(500, 1500, 500, 500), MISTRAL)),
    no_gif(row("deepseek/deepseek-flash", 1_000_000, 384_000, price(300, 1200, 6, 300), DEEPSEEK)),
    blind(row("deepseek/deepseek-v4-pro", 1_000_000, 384_000, price(1320, 3960, 44, 1320), DEEPSEEK)),
    row(
        "bedrock/global.openai.gpt-5.6-luna",
        1_050_000,
        128_000,
        long(price(200, 1200, 20, 250), 272_000, 4, 3),
        "https://github.com/anomalyco/models.dev/tree/dev/providers/amazon-bedrock/models",
    ),
];

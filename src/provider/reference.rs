//! The page made from the tables of vendors and models.

use super::catalog::{self, Price};
use super::vendor::{Needed, VENDORS, Vendor};
use crate::domain::image::{ImageKind, Sight};

/// The reference page, `docs/models.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Models\n\n\
         Every vendor of models that hob talks to, and what it knows about their models. This page is made from \
         the program.\n\n\
         A model is named `provider/model`, in an agent's `model:`, in `--model` and in `HOB_MODEL`. What stands after \
         the first slash goes to the vendor as it is: `openrouter/anthropic/claude-sonnet-5`, `ollama/qwen3:8b`. \
         `replay/FILE` is a recorded conversation and needs neither network nor key. Addresses and keys come from the \
         operator's environment alone (see [environment](environment.md)), never from a file of a repository; in CI they \
         are variables of the job, keys from its secrets.\n\n\
         ## Vendors\n\n\
         | provider | whose | protocol | address | key |\n|---|---|---|---|---|\n",
    );
    for vendor in VENDORS {
        page.push_str(&line(vendor));
    }
    page.push_str(
        "\nAn address may end in a version (`/v1`), in a slash or in the whole path; without a version, the vendor's own \
         is added. Any other server that speaks Chat Completions is `openai-chat/…` with `OPENAI_BASE_URL`.\n\n\
         How hard a model is told to think (`thinking:` in an agent, from `off` to `xhigh`) is said in the words that the \
         vendor takes for that model; a model that is not known to think is told nothing.\n\n\
         ## What is known about models\n\n\
         Prices are in US dollars for a million tokens. A model that is not here can be used all the same: its window \
         and its price are then not known, and no cost is shown. Models on a machine of one's own (`ollama/…`, \
         `vllm/…`) cost nothing.\n\n\
         Models that see are shown the images that they `read`: PNG, JPEG, WebP and GIF, at most 20 at once \
         where the table does not say another number. A model that is not here is not known to see, also on a machine of \
         one's own: a server that takes no images would refuse the whole conversation for ever after.\n\n\
         | model | window | longest answer | sees images | input | output | cached input | source, seen |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in catalog::ROWS {
        let Price { input, output, cache_read, long, .. } = row.price;
        let note = long.map_or_else(String::new, |long| format!(" (more above {} tokens of prompt)", long.above));
        page.push_str(&format!(
            "| `{}` | {} | {} | {} | {}{note} | {} | {} | <{}>, {} |\n",
            row.model,
            row.window,
            row.output,
            sight(row.sight),
            dollars(input),
            dollars(output),
            dollars(cache_read),
            row.source,
            row.seen
        ));
    }
    page
}

fn line(vendor: &Vendor) -> String {
    let Vendor { word, title, wire, base, key, source, seen } = vendor;
    let address = match base.default {
        Some(default) => format!("`{default}`, or `{}`", base.variable),
        None => format!("`{}`, like `{}`", base.variable, base.example),
    };
    let key = match key.needed {
        Needed::Always => format!("`{}`", key.variable),
        Needed::AtTheVendor => format!("`{}`; none at a server of one's own", key.variable),
        Needed::Never => format!("none, or `{}`", key.variable),
    };
    format!("| `{word}/…` | [{title}]({source}) ({seen}) | {} | {address} | {key} |\n", wire.name())
}

/// `yes`, or what it does not see.
fn sight(sight: Sight) -> String {
    if sight.kinds.is_empty() {
        return "no".to_owned();
    }
    let gif = if sight.kinds.contains(&ImageKind::Gif) { "" } else { ", no GIF" };
    let few = if sight.most < Sight::FULL.most { format!(", at most {}", sight.most) } else { String::new() };
    format!("yes{gif}{few}")
}

/// From nano-dollars for a token.
fn dollars(nano: u64) -> String {
    let text = format!("{}.{:03}", nano / 1000, nano % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

//! What people read, whole, and that nothing foreign in it is more than text.

use proptest::prelude::*;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::*;
use crate::cli::command::ci::script::{self, Story, Words};
use crate::domain::budget::Limited;
use crate::domain::outcome::Outcome;

const COMPLETED: Outcome = Outcome::Completed { limited: None };

fn page(words: Words<'_>, outcome: Outcome) -> String {
    Story::new(words, outcome).tell(render)
}

#[test]
fn a_run_is_told_on_one_page() {
    insta::assert_snapshot!(page(script::plain(), COMPLETED), @r#"
    ### ✅ triage · [acme/widgets#42](https://github.com/acme/widgets/issues/42) · completed

    | model | cost | tokens | turns | time | attempt | session |
    |---|--:|--:|--:|--:|--:|---|
    | `anthropic/claude-sonnet-4-5` | $0.0123 | 22.4k in (20.0k cached), 690 out | 2 | 13.0 s | 2 | continues 1 earlier run |

    > **triage** wrote:
    >
    > The word `commit` is misspelled in **one** place:
    >
    > - `docs/start.md:9`

    #### Result

    ```json
    {
      "severity": "low",
      "why": "ada"
    }
    ```

    #### Writes

    | write | what became of it |
    |---|---|
    | `status comment` | [✅ written](https://github.com/acme/widgets/issues/42#issuecomment-7) |
    | `comment` | ✅ was there already |
    | `labels +documentation +ada -bug` | ✅ written |
    | `comment` | ❌ dropped: `ada` |
    | `comment` | ⏳ owed: `ada` |
    | `label` | refused: `ada` |

    #### Notes

    - `the bundle of run 88 was not used: ada`

    #### Trust

    - started by: `ada`
    - allowed by: `role write, asked of the forge`
    - sandbox: `virtual: in memory; no network, no processes`
    - session: `restored from run 77 of this repository`
    - state: `artifact hob-0123 of this run, kept for 90 days`

    <details><summary>Timeline: 2 turns, 4 calls, 1 failed</summary>

    | turn | tool | about | result |
    |--:|---|---|---|
    | 1 | | `ada` | |
    | 1 | `grep` | `committ in docs` | 2.3 kB |
    | 1 | `read` | `ada` | ⚠️ `ada` |
    | 1 | `ada` | `{"ada":"ada"}` | 3 B |
    | 1 | `bash` | `sleep 9` | not run |

    </details>
    "#);
}

#[test]
fn a_run_without_an_outcome_says_why_and_that_it_goes_on() {
    insta::assert_snapshot!(Story::unsettled(script::plain()).tell(render), @"
    ### ⏸️ triage · [acme/widgets#42](https://github.com/acme/widgets/issues/42) · interrupted

    | model | cost | tokens | turns | time | attempt | session |
    |---|--:|--:|--:|--:|--:|---|
    | `anthropic/claude-sonnet-4-5` | $0.0118 | 11.2k in (10.0k cached), 345 out | 1 | 2.0 s | 1 | new |

    `interrupted: ada; what was done is kept`

    #### Notes

    - `the bundle of run 88 was not used: ada`

    #### Trust

    - started by: `ada`
    - allowed by: `role write, asked of the forge`
    - sandbox: `virtual: in memory; no network, no processes`
    - session: `restored from run 77 of this repository`
    - state: `artifact hob-0123 of this run, kept for 90 days`

    <details><summary>Timeline: 1 turn, 1 call</summary>

    | turn | tool | about | result |
    |--:|---|---|---|
    | 1 | | `` The word `commit` is misspelled in **one** place: - `docs/start.md:9` `` | |
    | 1 | `bash` | `make test` | not run |

    </details>
    ");
}

#[test]
fn an_outcome_that_is_not_plain_has_its_sign_and_its_sentence() {
    for (outcome, line, sentence) in [
        (Outcome::Completed { limited: Some(Limited::Turns) }, "### ⚠️ triage", "`completed, limited by turns`"),
        (Outcome::Failed { reason: "no `key`".into() }, "### ❌ triage", "`` failed: no `key` ``"),
        (Outcome::Aborted { by: "ada".into() }, "### ⏹️ triage", "`aborted by ada`"),
    ] {
        let page = page(script::plain(), outcome);
        assert!(page.starts_with(line) && page.contains(&format!("\n{sentence}\n")), "{page}");
    }
}

#[test]
fn a_job_without_a_run_says_why() {
    let page = |outcome| without_run(outcome, "no agent is started by `push`");
    assert_eq!(page(WithoutRun::Skipped), "### ⚪ hob · nothing to do\n\n`` no agent is started by `push` ``\n");
    assert!(page(WithoutRun::Refused).starts_with("### 🚫 hob · refused\n"));
    assert!(page(WithoutRun::Failed).starts_with("### ❌ hob · failed\n"));
}

#[test]
fn a_thread_is_a_link_where_its_address_is_certain() {
    let story = Story::new(script::plain(), COMPLETED);
    let mut event = story.run.task.event.clone().unwrap();
    let sub = "https://git.example/code";
    assert_eq!(thread(&event, sub), "[acme/widgets#42](https://git.example/code/acme/widgets/issues/42)");
    event.forge = Forge::Gitlab;
    event.thread.kind = ThreadKind::Pull;
    assert_eq!(thread(&event, sub), "[acme/widgets!42](https://git.example/code/acme/widgets/-/merge_requests/42)");
    event.repository.path = "a](b) c".to_owned();
    assert_eq!(thread(&event, sub), "`a](b) c!42`");
}

#[test]
fn figures_are_short() {
    for (nano, shown) in
        [(0, "$0"), (1, "< $0.0001"), (100_000, "$0.0001"), (12_345_678, "$0.0123"), (3_000_000_000, "$3.0000")]
    {
        assert_eq!(money(nano), shown);
    }
    for (millis, shown) in [(850, "850 ms"), (12_449, "12.4 s"), (59_940, "59.9 s"), (200_000, "3 min 20 s")] {
        assert_eq!(duration(Duration::from_millis(millis)), shown);
    }
    for (bytes, shown) in [(0, "nothing"), (950, "950 B"), (12_400, "12.4 kB"), (3_100_000, "3.1 MB")] {
        assert_eq!(size(bytes), shown);
    }
}

#[test]
fn a_page_is_never_longer_than_a_runner_takes() {
    let page = cut(format!("### x\n\n<details>\n\n{}", "| é | row |\n".repeat(100_000)));
    assert!(page.len() <= PAGE_MAX && page.ends_with(CUT), "{} bytes", page.len());
    let kept = page.strip_suffix(CUT).unwrap();
    assert!(kept.ends_with("| row |"), "cut within a line");
}

/// What the page itself says, quotes and code left out: headings, links, tags and rows of tables.
fn skeleton(page: &str) -> Vec<String> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_FOOTNOTES;
    let (mut quotes, mut bones) = (0_u32, Vec::new());
    let mut heading: Option<HeadingLevel> = None;
    for event in Parser::new_ext(page, options) {
        match event {
            Event::Start(Tag::BlockQuote(_)) => quotes += 1,
            Event::End(TagEnd::BlockQuote(_)) => quotes -= 1,
            // Even in a quote.
            Event::Start(Tag::Image { dest_url, .. }) => bones.push(format!("image {dest_url}")),
            Event::Start(Tag::Link { dest_url, .. }) => bones.push(format!("link {dest_url}")),
            Event::Html(html) | Event::InlineHtml(html) => bones.push(format!("html {}", html.trim())),
            Event::FootnoteReference(_) | Event::Start(Tag::FootnoteDefinition(_)) => bones.push("footnote".to_owned()),
            _ if quotes > 0 => {}
            Event::Start(Tag::Heading { level, .. }) => heading = Some(level),
            Event::End(TagEnd::Heading(_)) => heading = None,
            Event::Text(text) if heading.is_some() => bones.push(format!("heading {text}")),
            Event::Start(Tag::TableRow) => bones.push("row".to_owned()),
            Event::Start(Tag::TableCell) => bones.push("cell".to_owned()),
            Event::Start(Tag::Item) => bones.push("item".to_owned()),
            _ => {}
        }
    }
    bones
}

#[test]
fn hostile_words_change_nothing_of_the_page_but_what_is_quoted() {
    let plain = skeleton(&page(script::plain(), COMPLETED));
    assert!(plain.len() > 60, "{plain:?}");
    assert_eq!(skeleton(&page(script::hostile(), COMPLETED)), plain);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_words_change_the_page(
        said in "(x|[`<>\\[\\]()!|#*_~@&:/\\\\ \n\r-]|</details>|```|\\[\\^1\\]|\\PC){1,40}",
        elsewhere in "(x|[`<>\\[\\]()!|#*_~@&:/\\\\ \n\r-]|</td>|https://a.example|\\PC){1,40}",
    ) {
        let words = Words { said: &format!("a{said}"), elsewhere: &format!("a{elsewhere}") };
        prop_assert_eq!(skeleton(&page(words, COMPLETED)), skeleton(&page(script::plain(), COMPLETED)));
    }
}

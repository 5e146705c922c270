//! That a runner takes from the file what was declared, and nothing else.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::cli::command::ci::runner;
use crate::cli::command::ci::script::{self, Story, Words};
use crate::domain::outcome::Outcome;

const COMPLETED: Outcome = Outcome::Completed { limited: None };
const RANDOM: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

fn told(words: Words<'_>) -> Vec<(String, String)> {
    let file = Story::new(words, COMPLETED).tell(|ending| render(&values(ending), RANDOM));
    runner::outputs(&file).unwrap()
}

#[test]
fn every_output_is_named_once_and_says_what_it_should() {
    let file = Story::new(script::plain(), COMPLETED).tell(|ending| render(&values(ending), RANDOM));
    insta::assert_snapshot!(file, @r#"
    outcome<<hob_0123456789abcdef0123456789abcdef
    completed
    hob_0123456789abcdef0123456789abcdef
    message<<hob_0123456789abcdef0123456789abcdef
    The word `commit` is misspelled in **one** place:

    - `docs/start.md:9`
    hob_0123456789abcdef0123456789abcdef
    result<<hob_0123456789abcdef0123456789abcdef
    {"severity":"low","why":"ada"}
    hob_0123456789abcdef0123456789abcdef
    run<<hob_0123456789abcdef0123456789abcdef
    run-f925b9388ab17831da68b069
    hob_0123456789abcdef0123456789abcdef
    session<<hob_0123456789abcdef0123456789abcdef
    github.com/1/issue/42/triage
    hob_0123456789abcdef0123456789abcdef
    cost<<hob_0123456789abcdef0123456789abcdef
    0.012345678
    hob_0123456789abcdef0123456789abcdef
    bundle<<hob_0123456789abcdef0123456789abcdef
    /home/runner/work/_temp/hob/hob-0123
    hob_0123456789abcdef0123456789abcdef
    bundle-digest<<hob_0123456789abcdef0123456789abcdef
    5ce6d55d8d235343
    hob_0123456789abcdef0123456789abcdef
    "#);
}

#[test]
fn a_run_without_an_outcome_has_no_words() {
    let found = Story::unsettled(script::plain()).tell(|ending| values(ending).to_vec());
    let find = |name| found.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    assert_eq!((find("outcome"), find("message"), find("result")), (Some("interrupted"), Some(""), Some("")));
    assert_eq!(
        render(&without_run(WithoutRun::Skipped), RANDOM),
        format!("outcome<<hob_{0}\nskipped\nhob_{0}\n", RANDOM.simple())
    );
}

#[test]
fn a_value_that_knows_the_delimiter_does_not_end_itself() {
    let known = format!("hob_{}", RANDOM.simple());
    let value = format!("a\n{known}\nrun<<{known}_\nevil\n{known}__");
    let file = render(&[("message", value.clone())], RANDOM);
    assert_eq!(runner::outputs(&file), Ok(vec![("message".to_owned(), value)]));
}

#[test]
fn a_value_is_bounded_and_keeps_its_lines() {
    let long = "é\r\n".repeat(100_000);
    let message = told(Words { said: &long, elsewhere: "x" }).swap_remove(1).1;
    assert!(message.len() <= VALUE_MAX && message.starts_with("é\né\n") && message.ends_with(CUT), "{}", message.len());
    assert_eq!(render(&[("message", "a\0b".to_owned())], RANDOM).lines().nth(1), Some("a␀b"));
    assert_eq!(json(&json!("x".repeat(VALUE_MAX))), Err(VALUE_MAX + 2));
    assert_eq!(json(&json!({"a": "::error::b ##[group]"})), Ok("{\"a\":\"::error::b ##\\u005bgroup]\"}".to_owned()));
}

fn assert_only_declared(words: Words<'_>) {
    let found = told(words);
    assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), NAMES);
    assert_eq!(found[0].1, "completed");
    // A later step that prints one gives the runner no command.
    for (name, value) in &found {
        assert_eq!(runner::obeyed(value), [], "{name}: {value:?}");
    }
}

#[test]
fn hostile_words_declare_nothing() {
    assert_only_declared(script::hostile());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_words_declare_anything(text in "([a-z:#%<>=\n\r\0\\[\\]]|::error::|##\\[group\\]|outcome<<E\n|hob_|\\PC|\u{2028}|\u{1b}\\[){0,60}") {
        assert_only_declared(Words { said: &text, elsewhere: &text });
    }
}

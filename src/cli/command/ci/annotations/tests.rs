//! The lines, and that a runner reads from them what was meant.

use proptest::prelude::*;

use super::*;
use crate::cli::command::ci::runner::{self, Obeyed};
use crate::cli::command::ci::script::{self, Story, Words};
use crate::domain::outcome::Outcome;

const COMPLETED: Outcome = Outcome::Completed { limited: None };

fn log(commands: &[Command]) -> String {
    commands.iter().map(|command| format!("{command}\n")).collect()
}

fn lines(words: Words<'_>, outcome: Outcome) -> Vec<Command> {
    Story::new(words, outcome).tell(render)
}

#[test]
fn the_outcome_comes_first_and_then_the_gravest() {
    insta::assert_snapshot!(log(&lines(script::plain(), Outcome::Failed { reason: "no key: 100%".into() })), @"
    ::error title=hob%3A triage::failed: no key: 100%25
    ::error title=hob%3A triage::comment was not written: ada
    ::warning title=hob%3A triage::comment is not written yet: ada
    ::warning title=hob%3A triage::label was refused: ada
    ::warning title=hob%3A triage::the bundle of run 88 was not used: ada
    ");
}

#[test]
fn there_are_at_most_ten() {
    let mut story = Story::new(script::plain(), COMPLETED);
    let refused = story.history.runs[1].refused[0].clone();
    story.history.runs[1].refused = vec![refused; 30];
    let lines = story.tell(render);
    assert_eq!(lines.len(), LINES_MAX);
    // Outcome, dropped, waiting, 30 refused and a note are 34: eight are shown beside the outcome.
    assert_eq!(lines[9].to_string(), "::notice title=hob%3A triage::25 more are in the summary");
}

fn assert_as_meant(words: Words<'_>) {
    let commands = lines(words, Outcome::Failed { reason: words.elsewhere.to_owned() });
    let found = runner::obeyed(&log(&commands));
    assert_eq!(found.len(), commands.len(), "{found:?}");
    for Obeyed { name, properties, data } in found {
        assert!(["notice", "warning", "error"].contains(&name.as_str()), "{name}");
        assert_eq!(properties.into_iter().collect::<Vec<_>>(), [("title".to_owned(), "hob: triage".to_owned())]);
        assert!(!data.contains(['\n', '\r', '\u{1b}', '\u{202e}']), "{data:?}");
    }
}

#[test]
fn hostile_words_are_one_line_each() {
    assert_as_meant(script::hostile());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_words_are_one_line_each(text in "([a-z:#%,;=\n\r\\[\\]]|::error::|##\\[group\\]|%0A|\\PC|\u{2028}){0,60}") {
        assert_as_meant(Words { said: &text, elsewhere: &text });
    }
}

//! That a runner obeys the ends of a fold and nothing between them.

use proptest::prelude::*;

use super::*;
use crate::cli::command::ci::runner;
use crate::cli::command::ci::script::HOSTILE;
use crate::cli::output::defuse;

const RANDOM: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn folded(runner: Runner, title: &str, text: &str) -> String {
    let lines = |commands: Vec<Command>| commands.iter().map(|command| format!("{command}\n")).collect::<String>();
    let (fold, begin) = Fold::open(runner, "run", title, at(1_700_000_000), RANDOM);
    format!("{}{text}\n{}", lines(begin), lines(fold.close(at(1_700_000_060))))
}

#[test]
fn a_fold_is_a_group_and_a_fence_on_github_and_a_section_on_gitlab() {
    insta::assert_snapshot!(folded(Runner::Github, "triage on acme/widgets#42", "turn 1"), @"
    ::group::triage on acme/widgets#42
    ::stop-commands::0123456789abcdef0123456789abcdef
    turn 1
    ::0123456789abcdef0123456789abcdef::
    ::endgroup::
    ");
    insta::assert_debug_snapshot!(folded(Runner::Gitlab, "triage on acme/widgets!42", "turn 1"), @r#""\u{1b}[0Ksection_start:1700000000:hob_run\r\u{1b}[0Ktriage on acme/widgets!42\nturn 1\n\u{1b}[0Ksection_end:1700000060:hob_run\r\u{1b}[0K\n""#);
}

#[test]
fn a_secret_is_masked_line_by_line_and_a_short_one_is_not() {
    let secrets =
        ["sk-100%secret", "short", "-----BEGIN KEY-----\nabcdefghij\n}\n"].map(|text| Secret::new(text.into()));
    let masks = |runner| masks(runner, &secrets).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        masks(Runner::Github),
        ["::add-mask::sk-100%25secret", "::add-mask::-----BEGIN KEY-----", "::add-mask::abcdefghij"]
    );
    assert!(masks(Runner::Gitlab).is_empty());
}

/// Even text that reached the log without being made harmless; what does is made harmless as well.
fn assert_only_ours(title: &str, text: &str) {
    for text in [text, &defuse(text)] {
        let found = runner::obeyed(&folded(Runner::Github, title, text));
        let names: Vec<&str> = found.iter().map(|command| command.name.as_str()).collect();
        assert_eq!(names, ["group", "stop-commands", TOKEN, "endgroup"], "{text:?}");
    }
    let gitlab = folded(Runner::Gitlab, title, &defuse(text));
    assert_eq!(gitlab.matches("section_start:1700000000:hob_run\r").count(), 1, "{gitlab:?}");
    assert_eq!(gitlab.matches('\u{1b}').count(), 4, "{gitlab:?}");
}

#[test]
fn between_the_ends_of_a_fold_nothing_is_obeyed() {
    assert_only_ours("t", HOSTILE);
    assert_only_ours(HOSTILE, "\u{1b}[0Ksection_end:1700000000:hob_run\r\u{1b}[0K");
}

proptest! {
    #[test]
    fn no_text_is_obeyed(
        title in "([a-z:#%\n\r]|::endgroup::|##\\[endgroup\\]|\\PC|\u{1b}){0,30}",
        text in "([a-z:#%\n\r]|::error::|::stop-commands::x\n|::x::\n|##\\[set-env name=a\\]|\\PC|\u{2028}|\u{1b}\\[){0,60}",
    ) {
        assert_only_ours(&title, &text);
    }
}

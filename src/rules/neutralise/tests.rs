//! What becomes of a text, and that nothing in the outcome acts.

use proptest::prelude::*;

use super::*;

fn place(forge: Forge) -> Place {
    let host = match forge {
        Forge::Github => "github.com",
        Forge::Gitlab => "gitlab.com",
    };
    Place { forge, hosts: vec![host.into()], people: ["ann", "Bob", "cy", "dee"].map(Into::into).into(), closes: false }
}

fn neutral(text: &str) -> String {
    neutralise(text, &place(Forge::Github)).text
}

#[test]
fn what_would_act_is_shown_instead() {
    for (given, expected) in [
        ("Hello, *world*! See `x` and #3.", "Hello, *world*! See `x` and #3."),
        // mentions
        ("@ann and @bob, not @mallory", "@ann and @bob, not `@mallory`"),
        ("@ann @bob @cy @dee @ann", "@ann @bob @cy `@dee` @ann"),
        ("@ann/team me@ann.com a@mallory", "`@ann/team` me@ann.com a@mallory"),
        ("npm i @types/node", "npm i `@types/node`"),
        (
            "`@mallory` stays\n\n    @mallory\n\n```\n@mallory\n```\n",
            "`@mallory` stays\n\n    @mallory\n\n```\n@mallory\n```\n",
        ),
        ("a ` and @mallory", "a ` and @ mallory"),
        ("\\@mallory &#64;mallory", "\\@ mallory &#64; mallory"),
        ("**@mallory** [@mallory](/x)", "**`@mallory`** [`@mallory`](/x)"),
        ("@<!-- x -->mallory", "`@mallory`"),
        ("@\u{200b}mallory", "`@mallory`"),
        // commands
        ("/close", "\\/close"),
        (
            "ok\n  /merge now\n> /label ~x\n- /approve\n1. /lgtm",
            "ok\n  \\/merge now\n> \\/label ~x\n- \\/approve\n1. \\/lgtm",
        ),
        ("a\r\n/close", "a\n\\/close"),
        ("and/or 1 / 2\n// no\n```\n/close\n```", "and/or 1 / 2\n// no\n```\n/close\n```"),
        ("bors r+\nbors is a bot", "&#98;ors r+\nbors is a bot"),
        // closing keywords
        ("Fixes #1, resolved: a/b#2 and closes GH-3", "Fixes `#1`, resolved: `a/b#2` and closes `GH-3`"),
        ("closes issue #4; this fixes the #5", "closes issue `#4`; this fixes the #5"),
        ("fix https://github.com/a/b/issues/1", "fix `https://github.com/a/b/issues/1`"),
        // links
        (
            "[a](https://github.com/x) [b](/y) [c](#z) ![d](../e.png)",
            "[a](https://github.com/x) [b](/y) [c](#z) ![d](../e.png)",
        ),
        ("[docs](https://evil.example/x)", "\\[docs](`https://evil.example/x`)"),
        ("![p](https://evil.example/?q=1)", "!\\[p](`https://evil.example/?q=1`)"),
        ("<https://evil.example> //evil.example", "`https://evil.example` //evil.example"),
        ("see https://evil.example/a. www.evil.example!", "see `https://evil.example/a`. `www.evil.example`!"),
        ("[x](//evil.example) [y](javascript:alert)", "\\[x](//evil.example) \\[y](javascript:alert)"),
        ("[x](https://github.com@evil.example)", "\\[x](`https://github.com@evil.example`)"),
        ("[x][r]\n\n[r]: https://evil.example", "\\[x][r]\n\n\\[r]: `https://evil.example`"),
        // HTML
        ("a<!-- hidden -->b <!-- hob:v1 -->", "ab "),
        (
            "<details><summary>More</summary>\n\nx<sub>2</sub>\n</details>",
            "<details><summary>More</summary>\n\nx<sub>2</sub>\n</details>",
        ),
        ("<img src=x onerror=y> <b>bold</b>", "&lt;img src=x onerror=y> <b>bold</b>"),
        (
            "<details>\n@mallory &#64;mallory fixes #1\n/close\n</details>",
            "<details>\n@ mallory &amp;#64;mallory fixes # 1\n&#47;close\n</details>",
        ),
        ("<!-- never closed @mallory", "&lt;!-- never closed @ mallory"),
    ] {
        assert_eq!(neutral(given), expected, "for {given:?}");
    }
}

#[test]
fn on_gitlab_a_quick_action_is_defused_in_code_too() {
    let text = "~~~\n```\n~~~\n/close\n\n```\n/merge\n/usr/bin/env\n```\n";
    let shown = neutralise(text, &place(Forge::Gitlab)).text;
    assert_eq!(shown, "~~~\n```\n~~~\n\\/close\n\n```\n\\/merge\n/usr/bin/env\n```\n");
}

#[test]
fn a_text_that_is_too_long_is_cut_between_characters_and_says_so() {
    let neutral = neutralise(&"ä".repeat(70_000), &place(Forge::Github));
    assert_eq!(neutral.text.chars().count(), 65_536 - RESERVE);
    assert!(neutral.text.ends_with(CUT) && neutral.changes.contains(&Change::Cut));
}

#[test]
fn what_does_not_come_to_rest_is_shown_as_code() {
    let code = as_code("```\n@mallory\n/close\n````\n", Forge::Gitlab);
    assert_eq!(code, "`````\n```\n@mallory\n\\/close\n````\n`````\n");
    assert_eq!(neutralise(&code, &place(Forge::Gitlab)).text, code);
}

#[test]
fn a_long_hostile_text_takes_linear_time() {
    for piece in ["@a ", "<!-- ", "[", "`", "fixes ", "![](", "/x\n", "> ", "&#64;", "a://", "<b>", "*a_ "] {
        let text = piece.repeat(20_000);
        let started = tokio::time::Instant::now();
        neutralise(&text, &place(Forge::Gitlab));
        assert!(started.elapsed().as_secs() < 5, "{piece:?} took {:?}", started.elapsed());
    }
}

/// Pieces of Markdown that act, in any order.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("@mallory"),
        Just("@ann"),
        Just("/close"),
        Just("fixes #1"),
        Just("https://evil.example/x"),
        Just("`"),
        Just("```"),
        Just("\n"),
        Just("\n\n"),
        Just("    "),
        Just("<!--"),
        Just("-->"),
        Just("<details>"),
        Just("<a href='x'>"),
        Just("[a]("),
        Just("[a]"),
        Just("[a]: "),
        Just("!["),
        Just("]"),
        Just(")"),
        Just("<"),
        Just(">"),
        Just("\\"),
        Just("&#64;"),
        Just("> "),
        Just("- "),
        Just("|"),
        Just("|-|-|\n"),
        Just("*"),
        Just("x"),
        Just(" "),
        Just("~~~"),
        Just("[^1]"),
        Just("bors r+"),
        Just("\r"),
        Just("\u{200b}"),
        Just("www.evil.example"),
        Just("&amp;"),
        Just("@"),
        Just("mallory"),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_neutral_text_stays_as_it_is(text in hostile(), gitlab in any::<bool>()) {
        let place = place(if gitlab { Forge::Gitlab } else { Forge::Github });
        let once = neutralise(&text, &place).text;
        let twice = neutralise(&once, &place);
        prop_assert_eq!(&twice.text, &once);
        prop_assert!(twice.changes.is_empty(), "{:?}", twice.changes);
    }

    #[test]
    fn no_line_of_a_neutral_text_is_a_quick_action(text in hostile()) {
        let shown = neutralise(&text, &place(Forge::Gitlab)).text;
        prop_assert!(!shown.lines().any(|line| line.trim_start().split(' ').next() == Some("/close")), "{shown}");
    }

    #[test]
    fn any_text_is_taken(text in "\\PC{0,200}") {
        let once = neutral(&text);
        prop_assert_eq!(neutral(&once), once);
    }
}

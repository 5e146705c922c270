//! Once each: however often it is applied, whoever meddles.

use super::*;

#[tokio::test(start_paused = true)]
async fn each_effect_is_sent_once_though_applied_again() {
    let mut scene = Scene::new();
    scene.completes("opened", &[status("Looked."), comment("Thanks."), label("bug", "new")]);
    insta::assert_snapshot!(scene.process().await, @"
    status 0: applied https://forge/1
    comment 0: applied https://forge/2
    label 0: applied
    ");
    insta::assert_snapshot!(scene.calls(), @"
    list comments, page 1
    post `Looked.`
    list comments since 2026-03-01T08:55:00Z, page 1
    post `Thanks.`
    label +bug -new
    ");
    assert_eq!(scene.process().await, "");
    assert_eq!(scene.calls(), "", "nothing is owed, nobody is asked");
    assert_eq!(scene.copies(), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_later_run_edits_the_status_in_place() {
    let mut scene = Scene::new();
    scene.completes("opened", &[status("Looking.")]);
    scene.process().await;
    scene.calls();
    scene.completes("edited", &[status("Done.")]);
    insta::assert_snapshot!(scene.process().await, @"status 0: applied https://forge/1");
    insta::assert_snapshot!(scene.calls(), @"
    read comment 1
    edit comment 1 to `Done.`
    ");
    assert_eq!(scene.thread(), ["Done."]);

    scene.completes("edited again", &[status("Done.\n")]);
    insta::assert_snapshot!(scene.process().await, @"status 0: there already https://forge/1");
    insta::assert_snapshot!(scene.calls(), @"read comment 1");
}

#[tokio::test(start_paused = true)]
async fn what_people_did_to_our_status_does_not_make_a_second_one() {
    for (what, meddle, expected) in [
        ("edited", (|body: &mut String| body.insert_str(0, "EDITED ")) as fn(&mut String), vec!["new"]),
        ("line ends", |body| *body = format!("{}\r\n", body.replace('\n', "\r\n")), vec!["new"]),
        // Without its marker it is a comment like any other.
        ("marker removed", |body| *body = "mine now".into(), vec!["mine now", "new"]),
    ] {
        let mut scene = Scene::new();
        scene.completes("opened", &[status("old")]);
        scene.process().await;
        meddle(&mut scene.board.state().comments[0].body);
        scene.completes("edited", &[status("new")]);
        scene.process().await;
        assert_eq!(scene.thread(), expected, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_was_deleted_is_posted_again() {
    let mut scene = Scene::new();
    scene.completes("opened", &[status("old")]);
    scene.process().await;
    scene.board.state().comments.clear();
    scene.calls();
    scene.completes("edited", &[status("new")]);
    insta::assert_snapshot!(scene.process().await, @"status 0: applied https://forge/2");
    insta::assert_snapshot!(scene.calls(), @"
    read comment 1
    list comments, page 1
    post `new`
    ");
}

#[tokio::test(start_paused = true)]
async fn rows_that_were_lost_are_made_up_for_by_the_markers() {
    let mut scene = Scene::new();
    let writes = [status("Looked."), comment("Thanks."), label("bug", "")];
    scene.completes("opened", &writes);
    for n in 0..4 {
        scene.board.says(Account { id: Some(n), login: "ann".into() }, "me too");
    }
    scene.process().await;
    scene.calls();
    // The runner was lost, and the bundle with it: the same event makes the same run again.
    scene.root = tempfile::tempdir().unwrap();
    scene.runs.clear();
    scene.completes("opened", &writes);
    insta::assert_snapshot!(scene.process().await, @"
    status 0: there already https://forge/5
    comment 0: there already https://forge/6
    label 0: applied
    ");
    insta::assert_snapshot!(scene.calls(), @"
    list comments, page 1
    list comments, page 2
    list comments since 2026-03-01T08:55:00Z, page 1
    list comments since 2026-03-01T08:55:00Z, page 2
    label +bug -
    ");
    assert_eq!(scene.copies(), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn only_what_our_own_account_wrote_is_ours() {
    let mut scene = Scene::new();
    scene.completes("opened", &[comment("Thanks.")]);
    scene.process().await;
    let copied = scene.board.state().comments[0].body.clone();
    for (own, author, is_ours) in [
        (own(), Account { id: Some(78), login: "hob-bot".into() }, false),
        (own(), Account { id: None, login: "hob-bot".into() }, false),
        (own(), Account { id: Some(77), login: String::new() }, true),
        // A job's own token tells no id.
        (
            Account { id: None, login: "github-actions[bot]".into() },
            Account { id: Some(41_898_282), login: "github-actions[bot]".into() },
            true,
        ),
        (Account { id: None, login: String::new() }, Account { id: Some(5), login: String::new() }, false),
    ] {
        let what = format!("{author:?}");
        let mut scene = Scene { own, ..Scene::new() };
        scene.board.says(author, &copied);
        scene.completes("opened", &[comment("Thanks.")]);
        scene.process().await;
        assert_eq!(scene.thread().len(), if is_ours { 1 } else { 2 }, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_marker_that_stood_there_before_the_event_is_a_copy() {
    let mut scene = Scene::new();
    scene.completes("opened", &[comment("Thanks.")]);
    scene.process().await;
    let copied = scene.board.state().comments[0].body.clone();
    for (before, comments) in [(Duration::from_secs(240), 1), (Duration::from_secs(360), 2)] {
        let mut scene = Scene::new();
        scene.board.says(own(), &copied);
        scene.board.state().comments[0].at = now() - before;
        scene.completes("opened", &[comment("Thanks.")]);
        scene.process().await;
        assert_eq!(scene.thread().len(), comments, "{before:?} before the event");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_comments_of_ours_the_oldest_counts_and_the_other_is_told() {
    let mut scene = Scene::new();
    scene.completes("opened", &[status("old")]);
    scene.process().await;
    let body = scene.board.state().comments[0].body.clone();
    scene.board.says(own(), &body);
    scene.root = tempfile::tempdir().unwrap();
    scene.runs.clear();
    scene.completes("edited", &[status("new")]);
    insta::assert_snapshot!(scene.process().await, @"
    status 0: applied https://forge/1
    note: a comment of ours stands there twice: https://forge/2 may be deleted
    ");
    assert_eq!(scene.thread(), ["new", "old"]);
}

#[tokio::test(start_paused = true)]
async fn a_thread_without_end_is_looked_through_in_bounds() {
    let mut scene = Scene::new();
    for n in 0..200 {
        scene.board.says(Account { id: Some(n), login: "ann".into() }, "me too");
    }
    scene.completes("opened", &[status("Looked.")]);
    insta::assert_snapshot!(scene.process().await, @"
    status 0: applied https://forge/201
    note: the thread has more than 30 pages of comments: an earlier one of ours may be missed
    ");
    assert_eq!(scene.calls().lines().count(), 31);
}

//! Limits, lost answers, and a process that dies between any two steps.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_limit_is_waited_out_and_delays_only_the_same_object() {
    let mut scene = Scene::new();
    scene.completes("opened", &[comment("one"), comment("two"), label("bug", "")]);
    scene.board.state().writes = [Fault::Later(Some(40))].into();
    let began = tokio::time::Instant::now();
    insta::assert_snapshot!(scene.process().await, @"
    comment 0: applied https://forge/1
    comment 1: applied https://forge/2
    label 0: applied
    ");
    insta::assert_snapshot!(scene.calls(), @"
    list comments since 2026-03-01T08:55:00Z, page 1
    post `one`
    label +bug -
    list comments since 2026-03-01T08:55:00Z, page 1
    post `one`
    list comments since 2026-03-01T08:55:00Z, page 1
    post `two`
    ");
    assert_eq!(began.elapsed().as_secs(), 40);
}

/// A limit that names no time is a minute, and it comes after something else took its time.
#[tokio::test(start_paused = true)]
async fn the_minute_of_a_secondary_limit_is_waited_out() {
    let mut scene = Scene::new();
    scene.completes("opened", &[comment("one")]);
    scene.board.state().reads = [Fault::Later(Some(9))].into();
    scene.board.state().writes = [Fault::Later(Some(60))].into();
    insta::assert_snapshot!(scene.process().await, @"comment 0: applied https://forge/1");
}

#[tokio::test(start_paused = true)]
async fn what_outlasts_the_patience_stays_owed() {
    let mut scene = Scene::new();
    scene.completes("opened", &[comment("one"), comment("two"), label("bug", "")]);
    scene.board.state().writes = [Fault::Later(Some(91))].into();
    let began = tokio::time::Instant::now();
    insta::assert_snapshot!(scene.process().await, @"
    comment 0: waiting: cannot post `one` now: Later(Some(91))
    comment 1: waiting: an earlier effect on the same object waits
    label 0: applied
    ");
    assert_eq!(began.elapsed().as_secs(), 0, "it is not waited for in vain");
    insta::assert_snapshot!(scene.process().await, @"
    comment 0: applied https://forge/1
    comment 1: applied https://forge/2
    ");
    assert_eq!(scene.thread(), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn waits_without_an_end_end_with_the_patience() {
    let mut scene = Scene::new();
    scene.completes("opened", &[comment("one")]);
    for fault in [Fault::Later(Some(0)), Fault::Later(None), Fault::LostBefore] {
        scene.board.state().reads = vec![fault; 200].into();
        let began = tokio::time::Instant::now();
        let said = scene.process().await;
        assert!(said.starts_with("comment 0: waiting: cannot "), "{said}");
        assert!(began.elapsed() <= scene.patience);
        assert!(scene.calls().lines().count() <= 91, "no busy loop");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_up_and_never_sent_again_in_a_hurry() {
    for fault in [Fault::LostAfter, Fault::Nonsense] {
        let mut scene = Scene::new();
        scene.completes("opened", &[status("s"), comment("c"), label("bug", "")]);
        scene.board.state().writes = vec![fault; 3].into();
        let said = scene.process().await;
        assert_eq!(
            said, "status 0: applied https://forge/1\ncomment 0: applied https://forge/2\nlabel 0: applied",
            "{fault:?}"
        );
        assert_eq!(scene.copies(), [1, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_never_done_is_left_to_the_next_process() {
    let mut scene = Scene::new();
    scene.completes("opened", &[comment("c")]);
    scene.board.state().writes = [Fault::LostBefore].into();
    let began = tokio::time::Instant::now();
    insta::assert_snapshot!(scene.process().await, @"comment 0: unknown: the forge did not answer a write, and does not show it");
    insta::assert_snapshot!(scene.calls(), @"
    list comments since 2026-03-01T08:55:00Z, page 1
    post `c`
    list comments since 2026-03-01T08:55:00Z, page 1
    list comments since 2026-03-01T08:55:00Z, page 1
    ");
    assert_eq!(began.elapsed().as_secs(), 30);
    insta::assert_snapshot!(scene.process().await, @"comment 0: applied https://forge/1");
    assert_eq!(scene.copies(), [1]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_was_lost_is_seen_in_the_text() {
    for (fault, expected) in [
        (Fault::LostAfter, "status 0: applied https://forge/1"),
        (Fault::LostBefore, "status 0: unknown: the forge did not answer a write, and does not show it"),
    ] {
        let mut scene = Scene::new();
        scene.completes("opened", &[status("old")]);
        scene.process().await;
        scene.completes("edited", &[status("new")]);
        scene.board.state().writes = [fault].into();
        assert_eq!(scene.process().await, expected);
        scene.process().await;
        assert_eq!(scene.thread(), ["new"]);
    }
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_begins_nothing_and_leaves_no_call_without_its_row() {
    let mut scene = Scene::new();
    scene.completes("opened", &[comment("c"), label("bug", "")]);
    scene.cancel.cancel();
    insta::assert_snapshot!(scene.process().await, @"
    comment 0: waiting: hob was told to stop
    label 0: waiting: hob was told to stop
    ");
    assert_eq!(scene.calls(), "");

    scene.cancel = CancellationToken::new();
    scene.board.state().writes = [Fault::LostAfter, Fault::Later(Some(9))].into();
    let cancel = scene.cancel.clone();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        cancel.cancel();
    };
    let (said, ()) = tokio::join!(scene.process(), stop);
    insta::assert_snapshot!(said, @"
    comment 0: unknown: cannot tell whether hob could post `c`: LostAfter
    label 0: waiting: hob was told to stop
    ");
    scene.cancel = CancellationToken::new();
    insta::assert_snapshot!(scene.process().await, @"
    comment 0: there already https://forge/1
    label 0: applied
    ");
    assert_eq!(scene.copies(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_died_between_any_two_steps_is_followed_by_one_that_finishes() {
    let dies = |count: usize, fault| {
        let mut faults = vec![Fault::Fine; count];
        faults.push(fault);
        faults
    };
    let mut deaths = 0;
    for fault in [Fault::DiesBefore, Fault::DiesAfter] {
        for (reads, writes) in (0..4).flat_map(|count| [(dies(count, fault), vec![]), (vec![], dies(count, fault))]) {
            let mut scene = Scene::new();
            scene.completes("opened", &[status("old"), comment("c"), label("bug", "new")]);
            scene.completes("edited", &[status("new"), comment("d")]);
            let what = format!("{reads:?} {writes:?}");
            (scene.board.state().reads, scene.board.state().writes) = (reads.into(), writes.into());
            deaths += usize::from(scene.process().await == "died");
            let state = scene.board.state();
            drop(state);
            scene.process().await;
            assert_eq!(scene.copies(), [1, 1, 1, 1], "{what}");
            assert_eq!(scene.board.state().labels, ["bug".to_owned()].into(), "{what}");
            assert!(scene.thread().contains(&"new".to_owned()), "{what}");
            assert_eq!(scene.process().await, "", "{what}: nothing is left");
        }
    }
    assert!(deaths >= 10, "only {deaths} boundaries were met");
}

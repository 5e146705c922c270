//! Whose turn it is: instances with work that nobody does.

use std::time::Duration;

use super::*;

every_store! {
    where_nothing_is_nobody_waits,
    an_instance_without_a_run_does_not_wait,
    who_waited_longest_comes_first,
    what_somebody_works_on_does_not_wait,
    what_was_given_back_waits_again,
    what_a_process_that_died_left_waits_again,
    what_has_all_its_outcomes_does_not_wait,
    what_has_another_run_waits_on,
    a_later_run_of_who_waits_changes_no_order,
    an_instance_waits_since_its_oldest_run_without_an_outcome,
    no_more_are_named_than_were_asked_for,
    a_wish_to_end_does_not_end_the_waiting,
    what_was_forgotten_does_not_wait,
    there_is_news_when_a_run_was_admitted,
    there_is_news_of_what_was_admitted_before_anybody_listened,
    there_is_news_when_a_claim_is_given_back,
}

/// One of many on the same repository.
fn numbered(n: u32) -> InstanceId {
    InstanceId { key: n.to_string(), ..instance() }
}

fn admit_at(place: &Place, n: u32, name: &str, seconds: i64) {
    place.admit_run(&Run { admitted_at: at(seconds), ..run_of(&numbered(n), name) });
}

fn where_nothing_is_nobody_waits(place: &Place) {
    assert!(place.waiting().is_empty());
}

fn an_instance_without_a_run_does_not_wait(place: &Place) {
    let mut writer = place.open();
    writer.put_blob(b"x");
    writer.claim();
    writer.release();
    drop(writer);
    assert!(place.waiting().is_empty());
}

fn who_waited_longest_comes_first(place: &Place) {
    for (seconds, n) in (10..).zip([3, 1, 4, 2]) {
        admit_at(place, n, "first", seconds);
    }
    assert_eq!(place.waiting(), [3, 1, 4, 2].map(numbered));
    assert_eq!(place.beside().waiting(), [3, 1, 4, 2].map(numbered));
}

fn what_somebody_works_on_does_not_wait(place: &Place) {
    admit_at(place, 1, "first", 10);
    admit_at(place, 2, "first", 11);
    let mut writer = place.open_of(&numbered(1));
    let fence = writer.take().unwrap().fence;
    assert_eq!(place.beside().waiting(), [numbered(2)]);
    admit_at(place, 1, "second", 12);
    writer.append(fence, [note("at work")]).unwrap();
    assert_eq!(place.waiting(), [numbered(2)]);
}

fn what_was_given_back_waits_again(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    writer.append(claim.fence, [started(&claim.run, 1)]).unwrap();
    assert!(place.waiting().is_empty());
    writer.release();
    assert_eq!(place.waiting(), [instance()]);
}

fn what_a_process_that_died_left_waits_again(place: &Place) {
    place.admit("first");
    let mut writer = place.open_doomed();
    writer.take().unwrap();
    place.dies(writer);
    assert_eq!(place.waiting(), [instance()]);
}

fn what_has_all_its_outcomes_does_not_wait(place: &Place) {
    for name in ["first", "second"] {
        place.admit(name);
    }
    let mut writer = place.open();
    writer.work();
    writer.work();
    drop(writer);
    assert!(place.waiting().is_empty());
    place.admit("third");
    assert_eq!(place.waiting(), [instance()]);
}

fn what_has_another_run_waits_on(place: &Place) {
    for name in ["first", "second"] {
        place.admit(name);
    }
    place.open().work();
    assert_eq!(place.waiting(), [instance()]);
    place.admit("second");
    place.open().work();
    assert!(place.waiting().is_empty(), "who was admitted twice waits once");
}

fn a_later_run_of_who_waits_changes_no_order(place: &Place) {
    admit_at(place, 1, "first", 10);
    admit_at(place, 2, "first", 11);
    admit_at(place, 1, "second", 12);
    assert_eq!(place.waiting(), [1, 2].map(numbered));
}

fn an_instance_waits_since_its_oldest_run_without_an_outcome(place: &Place) {
    admit_at(place, 1, "first", 10);
    admit_at(place, 2, "first", 11);
    admit_at(place, 1, "second", 12);
    place.open_of(&numbered(1)).work();
    assert_eq!(place.waiting(), [2, 1].map(numbered));
}

fn no_more_are_named_than_were_asked_for(place: &Place) {
    for n in 0..7 {
        admit_at(place, n, "first", 10 + i64::from(n));
    }
    for most in [0, 1, 3, 7, 100] {
        let waiting = place.run(place.store.waiting(most)).unwrap();
        assert_eq!(waiting, (0..7).take(most).map(numbered).collect::<Vec<_>>());
    }
}

fn a_wish_to_end_does_not_end_the_waiting(place: &Place) {
    place.admit("first");
    place.abort(None, "octocat");
    assert_eq!(place.waiting(), [instance()], "somebody must write its outcome down");
}

fn what_was_forgotten_does_not_wait(place: &Place) {
    place.admit("first");
    assert!(place.forget().unwrap());
    assert!(place.waiting().is_empty());
}

/// Whether news came in the time of a poll or two.
fn news(place: &Place) -> bool {
    place.run(async { tokio::time::timeout(Duration::from_secs(20), place.store.news()).await.is_ok() })
}

fn there_is_news_when_a_run_was_admitted(place: &Place) {
    std::thread::scope(|scope| {
        let listens = scope.spawn(|| news(place));
        place.admit("first");
        assert!(listens.join().unwrap());
    });
}

fn there_is_news_of_what_was_admitted_before_anybody_listened(place: &Place) {
    assert!(place.waiting().is_empty());
    place.beside().admit("first");
    assert!(news(place));
    assert_eq!(place.waiting(), [instance()]);
}

fn there_is_news_when_a_claim_is_given_back(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    writer.take().unwrap();
    writer.release();
    assert!(news(place));
    assert_eq!(place.waiting(), [instance()]);
}

//! What others wrote is seen, once, by a log that stayed open.

use hob::store::Admitted;

use super::*;

every_store! {
    where_nothing_happened_nothing_is_seen,
    a_run_admitted_since_is_seen,
    ones_own_entries_are_not_those_of_others,
    the_entries_of_another_process_are_seen_once,
    what_another_writes_after_a_first_look_is_seen_by_the_next,
    the_outcome_of_another_process_is_seen,
    a_claim_brings_what_was_not_looked_at,
    what_another_did_about_effects_is_seen,
    an_admission_and_a_wish_are_seen_under_a_claim,
    a_log_goes_on_after_the_entries_of_others,
    many_processes_take_turns,
}

/// Hands the instance on: a log that stays open, and may be written by others.
fn idle(place: &Place) -> Writer {
    let mut writer = place.open();
    writer.claim();
    writer.release();
    writer
}

fn where_nothing_happened_nothing_is_seen(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    for _ in 0..2 {
        assert!(writer.refresh().is_empty());
        assert_eq!((writer.next(), writer.runs().len()), (Seq(1), 1));
    }
}

fn a_run_admitted_since_is_seen(place: &Place) {
    let mut writer = place.open();
    assert_eq!(place.beside().admit("first"), Admitted::New);
    assert_eq!(writer.state(&run("first").id), None);
    assert!(writer.refresh().is_empty());
    assert_eq!(writer.state(&run("first").id), Some(State::Queued));
    place.admit("second");
    writer.refresh();
    assert_eq!(writer.runs(), ["first", "second"].map(run));
}

fn ones_own_entries_are_not_those_of_others(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, [note("a")]).unwrap();
    assert!(writer.refresh().is_empty());
    writer.settle(fence, [note("b")]).unwrap();
    assert!(writer.refresh().is_empty());
    assert!(writer.try_claim().unwrap().1.is_empty());
}

fn the_entries_of_another_process_are_seen_once(place: &Place) {
    let mut one = idle(place);
    let mut two = place.beside().open();
    let fence = two.claim();
    two.append(fence, ["a", "b"].map(note)).unwrap();
    two.release();
    drop(two);
    let seen = one.refresh();
    assert_eq!(notes(&seen), ["a", "b"]);
    assert_eq!(seen.iter().map(|entry| (entry.seq.0, entry.epoch.0)).collect::<Vec<_>>(), [(1, 2), (2, 2)]);
    assert!(one.refresh().is_empty());
    assert_eq!(one.next(), Seq(3));
}

fn what_another_writes_after_a_first_look_is_seen_by_the_next(place: &Place) {
    place.admit("first");
    let mut one = idle(place);
    let mut two = place.beside().open();
    let claim = two.take().unwrap();
    assert!(one.refresh().is_empty());
    two.append(claim.fence, [started(&claim.run, 1), note("a")]).unwrap();
    assert_eq!(notes(&one.refresh()), ["a"]);
    two.append(claim.fence, [note("b")]).unwrap();
    two.settle(claim.fence, [note("c"), settled(&claim.run)]).unwrap();
    drop(two);
    assert_eq!(notes(&one.refresh()), ["b", "c"]);
    assert_eq!(one.state(&run("first").id), Some(COMPLETED));
    let fence = one.claim();
    one.append(fence, [note("d")]).unwrap();
    assert_eq!(notes(&place.peek().entries), ["a", "b", "c", "d"]);
}

fn the_outcome_of_another_process_is_seen(place: &Place) {
    place.admit("first");
    let mut one = idle(place);
    assert_eq!(one.state(&run("first").id), Some(State::Queued));
    place.beside().open().work();
    one.refresh();
    assert_eq!(one.state(&run("first").id), Some(COMPLETED));
    assert!(one.take().is_none());
}

fn a_claim_brings_what_was_not_looked_at(place: &Place) {
    let mut one = idle(place);
    let mut two = place.beside().open();
    let fence = two.claim();
    two.settle(fence, ["a", "b"].map(note)).unwrap();
    drop(two);
    place.admit("first");
    let (fence, seen) = one.try_claim().unwrap();
    assert_eq!((fence, notes(&seen)), (Epoch(3), vec!["a", "b"]));
    assert_eq!(one.runs(), [run("first")]);
    one.settle(fence, [settled(&run("first"))]).unwrap();
}

fn what_another_did_about_effects_is_seen(place: &Place) {
    let one = comment(&run("first"), 0);
    let mut idle = idle(place);
    let mut other = place.beside().open();
    other.effect_claim(&one).unwrap();
    idle.refresh();
    assert_eq!((idle.effects().state(&one), idle.effects().is_claimed(&one)), (None, true));
    other.effect_done(&one, applied(7)).unwrap();
    idle.refresh();
    assert_eq!((idle.effects().state(&one), idle.effects().object(&one.key)), (Some(&applied(7)), Some(7)));
}

fn an_admission_and_a_wish_are_seen_under_a_claim(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    for n in 0..4 {
        place.beside().admit(&format!("later {n}"));
        place.beside().abort(Some(&run(&format!("later {n}"))), "octocat");
        writer.refresh();
        assert_eq!(writer.abort_asked(&run(&format!("later {n}")).id), Some("octocat"));
        writer.append(claim.fence, [note("undisturbed")]).unwrap();
    }
    writer.settle(claim.fence, [settled(&claim.run)]).unwrap();
    assert_eq!(writer.runs().len(), 5);
}

fn a_log_goes_on_after_the_entries_of_others(place: &Place) {
    let mut one = idle(place);
    let mut expected = Vec::new();
    for n in 0..5 {
        let mut two = place.beside().open();
        let fence = two.claim();
        two.settle(fence, [note(&format!("two {n}"))]).unwrap();
        drop(two);
        let (fence, seen) = one.try_claim().unwrap();
        assert_eq!(notes(&seen), [format!("two {n}")]);
        one.append(fence, [note(&format!("one {n}"))]).unwrap();
        one.release();
        expected.extend([format!("two {n}"), format!("one {n}")]);
    }
    assert_eq!(notes(&place.peek().entries), expected);
}

fn many_processes_take_turns(place: &Place) {
    for n in 0..9 {
        place.admit(&n.to_string());
    }
    let mut idle: Vec<Writer> = (0..3).map(|_| idle(place)).collect();
    for n in 0..9 {
        let writer = &mut idle[n % 3];
        let claim = writer.take().unwrap();
        assert_eq!(claim.run, run(&n.to_string()));
        writer.append(claim.fence, [settled(&claim.run)]).unwrap();
        writer.release();
    }
    assert_eq!(place.states(), [const { COMPLETED }; 9]);
}

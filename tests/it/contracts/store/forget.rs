//! An instance with all it has is gone when it was forgotten, and one of its name begins from nothing.

use hob::store::Admitted;

use super::*;

every_store! {
    nothing_of_it_is_left,
    what_is_not_there_is_not_forgotten,
    what_somebody_works_on_is_not_forgotten,
    what_a_process_that_died_left_is_forgotten,
    others_are_left_alone,
    one_of_its_name_begins_from_nothing,
    an_event_that_was_forgotten_is_a_new_run,
    a_log_that_was_open_says_that_it_is_gone,
    a_log_of_the_forgotten_one_writes_nothing_into_the_next,
    a_log_of_the_forgotten_one_sees_nothing_of_one_that_came_further,
    forgetting_and_making_over_and_over,
}

pub(super) fn full(place: &Place) -> String {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    let digest = writer.put_blob(b"content");
    writer.append(claim.fence, [started(&claim.run, 1), note("a")]).unwrap();
    writer.settle(claim.fence, [settled(&claim.run)]).unwrap();
    writer.effect_claim(&comment(&claim.run, 0)).unwrap();
    writer.effect_done(&comment(&claim.run, 0), applied(7)).unwrap();
    place.admit("second");
    place.abort(None, "octocat");
    digest
}

fn nothing_of_it_is_left(place: &Place) {
    full(place);
    assert!(place.forget().unwrap());
    for place in [place, &place.beside()] {
        assert!(place.try_peek().unwrap().is_none());
        assert!(place.list().is_empty());
        assert!(place.waiting().is_empty());
        assert!(place.run(place.store.admitted(&instance())).unwrap().is_empty());
        assert!(place.abort(None, "octocat").is_empty());
    }
}

fn what_is_not_there_is_not_forgotten(place: &Place) {
    assert!(!place.forget().unwrap());
    place.admit("first");
    assert!(place.forget().unwrap());
    assert!(!place.forget().unwrap());
    assert!(place.list().is_empty());
}

fn what_somebody_works_on_is_not_forgotten(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    let error = place.beside().forget().unwrap_err();
    assert!(matches!(error, Error::Held { .. }), "{error}");
    writer.settle(claim.fence, [settled(&claim.run)]).unwrap();
    drop(writer);
    assert_eq!(place.states(), [COMPLETED]);
    assert!(place.forget().unwrap());
}

fn what_a_process_that_died_left_is_forgotten(place: &Place) {
    place.admit("first");
    let mut writer = place.open_doomed();
    writer.take().unwrap();
    place.dies(writer);
    assert!(place.beside().forget().unwrap());
}

fn others_are_left_alone(place: &Place) {
    full(place);
    place.admit_run(&run_of(&neighbour(), "first"));
    assert!(place.forget().unwrap());
    assert_eq!(place.list().len(), 1);
    assert_eq!(place.open_of(&neighbour()).work(), run_of(&neighbour(), "first"));
}

fn one_of_its_name_begins_from_nothing(place: &Place) {
    let digest = full(place);
    assert!(place.forget().unwrap());
    let mut writer = place.open();
    assert_eq!((writer.next(), writer.runs().len()), (Seq(1), 0));
    assert_eq!(writer.effects().state(&comment(&run("first"), 0)), None);
    assert_eq!(writer.effects().object(&comment(&run("first"), 0).key), None);
    assert!(matches!(writer.blob(&digest), Err(Error::NoBlob { .. })));
    assert_eq!(writer.claim(), Epoch(1));
}

fn an_event_that_was_forgotten_is_a_new_run(place: &Place) {
    full(place);
    assert!(place.forget().unwrap());
    assert_eq!(place.admit("first"), Admitted::New);
    let mut writer = place.open();
    assert_eq!(writer.abort_asked(&run("first").id), None);
    assert!(!writer.take().unwrap().resumed);
}

/// A log that stays open while its instance is forgotten.
fn left_open(place: &Place) -> Writer {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, ["a", "b", "c"].map(note)).unwrap();
    writer.release();
    assert!(place.beside().forget().unwrap());
    writer
}

fn a_log_that_was_open_says_that_it_is_gone(place: &Place) {
    let mut writer = left_open(place);
    let said = "github.com/700100/issue/42/triage is not there any more";
    assert_eq!(writer.try_refresh().unwrap_err().to_string(), said);
    assert_eq!(writer.try_claim().unwrap_err().to_string(), said);
    assert_eq!(writer.effect_claim(&comment(&run("first"), 0)).unwrap_err().to_string(), said);
    assert!(place.list().is_empty(), "nothing of it came back");
}

fn a_log_of_the_forgotten_one_writes_nothing_into_the_next(place: &Place) {
    let mut writer = left_open(place);
    place.admit("second");
    for _ in 0..2 {
        assert!(matches!(writer.try_refresh(), Err(Error::Gone { .. })));
        assert!(matches!(writer.try_claim(), Err(Error::Gone { .. })));
        assert!(matches!(writer.effect_claim(&comment(&run("first"), 0)), Err(Error::Gone { .. })));
    }
    let mut next = place.beside().open();
    assert_eq!((next.next(), next.runs()), (Seq(1), &[run("second")][..]));
    assert_eq!(next.take().unwrap().fence, Epoch(1));
}

fn a_log_of_the_forgotten_one_sees_nothing_of_one_that_came_further(place: &Place) {
    let mut writer = left_open(place);
    let mut next = place.beside().open();
    for epoch in 1..4 {
        assert_eq!(next.claim(), Epoch(epoch));
        next.append(Epoch(epoch), ["d", "e", "f"].map(note)).unwrap();
    }
    assert!(matches!(writer.try_refresh(), Err(Error::Gone { .. })));
    next.append(Epoch(3), [note("undisturbed")]).unwrap();
    next.release();
    assert!(matches!(writer.try_claim(), Err(Error::Gone { .. })));
    drop(next);
    assert_eq!(place.beside().open().claim(), Epoch(4));
}

fn forgetting_and_making_over_and_over(place: &Place) {
    for _ in 0..8 {
        assert_eq!(place.admit("first"), Admitted::New);
        place.open().work();
        assert_eq!(place.admit("first"), Admitted::Known(COMPLETED));
        assert!(place.forget().unwrap());
    }
    assert!(place.list().is_empty());
}

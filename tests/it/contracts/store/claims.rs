//! One may write at a time, under an epoch that nobody else was ever given.

use super::*;

every_store! {
    the_head_of_the_line_is_claimed_until_it_has_its_outcome,
    nobody_claims_where_nothing_waits,
    lines_of_two_instances_are_claimed_apart,
    no_epoch_is_ever_given_twice,
    an_epoch_that_was_given_out_is_on_the_cover,
    a_second_claim_is_refused_and_told_who_has_it,
    who_claims_again_has_a_new_epoch_and_the_old_one_is_over,
    nothing_but_the_claim_writes,
    a_claim_that_was_given_back_is_over,
    giving_back_twice_is_giving_back_once,
    what_was_given_back_is_resumed_by_the_next,
    a_run_that_was_claimed_and_never_begun_is_not_resumed,
    a_claim_is_over_for_the_log_of_the_next_opening,
    a_claim_is_kept_by_its_own_fence_alone,
    a_claim_that_is_over_is_not_kept,
    a_claim_that_was_kept_goes_on,
    a_run_whose_process_died_comes_before_all_that_came_later,
    what_a_process_that_died_wrote_is_there_for_the_next,
    the_next_claim_is_free_after_a_settlement,
}

fn the_head_of_the_line_is_claimed_until_it_has_its_outcome(place: &Place) {
    for name in ["first", "second", "third"] {
        place.admit(name);
    }
    let mut writer = place.open();
    assert_eq!(writer.take().unwrap().run, run("first"));
    writer.release();
    drop(writer);
    let mut writer = place.open();
    assert_eq!([writer.work(), writer.work(), writer.work()], ["first", "second", "third"].map(run));
    assert!(writer.take().is_none());
    assert_eq!(place.states(), [COMPLETED; 3]);
}

fn nobody_claims_where_nothing_waits(place: &Place) {
    let mut writer = place.open();
    assert!(writer.take().is_none());
    place.admit("first");
    writer.work();
    assert!(writer.take().is_none());
    assert_eq!(place.peek().manifest.epoch, Epoch(1), "no epoch was given out for nothing");
}

fn lines_of_two_instances_are_claimed_apart(place: &Place) {
    let (mut one, mut two) = (place.open(), place.open_of(&neighbour()));
    assert_eq!((one.claim(), two.claim()), (Epoch(1), Epoch(1)));
    one.append(Epoch(1), [note("of one")]).unwrap();
    two.append(Epoch(1), [note("of two")]).unwrap();
    assert_eq!(notes(&place.peek().entries), ["of one"]);
    assert_eq!(notes(&place.peek_of(&neighbour()).unwrap().unwrap().entries), ["of two"]);
}

fn no_epoch_is_ever_given_twice(place: &Place) {
    let mut given = Vec::new();
    let mut writer = place.open_doomed();
    given.push(writer.claim());
    writer.release();
    given.push(writer.claim());
    writer.settle(given[1], []).unwrap();
    given.push(writer.claim());
    given.push(writer.claim());
    place.dies(writer);
    let mut writer = place.beside().open();
    given.push(writer.claim());
    assert_eq!(given, [1, 2, 3, 4, 5].map(Epoch));
}

fn an_epoch_that_was_given_out_is_on_the_cover(place: &Place) {
    let mut writer = place.open();
    for epoch in 1..4 {
        writer.claim_at(at(epoch)).unwrap();
        let cover = place.beside().peek().manifest;
        assert_eq!((cover.epoch, cover.updated_at), (Epoch(epoch.unsigned_abs()), at(epoch)));
        assert_eq!(writer.manifest().epoch, cover.epoch);
        writer.release();
    }
}

/// Claims as another process would.
fn rival(place: &Place) -> Result<(Writer, Epoch), Error> {
    let (mut rival, _) = place.beside().try_open()?;
    let (epoch, _) = rival.try_claim()?;
    Ok((rival, epoch))
}

fn a_second_claim_is_refused_and_told_who_has_it(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    let error = rival(place).unwrap_err();
    assert!(matches!(error, Error::Held { .. }), "{error}");
    insta::allow_duplicates! {
        insta::assert_snapshot!(error, @"this instance is worked on by process 71 on desk since 2026-03-01T09:00:00Z (hob run triage); wait until it is done, or stop it");
    }
    writer.append(fence, [note("undisturbed")]).unwrap();
    writer.release();
    drop(writer);
    assert_eq!(rival(place).unwrap().1, Epoch(2), "who was refused was given nothing");
}

fn who_claims_again_has_a_new_epoch_and_the_old_one_is_over(place: &Place) {
    let mut writer = place.open();
    let older = writer.claim();
    let newer = writer.claim();
    assert_eq!((older, newer), (Epoch(1), Epoch(2)));
    assert!(matches!(writer.append(older, [note("late")]), Err(Error::Fenced { .. })));
    writer.append(newer, [note("in time")]).unwrap();
    assert_eq!(notes(&place.peek().entries), ["in time"]);
}

fn nothing_but_the_claim_writes(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    for fence in [0, 1] {
        assert!(matches!(writer.append(Epoch(fence), [note("early")]), Err(Error::Fenced { .. })));
    }
    let fence = writer.claim();
    for wrong in [Epoch(0), Epoch(fence.0 + 1), Epoch(u64::MAX)] {
        assert!(matches!(writer.append(wrong, [note("x")]), Err(Error::Fenced { given }) if given == wrong));
        assert!(matches!(writer.settle(wrong, [settled(&run("first"))]), Err(Error::Fenced { .. })));
        assert!(matches!(writer.append(wrong, []), Err(Error::Fenced { .. })));
    }
    writer.append(fence, [note("in time")]).unwrap();
    assert_eq!(notes(&place.peek().entries), ["in time"]);
    assert_eq!(place.states(), [State::Queued]);
}

fn a_claim_that_was_given_back_is_over(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    writer.release();
    assert!(matches!(writer.append(fence, [note("late")]), Err(Error::Fenced { .. })));
    assert!(matches!(writer.settle(fence, []), Err(Error::Fenced { .. })));
    assert_eq!(rival(place).unwrap().1, Epoch(2));
}

fn giving_back_twice_is_giving_back_once(place: &Place) {
    let mut writer = place.open();
    writer.release();
    writer.claim();
    writer.release();
    let (mut other, fence) = rival(place).unwrap();
    writer.release();
    other.append(fence, [note("undisturbed")]).unwrap();
    assert!(matches!(writer.try_claim(), Err(Error::Held { .. })), "the claim of another is not given back");
}

fn what_was_given_back_is_resumed_by_the_next(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    writer.append(claim.fence, [started(&claim.run, 1), note("half")]).unwrap();
    writer.release();
    drop(writer);
    let mut writer = place.beside().open();
    let claim = writer.take().unwrap();
    assert_eq!((claim.run, claim.fence, claim.resumed), (run("first"), Epoch(2), true));
    assert_eq!(notes(&writer.take_entries()), ["half"]);
}

fn a_run_that_was_claimed_and_never_begun_is_not_resumed(place: &Place) {
    place.admit("first");
    let mut writer = place.open_doomed();
    assert!(!writer.take().unwrap().resumed);
    place.dies(writer);
    let claim = place.beside().open().take().unwrap();
    assert_eq!((claim.fence, claim.resumed), (Epoch(2), false));
}

fn a_claim_is_over_for_the_log_of_the_next_opening(place: &Place) {
    let mut writer = place.open_doomed();
    let fence = writer.claim();
    place.dies(writer);
    let mut writer = place.open();
    assert!(matches!(writer.append(fence, [note("later")]), Err(Error::Fenced { .. })));
    assert!(writer.claim() > fence);
}

fn a_claim_is_kept_by_its_own_fence_alone(place: &Place) {
    let mut writer = place.open();
    assert!(matches!(writer.renew(Epoch(0)), Err(Error::Fenced { .. })));
    let fence = writer.claim();
    for wrong in [Epoch(0), Epoch(fence.0 + 1)] {
        assert!(matches!(writer.renew(wrong), Err(Error::Fenced { .. })));
    }
    writer.renew(fence).unwrap();
}

fn a_claim_that_is_over_is_not_kept(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    writer.release();
    assert!(matches!(writer.renew(fence), Err(Error::Fenced { .. })));
    let fence = writer.claim();
    writer.settle(fence, []).unwrap();
    assert!(matches!(writer.renew(fence), Err(Error::Fenced { .. })));
}

fn a_claim_that_was_kept_goes_on(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.take().unwrap().fence;
    for n in 0..4 {
        writer.renew(fence).unwrap();
        writer.append(fence, [note(&n.to_string())]).unwrap();
    }
    writer.settle(fence, [settled(&run("first"))]).unwrap();
    assert_eq!(notes(&place.peek().entries), ["0", "1", "2", "3"]);
}

fn a_run_whose_process_died_comes_before_all_that_came_later(place: &Place) {
    place.admit("first");
    let mut writer = place.open_doomed();
    let claim = writer.take().unwrap();
    writer.append(claim.fence, [started(&claim.run, 1)]).unwrap();
    place.admit("second");
    place.dies(writer);
    place.admit("third");
    let mut writer = place.beside().open();
    assert_eq!([writer.work(), writer.work(), writer.work()], ["first", "second", "third"].map(run));
}

fn what_a_process_that_died_wrote_is_there_for_the_next(place: &Place) {
    place.admit("first");
    for attempt in 1..4 {
        let mut writer = place.beside().open_doomed();
        assert_eq!(writer.take_entries().len(), usize::try_from(attempt * 2 - 1).unwrap());
        let claim = writer.take().unwrap();
        assert_eq!((claim.fence, claim.resumed), (Epoch(u64::from(attempt)), attempt > 1));
        writer.append(claim.fence, [started(&claim.run, attempt), note("x")]).unwrap();
        place.dies(writer);
    }
}

fn the_next_claim_is_free_after_a_settlement(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    writer.settle(claim.fence, [settled(&claim.run)]).unwrap();
    assert_eq!(writer.claim(), Epoch(2), "by who had it");
    writer.settle(Epoch(2), []).unwrap();
    drop(writer);
    assert_eq!(rival(place).unwrap().1, Epoch(3), "by another one");
}

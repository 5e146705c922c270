//! Where a claim ends by time: who does not keep it loses it to the next, and can write nothing more.

use super::*;

/// Makes a test of each case for each store whose claims end by time.
macro_rules! stores_with_leases {
    ($($case:ident),+ $(,)?) => {
        mod memory {
            $(#[test] fn $case() { super::$case(&super::Place::memory().with_short_leases()); })+
        }
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[test] fn $case() { super::$case(&super::Place::sqlite().with_short_leases()); })+
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[test] fn $case() {
                if let Some(place) = super::Place::postgres() { super::$case(&place.with_short_leases()) }
            })+
        }
    };
}

stores_with_leases! {
    a_claim_that_is_not_kept_is_taken_by_the_next,
    a_claim_that_is_kept_in_time_is_not,
    who_slept_through_its_lease_can_write_nothing,
    who_slept_through_its_lease_gives_nothing_of_the_next_back,
    who_slept_through_its_lease_works_on_after_the_next,
    a_claim_that_ran_out_and_that_nobody_took_goes_on,
    a_run_whose_claim_ran_out_waits_again,
    what_is_claimed_is_not_forgotten_until_the_claim_ran_out,
    an_opening_takes_no_claim_away,
    what_the_slow_one_wrote_in_time_is_there,
    the_slow_one_still_says_what_came_of_its_effects,
}

/// Two logs of one instance, the claim with the first.
fn slow_and_next(place: &Place) -> (Writer, Epoch, Writer) {
    place.admit("first");
    let mut slow = place.open();
    let fence = slow.take().unwrap().fence;
    (slow, fence, place.beside().open())
}

fn a_claim_that_is_not_kept_is_taken_by_the_next(place: &Place) {
    let (_slow, _, mut next) = slow_and_next(place);
    assert!(matches!(next.try_claim(), Err(Error::Held { .. })));
    place.expire();
    assert_eq!(next.claim(), Epoch(2));
}

fn a_claim_that_is_kept_in_time_is_not(place: &Place) {
    let (mut slow, fence, mut next) = slow_and_next(place);
    for _ in 0..5 {
        place.half_a_lease();
        slow.renew(fence).unwrap();
        assert!(matches!(next.try_claim(), Err(Error::Held { .. })));
    }
    slow.settle(fence, [settled(&run("first"))]).unwrap();
    assert_eq!(next.claim(), Epoch(2));
}

fn who_slept_through_its_lease_can_write_nothing(place: &Place) {
    let (mut slow, fence, mut next) = slow_and_next(place);
    place.expire();
    let taken = next.claim();
    assert!(matches!(slow.renew(fence), Err(Error::Fenced { given }) if given == fence));
    assert!(matches!(slow.append(fence, [note("late")]), Err(Error::Fenced { given }) if given == fence));
    assert!(matches!(slow.settle(fence, [settled(&run("first"))]), Err(Error::Fenced { .. })));
    assert!(matches!(slow.settle(fence, []), Err(Error::Fenced { .. })));
    next.append(taken, [note("in time")]).unwrap();
    assert!(matches!(slow.append(fence, [note("later")]), Err(Error::Fenced { .. })));
    next.settle(taken, [settled(&run("first"))]).unwrap();
    assert!(matches!(slow.settle(fence, [settled(&run("first"))]), Err(Error::Fenced { .. })));
    assert_eq!(notes(&place.peek().entries), ["in time"]);
    assert_eq!(place.states(), [COMPLETED]);
}

fn who_slept_through_its_lease_gives_nothing_of_the_next_back(place: &Place) {
    let (mut slow, _, mut next) = slow_and_next(place);
    place.expire();
    let taken = next.claim();
    slow.release();
    assert!(matches!(slow.try_claim(), Err(Error::Held { .. })));
    next.append(taken, [note("undisturbed")]).unwrap();
    next.renew(taken).unwrap();
}

fn who_slept_through_its_lease_works_on_after_the_next(place: &Place) {
    let (mut slow, _, mut next) = slow_and_next(place);
    place.expire();
    let taken = next.claim();
    next.settle(taken, [note("a"), settled(&run("first"))]).unwrap();
    place.admit("second");
    assert_eq!(notes(&slow.refresh()), ["a"]);
    let claim = slow.take().unwrap();
    assert_eq!((claim.run, claim.fence), (run("second"), Epoch(3)));
}

fn a_claim_that_ran_out_and_that_nobody_took_goes_on(place: &Place) {
    let (mut slow, fence, mut next) = slow_and_next(place);
    place.expire();
    slow.append(fence, [note("nobody was in a hurry")]).unwrap();
    place.expire();
    slow.renew(fence).unwrap();
    assert!(matches!(next.try_claim(), Err(Error::Held { .. })));
    place.expire();
    slow.settle(fence, [settled(&run("first"))]).unwrap();
    assert_eq!(place.states(), [COMPLETED]);
}

fn a_run_whose_claim_ran_out_waits_again(place: &Place) {
    let (mut slow, fence, _) = slow_and_next(place);
    assert!(place.waiting().is_empty());
    place.expire();
    assert_eq!(place.waiting(), [instance()]);
    slow.renew(fence).unwrap();
    assert!(place.waiting().is_empty());
}

fn what_is_claimed_is_not_forgotten_until_the_claim_ran_out(place: &Place) {
    let (mut slow, fence, _) = slow_and_next(place);
    assert!(matches!(place.forget(), Err(Error::Held { .. })));
    place.expire();
    assert!(place.forget().unwrap());
    assert!(matches!(slow.renew(fence), Err(Error::Gone { .. })));
    assert!(matches!(slow.append(fence, [note("late")]), Err(Error::Gone { .. })));
    place.admit("first");
    assert_eq!(place.open().claim(), fence, "one of its name begins from nothing");
    assert!(matches!(slow.append(fence, [note("late")]), Err(Error::Gone { .. })));
    assert!(matches!(slow.settle(fence, [settled(&run("first"))]), Err(Error::Gone { .. })));
    assert_eq!(place.states(), [State::Queued]);
}

fn an_opening_takes_no_claim_away(place: &Place) {
    let (mut slow, fence, next) = slow_and_next(place);
    drop(next);
    for _ in 0..3 {
        drop(place.beside().open());
    }
    slow.append(fence, [note("undisturbed")]).unwrap();
}

fn what_the_slow_one_wrote_in_time_is_there(place: &Place) {
    let (mut slow, fence, mut next) = slow_and_next(place);
    slow.append(fence, [started(&run("first"), 1), note("a")]).unwrap();
    place.expire();
    let (taken, seen) = next.try_claim().unwrap();
    assert_eq!(notes(&seen), ["a"]);
    assert_eq!(next.state(&run("first").id), Some(State::Running));
    next.append(taken, [note("b")]).unwrap();
    assert_eq!(notes(&place.peek().entries), ["a", "b"]);
}

fn the_slow_one_still_says_what_came_of_its_effects(place: &Place) {
    let (mut slow, _, mut next) = slow_and_next(place);
    let one = comment(&run("first"), 0);
    slow.effect_claim(&one).unwrap();
    place.expire();
    let taken = next.claim();
    slow.effect_done(&one, applied(7)).unwrap();
    next.refresh();
    assert_eq!(next.effects().state(&one), Some(&applied(7)));
    next.append(taken, [note("undisturbed")]).unwrap();
    assert_eq!(place.peek().manifest.epoch, taken);
}

//! A run has one outcome, and the first one wins, for ever.

use hob::domain::budget::Limited;

use super::*;

every_store! {
    a_run_goes_from_admitted_to_settled_and_every_opening_agrees,
    the_first_outcome_wins,
    only_an_admitted_run_has_an_outcome,
    a_run_of_another_instance_is_not_settled,
    a_run_is_settled_once_in_a_batch,
    several_runs_are_settled_at_once,
    a_run_in_the_line_may_be_settled_before_its_head,
    a_settlement_ends_the_claim,
    the_last_entries_are_settled_with_the_outcome_or_not_at_all,
    without_an_outcome_a_settlement_ends_the_claim_alone,
    every_outcome_comes_back_as_it_was,
    the_outcome_of_one_attempt_is_not_that_of_the_next,
    an_outcome_of_another_process_is_final_too,
    a_run_never_begun_may_be_settled,
    what_follows_an_outcome_changes_nothing,
}

fn a_run_goes_from_admitted_to_settled_and_every_opening_agrees(place: &Place) {
    let (first, second) = (run("first"), run("second"));
    let mut writer = place.open_doomed();
    assert_eq!(writer.state(&first.id), None);
    place.admit("first");
    place.admit("second");
    writer.refresh();
    assert_eq!(writer.state(&first.id), Some(State::Queued));

    let claim = writer.take().unwrap();
    assert_eq!((claim.run, claim.fence, claim.resumed), (first.clone(), Epoch(1), false));
    writer.append(claim.fence, [started(&first, 1), note("a")]).unwrap();
    place.dies(writer);

    let mut writer = place.open();
    let claim = writer.take().unwrap();
    assert_eq!((claim.run, claim.fence, claim.resumed), (first.clone(), Epoch(2), true));
    let entries = writer.settle(claim.fence, [note("b"), settled(&first)]).unwrap();
    assert_eq!(entries.iter().map(|entry| (entry.seq.0, entry.epoch.0)).collect::<Vec<_>>(), [(3, 2), (4, 2)]);
    drop(writer);

    let (mut writer, notes_of_opening) = place.beside().try_open().unwrap();
    assert!(notes_of_opening.is_empty());
    assert_eq!(writer.runs(), [first.clone(), second.clone()]);
    assert_eq!((writer.state(&first.id), writer.state(&second.id)), (Some(COMPLETED), Some(State::Queued)));
    let entries = writer.take_entries();
    assert_eq!(notes(&entries), ["a", "b"]);
    assert!(entries.iter().skip(1).all(|entry| entry.parent == Some(Seq(entry.seq.0 - 1))));
    let claim = writer.take().unwrap();
    assert_eq!((claim.run, claim.fence), (second, Epoch(3)));
}

fn the_first_outcome_wins(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, [settled(&run("first"))]).unwrap();
    let other = settled_as(&run("first"), &Outcome::Aborted { by: "octocat".into() });
    for _ in 0..2 {
        let error = writer.settle(fence, [other.clone()]).unwrap_err();
        assert_eq!(error.to_string(), format!("{} is settled: completed", run("first").id));
    }
    writer.append(fence, [note("the claim goes on")]).unwrap();
    assert_eq!(place.states(), [COMPLETED]);
}

fn only_an_admitted_run_has_an_outcome(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    let error = writer.settle(fence, [settled(&run("never"))]).unwrap_err();
    assert_eq!(error.to_string(), format!("{} was never admitted", run("never").id));
    assert_eq!(writer.state(&run("never").id), None);
    assert_eq!(place.peek().entries.len(), 1);
}

fn a_run_of_another_instance_is_not_settled(place: &Place) {
    let foreign = run_of(&neighbour(), "first");
    place.admit_run(&foreign);
    let mut writer = place.open();
    let fence = writer.claim();
    assert!(matches!(writer.settle(fence, [settled(&foreign)]), Err(Error::NotAdmitted { .. })));
    assert_eq!(place.open_of(&neighbour()).state(&foreign.id), Some(State::Queued));
}

fn a_run_is_settled_once_in_a_batch(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.claim();
    let aborted = settled_as(&run("first"), &Outcome::Aborted { by: "octocat".into() });
    let error = writer.settle(fence, [aborted, note("x"), settled(&run("first"))]).unwrap_err();
    assert_eq!(error.to_string(), format!("{} is settled: aborted by octocat", run("first").id));
    assert_eq!(place.peek().entries.len(), 1);
    writer.settle(fence, [settled(&run("first"))]).unwrap();
}

fn several_runs_are_settled_at_once(place: &Place) {
    for name in ["first", "second", "third", "fourth"] {
        place.admit(name);
    }
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    let joined = Outcome::Joined { run: claim.run.id.clone() };
    let last = [settled_as(&run("second"), &joined), settled_as(&run("third"), &joined), settled(&claim.run)];
    writer.settle(claim.fence, last).unwrap();
    let joined = State::Settled(joined);
    assert_eq!(place.states(), [COMPLETED, joined.clone(), joined, State::Queued]);
    drop(writer);
    assert_eq!(place.waiting(), [instance()]);
    assert_eq!(place.beside().open().take().unwrap().run, run("fourth"));
}

fn a_run_in_the_line_may_be_settled_before_its_head(place: &Place) {
    for name in ["first", "second", "third"] {
        place.admit(name);
    }
    let mut writer = place.open();
    let fence = writer.claim();
    let superseded = Outcome::Superseded { by: run("third").id };
    writer.settle(fence, [settled_as(&run("second"), &superseded)]).unwrap();
    assert_eq!(place.states(), [State::Queued, State::Settled(superseded), State::Queued]);
    assert_eq!([writer.work(), writer.work()], ["first", "third"].map(run));
}

fn a_settlement_ends_the_claim(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    writer.settle(claim.fence, [settled(&claim.run)]).unwrap();
    assert!(matches!(writer.renew(claim.fence), Err(Error::Fenced { .. })));
    drop(writer);
    assert_eq!(place.beside().open().claim(), Epoch(2));
}

fn the_last_entries_are_settled_with_the_outcome_or_not_at_all(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.claim();
    assert!(writer.settle(fence, [note("last"), settled(&run("first")), settled(&run("never"))]).is_err());
    assert_eq!((place.states(), place.peek().entries.len()), (vec![State::Queued], 1));
    writer.settle(fence, [note("last"), settled(&run("first"))]).unwrap();
    assert_eq!((place.states(), place.peek().entries.len()), (vec![COMPLETED], 3));
}

fn without_an_outcome_a_settlement_ends_the_claim_alone(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.claim();
    assert_eq!(notes(&writer.settle(fence, [note("last")]).unwrap()), ["last"]);
    assert_eq!(place.states(), [State::Queued]);
    let fence = writer.claim();
    assert!(writer.settle(fence, []).unwrap().is_empty());
    assert_eq!(writer.take().unwrap().run, run("first"));
}

fn every_outcome_comes_back_as_it_was(place: &Place) {
    let other = run("0").id;
    let outcomes = [
        Outcome::Completed { limited: None },
        Outcome::Completed { limited: Some(Limited::Turns) },
        Outcome::Failed { reason: "no key for `anthropic`\n\u{0}".into() },
        Outcome::Aborted { by: "octocat".into() },
        Outcome::Superseded { by: other.clone() },
        Outcome::Joined { run: other },
    ];
    let mut writer = place.open();
    for (n, outcome) in outcomes.iter().enumerate() {
        let run = run(&n.to_string());
        place.admit_run(&run);
        let fence = writer.take().unwrap().fence;
        writer.settle(fence, [settled_as(&run, outcome)]).unwrap();
    }
    drop(writer);
    assert_eq!(place.states(), outcomes.map(State::Settled));
}

fn the_outcome_of_one_attempt_is_not_that_of_the_next(place: &Place) {
    let id = RunId::derive(&instance(), &run("first").event_key, Some("2"));
    let again = Run { id, attempt_tag: Some("2".into()), ..run("first") };
    place.admit("first");
    place.admit_run(&again);
    let mut writer = place.open();
    assert_eq!(writer.work(), run("first"));
    assert_eq!(place.states(), [COMPLETED, State::Queued]);
    assert_eq!(writer.work(), again);
}

fn an_outcome_of_another_process_is_final_too(place: &Place) {
    place.admit("first");
    let mut one = place.open();
    one.claim();
    one.release();
    let mut two = place.beside().open();
    two.work();
    drop(two);
    let fence = one.claim();
    assert!(matches!(one.settle(fence, [settled(&run("first"))]), Err(Error::Settled { .. })));
    assert!(one.take().is_none());
}

fn a_run_never_begun_may_be_settled(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.claim();
    let failed = Outcome::Failed { reason: "no such agent".into() };
    writer.settle(fence, [settled_as(&run("first"), &failed)]).unwrap();
    assert_eq!(place.states(), [State::Settled(failed)]);
}

fn what_follows_an_outcome_changes_nothing(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    writer.work();
    let fence = writer.claim();
    writer.append(fence, [started(&run("first"), 2)]).unwrap();
    assert_eq!(writer.state(&run("first").id), Some(COMPLETED));
    assert_eq!(place.states(), [COMPLETED]);
}

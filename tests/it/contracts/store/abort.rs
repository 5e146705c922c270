//! The wish that a run ends: anybody may say it at any time, and the first one counts.

use super::*;

every_store! {
    the_first_who_asked_counts,
    every_run_without_an_outcome_is_meant_at_once,
    one_run_alone_is_meant,
    what_has_its_outcome_is_left_alone,
    what_is_not_there_cannot_end,
    only_the_line_of_one_agent_is_meant,
    a_wish_changes_no_state_and_fences_nobody,
    an_open_log_sees_it_after_a_refresh,
    it_stands_there_before_the_run_is_ever_claimed,
    it_is_still_there_after_a_process_died,
    it_is_over_with_the_outcome,
    a_run_admitted_later_is_not_meant,
    who_asked_for_one_is_not_replaced_by_who_asks_for_all,
}

fn the_first_who_asked_counts(place: &Place) {
    place.admit("first");
    for by in ["octocat", "hubot", "octocat"] {
        assert_eq!(place.abort(Some(&run("first")), by), [run("first").id]);
    }
    assert_eq!(place.open().abort_asked(&run("first").id), Some("octocat"));
}

fn every_run_without_an_outcome_is_meant_at_once(place: &Place) {
    for name in ["first", "second", "third"] {
        place.admit(name);
    }
    let mut writer = place.open();
    writer.work();
    let claim = writer.take().unwrap();
    writer.append(claim.fence, [started(&claim.run, 1)]).unwrap();
    assert_eq!(place.abort(None, "octocat"), ["second", "third"].map(|name| run(name).id));
    writer.refresh();
    let asked = ["first", "second", "third"].map(|name| writer.abort_asked(&run(name).id));
    assert_eq!(asked, [None, Some("octocat"), Some("octocat")]);
}

fn one_run_alone_is_meant(place: &Place) {
    for name in ["first", "second", "third"] {
        place.admit(name);
    }
    assert_eq!(place.abort(Some(&run("second")), "octocat"), [run("second").id]);
    let writer = place.open();
    let asked = ["first", "second", "third"].map(|name| writer.abort_asked(&run(name).id));
    assert_eq!(asked, [None, Some("octocat"), None]);
}

fn what_has_its_outcome_is_left_alone(place: &Place) {
    place.admit("first");
    place.open().work();
    assert!(place.abort(Some(&run("first")), "octocat").is_empty());
    assert!(place.abort(None, "octocat").is_empty());
    assert_eq!(place.states(), [COMPLETED]);
    assert_eq!(place.beside().open().abort_asked(&run("first").id), None);
}

fn what_is_not_there_cannot_end(place: &Place) {
    assert!(place.abort(Some(&run("first")), "octocat").is_empty());
    place.admit("first");
    assert!(place.abort(Some(&run("never")), "octocat").is_empty());
    place.admit("never");
    assert_eq!(place.open().abort_asked(&run("never").id), None, "a wish does not wait for its run");
}

fn only_the_line_of_one_agent_is_meant(place: &Place) {
    let other: InstanceId = "github.com/700100/issue/42/assist".parse().unwrap();
    place.admit("first");
    place.admit_run(&run_of(&other, "first"));
    assert_eq!(place.abort_of(&other, None, "octocat"), [run_of(&other, "first").id]);
    assert!(place.abort_of(&other, Some(&run("first")), "octocat").is_empty());
    assert_eq!(place.open().abort_asked(&run("first").id), None);
}

fn a_wish_changes_no_state_and_fences_nobody(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    place.abort(None, "octocat");
    assert_eq!(place.states(), [State::Queued]);
    writer.append(claim.fence, [started(&claim.run, 1)]).unwrap();
    place.abort(None, "octocat");
    assert_eq!(place.states(), [State::Running]);
    writer.settle(claim.fence, [settled(&claim.run)]).unwrap();
    assert_eq!(place.states(), [COMPLETED], "what was done in time counts");
}

fn an_open_log_sees_it_after_a_refresh(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    place.beside().abort(None, "octocat");
    assert_eq!(writer.abort_asked(&claim.run.id), None);
    assert!(writer.refresh().is_empty(), "it is no entry");
    assert_eq!(writer.abort_asked(&claim.run.id), Some("octocat"));
}

fn it_stands_there_before_the_run_is_ever_claimed(place: &Place) {
    place.admit("first");
    place.abort(Some(&run("first")), "octocat");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    assert_eq!((writer.abort_asked(&claim.run.id), claim.resumed), (Some("octocat"), false));
    let aborted = Outcome::Aborted { by: "octocat".into() };
    writer.settle(claim.fence, [settled_as(&claim.run, &aborted)]).unwrap();
    assert_eq!(place.states(), [State::Settled(aborted)]);
}

fn it_is_still_there_after_a_process_died(place: &Place) {
    place.admit("first");
    let mut writer = place.open_doomed();
    writer.take().unwrap();
    place.abort(None, "octocat");
    place.dies(writer);
    let mut writer = place.beside().open();
    assert_eq!(writer.abort_asked(&run("first").id), Some("octocat"));
    assert_eq!(writer.take().unwrap().run, run("first"), "it still has its turn, to be ended");
}

fn it_is_over_with_the_outcome(place: &Place) {
    place.admit("first");
    place.abort(None, "octocat");
    let mut writer = place.open();
    writer.work();
    assert_eq!(writer.abort_asked(&run("first").id), None);
}

fn a_run_admitted_later_is_not_meant(place: &Place) {
    place.admit("first");
    place.abort(None, "octocat");
    place.admit("second");
    let writer = place.open();
    assert_eq!(writer.abort_asked(&run("first").id), Some("octocat"));
    assert_eq!(writer.abort_asked(&run("second").id), None);
}

fn who_asked_for_one_is_not_replaced_by_who_asks_for_all(place: &Place) {
    for name in ["first", "second"] {
        place.admit(name);
    }
    place.abort(Some(&run("second")), "octocat");
    assert_eq!(place.abort(None, "hubot"), ["first", "second"].map(|name| run(name).id));
    let writer = place.open();
    let asked = ["first", "second"].map(|name| writer.abort_asked(&run(name).id));
    assert_eq!(asked, [Some("hubot"), Some("octocat")]);
}

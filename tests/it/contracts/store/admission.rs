//! A run stands in the inbox once for its id, in the order of its admission, as it was said.

use hob::domain::event::Event;
use hob::store::Admitted;

use super::place::{LABEL, SECRET};
use super::*;

every_store! {
    a_run_is_admitted_once,
    who_admits_again_is_told_how_far_it_got,
    of_two_payloads_under_one_id_the_first_one_stands,
    runs_stand_in_the_order_of_their_admission,
    the_order_is_not_that_of_their_clocks,
    a_run_that_is_admitted_again_keeps_its_place,
    another_attempt_at_an_event_is_another_run,
    two_agents_on_one_thread_are_two_lines,
    a_run_stands_in_the_inbox_of_its_own_instance_alone,
    an_instance_is_made_with_its_first_run,
    what_is_not_there_has_no_runs,
    what_was_admitted_is_known_without_the_log,
    nobody_who_works_is_waited_for,
    an_event_comes_back_as_it_was_admitted,
    a_secret_never_reaches_the_inbox,
    a_secret_in_what_makes_the_run_unique_changes_no_id,
}

fn a_run_is_admitted_once(place: &Place) {
    assert_eq!(place.admit("first"), Admitted::New);
    for _ in 0..3 {
        assert_eq!(place.admit("first"), Admitted::Known(State::Queued));
    }
    assert_eq!(place.peek().runs().collect::<Vec<_>>(), [(&run("first"), State::Queued)]);
}

fn who_admits_again_is_told_how_far_it_got(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    assert_eq!(place.admit("first"), Admitted::Known(State::Queued), "a claim alone begins nothing");
    writer.append(claim.fence, [started(&claim.run, 1)]).unwrap();
    assert_eq!(place.admit("first"), Admitted::Known(State::Running));
    writer.settle(claim.fence, [settled(&claim.run)]).unwrap();
    assert_eq!(place.admit("first"), Admitted::Known(COMPLETED));
}

fn of_two_payloads_under_one_id_the_first_one_stands(place: &Place) {
    place.admit("first");
    let mut other = run("first");
    other.task.message = Some("something else".into());
    other.admitted_at = at(9);
    assert_eq!(place.admit_run(&other), Admitted::Known(State::Queued));
    assert_eq!(place.open().runs(), [run("first")]);
}

fn runs_stand_in_the_order_of_their_admission(place: &Place) {
    let names: Vec<String> = (0..40).map(|n| format!("run {}", n * 7 % 40)).collect();
    for name in &names {
        place.admit(name);
    }
    let runs: Vec<Run> = names.iter().map(|name| run(name)).collect();
    assert_eq!(place.open().runs(), runs);
    assert_eq!(place.peek().runs().map(|(run, _)| run.clone()).collect::<Vec<_>>(), runs);
}

fn the_order_is_not_that_of_their_clocks(place: &Place) {
    let runs = [500, -500, 0].map(|seconds| Run { admitted_at: at(seconds), ..run(&seconds.to_string()) });
    for run in &runs {
        place.admit_run(run);
    }
    assert_eq!(place.open().runs(), runs);
}

fn a_run_that_is_admitted_again_keeps_its_place(place: &Place) {
    for name in ["first", "second", "first", "third", "second"] {
        place.admit(name);
    }
    assert_eq!(place.open().runs(), ["first", "second", "third"].map(run));
}

fn another_attempt_at_an_event_is_another_run(place: &Place) {
    let again = |tag: &str| {
        let id = RunId::derive(&instance(), &run("first").event_key, Some(tag));
        Run { id, attempt_tag: Some(tag.to_owned()), ..run("first") }
    };
    for run in [run("first"), again("2"), again("3")] {
        assert_eq!(place.admit_run(&run), Admitted::New);
        assert_eq!(place.admit_run(&run), Admitted::Known(State::Queued));
    }
    assert_eq!(place.open().runs(), [run("first"), again("2"), again("3")]);
}

fn two_agents_on_one_thread_are_two_lines(place: &Place) {
    let other: InstanceId = "github.com/700100/issue/42/assist".parse().unwrap();
    place.admit("first");
    place.admit_run(&run_of(&other, "first"));
    let (mut one, mut two) = (place.open(), place.open_of(&other));
    assert_eq!(one.take().unwrap().run, run("first"));
    assert_eq!(two.take().unwrap().run, run_of(&other, "first"));
}

fn a_run_stands_in_the_inbox_of_its_own_instance_alone(place: &Place) {
    place.admit("first");
    place.admit_run(&run_of(&neighbour(), "second"));
    assert_eq!(place.open().runs(), [run("first")]);
    assert_eq!(place.open_of(&neighbour()).runs(), [run_of(&neighbour(), "second")]);
    assert_eq!(place.open().state(&run_of(&neighbour(), "second").id), None);
}

fn an_instance_is_made_with_its_first_run(place: &Place) {
    assert!(place.try_peek().unwrap().is_none());
    assert!(place.list().is_empty());
    place.admit("first");
    let peek = place.peek();
    let kinds: Vec<&str> = peek.entries.iter().map(|entry| entry.body.kind()).collect();
    assert_eq!(kinds, ["header"]);
    assert_eq!((peek.manifest.instance, peek.manifest.epoch), (instance(), Epoch(0)));
    assert_eq!((peek.manifest.label.as_str(), peek.manifest.updated_at), (LABEL, at(1)));
}

fn what_is_not_there_has_no_runs(place: &Place) {
    assert!(place.run(place.store.admitted(&instance())).unwrap().is_empty());
    assert!(place.abort(None, "octocat").is_empty());
    assert!(place.list().is_empty(), "nobody made it by asking");
}

fn what_was_admitted_is_known_without_the_log(place: &Place) {
    for name in ["first", "second"] {
        place.admit(name);
    }
    place.abort(None, "octocat");
    assert_eq!(place.run(place.store.admitted(&instance())).unwrap(), ["first", "second"].map(run));
}

fn nobody_who_works_is_waited_for(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.take().unwrap().fence;
    for n in 0..3 {
        assert_eq!(place.beside().admit(&format!("beside {n}")), Admitted::New);
        writer.append(fence, [note("still at work")]).unwrap();
    }
    writer.settle(fence, [settled(&run("first"))]).unwrap();
    assert_eq!(place.states(), [COMPLETED, State::Queued, State::Queued, State::Queued]);
}

fn an_event_comes_back_as_it_was_admitted(place: &Place) {
    let actor = json!({ "id": 583231, "login": "octocat", "kind": "user" });
    let event = json!({
        "forge": "github", "host": "github.com",
        "repository": { "id": 700100, "path": "acme/widgets", "visibility": "public" },
        "kind": "comment", "action": "created", "actor": actor,
        "thread": { "kind": "issue", "number": 42, "title": "It crashes", "body": "See \"log\".\r\n", "author": actor,
                    "labels": ["new"], "state": "open" },
        "comment": { "id": 99, "author": actor, "body": "/hob triage", "path": "a.rs", "internal": true },
        "change": { "head": { "sha": "aa", "branch": "fix" }, "base": { "sha": "bb", "branch": "main" },
                    "is_fork": true, "draft": true },
        "label": "bug", "at": "2026-03-01T08:59:58.123456789Z", "key": "github.com/700100/issues/42/opened",
    });
    let event: Event = serde_json::from_value(event).unwrap();
    let input = json!({ "depth": [1.5, null, -0.0, u64::MAX, i64::MIN, 1e300], "": { "a": [] } });
    let task = Task { event: Some(event), message: Some("look".into()), input: Some(input) };
    let run = Run { task, ..run("first") };
    place.admit_run(&run);
    assert_eq!(place.open().runs(), std::slice::from_ref(&run));
    assert_eq!(place.beside().peek().runs().next().unwrap().0, &run);
}

fn a_secret_never_reaches_the_inbox(place: &Place) {
    let task = Task {
        message: Some(format!("use {SECRET}, please")),
        input: Some(json!({ "token": SECRET })),
        ..Task::default()
    };
    place.admit_run(&Run { task, ..run("first") });
    let kept = place.open().runs()[0].task.clone();
    assert_eq!(kept.message.unwrap(), "use ***, please");
    assert_eq!(kept.input.unwrap(), json!({ "token": "***" }));
}

fn a_secret_in_what_makes_the_run_unique_changes_no_id(place: &Place) {
    let event_key = EventKey::from_parts(["local", SECRET]);
    let id = RunId::derive(&instance(), &event_key, None);
    let run = Run { id: id.clone(), event_key, ..run("first") };
    assert_eq!(place.admit_run(&run), Admitted::New);
    assert_eq!(place.admit_run(&run), Admitted::Known(State::Queued));
    assert_eq!(place.open().state(&id), Some(State::Queued));
    assert!(!place.open().runs()[0].event_key.as_str().contains(SECRET));
}

//! Entries get their places, all of a batch or none, and nothing that is refused leaves a trace.

use super::place::{SECRET, draft};
use super::*;

every_store! {
    entries_have_their_place_their_epoch_and_their_time,
    what_an_append_returns_is_what_is_stored,
    a_batch_with_one_wrong_entry_is_refused_whole,
    no_entries_are_nothing,
    a_batch_of_a_thousand_comes_back_in_order,
    a_batch_of_many_bytes_comes_back,
    many_batches_come_back_in_order,
    an_entry_follows_only_what_is_before_it,
    an_entry_may_follow_any_entry_before_it,
    sessions_of_one_instance_share_its_log,
    nothing_follows_a_settlement_without_a_claim,
    an_entry_above_the_bound_is_refused_and_the_log_goes_on,
    what_was_refused_takes_no_place,
    an_entry_of_a_later_version_is_kept,
    an_outcome_may_be_appended_and_the_claim_goes_on,
    the_entries_of_an_opening_are_given_once,
    what_was_appended_is_seen_before_anything_is_settled,
    a_secret_never_reaches_the_log,
    clocks_that_go_backwards_change_no_order,
}

fn entries_have_their_place_their_epoch_and_their_time(place: &Place) {
    let mut writer = place.open();
    let one = writer.claim();
    writer.append(one, [note("a"), note("b")]).unwrap();
    let two = writer.claim();
    writer.append(two, [note("c")]).unwrap();
    let entries = place.peek().entries;
    let said: Vec<_> = entries.iter().map(|entry| (entry.seq.0, entry.epoch.0, entry.at, entry.parent)).collect();
    let expected =
        [(0, 0, at(0), None), (1, 1, at(2), Some(Seq(0))), (2, 1, at(2), Some(Seq(1))), (3, 2, at(2), Some(Seq(2)))];
    assert_eq!(said, expected);
    assert_eq!(writer.next(), Seq(4));
}

fn what_an_append_returns_is_what_is_stored(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.claim();
    let mut returned = writer.append(fence, [started(&run("first"), 1), note("a")]).unwrap();
    returned.extend(writer.settle(fence, [note("b"), settled(&run("first"))]).unwrap());
    let stored = place.peek().entries.split_off(1);
    assert_eq!(format!("{returned:?}"), format!("{stored:?}"));
}

fn a_batch_with_one_wrong_entry_is_refused_whole(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    let mut drafts = writer.path(["a", "b", "c"].map(note));
    drafts.insert(1, draft(Seq(9), note("follows nothing")));
    assert!(matches!(writer.append_drafts(fence, drafts), Err(Error::Parent { seq: Seq(2), parent: Seq(9) })));
    assert!(writer.append(fence, [note("d"), settled(&run("never"))]).is_err());
    assert_eq!(place.peek().entries.len(), 1);
    writer.append(fence, [note("e")]).unwrap();
    assert_eq!(notes(&place.peek().entries), ["e"]);
}

fn no_entries_are_nothing(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    assert!(writer.append(fence, []).unwrap().is_empty());
    assert_eq!(writer.next(), Seq(1));
    writer.append(fence, [note("the claim goes on")]).unwrap();
}

fn a_batch_of_a_thousand_comes_back_in_order(place: &Place) {
    let texts: Vec<String> = (0..1000).map(|n| format!("note {n}")).collect();
    let mut writer = place.open();
    let fence = writer.claim();
    let entries = writer.append(fence, texts.iter().map(|text| note(text))).unwrap();
    assert_eq!(entries.len(), 1000);
    assert_eq!(notes(&place.peek().entries), texts);
}

fn a_batch_of_many_bytes_comes_back(place: &Place) {
    let texts: Vec<String> = (0..8).map(|n| format!("{n}").repeat(1 << 20)).collect();
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, texts.iter().map(|text| note(text))).unwrap();
    writer.append(fence, [note("after")]).unwrap();
    let entries = place.beside().peek().entries;
    let read = notes(&entries);
    assert_eq!(read.len(), 9);
    assert!(read.iter().zip(&texts).all(|(read, text)| read == text));
}

fn many_batches_come_back_in_order(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    for n in 0..60 {
        writer.append(fence, (0..n % 4).map(|m| note(&format!("{n}.{m}")))).unwrap();
    }
    let expected: Vec<String> = (0..60).flat_map(|n| (0..n % 4).map(move |m| format!("{n}.{m}"))).collect();
    assert_eq!(notes(&place.peek().entries), expected);
}

fn an_entry_follows_only_what_is_before_it(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    for parent in [1, 2, u64::MAX] {
        let error = writer.append_drafts(fence, vec![draft(Seq(parent), note("x"))]).unwrap_err();
        assert!(matches!(error, Error::Parent { seq: Seq(1), parent: named } if named == Seq(parent)), "{error}");
    }
    writer.append_drafts(fence, vec![draft(Seq(0), note("a")), draft(Seq(1), note("b"))]).unwrap();
}

fn an_entry_may_follow_any_entry_before_it(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, ["a", "b", "c"].map(note)).unwrap();
    writer.append_drafts(fence, vec![draft(Seq(1), note("beside b")), draft(Seq(1), note("and again"))]).unwrap();
    let parents: Vec<_> = place.peek().entries.iter().map(|entry| entry.parent).collect();
    assert_eq!(parents, [None, Some(Seq(0)), Some(Seq(1)), Some(Seq(2)), Some(Seq(1)), Some(Seq(1))]);
}

fn sessions_of_one_instance_share_its_log(place: &Place) {
    use hob::store::Draft;
    use hob::telemetry::redact::Redactor;
    let mut writer = place.open();
    let fence = writer.claim();
    let sessions = ["default", "task-1", "default", "task-2"];
    for (parent, session) in (0..).map(Seq).zip(sessions) {
        let session: SessionId = serde_json::from_value(json!(session)).unwrap();
        let said = note(&format!("in {session}"));
        let draft = Draft::new(session, parent, said, &Redactor::default()).unwrap();
        writer.append_drafts(fence, vec![draft]).unwrap();
    }
    let entries = place.peek().entries.split_off(1);
    assert_eq!(entries.iter().map(|entry| entry.session.to_string()).collect::<Vec<_>>(), sessions);
}

fn nothing_follows_a_settlement_without_a_claim(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.claim();
    writer.settle(fence, [settled(&run("first"))]).unwrap();
    assert!(matches!(writer.append(fence, [note("late")]), Err(Error::Fenced { given }) if given == fence));
    assert!(matches!(writer.settle(fence, [note("late")]), Err(Error::Fenced { .. })));
    assert!(notes(&place.peek().entries).is_empty());
}

fn an_entry_above_the_bound_is_refused_and_the_log_goes_on(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    let error = writer.append(fence, [note("small"), note(&"x".repeat(64 << 20))]).unwrap_err();
    insta::allow_duplicates! {
        insta::assert_snapshot!(error, @"a `note` entry is larger than 67108864 bytes, the most that is stored");
    }
    writer.append(fence, [note("small")]).unwrap();
    assert_eq!(notes(&place.peek().entries), ["small"]);
}

fn what_was_refused_takes_no_place(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.claim();
    for wrong in [vec![settled(&run("never"))], vec![settled(&run("first")), settled(&run("first"))]] {
        assert!(writer.append(fence, wrong).is_err());
        assert_eq!(writer.next(), Seq(1));
        assert_eq!(writer.state(&run("first").id), Some(State::Queued));
    }
    assert_eq!(writer.append(fence, [note("a")]).unwrap()[0].seq, Seq(1));
}

fn an_entry_of_a_later_version_is_kept(place: &Place) {
    let json = r#"{ "of": ["a", "newer", "hob"], "n": 1e3 }"#;
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, [body("hologram", json), note("after")]).unwrap();
    let entries = place.beside().peek().entries;
    assert_eq!((entries[1].body.kind(), entries[1].body.write().unwrap()), ("hologram", json.to_owned()));
}

fn an_outcome_may_be_appended_and_the_claim_goes_on(place: &Place) {
    for name in ["first", "second"] {
        place.admit(name);
    }
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, [settled(&run("second"))]).unwrap();
    assert_eq!(writer.state(&run("second").id), Some(COMPLETED));
    writer.settle(fence, [settled(&run("first"))]).unwrap();
    assert_eq!(place.states(), [COMPLETED; 2]);
    assert!(place.waiting().is_empty());
}

fn the_entries_of_an_opening_are_given_once(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, [note("a")]).unwrap();
    assert_eq!(notes(&writer.take_entries()), [""; 0], "they are those of the opening");
    writer.release();
    drop(writer);
    let mut writer = place.open();
    assert_eq!(notes(&writer.take_entries()), ["a"]);
    assert!(writer.take_entries().is_empty());
}

fn what_was_appended_is_seen_before_anything_is_settled(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    for n in 1..5 {
        writer.append(fence, [note("x")]).unwrap();
        assert_eq!(place.beside().peek().entries.len(), n + 1);
    }
}

fn a_secret_never_reaches_the_log(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    let returned = writer.append(fence, [note(&format!("it is {SECRET}!"))]).unwrap();
    assert_eq!(notes(&returned), ["it is ***!"]);
    assert_eq!(notes(&place.peek().entries), ["it is ***!"]);
}

fn clocks_that_go_backwards_change_no_order(place: &Place) {
    let mut writer = place.open();
    let times = [Timestamp::MAX, at(-1_000_000), Timestamp::MIN, at(0)];
    for time in times {
        let (fence, _) = writer.claim_at(time).unwrap();
        let drafts = writer.path([note("x")]);
        place.run(writer.log.append(fence, drafts, time)).unwrap();
        place.admit_run(&Run { admitted_at: time, ..run(&time.to_string()) });
    }
    let peek = place.beside().peek();
    assert_eq!(peek.entries.iter().skip(1).map(|entry| entry.at).collect::<Vec<_>>(), times);
    assert_eq!(peek.runs().map(|(run, _)| run.admitted_at).collect::<Vec<_>>(), times);
    drop(writer);
    assert_eq!(place.beside().open().next(), Seq(5));
}

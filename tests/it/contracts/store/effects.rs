//! What was done about effects: said before and after, by whoever sends them, and never twice.

use super::place::SECRET;
use super::*;

every_store! {
    an_effect_goes_from_claimed_to_a_final_state_and_every_opening_agrees,
    the_first_final_state_wins,
    what_was_sent_was_claimed,
    what_is_never_sent_needs_no_claim,
    what_nobody_knows_may_be_tried_again,
    what_was_found_is_an_object_too,
    a_status_is_one_object_of_several_runs_each_with_its_own_state,
    effects_are_sent_without_the_right_to_write,
    what_the_forge_said_is_kept_without_secrets,
    every_kind_and_state_comes_back_as_it_was,
    two_processes_send_in_turn,
    what_one_process_claimed_another_may_finish,
    what_one_process_finished_no_other_sends,
    an_older_process_may_still_say_what_came_of_its_effect,
    what_came_of_an_effect_takes_nothing_off_the_cover,
    effects_of_two_instances_are_kept_apart,
    a_claim_alone_outlives_its_process,
    an_unknown_run_may_have_effects,
}

fn an_effect_goes_from_claimed_to_a_final_state_and_every_opening_agrees(place: &Place) {
    let mut writer = place.open();
    let [one, two, three] = [0, 1, 2].map(|ordinal| comment(&run("first"), ordinal));
    assert_eq!((writer.effects().state(&one), writer.effects().is_claimed(&one)), (None, false));
    writer.effect_claim(&one).unwrap();
    assert_eq!((writer.effects().state(&one), writer.effects().is_claimed(&one)), (None, true));
    assert_eq!(writer.effect_done(&one, applied(7)).unwrap(), applied(7));
    writer.effect_claim(&two).unwrap();
    writer.effect_done(&two, unknown()).unwrap();
    writer.effect_done(&three, Became::Superseded).unwrap();
    drop(writer);

    let seen = place.peek().effects;
    let (writer, notes) = place.try_open().unwrap();
    assert!(notes.is_empty());
    for effects in [&seen, writer.effects()] {
        assert_eq!(effects.state(&one), Some(&applied(7)));
        assert_eq!(effects.state(&two), Some(&unknown()));
        assert_eq!(effects.state(&three), Some(&Became::Superseded));
        assert_eq!((effects.object(&one.key), effects.object(&two.key)), (Some(7), None));
    }
}

fn the_first_final_state_wins(place: &Place) {
    let mut writer = place.open();
    let one = comment(&run("first"), 0);
    writer.effect_claim(&one).unwrap();
    writer.effect_done(&one, Became::Dropped { reason: "the thread is locked".into() }).unwrap();
    for error in [writer.effect_claim(&one).unwrap_err(), writer.effect_done(&one, applied(8)).unwrap_err()] {
        let expected = format!("effect {} of {} is done: dropped: the thread is locked", one.key, one.run);
        assert_eq!(error.to_string(), expected);
    }
    assert!(matches!(place.peek().effects.state(&one), Some(Became::Dropped { .. })));
}

fn what_was_sent_was_claimed(place: &Place) {
    let mut writer = place.open();
    let one = comment(&run("first"), 0);
    for sent in [applied(7), Became::Found(Object::default()), unknown()] {
        let error = writer.effect_done(&one, sent).unwrap_err().to_string();
        assert_eq!(error, format!("effect {} of {} was never claimed", one.key, one.run));
    }
    writer.effect_claim(&comment(&run("first"), 1)).unwrap();
    assert!(matches!(writer.effect_done(&one, applied(7)), Err(Error::NotClaimed { .. })), "another was");
    assert_eq!(place.peek().effects.state(&one), None);
}

fn what_is_never_sent_needs_no_claim(place: &Place) {
    let mut writer = place.open();
    let dropped = Became::Dropped { reason: "not allowed".into() };
    for (ordinal, state) in (0..).zip([dropped, Became::Superseded]) {
        let one = comment(&run("first"), ordinal);
        assert_eq!(writer.effect_done(&one, state.clone()).unwrap(), state);
        assert!(matches!(writer.effect_claim(&one), Err(Error::Done { .. })));
    }
}

fn what_nobody_knows_may_be_tried_again(place: &Place) {
    let mut writer = place.open();
    let one = comment(&run("first"), 0);
    for _ in 0..3 {
        writer.effect_claim(&one).unwrap();
        writer.effect_done(&one, unknown()).unwrap();
    }
    writer.effect_claim(&one).unwrap();
    writer.effect_done(&one, applied(7)).unwrap();
    assert_eq!(place.peek().effects.state(&one), Some(&applied(7)));
}

fn what_was_found_is_an_object_too(place: &Place) {
    let mut writer = place.open();
    let one = comment(&run("first"), 0);
    let found = Became::Found(Object { object: Some(u64::MAX), url: "https://forge/1".into() });
    writer.effect_claim(&one).unwrap();
    writer.effect_done(&one, found.clone()).unwrap();
    let effects = place.peek().effects;
    assert_eq!((effects.state(&one), effects.object(&one.key)), (Some(&found), Some(u64::MAX)));
}

fn a_status_is_one_object_of_several_runs_each_with_its_own_state(place: &Place) {
    let mut writer = place.open();
    let [one, two] = ["first", "second"].map(|name| effect(&run(name), 0, Write::Status { body: name.into() }));
    assert_eq!(one.key, two.key);
    writer.effect_claim(&one).unwrap();
    writer.effect_done(&one, applied(7)).unwrap();
    assert_eq!((writer.effects().state(&two), writer.effects().is_claimed(&two)), (None, false));
    assert_eq!(writer.effects().object(&two.key), Some(7));
    writer.effect_claim(&two).unwrap();
    writer.effect_done(&two, applied(9)).unwrap();
    assert_eq!(writer.effects().object(&two.key), Some(9), "the newest");
}

fn effects_are_sent_without_the_right_to_write(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let run = writer.work();
    let one = comment(&run, 0);
    writer.effect_claim(&one).unwrap();
    writer.effect_done(&one, applied(7)).unwrap();
    assert_eq!(writer.claim(), Epoch(2));
    let two = comment(&run, 1);
    writer.effect_claim(&two).unwrap();
    writer.effect_done(&two, applied(8)).unwrap();
    writer.append(Epoch(2), [note("undisturbed")]).unwrap();
    let effects = place.peek().effects;
    assert_eq!([&one, &two].map(|effect| effects.state(effect)), [Some(&applied(7)), Some(&applied(8))]);
}

fn what_the_forge_said_is_kept_without_secrets(place: &Place) {
    let mut writer = place.open();
    let one = comment(&run("first"), 0);
    let said = Became::Dropped { reason: format!("bad credentials: {SECRET}") };
    let kept = writer.effect_done(&one, said).unwrap();
    assert_eq!(kept.to_string(), "dropped: bad credentials: ***");
    assert_eq!(writer.effects().state(&one), Some(&kept));
    assert_eq!(place.peek().effects.state(&one), Some(&kept));
}

fn every_kind_and_state_comes_back_as_it_was(place: &Place) {
    let object = |id| Object { object: Some(id), url: format!("https://forge/issues/42#{id}") };
    let states = [
        Became::Applied(object(1)),
        Became::Applied(Object::default()),
        Became::Found(object(u64::MAX)),
        Became::Superseded,
        Became::Dropped { reason: "cannot post a comment: \"locked\"\n\u{0}".into() },
        Became::Unknown { reason: "ä 🎉 \u{2028}".into() },
    ];
    let body = "Thanks \\o/ ü 🎉\u{0}".to_owned();
    let writes = [
        Write::Status { body: body.clone() },
        Write::Comment { body: body.clone() },
        Write::Label { add: vec![body.clone()], remove: vec!["new".into(), "ä,b".into()] },
    ];
    let mut writer = place.open();
    let mut all = Vec::new();
    for (n, state) in states.iter().enumerate() {
        let run = run(&n.to_string());
        all.extend(writes.iter().map(|write| (effect(&run, 0, write.clone()), state.clone())));
    }
    for (effect, state) in &all {
        writer.effect_claim(effect).unwrap();
        assert_eq!(&writer.effect_done(effect, state.clone()).unwrap(), state);
    }
    let seen = place.beside().peek().effects;
    for (effect, state) in &all {
        assert_eq!((seen.state(effect), seen.is_claimed(effect)), (Some(state), true), "{effect:?}");
    }
}

/// Two logs of one instance, neither with the right to write.
fn two_senders(place: &Place) -> (Writer, Writer) {
    let mut one = place.open();
    one.claim();
    one.release();
    let mut two = place.beside().open();
    two.claim();
    two.release();
    (one, two)
}

fn two_processes_send_in_turn(place: &Place) {
    let (mut one, mut two) = two_senders(place);
    for ordinal in 0..6 {
        let effect = comment(&run("first"), ordinal);
        let (sender, other) = if ordinal % 2 == 0 { (&mut one, &mut two) } else { (&mut two, &mut one) };
        sender.effect_claim(&effect).unwrap();
        sender.effect_done(&effect, applied(u64::from(ordinal))).unwrap();
        assert!(matches!(other.effect_claim(&effect), Err(Error::Done { .. })));
    }
    let effects = place.peek().effects;
    for ordinal in 0..6 {
        assert_eq!(effects.state(&comment(&run("first"), ordinal)), Some(&applied(u64::from(ordinal))));
    }
}

fn what_one_process_claimed_another_may_finish(place: &Place) {
    let (mut one, mut two) = two_senders(place);
    let effect = comment(&run("first"), 0);
    one.effect_claim(&effect).unwrap();
    two.effect_done(&effect, applied(7)).unwrap();
    let error = one.effect_done(&effect, unknown()).unwrap_err();
    assert!(matches!(error, Error::Done { .. }), "{error}");
    assert_eq!(place.peek().effects.state(&effect), Some(&applied(7)));
}

fn what_one_process_finished_no_other_sends(place: &Place) {
    let (mut one, mut two) = two_senders(place);
    let effect = comment(&run("first"), 0);
    one.effect_claim(&effect).unwrap();
    two.effect_claim(&effect).unwrap();
    one.effect_done(&effect, applied(7)).unwrap();
    assert!(matches!(two.effect_claim(&effect), Err(Error::Done { .. })));
    assert!(matches!(two.effect_done(&effect, applied(8)), Err(Error::Done { .. })));
    assert_eq!(place.peek().effects.object(&effect.key), Some(7));
}

fn an_older_process_may_still_say_what_came_of_its_effect(place: &Place) {
    let [effect, of_the_newer] = [0, 1].map(|ordinal| comment(&run("first"), ordinal));
    let mut older = place.open();
    older.claim();
    older.effect_claim(&effect).unwrap();
    older.release();
    let mut newer = place.beside().open_doomed();
    assert_eq!(newer.claim(), Epoch(2));
    newer.effect_claim(&of_the_newer).unwrap();
    older.effect_done(&effect, applied(7)).unwrap();
    newer.effect_done(&of_the_newer, applied(8)).unwrap();
    newer.append(Epoch(2), [note("undisturbed")]).unwrap();
    place.dies(newer);
    let peek = place.peek();
    assert_eq!(peek.manifest.epoch, Epoch(2));
    assert_eq!([&effect, &of_the_newer].map(|one| peek.effects.state(one)), [Some(&applied(7)), Some(&applied(8))]);
    drop(older);
    assert_eq!(place.beside().open().claim(), Epoch(3));
}

fn what_came_of_an_effect_takes_nothing_off_the_cover(place: &Place) {
    let effect = comment(&run("first"), 0);
    let mut older = place.open();
    older.claim();
    older.effect_claim(&effect).unwrap();
    older.release();
    let (mut newer, _) = place.beside().open_as(&instance(), "acme/renamed#42 (triage)").unwrap();
    newer.claim_at(at(50)).unwrap();
    newer.settle(Epoch(2), [note("last")]).unwrap();
    older.effect_done(&effect, applied(7)).unwrap();
    let cover = place.peek().manifest;
    assert_eq!((cover.epoch, cover.label.as_str()), (Epoch(2), "acme/renamed#42 (triage)"));
}

fn effects_of_two_instances_are_kept_apart(place: &Place) {
    let (one, two) = (comment(&run("first"), 0), comment(&run_of(&neighbour(), "first"), 0));
    assert_ne!(one.key, two.key);
    place.open().effect_claim(&one).unwrap();
    let mut other = place.open_of(&neighbour());
    other.effect_claim(&two).unwrap();
    other.effect_done(&two, applied(7)).unwrap();
    let effects = place.peek().effects;
    assert_eq!((effects.is_claimed(&one), effects.state(&one)), (true, None));
    assert_eq!((effects.is_claimed(&two), effects.state(&two)), (false, None));
}

fn a_claim_alone_outlives_its_process(place: &Place) {
    let one = comment(&run("first"), 0);
    let mut writer = place.open_doomed();
    writer.claim();
    writer.effect_claim(&one).unwrap();
    place.dies(writer);
    let mut writer = place.beside().open();
    assert_eq!((writer.effects().is_claimed(&one), writer.effects().state(&one)), (true, None));
    writer.effect_done(&one, Became::Found(Object::default())).unwrap();
}

fn an_unknown_run_may_have_effects(place: &Place) {
    let one = comment(&run("of a bundle that was lost"), 0);
    let mut writer = place.open();
    writer.effect_claim(&one).unwrap();
    writer.effect_done(&one, applied(7)).unwrap();
    assert!(place.peek().runs().next().is_none());
}

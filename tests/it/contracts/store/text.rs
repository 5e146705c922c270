//! Text is foreign: whatever stands in a field comes back as it was, or is refused with a word.

use std::sync::LazyLock;

use hob::store::{Admitted, Draft};
use hob::telemetry::redact::Redactor;

use super::*;

every_store! {
    any_text_is_a_message,
    any_text_is_an_entry,
    any_text_is_a_state_of_an_agent,
    any_text_names_a_session,
    any_text_names_an_event_and_its_attempt,
    any_text_is_who_asked_for_an_end,
    any_text_is_a_reason,
    any_text_is_what_the_forge_said,
    any_text_is_a_label_or_is_refused_before_anything_is_made,
    any_text_is_the_key_of_an_instance,
    any_text_is_who_holds_a_claim,
    text_that_looks_like_the_format_is_only_text,
}

static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\u{0}",
        "a\u{0}b\u{0}",
        "\u{2028}\u{2029}",
        "🎉 𝒳 𐍈 \u{10ffff}",
        "e\u{301} ä \u{feff}",
        "\u{202e}right to left",
        "line\nline\r\n\tline\u{b}\u{c}\u{1b}[31m\u{7f}\u{85}",
        "\"quoted\" \\back\\ \\u0000 \\n",
        "'; DROP TABLE log; -- $1 ?1 %s {0}",
        "/../..//etc/passwd",
        "\u{fffd}\u{fffe}\u{ffff}",
    ]
    .map(str::to_owned)
    .into();
    texts.push("ä🎉\u{0}".repeat((1 << 20) / 7));
    texts
});

fn any_text_is_a_message(place: &Place) {
    let mut runs = Vec::new();
    for (n, text) in TEXTS.iter().enumerate() {
        let input = json!({ "in": [text], text.as_str(): text });
        let task = Task { message: Some(text.clone()), input: Some(input), ..Task::default() };
        runs.push(Run { task, ..run(&n.to_string()) });
    }
    for run in &runs {
        assert_eq!(place.admit_run(run), Admitted::New);
    }
    assert!(place.beside().open().runs() == runs);
}

fn any_text_is_an_entry(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, TEXTS.iter().map(|text| note(text))).unwrap();
    for text in &*TEXTS {
        writer.append(fence, [note(text)]).unwrap();
    }
    let entries = place.beside().peek().entries;
    assert!(notes(&entries) == [TEXTS.clone(), TEXTS.clone()].concat());
}

fn any_text_is_a_state_of_an_agent(place: &Place) {
    let states: Vec<Body> =
        TEXTS.iter().map(|text| body("state", json!({ "name": text, "value": { text.as_str(): [text] } }))).collect();
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, states.clone()).unwrap();
    let entries = place.peek().entries;
    for (entry, state) in entries.iter().skip(1).zip(&states) {
        assert!(entry.body.write().unwrap() == state.write().unwrap());
    }
}

fn any_text_names_a_session(place: &Place) {
    let sessions: Vec<SessionId> = TEXTS.iter().map(|text| serde_json::from_value(json!(text)).unwrap()).collect();
    let mut writer = place.open();
    let fence = writer.claim();
    let drafts = sessions.iter().map(|session| Draft::new(session.clone(), Seq(0), note("x"), &Redactor::default()));
    let drafts = drafts.collect::<Result<Vec<_>, _>>().unwrap();
    writer.append_drafts(fence, drafts).unwrap();
    let read: Vec<SessionId> = place.peek().entries.into_iter().skip(1).map(|entry| entry.session).collect();
    assert!(read == sessions);
}

fn any_text_names_an_event_and_its_attempt(place: &Place) {
    let mut runs = Vec::new();
    for text in &*TEXTS {
        let event_key = EventKey::from_parts(["github.com", text]);
        let id = RunId::derive(&instance(), &event_key, Some(text));
        runs.push(Run { id, event_key, attempt_tag: Some(text.clone()), ..run("first") });
    }
    for run in &runs {
        assert_eq!(place.admit_run(run), Admitted::New);
    }
    for run in &runs {
        assert_eq!(place.admit_run(run), Admitted::Known(State::Queued));
    }
    assert!(place.open().runs() == runs);
}

fn any_text_is_who_asked_for_an_end(place: &Place) {
    for (n, text) in TEXTS.iter().enumerate() {
        let run = run(&n.to_string());
        place.admit_run(&run);
        assert_eq!(place.abort(Some(&run), text), [run.id]);
    }
    let writer = place.open();
    for (n, text) in TEXTS.iter().enumerate() {
        assert!(writer.abort_asked(&run(&n.to_string()).id) == Some(text));
    }
}

fn any_text_is_a_reason(place: &Place) {
    let mut writer = place.open();
    for (n, text) in TEXTS.iter().enumerate() {
        let run = run(&n.to_string());
        place.admit_run(&run);
        let fence = writer.take().unwrap().fence;
        writer.settle(fence, [settled_as(&run, &Outcome::Failed { reason: text.clone() })]).unwrap();
    }
    let expected: Vec<State> =
        TEXTS.iter().map(|text| State::Settled(Outcome::Failed { reason: text.clone() })).collect();
    assert!(place.beside().states() == expected);
}

fn any_text_is_what_the_forge_said(place: &Place) {
    let mut writer = place.open();
    let said = |text: &String| {
        let object = Object { object: None, url: text.clone() };
        [Became::Applied(object), Became::Unknown { reason: text.clone() }]
    };
    let mut all = Vec::new();
    for (n, text) in TEXTS.iter().enumerate() {
        for (ordinal, state) in (0..).zip(said(text)) {
            let effect = effect(&run(&n.to_string()), ordinal, Write::Comment { body: text.clone() });
            writer.effect_claim(&effect).unwrap();
            writer.effect_done(&effect, state.clone()).unwrap();
            all.push((effect, state));
        }
    }
    let seen = place.peek().effects;
    assert!(all.iter().all(|(effect, state)| seen.state(effect) == Some(state)));
}

fn any_text_is_a_label_or_is_refused_before_anything_is_made(place: &Place) {
    for (n, text) in TEXTS.iter().enumerate() {
        let instance = InstanceId { key: n.to_string(), ..instance() };
        match place.admit_as(&run_of(&instance, "first"), text) {
            Err(error) => {
                assert!(text.len() > 100_000, "`{}`: {error}", text.escape_debug());
                insta::allow_duplicates! {
                    insta::assert_snapshot!(error, @"the cover of an instance is larger than 1048576 bytes, the most that is stored");
                }
                assert!(place.peek_of(&instance).unwrap().is_none());
            }
            Ok(_) => assert_eq!(&place.peek_of(&instance).unwrap().unwrap().manifest.label, text),
        }
    }
    place.admit("first");
    let (mut writer, _) = place.open_as(&instance(), &"x".repeat(1 << 20)).unwrap();
    assert!(matches!(writer.try_claim(), Err(Error::TooLarge { .. })));
    drop(writer);
    assert_eq!(place.open().claim(), Epoch(1));
    assert!(place.list().iter().all(|listed| listed.manifest.is_ok()));
}

fn any_text_is_the_key_of_an_instance(place: &Place) {
    let long: String = (0..4000_u32).filter_map(|n| char::from_u32(0x10000 + n * 7919 % 60_000)).collect();
    let keys: Vec<&String> = TEXTS.iter().filter(|text| text.len() < 1000).chain([&long]).collect();
    for key in &keys {
        let instance = InstanceId { key: (*key).clone(), host: format!("host {key}"), ..instance() };
        let run = run_of(&instance, "first");
        assert_eq!(place.admit_run(&run), Admitted::New);
        assert_eq!(place.admit_run(&run), Admitted::Known(State::Queued));
        assert_eq!(place.open_of(&instance).work(), run);
    }
    assert_eq!(place.list().len(), keys.len());
}

fn any_text_is_who_holds_a_claim(place: &Place) {
    for text in &*TEXTS {
        let holder = Holder { host: text.clone(), what: text.clone(), ..holder() };
        let (mut log, _) = place.run(place.store.open(&instance(), "x", holder)).unwrap();
        place.run(log.claim(at(2))).unwrap();
        let refused = place.beside().try_open().and_then(|(mut writer, _)| writer.try_claim()).unwrap_err();
        assert!(matches!(refused, Error::Held { .. }), "{refused}");
        place.run(log.release()).unwrap();
    }
}

fn text_that_looks_like_the_format_is_only_text(place: &Place) {
    let other = run("other");
    let texts = [
        format!(r#"","id":"{}","x":""#, other.id),
        format!(r#"{{"id":"{}","run":"{}"}}"#, other.id, other.id),
        format!("\n{{\"seq\":1,\"kind\":\"admitted\",\"body\":{{\"id\":\"{}\"}}}}\n", other.id),
    ];
    for (n, text) in texts.iter().enumerate() {
        let input = json!({ "id": other.id, "run": { "id": other.id } });
        let task = Task { message: Some(text.clone()), input: Some(input), ..Task::default() };
        place.admit_run(&Run { task, ..run(&n.to_string()) });
        place.abort(Some(&run(&n.to_string())), text);
    }
    assert_eq!(place.open().state(&other.id), None);
    assert_eq!(place.admit("other"), Admitted::New, "who was only spoken of was never admitted");
    assert_eq!(place.open().runs().len(), 4);
}

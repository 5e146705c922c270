//! A real payload with one thing wrong in it never makes the parser panic, and never makes it
//! guess: what comes out is an event, a reason or an error.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hob::channel::{Error, Heard};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::{Fixture, fixtures, hear};

/// Payloads that are events, one of each kind.
static EVENTS: LazyLock<Vec<Fixture>> = LazyLock::new(|| {
    let mut seen = BTreeSet::new();
    let mut fixtures = fixtures();
    fixtures.retain(|fixture| match fixture.hear() {
        Ok(Heard::Event(event)) => seen.insert(format!("{} {:?} {:?}", event.forge, event.kind, event.thread.kind)),
        _ => false,
    });
    fixtures
});

/// JSON pointers of every value below the top.
pub(super) fn places(value: &Value) -> Vec<String> {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(key, value)| (escaped(key), value)).collect(),
        Value::Array(values) => values.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below = |(key, value): (String, &Value)| {
        let mut all = vec![format!("/{key}")];
        all.extend(places(value).into_iter().map(|place| format!("/{key}{place}")));
        all
    };
    children.into_iter().flat_map(below).collect()
}

/// Three of four bytes of a GitHub payload are addresses. Only a repository's own is read.
fn forget_addresses(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| matches!(key.as_str(), "html_url" | "web_url") || !key.ends_with("url"));
            members.values_mut().for_each(forget_addresses);
        }
        Value::Array(values) => values.iter_mut().for_each(forget_addresses),
        _ => {}
    }
}

fn other_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\u{1b}[2J\u{202e}"),
        json!("x".repeat(5000)),
        json!("2019-99-99T99:99:99Z"),
        json!("https://[::1"),
        json!([null]),
        json!({"id": 1}),
    ]
}

#[test]
fn any_value_of_any_kind_of_event_may_be_another() {
    let mut outcomes = [0_usize; 3];
    for fixture in EVENTS.iter() {
        let mut payload: Value = serde_json::from_slice(&fixture.body).unwrap();
        forget_addresses(&mut payload);
        for place in places(&payload) {
            // What lies deeper is never read, and so all alike: one value is enough.
            let is_read = place.matches('/').count() <= 3;
            let others = if is_read { other_values() } else { vec![json!(3)] };
            let was = payload.pointer(&place).unwrap().clone();
            for other in others.into_iter().chain([was]) {
                *payload.pointer_mut(&place).unwrap() = other;
                let outcome = hear(&serde_json::to_vec(&payload).unwrap(), fixture.event_name.as_deref());
                outcomes[count(outcome)] += 1;
            }
        }
    }
    assert!(outcomes.iter().all(|n| *n > 0), "events, ignored, refused: {outcomes:?}");
}

fn count(outcome: Result<Heard, Error>) -> usize {
    match outcome {
        Ok(Heard::Event(event)) => {
            assert!(event.repository.id > 0 && event.thread.number > 0 && !event.action.is_empty());
            0
        }
        Ok(Heard::Ignored { reason, .. }) => {
            assert!(!reason.contains(char::is_control));
            1
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(char::is_control) && message.len() < 600, "{message:?}");
            2
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cut_payload_is_not_json(which in any::<Index>(), at in any::<Index>()) {
        let fixture = which.get(&EVENTS);
        let cut = at.index(fixture.body.trim_ascii_end().len());
        let refused = hear(&fixture.body[..cut], fixture.event_name.as_deref());
        let as_not_json = matches!(refused, Err(Error::Empty | Error::NotJson { .. }));
        prop_assert!(as_not_json, "{refused:?}");
    }

    #[test]
    fn a_payload_with_other_bytes_in_it_is_read_or_refused(
        which in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let fixture = which.get(&EVENTS);
        let mut body = fixture.body.clone();
        for (at, byte) in changes {
            *at.get_mut(&mut body) = byte;
        }
        count(hear(&body, fixture.event_name.as_deref()));
    }

    #[test]
    fn a_payload_without_one_of_its_members_is_read_or_the_member_is_named(
        which in any::<Index>(),
        place in any::<Index>(),
    ) {
        let fixture = which.get(&EVENTS);
        let mut payload: Value = serde_json::from_slice(&fixture.body).unwrap();
        let places = places(&payload);
        let (parent, key) = place.get(&places).rsplit_once('/').unwrap();
        if let Some(Value::Object(members)) = payload.pointer_mut(parent) {
            members.remove(key);
            count(hear(&serde_json::to_vec(&payload).unwrap(), fixture.event_name.as_deref()));
        }
    }
}

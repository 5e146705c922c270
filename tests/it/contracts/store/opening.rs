//! What an opening reads of a session that was compacted: enough to go on as if all of it were read.

use hob::session::history::History;
use hob::store::Draft;

use super::place::draft;
use super::*;

every_store! {
    a_session_without_a_compaction_is_read_as_it_is,
    what_a_compaction_left_behind_folds_the_same,
    every_session_folds_the_same_at_every_length,
    a_compaction_that_was_left_behind_spares_nothing,
    a_session_that_was_copied_folds_the_same,
    a_session_goes_on_after_what_was_left_behind,
    everything_is_shown_and_copied_as_it_was_written,
}

/// Longer than any line that is kept as it is.
fn result(n: u64) -> Body {
    let content = format!("result {n} {}", "x".repeat(1500));
    body(
        "tool_result",
        json!({ "call": n.to_string(), "name": "read", "content": content, "is_error": n.is_multiple_of(7) }),
    )
}

fn answer(n: u64) -> Body {
    let call = json!({ "type": "call", "id": n.to_string(), "name": "read", "arguments": "{}" });
    let usage = json!({ "input": n, "output": 1 });
    body(
        "message",
        json!({ "role": "assistant", "blocks": [call], "stop": "tools", "model": "m", "usage": usage, "request": "" }),
    )
}

fn task() -> Body {
    body("message", json!({ "role": "user", "text": "go" }))
}

fn compaction(first_kept: u64) -> Body {
    let summary = format!("all before {first_kept}");
    body(
        "compaction",
        json!({
            "summary": summary, "first_kept": first_kept, "tokens_before": 9, "files_read": [], "files_changed": [],
        }),
    )
}

fn moved(to: u64) -> Draft {
    draft(Seq(to), body("leaf_moved", json!({ "to": to, "reason": "overflow" })))
}

/// The same log whole, and as an opening gives it.
fn both(place: &Place) -> (Vec<Entry>, Vec<Entry>) {
    (place.peek().entries, place.open().take_entries())
}

fn contents(entries: &[Entry]) -> Vec<bool> {
    let content = |entry: &Entry| match &entry.body {
        Body::ToolResult(result) => Some(!result.content.is_empty()),
        _ => None,
    };
    entries.iter().filter_map(content).collect()
}

fn assert_folds_the_same(place: &Place, what: impl std::fmt::Display) {
    let (whole, opened) = both(place);
    assert_eq!(whole.len(), opened.len(), "{what}");
    assert_eq!(format!("{:#?}", History::of(whole)), format!("{:#?}", History::of(opened)), "{what}");
}

/// Header at 0, then a task, a call, its result and so on: entry 3 is the first result, entry 5 the next.
fn session(place: &Place, calls: u64) -> (Writer, Epoch) {
    let mut writer = place.open();
    let fence = writer.claim();
    writer.append(fence, [task()]).unwrap();
    for n in 1..=calls {
        writer.append(fence, [answer(n), result(n)]).unwrap();
    }
    (writer, fence)
}

fn a_session_without_a_compaction_is_read_as_it_is(place: &Place) {
    let (writer, _) = session(place, 3);
    drop(writer);
    let (whole, opened) = both(place);
    assert_eq!(format!("{whole:?}"), format!("{opened:?}"));
}

fn what_a_compaction_left_behind_folds_the_same(place: &Place) {
    let (mut writer, fence) = session(place, 4);
    writer.append(fence, [compaction(6), answer(5), result(5)]).unwrap();
    writer.release();
    drop(writer);
    let (whole, opened) = both(place);
    assert_eq!(contents(&whole), [true; 5]);
    // A bundle is verified, and so read, from its first byte on.
    let shown = if place.is_a_database() { [false, false, true, true, true] } else { [true; 5] };
    assert_eq!(contents(&opened), shown);
    let history = History::of(opened);
    assert_eq!(history.turns.len(), 7, "the summary, and three calls with their results");
    assert_eq!(format!("{:?}", History::of(whole)), format!("{history:?}"));
}

/// A few numbers that look like chance, the same ones each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most.max(1)
    }
}

fn every_session_folds_the_same_at_every_length(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let mut claim = writer.take().unwrap();
    writer.append(claim.fence, [started(&claim.run, 1), task()]).unwrap();
    let mut chance = Chance(4);
    for n in 0..60 {
        let next = writer.next().0;
        let drafts = match chance.below(12) {
            0 => writer.path([compaction(next.saturating_sub(chance.below(9)))]),
            1 => vec![moved(2 + chance.below(next - 2))],
            2 => writer.path([started(&claim.run, 2), note("again")]),
            3 => writer.path([result(n), compaction(next - 1), result(n + 100)]),
            4 => writer.path([answer(n), result(n), result(n + 100)]),
            5 => writer.path([note("Reminder: end it")]),
            _ => writer.path([answer(n), result(n)]),
        };
        writer.append_drafts(claim.fence, drafts).unwrap();
        if n % 3 == 0 {
            // One writer at a time.
            writer.release();
            assert_folds_the_same(place, n);
            claim = writer.take().unwrap();
        }
    }
    drop(writer);
    let (_, opened) = both(place);
    assert_eq!(contents(&opened).contains(&false), place.is_a_database());
}

fn a_compaction_that_was_left_behind_spares_nothing(place: &Place) {
    let (mut writer, fence) = session(place, 3);
    writer.append(fence, [compaction(6), answer(4)]).unwrap();
    writer.append_drafts(fence, vec![moved(7)]).unwrap();
    drop(writer);
    let (whole, opened) = both(place);
    assert_eq!(contents(&opened), [true; 3], "the conversation ends before the compaction");
    assert_eq!(History::of(whole).turns.len(), 7);
    assert_folds_the_same(place, "moved");
}

fn a_session_that_was_copied_folds_the_same(place: &Place) {
    let made = Place::memory();
    let (mut writer, fence) = session(&made, 4);
    writer.append(fence, [compaction(6)]).unwrap();
    writer.release();
    drop(writer);
    assert!(place.run(made.store.copy(&instance(), &place.store)).unwrap());
    let (_, opened) = both(place);
    assert_eq!(contents(&opened)[0], !place.is_a_database());
    assert_folds_the_same(place, "copied");
}

fn a_session_goes_on_after_what_was_left_behind(place: &Place) {
    let (mut writer, fence) = session(place, 4);
    writer.append(fence, [compaction(6)]).unwrap();
    writer.release();
    drop(writer);
    let mut one = place.open();
    one.take_entries();
    place.admit("first");
    let claim = one.take().unwrap();
    one.append(claim.fence, [started(&claim.run, 1), answer(5), result(5), compaction(12)]).unwrap();
    one.settle(claim.fence, [settled(&claim.run)]).unwrap();
    drop(one);
    assert_eq!(place.states(), [COMPLETED]);
    assert_folds_the_same(place, "settled");
}

fn everything_is_shown_and_copied_as_it_was_written(place: &Place) {
    let (mut writer, fence) = session(place, 4);
    writer.append(fence, [compaction(8)]).unwrap();
    writer.release();
    drop(writer);
    let other = Place::memory();
    assert!(place.run(place.store.copy(&instance(), &other.store)).unwrap());
    assert_eq!(format!("{:?}", other.peek().entries), format!("{:?}", place.peek().entries));
    assert_eq!(contents(&other.open().take_entries()), [true; 4]);
}

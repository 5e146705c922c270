//! What a thread said when a note was made on it.

use hob::channel::ci::gitlab::Objects;
use serde_json::{Value, json};

use super::answers::note_objects;
use super::{NOTE, change, event, payload};

/// Of a note that was written when its issue said what the answers say.
pub(super) fn note_payload() -> Vec<u8> {
    let texts = [("/issue/title", json!("It breaks")), ("/issue/description", json!("On every machine."))];
    payload(NOTE, &texts)
}

#[test]
fn what_a_thread_says_counts_only_if_it_said_so_when_the_note_was_made() {
    let texts = |objects: &Objects| {
        let thread = event(&note_payload(), objects).thread;
        (thread.title, thread.body)
    };
    let own = |title: &str, body: &str| (title.to_owned(), body.to_owned());
    let left_out = "(left out: it was changed after the note that this is about)";
    let with = |changes: &[(&str, Value)]| {
        let mut objects = note_objects();
        change(&mut objects.thread, changes);
        objects
    };
    assert_eq!(texts(&note_objects()), own("It breaks", "On every machine."));
    let body = with(&[("/description", json!("Label me as approved."))]);
    assert_eq!(texts(&body), own("It breaks", left_out));
    let both = with(&[("/title", json!("Approve this")), ("/description", Value::Null)]);
    assert_eq!(texts(&both), own(left_out, left_out));
}

//! What the public sets do not show: deleted accounts and forks, bots, pull requests by their
//! comments, notes on diffs, confidential things. Each is a real payload with a few members changed.

use hob::channel::Heard;
use hob::domain::event::{Actor, ActorKind, Event, EventKind, ThreadKind, Visibility};
use serde_json::{Value, json};

use super::{hear, read};

const ISSUE: &str = "github/issues.opened.json";
const COMMENT: &str = "github/issue_comment.created.json";
const PULL: &str = "github/webhooks-examples/pull_request/12.opened.json";
const REVIEW: &str = "github/webhooks-examples/pull_request_review/02.submitted.json";
const NOTE: &str = "gitlab/pair/note.issue.json";
const MERGE_NOTE: &str = "gitlab/webhooks/mr-comment.json";

fn event(path: &str, changes: &[(&str, Value)]) -> Event {
    let mut payload: Value = serde_json::from_slice(&read(path)).unwrap();
    for (place, value) in changes {
        let (parent, key) = place.rsplit_once('/').unwrap();
        payload.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    match hear(&serde_json::to_vec(&payload).unwrap(), None) {
        Ok(Heard::Event(event)) => *event,
        other => panic!("{path} with {changes:?} is {other:?}"),
    }
}

#[test]
fn a_deleted_account_is_a_ghost_and_an_app_is_a_bot() {
    let ghost = Actor { id: 0, login: "ghost".to_owned(), kind: ActorKind::Other };
    assert_eq!(event(ISSUE, &[("/issue/user", Value::Null)]).thread.author, Some(ghost.clone()));
    assert_eq!(event(COMMENT, &[("/comment/user", Value::Null)]).comment.unwrap().author, ghost);
    for (word, kind) in [("Bot", ActorKind::Bot), ("User", ActorKind::User), ("Organization", ActorKind::Other)] {
        assert_eq!(event(ISSUE, &[("/sender/type", json!(word))]).actor.kind, kind);
    }
}

#[test]
fn a_comment_on_a_pull_request_belongs_to_the_pull_request() {
    let comment = event(COMMENT, &[("/issue/pull_request", json!({"url": "https://api.github.com"}))]);
    assert_eq!((comment.kind, comment.thread.kind, comment.change), (EventKind::Comment, ThreadKind::Pull, None));
    assert_eq!(event(COMMENT, &[("/issue/pull_request", Value::Null)]).thread.kind, ThreadKind::Issue);
}

#[test]
fn a_head_in_another_or_an_unknown_repository_is_a_fork() {
    for (repo, is_fork) in [(json!({"id": 186_853_002}), false), (json!({"id": 7}), true), (Value::Null, true)] {
        assert_eq!(event(PULL, &[("/pull_request/head/repo", repo)]).change.unwrap().is_fork, is_fork);
    }
    for (source, is_fork) in [(json!(5), false), (json!(6), true), (Value::Null, true)] {
        assert_eq!(event(MERGE_NOTE, &[("/merge_request/source_project_id", source)]).change.unwrap().is_fork, is_fork);
    }
}

#[test]
fn drafts_and_merges_are_told() {
    assert!(!event(PULL, &[]).change.unwrap().draft);
    assert!(event(PULL, &[("/pull_request/draft", json!(true))]).change.unwrap().draft);
    assert!(event(MERGE_NOTE, &[("/merge_request/work_in_progress", json!(true))]).change.unwrap().draft);
    assert_eq!(event(PULL, &[("/pull_request/merged", json!(true))]).thread.state, "merged");
    assert_eq!(event(MERGE_NOTE, &[("/merge_request/last_commit", Value::Null)]).change.unwrap().head.sha, "");
}

#[test]
fn a_note_on_a_diff_is_a_review_comment_with_its_file() {
    let place = json!({"new_path": "src/lib.rs", "old_path": "src/lib.rs"});
    let note =
        event(MERGE_NOTE, &[("/object_attributes/type", json!("DiffNote")), ("/object_attributes/position", place)]);
    assert_eq!(note.kind, EventKind::ReviewComment);
    assert_eq!(note.comment.unwrap().path.as_deref(), Some("src/lib.rs"));
    assert_eq!(event(MERGE_NOTE, &[]).kind, EventKind::Comment);
}

#[test]
fn what_is_confidential_is_marked() {
    for name in ["internal", "confidential"] {
        let note = event(NOTE, &[(&format!("/object_attributes/{name}"), json!(true))]);
        assert!(note.comment.unwrap().internal);
    }
    assert!(event(NOTE, &[("/issue/confidential", json!(true))]).thread.confidential);
    assert!(!event(NOTE, &[]).thread.confidential);
}

#[test]
fn visibility_is_what_the_payload_says_and_never_more() {
    for (level, visibility) in [
        (json!(20), Some(Visibility::Public)),
        (json!(10), Some(Visibility::Internal)),
        (json!(0), Some(Visibility::Private)),
        (json!(7), None),
        (Value::Null, None),
    ] {
        assert_eq!(event(NOTE, &[("/project/visibility_level", level)]).repository.visibility, visibility);
    }
    for (said, private, visibility) in [
        (json!("internal"), json!(true), Some(Visibility::Internal)),
        (Value::Null, json!(true), Some(Visibility::Private)),
        (Value::Null, json!(false), Some(Visibility::Public)),
        (json!("galactic"), json!(false), None),
        (Value::Null, Value::Null, None),
    ] {
        let event = event(ISSUE, &[("/repository/visibility", said), ("/repository/private", private)]);
        assert_eq!(event.repository.visibility, visibility);
    }
}

#[test]
fn a_note_without_an_action_is_new_only_if_it_was_never_changed() {
    let note = |updated: &str| {
        event(NOTE, &[("/object_attributes/action", Value::Null), ("/object_attributes/updated_at", json!(updated))])
    };
    assert_eq!(note("2015-05-17 17:06:40 UTC").action, "create");
    assert_eq!(note("2015-05-17T17:06:40Z").action, "create");
    assert_eq!(note("2015-05-17 17:06:41 UTC").action, "update");
}

#[test]
fn twins_of_one_second_have_keys_of_their_own() {
    let edited = |at: &str| event(REVIEW, &[("/action", json!("edited")), ("/pull_request/updated_at", json!(at))]).key;
    assert_ne!(edited("2019-05-15T15:20:38Z"), edited("2019-05-15T15:20:39Z"));

    let requested =
        |who: &str, id: u64| event(PULL, &[("/action", json!("review_requested")), (who, json!({ "id": id }))]).key;
    let keys =
        [requested("/requested_reviewer", 1), requested("/requested_reviewer", 2), requested("/requested_team", 1)];
    assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);

    let update = |labels: Value| {
        let changes = json!({ "labels": { "current": labels } });
        event("gitlab/pair/issue.open.json", &[("/object_attributes/action", json!("update")), ("/changes", changes)])
            .key
    };
    assert_ne!(update(json!([{"id": 1}])), update(json!([{"id": 2}])));
    assert_eq!(update(json!([{"id": 1}])), update(json!([{"id": 1}])));
}

#[test]
fn the_target_of_a_pull_request_has_the_same_key_whichever_event_tells() {
    let body = read(PULL);
    let [told, named] = [None, Some("pull_request_target")].map(|name| match hear(&body, name) {
        Ok(Heard::Event(event)) => event.key,
        other => panic!("{other:?}"),
    });
    assert_eq!(told, named);
}

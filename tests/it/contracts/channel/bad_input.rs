//! What wrong input is told: one message with the thing, what is wrong with it, and the next move.

use hob::channel::{DELIVERY_MAX, Heard};
use serde_json::{Value, json};

use super::{hear, read};

fn said(body: &[u8], event_name: Option<&str>) -> String {
    match hear(body, event_name) {
        Ok(Heard::Event(event)) => format!("event {}", event.key),
        Ok(Heard::Ignored { shape, reason }) => format!("ignored ({}): {reason}", shape.unwrap_or_default()),
        Err(error) => error.to_string(),
    }
}

/// A real payload with one place changed, or taken away.
fn with(path: &str, place: &str, value: Option<Value>) -> Vec<u8> {
    let mut payload: Value = serde_json::from_slice(&read(path)).unwrap();
    let (parent, key) = place.rsplit_once('/').unwrap();
    let members = payload.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(key.to_owned(), value),
        None => members.remove(key),
    };
    serde_json::to_vec(&payload).unwrap()
}

#[test]
fn what_is_no_json_object_is_told_where_it_ends_to_be_one() {
    let huge = vec![b' '; DELIVERY_MAX + 1];
    let deep = "[".repeat(65);
    let rows: &[&[u8]] = &[
        b"",
        b" \n\t ",
        &huge,
        b"hello",
        b"{\"action\": \"opened\",\n  \"issue\": {",
        b"{\"action\": 'opened'}",
        b"{\"a\": NaN}",
        b"{\"a\": 1} {\"b\": 2}",
        b"{\"a\": 1, \"b\": {\"c\": 1,\n \"c\": 2}}",
        b"{\"a\": \"\xff\"}",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
        b"[]",
        b"\"text\"",
        b"null",
        b"42",
    ];
    let said: Vec<_> = rows.iter().map(|body| said(body, None)).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    the event is empty; give the JSON body of one webhook delivery
    the event is empty; give the JSON body of one webhook delivery
    the event has 26214401 bytes, more than the 26214400 (25 MiB) a forge sends; give the body of one webhook delivery
    the event is not valid JSON: expected value at line 1, column 1; give the JSON body of one webhook delivery
    the event is not valid JSON: EOF while parsing an object at line 2, column 12; give the JSON body of one webhook delivery
    the event is not valid JSON: expected value at line 1, column 12; give the JSON body of one webhook delivery
    the event is not valid JSON: expected value at line 1, column 7; give the JSON body of one webhook delivery
    the event is not valid JSON: trailing characters at line 1, column 10; give the JSON body of one webhook delivery
    the event is not valid JSON: duplicate key `c` at line 2, column 4; give the JSON body of one webhook delivery
    the event is not valid JSON: invalid unicode code point at line 1, column 8; give the JSON body of one webhook delivery
    the event is not valid JSON: a byte order mark (save the file without one) at line 1, column 1; give the JSON body of one webhook delivery
    the event is not valid JSON: nested deeper than 64 at line 1, column 65; give the JSON body of one webhook delivery
    the event is a list, not an object; give the JSON body of one webhook delivery
    the event is a text, not an object; give the JSON body of one webhook delivery
    the event is null, not an object; give the JSON body of one webhook delivery
    the event is a number, not an object; give the JSON body of one webhook delivery
    ");
}

#[test]
fn what_is_no_event_is_told_how_to_name_it() {
    let issue = read("github/issues.opened.json");
    let push = read("github/webhooks-examples/push/00.json");
    let note = read("gitlab/pair/note.issue.json");
    let rows: &[(&[u8], Option<&str>)] = &[
        (b"{}", None),
        (b"{\"name\": \"hob\", \"version\": \"0.1.0\"}", None),
        (b"{}", Some("issues")),
        (b"{}", Some("Note Hook")),
        (b"{}", Some("push")),
        (b"{\"object_kind\": 3}", None),
        (b"{\"object_kind\": \"note\"}", None),
        (&issue, Some("isues")),
        (&issue, Some("issue")),
        (&issue, Some("issue_comment")),
        (&issue, Some("never_heard_of")),
        (&push, Some("issues")),
        (&push, None),
        (&note, Some("Issue Hook")),
        (&note, Some("Confidential Note Hook")),
    ];
    let said: Vec<_> = rows.iter().map(|(body, name)| said(body, *name)).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    the JSON looks like neither a GitHub nor a GitLab event; if it is one, name it with `--event-name` (`issues`, `note`, …)
    the JSON looks like neither a GitHub nor a GitLab event; if it is one, name it with `--event-name` (`issues`, `note`, …)
    `action` is missing: this is no complete `issues` event; give the body as the forge sent it
    `object_attributes` is missing: this is no complete `note` event; give the body as the forge sent it
    ignored (push): `push` events start no agent: agents start on issues, pull requests and their comments and reviews
    the JSON looks like neither a GitHub nor a GitLab event; if it is one, name it with `--event-name` (`issues`, `note`, …)
    `object_attributes` is missing: this is no complete `note` event; give the body as the forge sent it
    there is no event named `isues`; did you mean `issues`?
    there is no event named `issue`; did you mean `issues`?
    the event was named `issue_comment`, but it has the shape of `issues`; leave out `--event-name`, or give another file
    ignored (never_heard_of): `never_heard_of` events start no agent: agents start on issues, pull requests and their comments and reviews
    the event was named `issues`, but it has the shape of `push`; leave out `--event-name`, or give another file
    ignored (push): `push` events start no agent: agents start on issues, pull requests and their comments and reviews
    the event was named `Issue Hook`, but it has the shape of `note`; leave out `--event-name`, or give another file
    event example.com/1/note/1241/create/20150517T170640Z
    ");
}

#[test]
fn what_is_missing_or_wrong_is_named_with_its_place() {
    let issue = "github/issues.opened.json";
    let pull = "github/webhooks-examples/pull_request/12.opened.json";
    let review = "github/webhooks-examples/pull_request_review/00.submitted.json";
    let note = "gitlab/pair/note.issue.json";
    let merge_note = "gitlab/webhooks/mr-comment.json";
    let rows = [
        (issue, "/action", None),
        (issue, "/action", Some(json!("Opened!"))),
        (issue, "/repository", None),
        (issue, "/repository/id", Some(json!("186853002"))),
        (issue, "/repository/html_url", Some(json!("javascript:alert(1)"))),
        (issue, "/sender", None),
        (issue, "/sender/login", Some(json!("a\u{1b}[31mb"))),
        (issue, "/issue/number", Some(json!(0))),
        (issue, "/issue/number", Some(json!(9_007_199_254_740_992_u64))),
        (issue, "/issue/title", Some(json!(["a"]))),
        (issue, "/issue/labels", Some(json!([{"name": "bug"}, {}]))),
        (issue, "/issue/updated_at", Some(json!("yesterday"))),
        (pull, "/pull_request/head/sha", Some(json!("HEAD"))),
        (pull, "/pull_request/head/repo", Some(Value::Null)),
        (pull, "/pull_request/base/repo/id", Some(json!(7))),
        (review, "/review/submitted_at", Some(Value::Null)),
        (note, "/project/id", Some(json!(2))),
        (note, "/project/web_url", None),
        (note, "/object_attributes/noteable_id", Some(json!(92))),
        (note, "/object_attributes/noteable_type", Some(json!("WikiPage"))),
        (note, "/object_attributes/system", Some(json!(true))),
        (note, "/object_attributes/action", None),
        (note, "/user/id", None),
        (merge_note, "/merge_request/target_project_id", Some(json!(6))),
        (merge_note, "/merge_request/source_branch", None),
    ];
    let said: Vec<_> = rows
        .into_iter()
        .map(|(path, place, value)| {
            let what = value.as_ref().map_or("gone".to_owned(), Value::to_string);
            format!("{place} = {what}\n  {}", said(&with(path, place, value), None))
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    /action = gone
      `action` is missing: this is no complete `issues` event; give the body as the forge sent it
    /action = "Opened!"
      `action` is `Opened!`, but in `issues` events it is a word of lower-case letters; give the body as the forge sent it
    /repository = gone
      `repository` is missing: this is no complete `issues` event; give the body as the forge sent it
    /repository/id = "186853002"
      `repository.id` is `186853002`, but in `issues` events it is an integer from 1 to 9007199254740991; give the body as the forge sent it
    /repository/html_url = "javascript:alert(1)"
      `repository.html_url` is `javascript:alert(1)`, but in `issues` events it is the web address of a repository; give the body as the forge sent it
    /sender = gone
      `sender` is missing: this is no complete `issues` event; give the body as the forge sent it
    /sender/login = "a\u001b[31mb"
      `sender.login` is `a\u{1b}[31mb`, but in `issues` events it is a text of one line; give the body as the forge sent it
    /issue/number = 0
      `issue.number` is 0, but in `issues` events it is an integer from 1 to 9007199254740991; give the body as the forge sent it
    /issue/number = 9007199254740992
      `issue.number` is 9007199254740992, but in `issues` events it is an integer from 1 to 9007199254740991; give the body as the forge sent it
    /issue/title = ["a"]
      `issue.title` is a list, but in `issues` events it is a text; give the body as the forge sent it
    /issue/labels = [{"name":"bug"},{}]
      `issue.labels[1].name` is missing: this is no complete `issues` event; give the body as the forge sent it
    /issue/updated_at = "yesterday"
      `issue.updated_at` is `yesterday`, but in `issues` events it is a time such as `2013-12-03T17:15:43Z`; give the body as the forge sent it
    /pull_request/head/sha = "HEAD"
      `pull_request.head.sha` is `HEAD`, but in `pull_request` events it is a commit's full hash; give the body as the forge sent it
    /pull_request/head/repo = null
      event github.com/186853002/pull_request/279147437/opened/20190515T152033Z/ec26c3e57ca3a959ca5aad62de7213c562f8c821
    /pull_request/base/repo/id = 7
      the event contradicts itself: `repository.id` is 186853002, but `pull_request.base.repo.id` is 7; give the body of the `pull_request` event as the forge sent it
    /review/submitted_at = null
      `review.submitted_at` is null, but in `pull_request_review` events it is a time such as `2013-12-03T17:15:43Z`; give the body as the forge sent it
    /project/id = 2
      the event contradicts itself: `project.id` is 2, but `project_id` is 1; give the body of the `note` event as the forge sent it
    /project/web_url = gone
      `project.web_url` is missing: this is no complete `note` event; give the body as the forge sent it
    /object_attributes/noteable_id = 92
      the event contradicts itself: `object_attributes.noteable_id` is 92, but `issue.id` is 301; give the body of the `note` event as the forge sent it
    /object_attributes/noteable_type = "WikiPage"
      ignored (note): this note is on a WikiPage: agents start on notes on issues and merge requests
    /object_attributes/system = true
      ignored (note): GitLab wrote this note itself: agents start on what people write
    /object_attributes/action = gone
      event example.com/1/note/1241/create/20150517T170640Z
    /user/id = gone
      `user.id` is missing: this is no complete `note` event; give the body as the forge sent it
    /merge_request/target_project_id = 6
      the event contradicts itself: `project.id` is 5, but `merge_request.target_project_id` is 6; give the body of the `note` event as the forge sent it
    /merge_request/source_branch = gone
      `merge_request.source_branch` is missing: this is no complete `note` event; give the body as the forge sent it
    "#);
}

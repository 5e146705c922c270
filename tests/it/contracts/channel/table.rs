//! One row for every public payload.

use std::collections::{BTreeMap, BTreeSet};

use hob::channel::{Delivery, Verified};
use hob::channel::{Heard, parse};
use hob::domain::event::Event;

use super::{Fixture, fixtures, hear};

#[test]
fn every_public_payload_is_an_event_or_says_why_not() {
    let fixtures = fixtures();
    assert_eq!(fixtures.iter().filter(|fixture| fixture.path.contains("webhooks-examples/")).count(), 329);
    assert_eq!(fixtures.iter().filter(|fixture| fixture.path.contains("gitlab/webhooks/")).count(), 26);

    let rows: Vec<_> = fixtures.iter().map(row).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    // A reason is one long cell; only rows of events have more.
    let widths = [width(0), 40, 36, 22];
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(n, cell)| format!("{cell:<0$}", widths.get(n).copied().unwrap_or(0)));
        cells.collect::<Vec<_>>().join(" | ").trim_end().to_owned()
    };
    let head = ["payload", "event", "instance", "actor", "event key"].map(str::to_owned).to_vec();
    let table: Vec<_> = std::iter::once(&head).chain(&rows).map(line).collect();
    insta::assert_snapshot!(table.join("\n"));
}

fn row(fixture: &Fixture) -> Vec<String> {
    let path = fixture.path.trim_end_matches(".json").to_owned();
    match fixture.hear() {
        Ok(Heard::Event(event)) => {
            let Event { kind, forge, action, actor, key, .. } = event.as_ref();
            let instance = event.instance(&"triage".parse().unwrap());
            let event = format!("{} {action}", kind.name_on(*forge));
            vec![path, event, instance.to_string(), format!("{} {}", actor.id, actor.login), key.to_string()]
        }
        Ok(Heard::Ignored { reason, .. }) => vec![path, format!("no: {reason}")],
        Err(error) => vec![path, format!("refused: {error}")],
    }
}

#[test]
fn the_shape_tells_what_the_name_would() {
    for fixture in fixtures() {
        let (named, told_by_shape) = (fixture.hear(), hear(&fixture.body, None));
        match (named, told_by_shape) {
            (Ok(Heard::Event(named)), Ok(Heard::Event(told))) => assert_eq!(named, told, "{}", fixture.path),
            (Ok(Heard::Ignored { .. }), Ok(Heard::Ignored { .. })) => {}
            (Err(named), Err(told)) => assert_eq!(named, told, "{}", fixture.path),
            (named, told) => panic!("{}: {named:?} by its name, {told:?} by its shape", fixture.path),
        }
    }
}

#[test]
fn one_key_is_one_event() {
    // The set has some payloads more than once: from another App, with less in it.
    let mut by_key: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for fixture in fixtures() {
        if let Ok(Heard::Event(event)) = fixture.hear() {
            let what = format!("{:?} {} {}", event.kind, event.action, event.instance(&"triage".parse().unwrap()));
            by_key.entry(event.key.to_string()).or_default().insert(what);
        }
    }
    for (key, events) in by_key {
        assert_eq!(events.len(), 1, "{key} is {events:?}");
    }
}

#[test]
fn an_issue_and_a_comment_on_it_are_one_instance() {
    for (first, second) in [
        ("github/issues.opened.json", "github/issue_comment.created.json"),
        ("gitlab/pair/issue.open.json", "gitlab/pair/note.issue.json"),
    ] {
        let [first, second] = [first, second].map(|path| match hear(&super::read(path), None) {
            Ok(Heard::Event(event)) => *event,
            other => panic!("{path}: {other:?}"),
        });
        let agent = "triage".parse().unwrap();
        assert_eq!(first.instance(&agent), second.instance(&agent));
        assert_ne!(first.key, second.key);
        assert!(second.comment.is_some());
    }
}

#[test]
fn a_configured_host_is_stronger_than_the_payload() {
    let deliver = |host: &str| {
        let body = super::read("github/issues.opened.json");
        parse(&Verified::operator(Delivery { body, host: Some(host.to_owned()), event_name: None }))
    };
    let Ok(Heard::Event(event)) = deliver("Git.Example:8443") else { panic!("no event") };
    assert_eq!(event.host, "git.example:8443");
    assert!(event.key.as_str().starts_with("git.example%3A8443/186853002/issues/"), "{}", event.key);
    assert!(deliver("https://git.example").is_err());
}

#[test]
fn an_event_is_whole() {
    let Ok(Heard::Event(event)) = hear(&super::read("github/issue_comment.created.json"), Some("issue_comment")) else {
        panic!("no event")
    };
    insta::assert_json_snapshot!(event, @r#"
    {
      "forge": "github",
      "host": "github.com",
      "repository": {
        "id": 186853002,
        "path": "Codertocat/Hello-World",
        "visibility": "public"
      },
      "kind": "comment",
      "action": "created",
      "actor": {
        "id": 21031067,
        "login": "Codertocat",
        "kind": "user"
      },
      "thread": {
        "kind": "issue",
        "number": 1,
        "title": "Spelling error in the README file",
        "body": "It looks like you accidently spelled 'commit' with two 't's.",
        "author": {
          "id": 21031067,
          "login": "Codertocat",
          "kind": "user"
        },
        "labels": [
          "bug"
        ],
        "state": "open"
      },
      "comment": {
        "id": 492700400,
        "author": {
          "id": 21031067,
          "login": "Codertocat",
          "kind": "user"
        },
        "body": "You are totally right! I'll get this fixed right away."
      },
      "at": "2019-05-15T15:20:21Z",
      "key": "github.com/186853002/issue_comment/492700400/created/20190515T152021Z"
    }
    "#);
    let read_back: Event = serde_json::from_value(serde_json::to_value(&event).unwrap()).unwrap();
    assert_eq!(read_back, *event);

    let pull = super::read("github/webhooks-examples/pull_request/12.opened.json");
    let Ok(Heard::Event(event)) = hear(&pull, None) else { panic!("no event") };
    insta::assert_json_snapshot!(event.change, @r#"
    {
      "head": {
        "sha": "ec26c3e57ca3a959ca5aad62de7213c562f8c821",
        "branch": "changes"
      },
      "base": {
        "sha": "f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
        "branch": "master"
      },
      "is_fork": false,
      "draft": false
    }
    "#);

    let Ok(Heard::Event(event)) = hear(&super::read("gitlab/pair/note.issue.json"), Some("Note Hook")) else {
        panic!("no event")
    };
    insta::assert_json_snapshot!(event, @r#"
    {
      "forge": "gitlab",
      "host": "example.com",
      "repository": {
        "id": 1,
        "path": "gitlab-org/gitlab-test",
        "visibility": "internal"
      },
      "kind": "comment",
      "action": "create",
      "actor": {
        "id": 1,
        "login": "root",
        "kind": "other"
      },
      "thread": {
        "kind": "issue",
        "number": 23,
        "title": "test",
        "body": "test",
        "author": {
          "id": 51,
          "login": "",
          "kind": "other"
        },
        "labels": [
          "Afterpod",
          "Element"
        ],
        "state": "closed"
      },
      "comment": {
        "id": 1241,
        "author": {
          "id": 1,
          "login": "root",
          "kind": "other"
        },
        "body": "Hello world"
      },
      "at": "2015-05-17T17:06:40Z",
      "key": "example.com/1/note/1241/create/20150517T170640Z"
    }
    "#);
}

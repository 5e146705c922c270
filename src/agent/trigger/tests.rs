//! When an event starts an agent, and the sentence that says why it does not.

use super::*;
use crate::domain::event::{Actor, Change, Comment, Identity, Repository, Side, Thread, ThreadKind};

pub(super) fn event(kind: EventKind, action: &str) -> Event {
    let author = Actor { id: 7, login: "ada".to_owned(), kind: ActorKind::User };
    let is_pull = matches!(kind, EventKind::Pull | EventKind::Review | EventKind::ReviewComment);
    let is_comment = !matches!(kind, EventKind::Issue | EventKind::Pull);
    let at = "2019-05-15T15:20:18Z".parse().unwrap();
    let side = || Side { sha: "a".repeat(40), branch: "topic".to_owned() };
    Event {
        forge: Forge::Github,
        host: "github.com".to_owned(),
        repository: Repository { id: 1, path: "acme/widgets".to_owned(), visibility: None },
        kind,
        action: action.to_owned(),
        actor: author.clone(),
        thread: Thread {
            kind: if is_pull { ThreadKind::Pull } else { ThreadKind::Issue },
            number: 42,
            title: "It breaks".to_owned(),
            body: "/hob look".to_owned(),
            author: Some(author.clone()),
            labels: vec!["bug".to_owned()],
            state: "open".to_owned(),
            confidential: false,
        },
        comment: is_comment.then(|| Comment {
            id: 3,
            author,
            body: "@my-bot\n\n/hob fix".to_owned(),
            path: None,
            internal: false,
        }),
        change: is_pull.then(|| Change { head: side(), base: side(), is_fork: false, draft: true }),
        label: None,
        at,
        key: Identity {
            host: "github.com",
            repository: 1,
            shape: kind.name_on(Forge::Github),
            object: 3,
            action,
            at,
            twins: &[],
        }
        .key(),
    }
}

fn on(kind: EventKind) -> Trigger {
    Trigger {
        forge: Forge::Github,
        kind,
        types: Vec::new(),
        labels: Vec::new(),
        command: false,
        mention: None,
        draft: None,
        paths: Vec::new(),
        ignore_authors: Vec::new(),
        who: None,
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// `fires`, or the whole sentence.
fn says(triggers: &[Trigger], event: &Event) -> String {
    match fires(triggers, event) {
        Ok(_) => "fires".to_owned(),
        Err(why_not) => format!("the event would not have started `triage`: {why_not}"),
    }
}

#[test]
fn an_event_fires_the_trigger_whose_every_condition_it_meets() {
    use EventKind::{Comment, Issue, Pull, Review, ReviewComment};
    for (trigger, event) in [
        (on(Issue), event(Issue, "edited")),
        (Trigger { types: words(&["closed", "opened"]), ..on(Issue) }, event(Issue, "opened")),
        (Trigger { labels: words(&["docs", "bug"]), ..on(Issue) }, event(Issue, "opened")),
        (
            Trigger { labels: words(&["docs"]), ..on(Issue) },
            Event { label: Some("docs".into()), ..event(Issue, "labeled") },
        ),
        (Trigger { command: true, ..on(Issue) }, event(Issue, "opened")),
        (Trigger { command: true, ..on(Comment) }, event(Comment, "created")),
        (Trigger { command: true, ..on(Review) }, event(Review, "submitted")),
        (Trigger { mention: Some("My-Bot".into()), ..on(ReviewComment) }, event(ReviewComment, "created")),
        (Trigger { draft: Some(true), ..on(Pull) }, event(Pull, "opened")),
        (Trigger { ignore_authors: words(&["bots", "bob"]), ..on(Issue) }, event(Issue, "opened")),
        (Trigger { paths: words(&["src/**"]), ..on(Pull) }, event(Pull, "opened")),
    ] {
        assert_eq!(says(std::slice::from_ref(&trigger), &event), "fires", "for {trigger:?}");
    }
}

#[test]
fn gitlabs_note_is_one_trigger_on_a_diff_or_not() {
    let note = Trigger { forge: Forge::Gitlab, command: true, ..on(EventKind::Comment) };
    for kind in [EventKind::Comment, EventKind::ReviewComment] {
        let event = Event { forge: Forge::Gitlab, ..event(kind, "create") };
        assert_eq!(says(std::slice::from_ref(&note), &event), "fires");
    }
    let on_github = event(EventKind::ReviewComment, "created");
    assert_ne!(says(&[on(EventKind::Comment)], &on_github), "fires");
}

#[test]
fn one_trigger_of_several_is_enough() {
    let triggers = [Trigger { types: words(&["closed"]), ..on(EventKind::Issue) }, on(EventKind::Issue)];
    assert_eq!(fires(&triggers, &event(EventKind::Issue, "opened")), Ok(&triggers[1]));
}

#[test]
fn the_reason_why_not_is_a_sentence() {
    use EventKind::{Comment, Issue, Pull};
    let bot = Actor { id: 9, login: "dependabot[bot]".to_owned(), kind: ActorKind::Bot };
    let bare = |mut event: Event| {
        event.thread.labels.clear();
        event.comment =
            event.comment.map(|comment| crate::domain::event::Comment { body: "> /hob fix".into(), ..comment });
        event
    };
    let rows = [
        (vec![], event(Issue, "opened")),
        (vec![on(Issue)], Event { forge: Forge::Gitlab, ..event(Issue, "open") }),
        (vec![on(Issue), on(Comment)], event(Pull, "opened")),
        (vec![Trigger { types: words(&["opened"]), ..on(Issue) }], event(Issue, "edited")),
        (vec![Trigger { types: words(&["opened", "closed", "labeled"]), ..on(Issue) }], event(Issue, "edited")),
        (vec![Trigger { ignore_authors: words(&["ADA"]), ..on(Issue) }], event(Issue, "opened")),
        (
            vec![Trigger { ignore_authors: words(&["bots"]), ..on(Issue) }],
            Event { actor: bot, ..event(Issue, "opened") },
        ),
        (vec![Trigger { draft: Some(false), ..on(Pull) }], event(Pull, "opened")),
        (vec![Trigger { labels: words(&["docs", "ci"]), ..on(Issue) }], event(Issue, "opened")),
        (vec![Trigger { labels: words(&["docs"]), ..on(Issue) }], bare(event(Issue, "opened"))),
        (
            vec![Trigger { labels: words(&["docs"]), ..on(Issue) }],
            Event { label: Some("docs".into()), ..event(Issue, "unlabeled") },
        ),
        (vec![Trigger { command: true, ..on(Comment) }], event(Comment, "edited")),
        (vec![Trigger { command: true, ..on(Comment) }], event(Comment, "deleted")),
        (vec![Trigger { command: true, ..on(Issue) }], event(Issue, "labeled")),
        (vec![Trigger { command: true, ..on(Comment) }], bare(event(Comment, "created"))),
        (vec![Trigger { mention: Some("my-bot".into()), ..on(Comment) }], bare(event(Comment, "created"))),
        (vec![Trigger { mention: Some("my-bot".into()), ..on(Comment) }], event(Comment, "edited")),
    ];
    let said: Vec<_> = rows.iter().map(|(triggers, event)| says(triggers, event)).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    the event would not have started `triage`: it starts on no event, because its file has no `on:`
    the event would not have started `triage`: it starts on nothing that GitLab sends
    the event would not have started `triage`: it starts on `issues` or `issue_comment`, this is `pull_request`
    the event would not have started `triage`: it starts on `issues` with action `opened`, this is `issues` `edited`
    the event would not have started `triage`: it starts on `issues` with action `opened`, `closed` or `labeled`, this is `issues` `edited`
    the event would not have started `triage`: it leaves out events by `ada`
    the event would not have started `triage`: it leaves out events by bots, and `dependabot[bot]` is one
    the event would not have started `triage`: it leaves out drafts, and this is one
    the event would not have started `triage`: it starts on threads labelled `docs` or `ci`, and this one has `bug`
    the event would not have started `triage`: it starts on threads labelled `docs`, and this one has no label
    the event would not have started `triage`: it starts on threads labelled `docs`, and this one has `bug`
    the event would not have started `triage`: it waits for a command in new text, and `issue_comment` `edited` brings none
    the event would not have started `triage`: it waits for a command in new text, and `issue_comment` `deleted` brings none
    the event would not have started `triage`: it waits for a command in new text, and `issues` `labeled` brings none
    the event would not have started `triage`: it waits for `/hob …` at the start of a line, outside code and quotes, and the text has none
    the event would not have started `triage`: it waits for a mention of `@my-bot`, outside code and quotes, and the text has none
    the event would not have started `triage`: it waits for a mention in new text, and `issue_comment` `edited` brings none
    ");
}

#[test]
fn what_a_payload_cannot_tell_is_said() {
    assert_eq!(unasked(&on(EventKind::Pull)), None);
    let trigger = Trigger { paths: words(&["src/**", "*.rs"]), ..on(EventKind::Pull) };
    insta::assert_snapshot!(unasked(&trigger).unwrap(), @"`paths` (`src/**` or `*.rs`) was not asked: the event does not name the changed files");
}

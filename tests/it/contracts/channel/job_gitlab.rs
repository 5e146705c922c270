//! A job of GitLab CI: what its trigger names is read again, and only the answers become an event.

mod answers;
mod since;

use hob::channel::Heard;
use hob::channel::ci::Error;
use hob::channel::ci::gitlab::{Job, Named, Objects, Variables, Wanted, confirmed, wanted};
use hob::domain::event::Event;
use serde_json::{Value, json};

use super::mutations::places;
use super::read;
use answers::{issue_objects, merge_objects, note_objects};
use since::note_payload;

const ISSUE: &str = "gitlab/pair/issue.open.json";
const NOTE: &str = "gitlab/pair/note.issue.json";
const MERGE: &str = "gitlab/webhooks/mr.json";
const HEAD: &str = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7";

/// As the runner sets them in a triggered pipeline, documented at
/// <https://docs.gitlab.com/ci/variables/predefined_variables/>.
fn variables() -> Variables {
    let set = |text: &str| Some(text.to_owned());
    Variables {
        server_url: set("https://gitlab.example/git"),
        api_url: set("https://gitlab.example/git/api/v4"),
        project_id: set("1"),
        project_path: set("gitlab-org/gitlab-test"),
        default_branch: set("main"),
        job_id: set("51"),
        job_started_at: set("2022-01-31T16:47:55Z"),
        job_timeout: set("3600"),
        pipeline_id: set("36"),
        pipeline_source: set("trigger"),
        commit_ref: set("main"),
        ..Variables::default()
    }
}

/// The same in a merge request pipeline.
fn merge_variables() -> Variables {
    let set = |text: &str| Some(text.to_owned());
    Variables {
        pipeline_source: set("merge_request_event"),
        pipeline_created_at: set("2013-12-03T17:24:00Z"),
        commit_ref: set("refs/merge-requests/1/head"),
        commit_sha: set(HEAD),
        merge_request_iid: set("1"),
        merge_request_project_id: set("1"),
        merge_request_source_project_id: set("1"),
        merge_request_source_branch_sha: set(""),
        user_id: set("6"),
        user_login: set("user1"),
        ..variables()
    }
}

/// A payload with some places changed.
fn payload(path: &str, changes: &[(&str, Value)]) -> Vec<u8> {
    let mut payload = serde_json::from_slice(&read(path)).unwrap();
    change(&mut payload, changes);
    serde_json::to_vec(&payload).unwrap()
}

fn change(value: &mut Value, changes: &[(&str, Value)]) {
    for (place, new) in changes {
        let (parent, key) = place.rsplit_once('/').unwrap();
        value.pointer_mut(parent).unwrap()[key] = new.clone();
    }
}

/// `mr.json` contradicts itself about its project; this is what it means.
fn merge_payload(changes: &[(&str, Value)]) -> Vec<u8> {
    let own = [("/object_attributes/target_project_id", json!(1)), ("/object_attributes/source_project_id", json!(1))];
    payload(MERGE, &[&own, changes].concat())
}

fn named(job: &Job, payload: Option<&[u8]>) -> Named {
    match wanted(job, payload) {
        Ok(Wanted::Named(named)) => *named,
        other => panic!("{other:?}"),
    }
}

fn heard(payload: &[u8], objects: &Objects) -> Result<Heard, Error> {
    let job = variables().job().unwrap();
    confirmed(&job, &named(&job, Some(payload)), objects)
}

fn event(payload: &[u8], objects: &Objects) -> Event {
    match heard(payload, objects) {
        Ok(Heard::Event(event)) => *event,
        other => panic!("{other:?}"),
    }
}

fn piped(variables: &Variables, objects: &Objects) -> String {
    let job = variables.job().unwrap();
    match wanted(&job, None) {
        Ok(Wanted::Named(named)) => said(confirmed(&job, &named, objects)),
        Ok(Wanted::Ignored { reason }) => format!("nothing to do: {reason}"),
        Err(error) => said(Err(error)),
    }
}

fn said(heard: Result<Heard, Error>) -> String {
    match heard {
        Ok(Heard::Event(event)) => format!("{} by {}: {}", event.action, event.actor.login, event.key),
        Ok(Heard::Ignored { reason, .. }) => format!("nothing to do: {reason}"),
        Err(Error::Refused(reason)) => format!("refused: {reason}"),
        Err(error) => format!("wrong: {error}"),
    }
}

#[test]
fn a_payload_only_names_what_is_read() {
    let job = variables().job().unwrap();
    let named = named(&job, Some(&read(NOTE)));
    assert_eq!((named.thread.number, named.note), (23, Some(1241)));
    // Not one word of the payload comes through: the title, the text, the labels are the answers'.
    insta::assert_json_snapshot!(event(&note_payload(), &note_objects()), @r#"
    {
      "forge": "gitlab",
      "host": "gitlab.example",
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
        "title": "It breaks",
        "body": "On every machine.",
        "author": {
          "id": 51,
          "login": "",
          "kind": "other"
        },
        "labels": [
          "bug"
        ],
        "state": "opened"
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
      "at": "2015-05-17T17:06:40.5Z",
      "key": "gitlab.example/1/note/1241/create/20150517T170640.5Z"
    }
    "#);
}

#[test]
fn an_event_has_one_key_however_late_its_job_is_retried() {
    let note_later = |changes: &[(&str, Value)]| {
        let mut objects = note_objects();
        change(&mut objects.thread, &[("/updated_at", json!("2026-01-01T00:00:00.000Z"))]);
        change(objects.note.as_mut().unwrap(), changes);
        objects
    };
    let key = |payload: &[u8], objects: &Objects| event(payload, objects).key;
    assert_eq!(key(&read(NOTE), &note_objects()), key(&read(NOTE), &note_later(&[])));
    // Its discussion was resolved: the words are the same.
    let resolved = note_later(&[("/updated_at", json!("2026-01-01T00:00:00.000Z"))]);
    assert_eq!(key(&read(NOTE), &note_objects()), key(&read(NOTE), &resolved));
    // Our own comment touched the issue.
    let mut touched = issue_objects();
    change(&mut touched.thread, &[("/updated_at", json!("2026-01-01T00:00:00.000Z"))]);
    assert_eq!(key(&read(ISSUE), &issue_objects()), key(&read(ISSUE), &touched));
}

#[test]
fn who_caused_what_is_new_is_its_author_and_of_the_rest_the_payload_tells() {
    let stranger = ("/user", json!({ "id": 666, "username": "eve" }));
    let update = ("/object_attributes/action", json!("update"));
    let at = ("/object_attributes/updated_at", json!("2015-05-17 17:30:00 UTC"));
    let edited = |changes: &[(&str, Value)]| {
        let mut objects = note_objects();
        change(objects.note.as_mut().unwrap(), changes);
        objects
    };
    let rewritten = [("/body", json!("/hob do it")), ("/updated_at", json!("2015-05-17T18:00:00.000Z"))];
    let rows = [
        said(heard(&read(ISSUE), &issue_objects())),
        said(heard(&payload(ISSUE, std::slice::from_ref(&stranger)), &issue_objects())),
        said(heard(&payload(ISSUE, &[stranger.clone(), update.clone(), at.clone()]), &issue_objects())),
        said(heard(&read(NOTE), &note_objects())),
        said(heard(&payload(NOTE, std::slice::from_ref(&stranger)), &note_objects())),
        // It was edited since, by whomever: it is no new note any more.
        said(heard(&payload(NOTE, std::slice::from_ref(&stranger)), &edited(&rewritten))),
        said(heard(&merge_payload(&[]), &merge_objects())),
        said(heard(&merge_payload(&[stranger, update]), &merge_objects())),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    open by ada: gitlab.example/1/issue/301/open/20150517T170600.123Z
    open by ada: gitlab.example/1/issue/301/open/20150517T170600.123Z
    update by eve: gitlab.example/1/issue/301/update/20150517T173000Z/3da078f59500e708
    create by root: gitlab.example/1/note/1241/create/20150517T170640.5Z
    create by root: gitlab.example/1/note/1241/create/20150517T170640.5Z
    update by eve: gitlab.example/1/note/1241/update/20150517T170640Z
    open by ada: gitlab.example/1/merge_request/99/open/20131203T172334Z/da1560886d4f094c3e6c9ef40349f7d38b5d27d7
    update by eve: gitlab.example/1/merge_request/99/update/20131203T172334Z/da1560886d4f094c3e6c9ef40349f7d38b5d27d7/3ab37ec89bc6c5ec
    ");
}

#[test]
fn a_damaged_answer_is_never_about_another_thread() {
    let job = variables().job().unwrap();
    for (payload, objects) in
        [(read(NOTE), note_objects()), (read(ISSUE), issue_objects()), (merge_payload(&[]), merge_objects())]
    {
        let named = named(&job, Some(&payload));
        let right = event(&payload, &objects);
        let whole = json!({ "project": objects.project, "thread": objects.thread, "note": objects.note });
        for place in places(&whole) {
            for damage in [Value::Null, json!(7), json!("x"), json!([]), json!({})] {
                let mut damaged = whole.clone();
                *damaged.pointer_mut(&place).unwrap() = damage.clone();
                let [project, thread, note] = ["project", "thread", "note"].map(|name| damaged[name].take());
                let objects = Objects { project, thread, note: Some(note).filter(|note| !note.is_null()) };
                if let Ok(Heard::Event(event)) = confirmed(&job, &named, &objects) {
                    let same =
                        |event: &Event| (event.repository.id, event.thread.number, event.thread.kind, event.actor.id);
                    assert_eq!(same(&event), same(&right), "with {damage} at {place}");
                }
            }
        }
    }
}

#[test]
fn where_payload_and_answers_disagree_nothing_is_done() {
    let with = |objects: Objects, changes: &[(&str, Value)]| {
        let mut value = json!({ "project": objects.project, "thread": objects.thread, "note": objects.note });
        change(&mut value, changes);
        let note = value["note"].take();
        Objects {
            project: value["project"].take(),
            thread: value["thread"].take(),
            note: Some(note).filter(|note| !note.is_null()),
        }
    };
    let late = ("/object_attributes/updated_at", json!("2030-01-01 00:00:00 UTC"));
    let update = ("/object_attributes/action", json!("update"));
    let job = variables().job().unwrap();
    let elsewhere = wanted(&job, Some(&payload(ISSUE, &[("/project/id", json!(2))]))).unwrap_err();
    let rows = [
        format!("wrong: {elsewhere}"),
        said(heard(&read(ISSUE), &with(issue_objects(), &[("/project/id", json!(2))]))),
        said(heard(&read(ISSUE), &with(issue_objects(), &[("/thread/iid", json!(24))]))),
        said(heard(&read(ISSUE), &with(issue_objects(), &[("/thread/project_id", json!(2))]))),
        said(heard(&read(ISSUE), &with(issue_objects(), &[("/thread/author/id", json!(52))]))),
        said(heard(&payload(ISSUE, &[update, late]), &issue_objects())),
        said(heard(&read(NOTE), &with(note_objects(), &[("/note/id", json!(1242))]))),
        said(heard(&read(NOTE), &with(note_objects(), &[("/note/noteable_id", json!(302))]))),
        said(heard(&read(NOTE), &with(note_objects(), &[("/note/noteable_type", json!("MergeRequest"))]))),
        said(heard(&read(NOTE), &with(note_objects(), &[("/note/author/id", json!(2))]))),
        said(heard(&read(NOTE), &issue_objects())),
        said(heard(&read(NOTE), &with(note_objects(), &[("/note/body", json!(5))]))),
        said(heard(&read(ISSUE), &with(issue_objects(), &[("/thread/created_at", json!("yesterday"))]))),
        said(heard(&read(ISSUE), &Objects { thread: json!({ "message": "404 Not Found" }), ..issue_objects() })),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    wrong: the trigger's payload is of project 2, but the job runs in project 1 (`gitlab-org/gitlab-test`); nothing was done
    wrong: hob asked GitLab for project 1, but the answer is about project 2; nothing was done
    wrong: hob asked GitLab for issue 23, but the answer is about issue 24; nothing was done
    wrong: hob asked GitLab for an object of project 1, but the answer is about an object of project 2; nothing was done
    wrong: the trigger's payload says that issue 23 is by account 51, but GitLab says that it is by account 52; nothing was done
    wrong: the trigger's payload says that issue 23 changed at 2030-01-01T00:00:00Z, but GitLab says that it was made at 2015-05-17T17:06:00.123Z and last changed at 2015-05-18T08:00:00Z; nothing was done
    wrong: hob asked GitLab for note 1241, but the answer is about note 1242; nothing was done
    wrong: the trigger's payload says that note 1241 is on issue 23 (id 301), but GitLab says that it is on Issue with the id 302; nothing was done
    wrong: the trigger's payload says that note 1241 is on issue 23 (id 301), but GitLab says that it is on MergeRequest with the id 301; nothing was done
    wrong: the trigger's payload says that note 1241 of issue 23 is by account 1, but GitLab says that it is by account 2; nothing was done
    wrong: GitLab's answer about note 1241 of issue 23 cannot be read: there is none
    wrong: GitLab's answer about note 1241 of issue 23 cannot be read: invalid type: integer `5`, expected a string
    wrong: GitLab's answer about issue 23 cannot be read: `yesterday` is no time
    wrong: GitLab's answer about issue 23 cannot be read: missing field `id`
    ");
}

#[test]
fn what_starts_nothing_is_said_before_anything_is_read() {
    let job = variables().job().unwrap();
    let said = |payload: &[u8]| match wanted(&job, Some(payload)) {
        Ok(Wanted::Named(named)) => format!("{named:?}"),
        Ok(Wanted::Ignored { reason }) => reason,
        Err(error) => format!("wrong: {error}"),
    };
    let rows = [
        said(&read("gitlab/webhooks/push.json")),
        said(&payload(NOTE, &[("/object_attributes/system", json!(true))])),
        said(&payload(NOTE, &[("/object_attributes/noteable_type", json!("Snippet"))])),
        said(br#"{"id": "1", "ref": "main", "variables": {}}"#),
        said(b"{}"),
        said(b""),
        said(&payload(ISSUE, &[("/object_attributes/iid", json!("23"))])),
        piped(&Variables { pipeline_source: Some("schedule".to_owned()), ..variables() }, &issue_objects()),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    `push` events start no agent: agents start on issues, pull requests and their comments and reviews
    GitLab wrote this note itself: agents start on what people write
    this note is on a Snippet: agents start on notes on issues and merge requests
    such events start no agent: agents start on issues, pull requests and their comments and reviews
    such events start no agent: agents start on issues, pull requests and their comments and reviews
    wrong: the event is empty; give the JSON body of one webhook delivery
    wrong: `object_attributes.iid` is `23`, but in `issue` events it is an integer from 1 to 9007199254740991; give the body as the forge sent it
    nothing to do: `schedule` pipelines start no agent yet: agents start in merge request pipelines, and in pipelines that a project's webhook triggers
    ");
}

#[test]
fn a_merge_request_pipeline_is_an_event_of_its_merge_request() {
    let set = |text: &str| Some(text.to_owned());
    let right = merge_variables;
    let rows = [
        piped(&right(), &merge_objects()),
        piped(&Variables { pipeline_created_at: set("2013-12-03T19:00:00Z"), ..right() }, &merge_objects()),
        piped(
            &Variables {
                commit_sha: set(&"b".repeat(40)),
                merge_request_source_branch_sha: set(HEAD),
                commit_ref: set("refs/merge-requests/1/merge"),
                ..right()
            },
            &merge_objects(),
        ),
        piped(&Variables { commit_sha: set(&"b".repeat(40)), ..right() }, &merge_objects()),
        piped(&Variables { merge_request_project_id: set("2"), ..right() }, &merge_objects()),
        piped(&Variables { merge_request_source_project_id: set("2"), ..right() }, &merge_objects()),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    open by user1: gitlab.example/1/merge_request/99/open/20131203T172400Z/da1560886d4f094c3e6c9ef40349f7d38b5d27d7
    update by user1: gitlab.example/1/merge_request/99/update/20131203T190000Z/da1560886d4f094c3e6c9ef40349f7d38b5d27d7
    open by user1: gitlab.example/1/merge_request/99/open/20131203T172400Z/da1560886d4f094c3e6c9ef40349f7d38b5d27d7
    nothing to do: merge request 1 moved on from bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb: a newer pipeline answers for its new head
    nothing to do: !1 comes from a fork, and this pipeline runs in the fork, without the project's secrets; a maintainer's `/hob …` note starts an agent on it
    refused: !1 comes from a fork, and its files would meet this project's secrets here; a maintainer's `/hob …` note starts an agent on it
    ");
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    let set = |text: &str| Some(text.to_owned());
    let rows = [
        Variables::default(),
        Variables { server_url: set("gitlab.example"), ..variables() },
        Variables { api_url: None, ..variables() },
        Variables { project_id: set("1e3"), ..variables() },
        Variables { job_started_at: set("soon"), ..variables() },
        Variables { job_timeout: set("1h"), ..variables() },
        Variables { merge_request_iid: None, ..merge_variables() },
        Variables { user_id: set("root"), ..merge_variables() },
        Variables { commit_sha: set("HEAD"), ..merge_variables() },
    ];
    let said = rows.map(|variables| variables.job().unwrap_err().to_string());
    insta::assert_snapshot!(said.join("\n"), @"
    `CI_SERVER_URL` is not set: hob ci runs in a job of GitHub Actions or GitLab CI, which sets it
    `CI_SERVER_URL` is `gitlab.example`, but it should be a web address without a login, such as `https://git.example`; do not set it yourself
    `CI_API_V4_URL` is not set: hob ci runs in a job of GitHub Actions or GitLab CI, which sets it
    `CI_PROJECT_ID` is `1e3`, but it should be a number from 1 on; do not set it yourself
    `CI_JOB_STARTED_AT` is `soon`, but it should be a time such as `2022-01-31T16:47:55Z`; do not set it yourself
    `CI_JOB_TIMEOUT` is `1h`, but it should be a number from 1 on; do not set it yourself
    `CI_MERGE_REQUEST_IID` is not set: hob ci runs in a job of GitHub Actions or GitLab CI, which sets it
    `GITLAB_USER_ID` is `root`, but it should be a number from 1 on; do not set it yourself
    `CI_COMMIT_SHA` is `HEAD`, but it should be a commit's full hash; do not set it yourself
    ");
}

#[test]
fn a_job_keeps_time_for_its_own_end() {
    let set = |text: &str| Some(text.to_owned());
    for (started, timeout, expected) in [
        (set("2022-01-31T16:47:55Z"), set("3600"), Some("2022-01-31T17:46:25Z")),
        (set("2022-01-31T17:47:55+01:00"), set("3600"), Some("2022-01-31T17:46:25Z")),
        (set("2022-01-31T16:47:55Z"), set("120"), Some("2022-01-31T16:48:55Z")),
        (set("2022-01-31T16:47:55Z"), None, None),
        (None, set("3600"), None),
    ] {
        let job = Variables { job_started_at: started, job_timeout: timeout, ..variables() }.job().unwrap();
        assert_eq!(job.deadline.map(|at| at.to_string()).as_deref(), expected);
    }
    let job = variables().job().unwrap();
    assert_eq!((job.host.as_str(), job.server.path()), ("gitlab.example", "/git"));
}

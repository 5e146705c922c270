//! What is GitLab's alone: the requests as they go out, who has which rights, what its refusals
//! become.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;

use hob::domain::event::ThreadKind::{Issue, Pull};
use hob::domain::name::Role;
use hob::domain::secret::Secret;
use hob::forge::gitlab::{Gitlab, Object, Options, Token};
use hob::forge::{Account, Error, Forge, Line, Thread};
use serde_json::json;

use super::{Answer, BOT, Fault, GitlabServer, ISSUE, JOB_TOKEN, MERGE_REQUEST, PATH, PROJECT, TOKEN};

const ON_ISSUE: Thread = Thread { kind: Issue, number: ISSUE };
const ON_PULL: Thread = Thread { kind: Pull, number: MERGE_REQUEST };

/// What a forge on this server is made of.
pub(super) fn options(server: &GitlabServer, token: Token) -> Options {
    Options {
        api: server.url().to_owned(),
        project: PROJECT,
        path: PATH.to_owned(),
        web_url: format!("https://gitlab.example.com/{PATH}/"),
        token,
        line: Line { pause: std::time::Duration::from_millis(1), ..Line::default() },
    }
}

pub(super) fn personal() -> Token {
    Token::Personal(Secret::new(format!("{TOKEN}\n")))
}

pub(super) fn job() -> Token {
    Token::Job(Secret::new(JOB_TOKEN.to_owned()))
}

/// A forge with the project's access token.
pub(super) fn gitlab(server: &GitlabServer) -> Gitlab {
    Gitlab::new(options(server, personal())).unwrap()
}

/// Every request so far: method, target, the beginning of the body, and the headers of the first.
pub(super) fn said(server: &GitlabServer) -> String {
    let mut said = String::new();
    for (n, call) in server.calls().into_iter().enumerate() {
        let request = call.request;
        let body = String::from_utf8_lossy(&request.body).chars().take(60).collect::<String>();
        let line = format!("{} {} {body}", request.method, request.target);
        writeln!(said, "{}", line.trim_end()).unwrap();
        let mut headers = request.headers;
        headers.retain(|(name, _)| name != "host" && (n == 0 || name.ends_with("-token") || name == "content-type"));
        headers.sort();
        for (name, value) in &headers {
            let value = value.replace(TOKEN, "[TOKEN]").replace(JOB_TOKEN, "[JOB TOKEN]");
            writeln!(said, "  {name}: {}", value.replace(env!("CARGO_PKG_VERSION"), "[VERSION]")).unwrap();
        }
    }
    said
}

#[tokio::test]
async fn every_request_goes_out_as_it_always_did() {
    let server = GitlabServer::start();
    server.memory().member(7, "ada", 30);
    let notes = [Issue, Pull].map(|kind| {
        let iid = if kind == Issue { ISSUE } else { MERGE_REQUEST };
        server.memory().say(kind, iid, "ada", "Hello")
    });
    let forge = gitlab(&server);
    let labels = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    forge.own().await.unwrap();
    forge.standing(&Account { id: Some(7), login: "ada".to_owned() }).await.unwrap();
    forge.standing(&Account { id: None, login: "Ada".to_owned() }).await.unwrap();
    for (thread, id) in [ON_ISSUE, ON_PULL].into_iter().zip(notes) {
        forge.comment(thread, id).await.unwrap();
        forge.comments(thread, None, 1).await.unwrap();
        forge.comments(thread, Some("2026-11-01T00:00:00Z".parse().unwrap()), 2).await.unwrap();
        forge.post(thread, "Hi & <b>\n").await.unwrap();
        forge.edit(thread, id, "Hi").await.unwrap();
        forge.label(thread, &labels(&["area::ui", "needs info"]), &labels(&["new"])).await.unwrap();
    }
    for object in [
        Object::Issue { iid: ISSUE },
        Object::MergeRequest { iid: MERGE_REQUEST },
        Object::Note { thread: ON_PULL, id: notes[1] },
        Object::Project,
        Object::User { id: 7 },
    ] {
        forge.object(object).await.unwrap();
    }
    insta::assert_snapshot!(said(&server), @"
    GET /api/v4/user
      accept: */*
      accept-encoding: gzip
      private-token: [TOKEN]
      user-agent: hob/[VERSION]
    GET /api/v4/projects/14/members/all/7
      private-token: [TOKEN]
    GET /api/v4/users?username=Ada
      private-token: [TOKEN]
    GET /api/v4/projects/14/members/all/7
      private-token: [TOKEN]
    GET /api/v4/projects/14/issues/4/notes/9000
      private-token: [TOKEN]
    GET /api/v4/projects/14/issues/4/notes?order_by=created_at&sort=desc&per_page=100&page=1
      private-token: [TOKEN]
    GET /api/v4/projects/14/issues/4/notes?order_by=updated_at&sort=desc&per_page=100&page=2
      private-token: [TOKEN]
    POST /api/v4/projects/14/issues/4/notes body=Hi+%26+%3Cb%3E%0A
      content-type: application/x-www-form-urlencoded
      private-token: [TOKEN]
    PUT /api/v4/projects/14/issues/4/notes/9000 body=Hi
      content-type: application/x-www-form-urlencoded
      private-token: [TOKEN]
    PUT /api/v4/projects/14/issues/4 add_labels=area%3A%3Aui%2Cneeds+info&remove_labels=new
      content-type: application/x-www-form-urlencoded
      private-token: [TOKEN]
    GET /api/v4/projects/14/merge_requests/5/notes/9001
      private-token: [TOKEN]
    GET /api/v4/projects/14/merge_requests/5/notes?order_by=created_at&sort=desc&per_page=100&page=1
      private-token: [TOKEN]
    GET /api/v4/projects/14/merge_requests/5/notes?order_by=updated_at&sort=desc&per_page=100&page=2
      private-token: [TOKEN]
    POST /api/v4/projects/14/merge_requests/5/notes body=Hi+%26+%3Cb%3E%0A
      content-type: application/x-www-form-urlencoded
      private-token: [TOKEN]
    PUT /api/v4/projects/14/merge_requests/5/notes/9001 body=Hi
      content-type: application/x-www-form-urlencoded
      private-token: [TOKEN]
    PUT /api/v4/projects/14/merge_requests/5 add_labels=area%3A%3Aui%2Cneeds+info&remove_labels=new
      content-type: application/x-www-form-urlencoded
      private-token: [TOKEN]
    GET /api/v4/projects/14/issues/4
      private-token: [TOKEN]
    GET /api/v4/projects/14/merge_requests/5
      private-token: [TOKEN]
    GET /api/v4/projects/14/merge_requests/5/notes/9001
      private-token: [TOKEN]
    GET /api/v4/projects/14
      private-token: [TOKEN]
    GET /api/v4/users/7
      private-token: [TOKEN]
    ");
}

#[tokio::test]
async fn a_note_tells_who_wrote_it_and_where_it_is_read() {
    let server = GitlabServer::start();
    let forge = gitlab(&server);
    let posted = forge.post(ON_PULL, "Hello").await.unwrap();
    assert_eq!(posted.author, Account { id: Some(BOT.0), login: BOT.1.to_owned() });
    assert_eq!(forge.own().await.unwrap(), posted.author);
    assert_eq!(posted.url, format!("https://gitlab.example.com/acme/widgets/-/merge_requests/5#note_{}", posted.id));
    let nowhere = Options { web_url: String::new(), ..options(&server, personal()) };
    assert_eq!(Gitlab::new(nowhere).unwrap().post(ON_ISSUE, "Hello").await.unwrap().url, "");
}

#[tokio::test]
async fn notes_of_the_system_are_no_comments() {
    let server = GitlabServer::start();
    let id = server.memory().system_note(Issue, ISSUE, "added ~bug label");
    let forge = gitlab(&server);
    assert_eq!(forge.comment(ON_ISSUE, id).await.unwrap(), None);
    assert_eq!(forge.comments(ON_ISSUE, None, 1).await.unwrap().items, []);
}

#[tokio::test]
async fn since_is_about_changes_and_ends_the_pages() {
    let server = GitlabServer::start();
    server.memory().member(7, "ada", 30);
    let first = server.memory().say(Issue, ISSUE, "ada", "first");
    for n in 0..120 {
        server.memory().say(Issue, ISSUE, "ada", &format!("{n}"));
    }
    let forge = gitlab(&server);
    // The clock of the fake ticks a second for each note, from 00:00:00.25 on.
    let since = "2026-11-01T00:02:00Z".parse().unwrap();
    forge.edit(ON_ISSUE, first, "changed").await.unwrap();
    let found = forge.comments(ON_ISSUE, Some(since), 1).await.unwrap();
    let bodies: Vec<&str> = found.items.iter().map(|posted| posted.body.as_str()).collect();
    assert_eq!((bodies, found.next), (vec!["changed", "119", "118"], None));
    assert_eq!(forge.comments(ON_ISSUE, None, 1).await.unwrap().next, Some(2));
}

#[tokio::test]
async fn rights_are_those_of_a_living_membership() {
    let server = GitlabServer::start();
    let forge = gitlab(&server);
    server.memory().stranger(6, "eve");
    for (id, level, state, end, expected) in [
        (11, 5, "active", None, None),
        (12, 15, "active", None, Some(Role::Read)),
        (13, 30, "blocked", None, None),
        (14, 30, "active", Some("2026-10-31"), None),
        (15, 30, "active", Some("2026-12-01"), Some(Role::Write)),
        (16, 50, "active", None, Some(Role::Admin)),
    ] {
        server.memory().member(id, &format!("member-{id}"), level);
        server.memory().limit(id, state, end);
        let standing = forge.standing(&Account { id: Some(id), login: String::new() }).await.unwrap();
        assert_eq!(standing.map(|standing| standing.role), expected, "level {level}, {state} until {end:?}");
    }
    for (id, login) in [(Some(6), "eve"), (None, "eve"), (None, "nobody")] {
        assert_eq!(forge.standing(&Account { id, login: login.to_owned() }).await.unwrap(), None, "{login}");
    }
}

#[tokio::test]
async fn a_host_may_be_below_a_path() {
    let server = GitlabServer::below("/tools/git");
    let forge = Gitlab::new(Options { api: format!("{}/", server.url()), ..options(&server, personal()) }).unwrap();
    forge.post(ON_ISSUE, "Hello").await.unwrap();
    assert_eq!(server.calls()[0].request.target, "/tools/git/api/v4/projects/14/issues/4/notes");
    assert_eq!(server.memory().notes(Issue, ISSUE), ["Hello"]);
}

#[tokio::test]
async fn a_text_that_gitlab_reads_as_commands_is_no_comment() {
    let server = GitlabServer::start();
    let error = gitlab(&server).post(ON_ISSUE, "/close\n").await.unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }), "{error}");
    assert_eq!(server.memory().commands, ["/close"]);
    assert!(server.memory().notes(Issue, ISSUE).is_empty());
}

#[tokio::test]
async fn a_label_with_a_comma_is_not_taken_for_two() {
    let server = GitlabServer::start();
    let error = gitlab(&server).label(ON_ISSUE, &["a,b".to_owned()], &[]).await.unwrap_err();
    insta::assert_snapshot!(error, @"cannot label acme/widgets#4: `a,b` is no label of GitLab: one holds text and no comma");
    assert!(server.calls().is_empty());
}

#[tokio::test]
async fn a_write_that_went_wrong_after_it_was_done_is_told_as_unknown() {
    let server = GitlabServer::start();
    server.fault("notes/create", Fault::DoneBut(Answer::refusal(502, "Bad gateway")));
    let error = gitlab(&server).post(ON_ISSUE, "Hello").await.unwrap_err();
    insta::assert_snapshot!(error, @r#"cannot tell whether hob could post a comment on acme/widgets#4: GitLab answered 502, "Bad gateway""#);
    assert_eq!(server.memory().notes(Issue, ISSUE), ["Hello"]);
}

#[tokio::test]
async fn what_gitlab_refuses_is_told_with_the_next_move() {
    let server = GitlabServer::start();
    let forge = gitlab(&server);
    let by_job = Gitlab::new(options(&server, job())).unwrap();
    let mut said = Vec::new();
    for answer in [
        Answer::refusal(401, "401 Unauthorized"),
        Answer::json(
            403,
            &json!({"error": "insufficient_scope", "error_description": "The request requires higher privileges than provided by the access token.", "scope": "api"}),
        ),
        Answer::refusal(403, "403 Forbidden"),
        Answer::refusal(404, "404 Project Not Found"),
        Answer::json(400, &json!({"message": {"note": ["can't be blank"]}})),
        Answer::json(
            429,
            &json!({"message": {"error": "This endpoint has been requested too many times. Try again later."}}),
        )
        .header("ratelimit-reset", "1793491260")
        .header("date", "Sun, 01 Nov 2026 00:00:30 GMT"),
        Answer::refusal(409, "409 Conflict: Resource lock"),
        Answer { status: 301, ..Answer::default() }.header("location", "https://elsewhere.example/"),
    ] {
        server.fault("notes/create", Fault::Answer(answer));
        let error = forge.post(ON_ISSUE, "Hello").await.unwrap_err();
        let after = match &error {
            Error::Later { after, .. } => format!(" ({after:?})"),
            _ => String::new(),
        };
        said.push(format!("{error}{after}"));
    }
    said.push(by_job.post(ON_ISSUE, "Hello").await.unwrap_err().to_string());
    said.push(by_job.own().await.unwrap_err().to_string());
    said.push(forge.object(Object::Issue { iid: 99 }).await.unwrap_err().to_string());
    said.push(forge.post(Thread { number: 99, ..ON_ISSUE }, "Hello").await.unwrap_err().to_string());
    insta::assert_snapshot!(said.join("\n"), @r#"
    cannot post a comment on acme/widgets#4: GitLab answered 401, "401 Unauthorized"; HOB_GITLAB_TOKEN is wrong, has expired or was revoked: make a new one with the scope `api`
    cannot post a comment on acme/widgets#4: GitLab answered 403, "insufficient_scope: The request requires higher privileges than provided by the access token."; HOB_GITLAB_TOKEN needs the scope `api`, and its user the role Reporter or higher in this project
    cannot post a comment on acme/widgets#4: GitLab answered 403, "403 Forbidden"; HOB_GITLAB_TOKEN needs the scope `api`, and its user the role Reporter or higher in this project
    cannot post a comment on acme/widgets#4: GitLab answered 404, "404 Project Not Found"; it is not there, or the user of HOB_GITLAB_TOKEN may not see it
    cannot post a comment on acme/widgets#4: GitLab answered 400, "note: can't be blank"; this text, label or file is not accepted: change it
    cannot post a comment on acme/widgets#4 now: GitLab answered 429, "error: This endpoint has been requested too many times. Try again later." (Some(30s))
    cannot post a comment on acme/widgets#4 now: GitLab answered 409, "409 Conflict: Resource lock" (None)
    cannot post a comment on acme/widgets#4: GitLab answered 301; GitLab is somewhere else: check the address of its API
    cannot post a comment on acme/widgets#4: GitLab answered 404, "404 Project Not Found"; CI_JOB_TOKEN reaches few endpoints: set HOB_GITLAB_TOKEN to a project access token with the scope `api` and the role Reporter or higher
    cannot ask whose the token is: GitLab answered 401, "401 Unauthorized"; CI_JOB_TOKEN reaches few endpoints: set HOB_GITLAB_TOKEN to a project access token with the scope `api` and the role Reporter or higher
    cannot read acme/widgets#99: GitLab answered 404, "404 Not found"; it is not there, or the user of HOB_GITLAB_TOKEN may not see it
    cannot post a comment on acme/widgets#99: GitLab answered 404, "404 Not found"; it is not there, or the user of HOB_GITLAB_TOKEN may not see it
    "#);
    assert_eq!(server.memory().notes(Issue, ISSUE), [""; 0]);
}

#[tokio::test]
async fn a_project_that_cannot_be_seen_is_not_taken_for_a_person_without_rights() {
    let server = GitlabServer::start();
    server.fault("members/get", Fault::Answer(Answer::refusal(404, "404 Project Not Found")));
    let error = gitlab(&server).standing(&Account { id: Some(7), login: "ada".to_owned() }).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 404, .. }), "{error}");
}

#[tokio::test]
async fn a_held_answer_is_waited_for() {
    let server = GitlabServer::start();
    server.fault("notes/create", Fault::Hold);
    server.go_on();
    gitlab(&server).post(ON_ISSUE, "Hello").await.unwrap();
}

#[test]
fn what_cannot_be_used_is_told_before_anything_is_sent() {
    let server = GitlabServer::start();
    let token = |text: &str| Token::Personal(Secret::new(text.to_owned()));
    let said: Vec<String> = [
        Options { api: "gitlab.example.com".to_owned(), ..options(&server, personal()) },
        options(&server, token(" \n")),
        options(&server, token("hunter2\u{1}")),
        options(&server, Token::Job(Secret::new(String::new()))),
    ]
    .into_iter()
    .filter_map(|options| Gitlab::new(options).err())
    .map(|error| error.to_string())
    .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    the API address is not usable: relative URL without a base; it looks like `https://gitlab.example.com/api/v4`
    there is no token for GitLab: set HOB_GITLAB_TOKEN
    the token for GitLab holds characters that no token has: set HOB_GITLAB_TOKEN
    there is no token for GitLab: set CI_JOB_TOKEN
    ");
    assert!(server.calls().is_empty());
}

//! What is GitHub's alone: the requests as they go out, and what its refusals become.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::time::Duration;

use hob::domain::event::ThreadKind;
use hob::domain::secret::Secret;
use hob::forge::github::{Github, Options};
use hob::forge::{Account, Error, Forge, Line, Thread};
use serde_json::json;

use crate::forge_github::{Answer, Fault, GithubServer, ISSUE, PULL, REPOSITORY, TOKEN};

const ON_ISSUE: Thread = Thread { kind: ThreadKind::Issue, number: ISSUE };
const ON_PULL: Thread = Thread { kind: ThreadKind::Pull, number: PULL };

fn options(server: &GithubServer) -> Options {
    let token = Secret::new(TOKEN.to_owned());
    Options { api: server.url().to_owned(), repository: REPOSITORY.to_owned(), token, line: Line::default() }
}

fn github(server: &GithubServer) -> Github {
    Github::new(options(server)).unwrap()
}

#[tokio::test]
async fn every_request_goes_out_as_it_always_did() {
    let server = GithubServer::start();
    server.member(7, "hubot", "write");
    let id = server.memory().say(ISSUE, "hubot", "Hello");
    let forge = github(&server);
    let since = "2026-11-01T00:00:00.25Z".parse().unwrap();
    let account = |login: &str| Account { id: Some(7), login: login.to_owned() };

    forge.own().await.unwrap();
    forge.standing(&account("hubot")).await.unwrap();
    forge.standing(&account("")).await.unwrap();
    forge.comment(ON_ISSUE, id).await.unwrap();
    forge.comments(ON_ISSUE, Some(since), 2).await.unwrap();
    forge.post(ON_PULL, "Hi").await.unwrap();
    forge.edit(ON_ISSUE, id, "Hi").await.unwrap();
    forge.label(ON_ISSUE, &["area/ui".to_owned()], &["needs info".to_owned()]).await.unwrap();

    let mut said = String::new();
    for (n, call) in server.calls().into_iter().enumerate() {
        let request = call.request;
        writeln!(said, "{} {} {}", request.method, request.target, String::from_utf8_lossy(&request.body)).unwrap();
        let mut headers = request.headers;
        headers.retain(|(name, _)| name != "host");
        headers.sort();
        for (name, value) in headers.iter().filter(|_| n == 0 || request.method == "PATCH") {
            writeln!(said, "  {name}: {}", value.replace(TOKEN, "[TOKEN]")).unwrap();
        }
    }
    insta::assert_snapshot!(said.replace(env!("CARGO_PKG_VERSION"), "[VERSION]"), @r#"
    GET /user 
      accept: application/vnd.github+json
      accept-encoding: gzip
      authorization: Bearer [TOKEN]
      content-length: 0
      user-agent: hob/[VERSION]
      x-github-api-version: 2022-11-28
    POST /graphql {"query":"query { viewer { login databaseId } }"}
    GET /repos/acme/widgets/collaborators/hubot/permission 
    GET /user/7 
    GET /repos/acme/widgets/collaborators/hubot/permission 
    GET /repos/acme/widgets/issues/comments/3000000000 
    GET /repos/acme/widgets/issues/4/comments?per_page=100&page=2&since=2026-11-01T00:00:00Z 
    POST /repos/acme/widgets/issues/5/comments {"body":"Hi"}
    PATCH /repos/acme/widgets/issues/comments/3000000000 {"body":"Hi"}
      accept: application/vnd.github+json
      accept-encoding: gzip
      authorization: Bearer [TOKEN]
      content-length: 13
      content-type: application/json
      user-agent: hob/[VERSION]
      x-github-api-version: 2022-11-28
    POST /repos/acme/widgets/issues/4/labels {"labels":["area/ui"]}
    DELETE /repos/acme/widgets/issues/4/labels/needs%20info
    "#);
}

#[tokio::test]
async fn a_refusal_says_what_to_do_next() {
    let integration = "Resource not accessible by integration";
    let mut said = String::new();
    for (operation, answer) in [
        ("issues/create-comment", Answer::refusal(403, integration)),
        ("issues/update-comment", Answer::refusal(403, integration)),
        ("issues/list-comments", Answer::refusal(403, integration)),
        ("repos/get-collaborator-permission-level", Answer::refusal(403, integration)),
        ("issues/create-comment", Answer::refusal(403, "Resource not accessible by personal access token")),
        ("issues/create-comment", Answer::refusal(403, "Resource protected by organization SAML enforcement.")),
        ("issues/create-comment", Answer::refusal(403, "Repository was archived so is read-only.")),
        (
            "repos/get-collaborator-permission-level",
            Answer::refusal(403, "Must have push access to view collaborator permission."),
        ),
        ("issues/create-comment", Answer::refusal(401, "Bad credentials")),
        ("issues/create-comment", Answer::refusal(404, "Not Found")),
        ("issues/create-comment", Answer::refusal(410, "This issue was deleted")),
        ("users/get-authenticated", Answer::refusal(403, "Sorry.\r\n::error::boo\u{202e}")),
        ("users/get-authenticated", Answer { status: 200, body: "<!doctype html>".into(), ..Answer::default() }),
        ("users/get-authenticated", Answer { status: 304, ..Answer::default() }),
        (
            "issues/add-labels",
            Answer::json(
                422,
                &json!({ "message": "Validation Failed", "errors": [{ "resource": "Label", "code": "invalid", "field": "name" }] }),
            ),
        ),
        ("issues/add-labels", Answer::refusal(403, "You do not have permission to create labels on this repository.")),
    ] {
        let server = GithubServer::start();
        server.fault(operation, Fault::Answer(answer));
        writeln!(said, "{}", ask(&server, operation).await).unwrap();
    }
    insta::assert_snapshot!(said, @r#"
    cannot post a comment on acme/widgets#5: GitHub answered 403, "Resource not accessible by integration"; give the job `permissions: { pull-requests: write }`; in a `pull_request` run of a fork the token only reads, whatever the workflow says
    cannot edit comment 7 on acme/widgets#4: GitHub answered 403, "Resource not accessible by integration"; give the job `permissions: { issues: write }`
    cannot read the comments of acme/widgets#4, page 1: GitHub answered 403, "Resource not accessible by integration"; give the job `permissions: { issues: read }`
    cannot ask what hubot may do in acme/widgets: GitHub answered 403, "Resource not accessible by integration"; every token of this repository may ask this: check which one HOB_GITHUB_TOKEN holds
    cannot post a comment on acme/widgets#5: GitHub answered 403, "Resource not accessible by personal access token"; give the token the repository permission `Pull requests: read and write`
    cannot post a comment on acme/widgets#5: GitHub answered 403, "Resource protected by organization SAML enforcement."; authorise the token for the organisation's single sign-on
    cannot post a comment on acme/widgets#5: GitHub answered 403, "Repository was archived so is read-only."; an archived repository takes no writes: unarchive it first
    cannot ask what hubot may do in acme/widgets: GitHub answered 403, "Must have push access to view collaborator permission."; use the token of an account that may push to the repository
    cannot post a comment on acme/widgets#5: GitHub answered 401, "Bad credentials"; the token is wrong or has expired: give another one in HOB_GITHUB_TOKEN
    cannot post a comment on acme/widgets#5: GitHub answered 404, "Not Found"; it is not there, or the token may not see it (`Pull requests: read and write`; in a workflow: `permissions: { pull-requests: write }`)
    cannot post a comment on acme/widgets#5: GitHub answered 410, "This issue was deleted"; it was deleted, or issues are turned off in this repository
    cannot ask whose the token is: GitHub answered 403, "Sorry. ::error::boo"; every token of this repository may ask this: check which one HOB_GITHUB_TOKEN holds
    cannot ask whose the token is: the answer is not what was expected: status 200 and no JSON; check the API address, and any proxy before it
    cannot ask whose the token is: GitHub answered 304; the repository may have moved: give its new name, or check the API address
    cannot put labels on acme/widgets#4: GitHub answered 422, "Validation Failed: name is invalid"; this text or label is not accepted: change it
    cannot put labels on acme/widgets#4: GitHub answered 403, "You do not have permission to create labels on this repository."; create the label first, or give the job `permissions: { issues: write }` too
    "#);
}

#[tokio::test]
async fn every_limit_is_later_with_the_time_that_github_asks_for() {
    let date = ("date", "Sun, 01 Nov 2026 00:00:00 GMT");
    let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let mut said = String::new();
    for answer in [
        Answer::refusal(429, "Too many requests").header("retry-after", "7"),
        Answer::refusal(429, ""),
        Answer::refusal(403, "API rate limit exceeded for installation ID 1.")
            .header(date.0, date.1)
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", "1793491290"),
        Answer::refusal(403, secondary)
            .header("x-ratelimit-remaining", "4000")
            .header("x-ratelimit-reset", "1793491260"),
        Answer::refusal(403, secondary).header("retry-after", "120"),
        Answer::refusal(403, "You have triggered an abuse detection mechanism."),
        Answer::refusal(403, "").header("x-ratelimit-remaining", "0"),
        Answer::json(
            422,
            &json!({ "message": "Validation Failed", "errors": [{ "field": "base", "code": "custom", "message": "was submitted too quickly" }] }),
        ),
        // Refused for good by the last call that the limit allowed.
        Answer::refusal(403, "Resource not accessible by integration").header("x-ratelimit-remaining", "0"),
    ] {
        let server = GithubServer::start();
        server.fault("issues/create-comment", Fault::Answer(answer));
        let error = github(&server).post(ON_ISSUE, "x").await.unwrap_err();
        let after = match &error {
            Error::Later { after: Some(after), .. } => format!("{} s", after.as_secs()),
            Error::Later { after: None, .. } => "some time".to_owned(),
            _ => "never".to_owned(),
        };
        writeln!(said, "{after}: {error}").unwrap();
        assert_eq!(server.count("issues/create-comment"), 1);
    }
    insta::assert_snapshot!(said, @r#"
    7 s: cannot post a comment on acme/widgets#4 now: GitHub answered 429, "Too many requests"
    60 s: cannot post a comment on acme/widgets#4 now: GitHub answered 429
    90 s: cannot post a comment on acme/widgets#4 now: GitHub answered 403, "API rate limit exceeded for installation ID 1."
    60 s: cannot post a comment on acme/widgets#4 now: GitHub answered 403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    120 s: cannot post a comment on acme/widgets#4 now: GitHub answered 403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    60 s: cannot post a comment on acme/widgets#4 now: GitHub answered 403, "You have triggered an abuse detection mechanism."
    60 s: cannot post a comment on acme/widgets#4 now: GitHub answered 403
    60 s: cannot post a comment on acme/widgets#4 now: GitHub answered 422, "Validation Failed: base was submitted too quickly"
    never: cannot post a comment on acme/widgets#4: GitHub answered 403, "Resource not accessible by integration"; give the job `permissions: { issues: write }`
    "#);
}

#[tokio::test]
async fn the_token_of_a_person_writes_as_that_person() {
    let server = GithubServer::start();
    let workflow = github(&server).own().await.unwrap();
    assert_eq!(workflow, Account { id: None, login: "github-actions[bot]".to_owned() });
    server.memory().own(7, "hubot");
    let person = github(&server).own().await.unwrap();
    assert_eq!(person, Account { id: Some(7), login: "hubot".to_owned() });
    assert_eq!(github(&server).post(ON_ISSUE, "x").await.unwrap().author, person);
}

#[tokio::test]
async fn the_token_of_an_app_writes_as_that_app() {
    for api in ["", "/api/v3/"] {
        let server = GithubServer::start();
        server.memory().app(278_716_306, "my-app");
        let api = format!("{}{api}", server.url());
        let forge = Github::new(Options { api, ..options(&server) }).unwrap();
        let app = forge.own().await.unwrap();
        assert_eq!(app, Account { id: Some(278_716_306), login: "my-app[bot]".to_owned() });
        assert_eq!(forge.post(ON_ISSUE, "x").await.unwrap().author, app);
        assert_eq!(server.count("graphql/viewer"), 1);
    }
}

#[tokio::test]
async fn where_nobody_tells_whose_the_token_is_it_is_taken_for_the_workflows_own() {
    let integration = Answer::refusal(403, "Resource not accessible by integration");
    let errors = json!({ "data": null, "errors": [{ "type": "FORBIDDEN", "message": "no" }] });
    for answer in [
        integration,
        Answer::refusal(404, "Not Found"),
        Answer::json(200, &json!({})),
        Answer::json(200, &json!({ "data": { "viewer": null } })),
        Answer::json(200, &json!({ "data": { "viewer": { "login": "", "databaseId": 7 } } })),
        Answer::json(200, &json!({ "data": { "viewer": { "login": "eve", "databaseId": -7 } } })),
        Answer::json(200, &errors),
        Answer { status: 200, body: "<!doctype html>".into(), ..Answer::default() },
    ] {
        let server = GithubServer::start();
        server.memory().app(7, "my-app");
        server.fault("graphql/viewer", Fault::Answer(answer.clone()));
        let own = github(&server).own().await.unwrap();
        assert_eq!(own, Account { id: None, login: "github-actions[bot]".to_owned() }, "{answer:?}");
        assert_eq!(server.count("graphql/viewer"), 1);
    }
}

/// An App that were taken for another account would not know its own comments, and repeat them.
#[tokio::test]
async fn an_account_that_could_be_told_later_is_not_guessed() {
    let used_up =
        json!({ "errors": [{ "type": "RATE_LIMITED", "message": "API rate limit exceeded for installation ID 1." }] });
    let date = ("date", "Sun, 01 Nov 2026 00:00:00 GMT");
    let used_up = Answer::json(200, &used_up)
        .header(date.0, date.1)
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "1793491290");
    let mut said = String::new();
    for (answer, times) in [(used_up, 1), (Answer::refusal(502, "Server Error"), 3)] {
        let server = GithubServer::start();
        server.memory().app(7, "my-app");
        (0..times).for_each(|_| server.fault("graphql/viewer", Fault::Answer(answer.clone())));
        let line = Line { pause: Duration::from_millis(1), ..Line::default() };
        let forge = Github::new(Options { line, ..options(&server) }).unwrap();
        let error = forge.own().await.unwrap_err();
        assert!(matches!(error, Error::Later { .. }), "{error}");
        writeln!(said, "{error}").unwrap();
        assert_eq!(server.count("graphql/viewer"), times);
        assert_eq!(forge.own().await.unwrap().login, "my-app[bot]");
    }
    insta::assert_snapshot!(said, @r#"
    cannot ask whose the token is now: GitHub answered 200, "API rate limit exceeded for installation ID 1."
    cannot ask whose the token is now: GitHub answered 502, "Server Error"
    "#);
}

#[tokio::test]
async fn a_custom_role_counts_as_the_one_it_is_based_on() {
    let server = GithubServer::start();
    server.member(7, "hubot", "write:deployer");
    let hubot = Account { id: Some(7), login: "hubot".to_owned() };
    assert_eq!(github(&server).standing(&hubot).await.unwrap().unwrap().role, hob::domain::name::Role::Write);
}

#[tokio::test]
async fn a_renamed_repository_is_read_but_not_written() {
    let server = GithubServer::start();
    let id = server.memory().say(ISSUE, "hubot", "Hello");
    server.memory().rename("acme/gadgets");
    let forge = github(&server);
    assert_eq!(forge.comment(ON_ISSUE, id).await.unwrap().unwrap().body, "Hello");
    let error = forge.post(ON_ISSUE, "x").await.unwrap_err();
    insta::assert_snapshot!(error, @r#"cannot post a comment on acme/widgets#4: GitHub answered 307, "Moved Permanently"; the repository may have moved: give its new name, or check the API address"#);
    assert_eq!(server.comments(ISSUE), ["Hello"]);
}

#[tokio::test]
async fn an_enterprise_server_is_asked_below_its_path() {
    let server = GithubServer::start();
    let api = format!("{}/api/v3/", server.url());
    let forge = Github::new(Options { api, ..options(&server) }).unwrap();
    forge.post(ON_ISSUE, "x").await.unwrap();
    assert_eq!(server.calls()[0].request.target, "/api/v3/repos/acme/widgets/issues/4/comments");
}

#[tokio::test]
async fn a_locked_conversation_is_left_alone() {
    let server = GithubServer::start();
    server.memory().close_to_comments(ISSUE);
    let error = github(&server).post(ON_ISSUE, "x").await.unwrap_err();
    insta::assert_snapshot!(error, @r#"cannot post a comment on acme/widgets#4: GitHub answered 403, "Unable to create comment because issue is locked."; unlock the conversation, or leave it be"#);
}

#[test]
fn what_cannot_be_a_repository_or_a_token_is_told_before_anything_is_sent() {
    let server = GithubServer::start();
    let mut said = String::new();
    for repository in ["", "widgets", "acme/", "/widgets", "acme/widgets/issues", "acme/..", "a b/c", "acme/wid?gets"] {
        let made = Github::new(Options { repository: repository.to_owned(), ..options(&server) });
        writeln!(said, "{}", made.err().unwrap()).unwrap();
    }
    for token in ["", " \n", "ghs_\u{1}secret"] {
        let made = Github::new(Options { token: Secret::new(token.to_owned()), ..options(&server) });
        writeln!(said, "{}", made.err().unwrap()).unwrap();
    }
    insta::assert_snapshot!(said, @"
    `` is not a repository: it looks like `owner/name`
    `widgets` is not a repository: it looks like `owner/name`
    `acme/` is not a repository: it looks like `owner/name`
    `/widgets` is not a repository: it looks like `owner/name`
    `acme/widgets/issues` is not a repository: it looks like `owner/name`
    `acme/..` is not a repository: it looks like `owner/name`
    `a b/c` is not a repository: it looks like `owner/name`
    `acme/wid?gets` is not a repository: it looks like `owner/name`
    there is no token for GitHub: set HOB_GITHUB_TOKEN
    there is no token for GitHub: set HOB_GITHUB_TOKEN
    the token for GitHub holds characters that no token has: set HOB_GITHUB_TOKEN
    ");
}

#[tokio::test]
async fn a_write_may_be_done_late_or_twice_or_under_another_answer() {
    let server = GithubServer::start();
    server.memory().thread(9, true);
    let (forge, thread) = (github(&server), Thread { kind: ThreadKind::Pull, number: 9 });

    server.fault("issues/create-comment", Fault::Hold);
    server.go_on();
    assert_eq!(forge.post(thread, "late").await.unwrap().body, "late");

    server.fault("issues/create-comment", Fault::Twice);
    assert_eq!(forge.post(thread, "twice").await.unwrap().body, "twice");

    server.fault("issues/create-comment", Fault::DoneBut(Answer::refusal(504, "Gateway timeout")));
    assert!(matches!(forge.post(thread, "lost").await, Err(Error::Unknown { .. })));

    let page = forge.comments(thread, None, 1).await.unwrap();
    let found: Vec<&str> = page.items.iter().map(|posted| posted.body.as_str()).collect();
    assert_eq!(found, ["late", "twice", "twice", "lost"]);
    assert!(page.items.iter().all(|posted| posted.author.login == "github-actions[bot]"));
}

#[tokio::test]
async fn a_label_that_no_address_can_name_is_told() {
    let server = GithubServer::start();
    let error = github(&server).label(ON_ISSUE, &[], &["..".to_owned()]).await.unwrap_err();
    insta::assert_snapshot!(error, @"cannot take the label `..` off acme/widgets#4: no label can be called so here; name another");
    assert!(server.calls().is_empty());
}

#[tokio::test]
async fn a_host_that_is_gone_is_told_with_the_cause() {
    let options = Options { api: "http://127.0.0.1:1".to_owned(), ..options(&GithubServer::start()) };
    let error = Github::new(options).unwrap().post(ON_ISSUE, "x").await.unwrap_err();
    insta::assert_snapshot!(error, @"cannot post a comment on acme/widgets#4 now: GitHub could not be reached: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)");
}

/// What an operation's refusal is told as.
async fn ask(server: &GithubServer, operation: &str) -> Error {
    let forge = github(server);
    let hubot = Account { id: Some(7), login: "hubot".to_owned() };
    let told = match operation {
        "issues/create-comment" => forge.post(ON_PULL, "x").await.map(drop),
        "issues/update-comment" => forge.edit(ON_ISSUE, 7, "x").await.map(drop),
        "issues/list-comments" => forge.comments(ON_ISSUE, None, 1).await.map(drop),
        "issues/add-labels" => forge.label(ON_ISSUE, &["x".to_owned()], &[]).await,
        "users/get-authenticated" => match forge.own().await {
            Ok(account) => panic!("{account:?}"),
            Err(error) => Err(error),
        },
        _ => forge.standing(&hubot).await.map(drop),
    };
    told.unwrap_err()
}

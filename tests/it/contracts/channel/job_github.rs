//! A job of GitHub Actions: its variables, and the event that the runner wrote for it.

use hob::channel::ci::github::{Variables, default_branch};
use hob::channel::{Heard, Verified, parse};
use serde_json::{Value, json};

use super::{fixtures, read};

const PULL: &str = "github/webhooks-examples/pull_request/12.opened.json";

/// As the runner sets them, documented at
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>.
fn variables(event_name: &str) -> Variables {
    let set = |text: &str| Some(text.to_owned());
    Variables {
        server_url: set("https://github.com"),
        api_url: set("https://api.github.com"),
        repository: set("Codertocat/Hello-World"),
        repository_id: set("186853002"),
        event_name: set(event_name),
        event_path: set("/home/runner/work/_temp/_github_workflow/event.json"),
        run_attempt: set("1"),
        actor: set("Codertocat"),
        triggering_actor: set("Codertocat"),
        workflow_ref: set("Codertocat/Hello-World/.github/workflows/hob.yml@refs/heads/main"),
        sha: set("ffac537e6cbbf934b08745a378932722df287a53"),
        temp: set("/home/runner/work/_temp"),
    }
}

fn said(heard: Result<Heard, hob::channel::ci::Error>) -> String {
    match heard {
        Ok(Heard::Event(event)) => format!("event {}", event.key),
        Ok(Heard::Ignored { reason, .. }) => format!("nothing to do: {reason}"),
        Err(hob::channel::ci::Error::Refused(reason)) => format!("refused: {reason}"),
        Err(error) => format!("wrong: {error}"),
    }
}

#[test]
fn a_job_hears_every_public_payload_as_it_stands() {
    for fixture in fixtures() {
        let delivery =
            hob::channel::Delivery { body: fixture.body.clone(), event_name: fixture.event_name.clone(), host: None };
        assert_eq!(parse(&Verified::job(delivery)), fixture.hear(), "{}", fixture.path);
    }
}

#[test]
fn a_job_hears_what_the_webhook_would_have_brought() {
    let mut heard = 0;
    for fixture in fixtures().into_iter().filter(|fixture| fixture.path.contains("webhooks-examples/")) {
        let Some(name) = &fixture.event_name else { continue };
        // Each is of a repository of its own.
        let job = Variables { repository_id: None, ..variables(name) }.job().unwrap();
        let (by_job, by_hook) = (job.hear(fixture.body.clone()), fixture.hear());
        if let (Ok(Heard::Event(by_job)), Ok(Heard::Event(by_hook))) = (&by_job, &by_hook) {
            assert_eq!(by_job, by_hook, "{}", fixture.path);
            heard += 1;
        }
    }
    assert!(heard > 60, "only {heard}");
}

#[test]
fn what_is_no_work_for_this_job_is_said() {
    let fork = |mut payload: Value| {
        payload["pull_request"]["head"]["repo"]["id"] = json!(7);
        payload
    };
    let pull: Value = serde_json::from_slice(&read(PULL)).unwrap();
    let comment = read("github/issue_comment.created.json");
    let with_fork = serde_json::to_vec(&fork(pull.clone())).unwrap();
    let hear = |name: &str, payload: &[u8]| {
        said(Variables { repository_id: None, ..variables(name) }.job().unwrap().hear(payload.to_vec()))
    };
    let rows = [
        hear("issue_comment", &comment),
        hear("pull_request", &read(PULL)),
        hear("pull_request_target", &read(PULL)),
        hear("pull_request", &with_fork),
        hear("pull_request_target", &with_fork),
        hear("schedule", b"{\"schedule\": \"0 6 * * 1\"}"),
        hear("workflow_dispatch", b"{}"),
        hear("workflow_run", b"{}"),
        hear("push", b"{}"),
        hear("release", &read("github/webhooks-examples/release/01.created.json")),
        hear("issues", &comment),
        hear("issue_comment", b""),
        said(
            Variables { repository_id: Some("5".to_owned()), ..variables("issue_comment") }
                .job()
                .unwrap()
                .hear(comment),
        ),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    event github.com/186853002/issue_comment/492700400/created/20190515T152021Z
    event github.com/186853002/pull_request/279147437/opened/20190515T152033Z/ec26c3e57ca3a959ca5aad62de7213c562f8c821
    event github.com/186853002/pull_request/279147437/opened/20190515T152033Z/ec26c3e57ca3a959ca5aad62de7213c562f8c821
    nothing to do: Codertocat/Hello-World#2 comes from a fork, and GitHub gives its jobs neither secrets nor the right to write; a maintainer's `/hob …` comment starts an agent on it
    refused: Codertocat/Hello-World#2 comes from a fork, and in a `pull_request_target` job its files would meet this repository's secrets; let the workflow start on `issue_comment` instead: a maintainer's `/hob …` comment starts the agent
    nothing to do: `schedule` starts no agent yet: agents start on issues, pull requests and their comments and reviews
    nothing to do: `workflow_dispatch` starts no agent yet: agents start on issues, pull requests and their comments and reviews
    nothing to do: `workflow_run` starts no agent yet: agents start on issues, pull requests and their comments and reviews
    nothing to do: `push` starts no agent yet: agents start on issues, pull requests and their comments and reviews
    nothing to do: `release` events start no agent: agents start on issues, pull requests and their comments and reviews
    wrong: the event was named `issues`, but it has the shape of `issue_comment`; leave out `--event-name`, or give another file
    wrong: the event is empty; give the JSON body of one webhook delivery
    wrong: the event is of repository 186853002, but the job runs in repository 5 (`Codertocat/Hello-World`); nothing was done
    ");
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    let set = |text: &str| Some(text.to_owned());
    let right = || variables("issues");
    let rows = [
        Variables::default(),
        Variables { server_url: set("github.com"), ..right() },
        Variables { server_url: set("https://user:pass@github.com"), ..right() },
        Variables { api_url: set("file:///etc/passwd"), ..right() },
        Variables { repository: set("Hello-World"), ..right() },
        Variables { repository: set("a/b/c"), ..right() },
        Variables { repository_id: set("007"), ..right() },
        Variables { event_name: set(""), ..right() },
        Variables { run_attempt: set("-1"), ..right() },
        Variables { run_attempt: set("two"), ..right() },
        Variables { actor: set("a\nb"), ..right() },
        Variables { sha: set("main"), ..right() },
        Variables { temp: None, ..right() },
    ];
    let said = rows.map(|variables| variables.job().unwrap_err().to_string());
    insta::assert_snapshot!(said.join("\n"), @r"
    `GITHUB_SERVER_URL` is not set: hob ci runs in a job of GitHub Actions or GitLab CI, which sets it
    `GITHUB_SERVER_URL` is `github.com`, but it should be a web address without a login, such as `https://git.example`; do not set it yourself
    `GITHUB_SERVER_URL` is `…@github.com`, but it should be a web address without a login, such as `https://git.example`; do not set it yourself
    `GITHUB_API_URL` is `file:///etc/passwd`, but it should be a web address without a login, such as `https://git.example`; do not set it yourself
    `GITHUB_REPOSITORY` is `Hello-World`, but it should be a repository's `owner/name`; do not set it yourself
    `GITHUB_REPOSITORY` is `a/b/c`, but it should be a repository's `owner/name`; do not set it yourself
    `GITHUB_REPOSITORY_ID` is `007`, but it should be a number from 1 on; do not set it yourself
    `GITHUB_EVENT_NAME` is not set: hob ci runs in a job of GitHub Actions or GitLab CI, which sets it
    `GITHUB_RUN_ATTEMPT` is `-1`, but it should be a number from 1 on; do not set it yourself
    `GITHUB_RUN_ATTEMPT` is `two`, but it should be a number from 1 on; do not set it yourself
    `GITHUB_ACTOR` is `a\nb`, but it should be one short line; do not set it yourself
    `GITHUB_SHA` is `main`, but it should be a commit's full hash; do not set it yourself
    `RUNNER_TEMP` is not set: hob ci runs in a job of GitHub Actions or GitLab CI, which sets it
    ");
}

#[test]
fn a_job_knows_its_workflow_and_who_ran_it_again() {
    let set = |text: &str| Some(text.to_owned());
    let job = |variables: Variables| variables.job().unwrap();
    assert_eq!(job(variables("issues")).host, "github.com");
    assert_eq!(
        job(Variables { server_url: set("https://Git.Example:8443/"), ..variables("issues") }).host,
        "git.example:8443"
    );

    for (workflow_ref, expected) in [
        (set("Codertocat/Hello-World/.github/workflows/hob.yml@refs/heads/a@b"), Some(".github/workflows/hob.yml")),
        (set("acme/required/.github/workflows/hob.yml@refs/heads/main"), None),
        (set("Codertocat/Hello-World/hob.yml@refs/heads/main"), None),
        (set("odd"), None),
        (None, None),
    ] {
        let job = job(Variables { workflow_ref: workflow_ref.clone(), ..variables("issues") });
        assert_eq!(job.workflow.as_deref(), expected, "for {workflow_ref:?}");
    }
    for (actor, again, expected) in [
        (set("ada"), set("ada"), None),
        (set("ada"), set("ADA"), None),
        (set("ada"), set("eve"), Some("eve")),
        (set("ada"), None, None),
        (None, set("eve"), None),
    ] {
        let job = job(Variables { actor, triggering_actor: again, ..variables("issues") });
        assert_eq!(job.rerun_by.map(|account| account.login).as_deref(), expected);
    }
    for (attempt, expected) in [(None, None), (set("1"), None), (set("3"), Some("attempt-3"))] {
        let job = job(Variables { run_attempt: attempt, ..variables("issues") });
        assert_eq!(job.attempt_tag().as_deref(), expected);
    }
}

#[test]
fn the_default_branch_is_the_payloads() {
    assert_eq!(default_branch(&read(PULL)).as_deref(), Some("master"));
    assert_eq!(default_branch(b"{}"), None);
}

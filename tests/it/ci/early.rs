//! Told to stop while the job still finds out whether it has anything to do: it ends at once, says so
//! where its runner looks, and has done nothing.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::gitlab::{ADA, Project};
use super::job::{Done, Event, Stage};
use super::killed::wait_for;
use crate::forge_github::{Answer, Fault};
use crate::forge_gitlab;
use crate::scene::model_server::answer;

const SIGNALS: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];

/// On a machine that does other things: well before the runner's second signal.
const AT_ONCE: Duration = Duration::from_secs(6);

/// Everything that a job asks before it admits a run, where one of the same thread went before.
const BEFORE: [&str; 7] = [
    "users/get-authenticated",
    "graphql/viewer",
    "repos/get-collaborator-permission-level",
    "actions/list-artifacts-for-repo",
    "actions/get-workflow-run",
    "actions/download-artifact",
    "storage/get",
];

/// Stopped by the signal while GitHub leaves this without an answer.
fn stopped_at(stage: &Stage, operation: &str, (signal, code): (Signal, i32)) -> Done {
    let job = stage.job(78, &Event::commented("/hob again"));
    let asked = stage.github.count(operation);
    stage.github.fault(operation, Fault::Hold);
    let running = job.start();
    wait_for(stage, operation, asked + 1);
    running.signal(signal);
    let (ran, took) = running.wait();
    assert!(took < AT_ONCE, "{operation}: it took {took:?}: {}", ran.transcript());
    stage.github.go_on();
    let saved = job.save();
    assert_eq!(saved.code(), Some(0), "{operation}: {}", saved.transcript());
    job.left(ran).exits(code)
}

#[test]
fn whatever_is_asked_of_github_is_left_and_the_page_says_that_nothing_was_done() {
    for (operation, how) in BEFORE.into_iter().flat_map(|operation| SIGNALS.map(|how| (operation, how))) {
        let stage = Stage::private();
        stage.job(77, &Event::opened()).run().exits(0);
        let shown = stage.shown();
        let done = stopped_at(&stage, operation, how);
        assert_eq!(done.outputs, [("outcome".to_owned(), "interrupted".to_owned())], "{operation}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(done.summary, @"
            ### ⏸️ hob · interrupted

            `interrupted before anything was done: run the job again`
            ");
            insta::assert_snapshot!(done.annotations().join("\n"), @"warning: interrupted before anything was done: run the job again");
        }
        assert_eq!(done.ran.stdout(), "");
        assert_eq!(stage.shown(), shown, "{operation}");
        // Run again, it is a job like any other.
        let again = stage.job(78, &Event::commented("/hob again")).attempt(2).run().exits(0);
        assert!(again.session().starts_with("restored"), "{operation}: {}", again.session());
        assert_eq!(again.output("message"), "Line 9 says `commit`.", "{operation}");
    }
}

#[test]
fn while_github_asks_to_wait() {
    let stage = Stage::private();
    let limit = Answer::refusal(429, "slow down").header("retry-after", "50");
    stage.github.fault("actions/list-artifacts-for-repo", Fault::Answer(limit));
    let job = stage.job(77, &Event::opened());
    let running = job.start();
    wait_for(&stage, "actions/list-artifacts-for-repo", 1);
    running.signal(Signal::INT);
    let (ran, took) = running.wait();
    assert!(took < AT_ONCE, "it took {took:?}: {}", ran.transcript());
    assert_eq!(job.left(ran).exits(130).output("outcome"), "interrupted");
    assert_eq!(stage.shown(), (vec![], vec![]));
}

/// Stopped by the signal while GitLab leaves this without an answer.
fn stopped_on_gitlab(operation: &str, (signal, code): (Signal, i32)) -> String {
    let project = Project::new([
        answer().call("c1", "propose_status", json!({ "body": "Seen." })).end_tools(),
        answer().text("Done.").end(),
    ]);
    let payload = project.comment(ADA, "/hob look");
    project.gitlab.fault(operation, forge_gitlab::Fault::Hold);
    let running = project.scene.start(project.triggered(64, &payload));
    while !project.asked().iter().any(|asked| asked == operation) {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    running.signal(signal);
    let (ran, took) = running.wait();
    assert_eq!(ran.code(), Some(code), "{operation}: {}", ran.transcript());
    assert!(took < AT_ONCE, "{operation}: it took {took:?}: {}", ran.transcript());
    let page = project.page();
    project.gitlab.go_on();
    assert_eq!(project.notes().len(), 1, "{operation}: hob wrote something");
    let again = project.run(65, &payload);
    assert_eq!(again.code(), Some(0), "{operation}: {}", again.transcript());
    assert_eq!((project.notes().len(), project.model.left()), (2, 0), "{operation}: {}", again.transcript());
    format!("{}--- page\n{page}", ran.stderr())
}

#[test]
fn whatever_is_asked_of_gitlab_is_left_and_the_page_says_that_nothing_was_done() {
    let asked =
        ["projects/get", "threads/get", "notes/get", "users/get", "users/current", "members/get", "packages/list"];
    for (operation, how) in asked.into_iter().flat_map(|operation| SIGNALS.map(|how| (operation, how))) {
        let told = stopped_on_gitlab(operation, how);
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @"
            interrupted before anything was done: run the job again
            --- page
            ### ⏸️ hob · interrupted

            `interrupted before anything was done: run the job again`
            ");
        }
    }
}

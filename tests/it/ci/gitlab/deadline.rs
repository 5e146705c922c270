//! Jobs that end before their work does.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use rustix::process::Signal;
use serde_json::Value;

use super::{ADA, Project, now, opened};
use crate::scene::Ran;
use crate::scene::model_server::{Reply, answer};

#[test]
fn a_job_lands_before_its_runner_ends_it_or_when_it_is_told_to() {
    // 92 s of an hour are left, 90 of them for the runner.
    let late = (now() - SignedDuration::from_secs(3600 - 92)).to_string();
    for (variable, value) in [("CI_JOB_STARTED_AT", late.as_str()), ("HOB_TIMEOUT", "2s")] {
        let project = Project::new([stalled(), answer().text("The end.").end()]);
        let mut command = project.triggered(64, &opened());
        command.env(variable, value);
        let began = Instant::now();
        let ran = project.scene.end(command);
        assert!(began.elapsed() < Duration::from_secs(20), "{variable}: {:?}", began.elapsed());
        assert_eq!(ran.code(), Some(4), "{variable}: {}", ran.transcript());
        assert_eq!(project.gitlab.count("packages/upload"), 1);
        let said =
            "interrupted: the time of this job is over, and the next job of the thread goes on; what was done is kept";
        assert!(project.page().contains(said) && ran.stderr().contains(said), "{variable}: {}", ran.transcript());

        let ran = project.run(65, &opened());
        assert_eq!(ran.code(), Some(0), "{variable}: {}", ran.transcript());
        assert!(ran.stderr().contains("attempt 2"), "{variable}: {}", ran.transcript());
    }
}

fn stalled() -> Reply {
    answer().text("A long story begins.").end().stall_at(0)
}

/// A project whose agent may work for so long.
fn limited(time: &str, replies: impl IntoIterator<Item = Reply>) -> Project {
    let project = Project::new(replies);
    let path = project.scene.workspace().join("agents/desk.md");
    let agent = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, agent.replace("sandbox: none", &format!("sandbox: none\nlimits: {{ time: {time} }}")))
        .unwrap();
    project
}

/// A job that has a second to work in.
fn short(project: &Project, id: u64, payload: &Value) -> Ran {
    let mut command = project.triggered(id, payload);
    command.env("HOB_TIMEOUT", "2s");
    project.scene.end(command)
}

#[test]
fn a_run_whose_own_time_is_over_is_limited_whatever_the_job_has_left() {
    let project = limited("1s", [stalled()]);
    let ran = project.run(64, &opened());
    assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
    assert!(ran.stderr().ends_with("completed, limited by time\n"), "{}", ran.transcript());

    // Another pipeline for the same event, and no retry.
    project.gitlab.memory().registry.run(501, "trigger", "main");
    let mut command = project.triggered(65, &opened());
    command.env("CI_PIPELINE_ID", "501");
    let again = project.scene.end(command);
    assert_eq!(again.code(), Some(4), "{}", again.transcript());
    assert_eq!(project.model.bodies().len(), 1, "it went on");
}

#[test]
fn where_no_session_is_kept_the_end_of_the_job_is_the_end_of_the_run() {
    let project = Project::new([stalled()]);
    project.gitlab.memory().visibility = "public";
    let ran = short(&project, 64, &opened());
    assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
    assert!(ran.stderr().ends_with("completed, limited by time\n"), "{}", ran.transcript());
}

#[test]
fn a_runs_own_time_is_the_sum_of_its_attempts_and_no_more() {
    let project = limited("4s", [stalled(), stalled(), stalled()]);
    for job in [64, 65] {
        let ran = short(&project, job, &opened());
        assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
        assert!(ran.stderr().contains("the time of this job is over"), "job {job}: {}", ran.transcript());
    }
    let began = Instant::now();
    let ran = project.run(66, &opened());
    assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
    assert!(ran.stderr().contains("attempt 3") && !ran.stderr().contains("interrupted"), "{}", ran.transcript());
    assert!(began.elapsed() < Duration::from_secs(4), "it got new time: {:?}", began.elapsed());
    assert_eq!(project.model.bodies().len(), 3);
}

#[test]
fn runs_that_were_left_share_the_time_of_the_job() {
    let told = ["One.", "Two.", "Three."].map(|text| answer().text(text).end());
    let project = Project::new([stalled(), stalled(), stalled()].into_iter().chain(told));
    let payloads = ["/hob one", "/hob two", "/hob three"].map(|text| project.comment(ADA, text));
    for (job, payload) in (64..).zip(&payloads) {
        let began = Instant::now();
        let ran = short(&project, job, payload);
        assert_eq!(ran.code(), Some(4), "job {job}: {}", ran.transcript());
        assert!(began.elapsed() < Duration::from_secs(4), "job {job}: {:?}", began.elapsed());
    }
    assert_eq!(project.model.bodies().len(), 3, "a run began that had no time");
    let ran = project.run(67, &payloads[2]);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert_eq!(project.model.bodies().len(), 6);
}

/// A job that gets a signal while the model speaks, how it ended, and how soon.
fn stopped_by(signal: Signal) -> (Project, Value, Ran, Duration) {
    let begun = answer().text("A long story begins.").end().stall_at(500);
    let project = Project::new([begun, answer().text("Where was I? Done.").end()]);
    let payload = project.comment(ADA, "/hob tell a story");
    let running = project.scene.start(project.triggered(64, &payload));
    project.model.wait_for_stall(1);
    running.signal(signal);
    let (ran, took) = running.wait();
    (project, payload, ran, took)
}

/// The next job of the event ends what the first one began.
fn goes_on(project: &Project, payload: &Value) {
    assert_eq!(project.gitlab.count("packages/upload"), 1);
    let ran = project.run(65, payload);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(ran.stderr().contains("attempt 2"), "{}", ran.transcript());
}

#[test]
fn a_job_that_is_told_to_stop_keeps_its_session_and_the_next_goes_on() {
    let (project, payload, ran, took) = stopped_by(Signal::TERM);
    assert_eq!(ran.code(), Some(143), "{}", ran.transcript());
    assert!(took < Duration::from_secs(2), "{took:?}");
    goes_on(&project, &payload);
}

#[test]
fn what_a_killed_job_left_is_kept_after_it() {
    let (project, payload, ..) = stopped_by(Signal::KILL);
    assert_eq!(project.gitlab.count("packages/upload"), 0);
    let save = || {
        let mut after = project.triggered(64, &payload);
        after.args(["--phase", "save"]);
        project.scene.end(after)
    };
    insta::assert_snapshot!(save().transcript(), @"
    exit 0
    --- stdout
    --- stderr
    kept the session of acme/widgets#4 (desk) for the next job
    ");
    insta::assert_snapshot!(save().transcript(), @"
    exit 0
    --- stdout
    --- stderr
    ");
    goes_on(&project, &payload);
}

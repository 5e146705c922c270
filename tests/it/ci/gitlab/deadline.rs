//! Jobs that end before their work does.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use rustix::process::Signal;
use serde_json::Value;

use super::{ADA, Project, now, opened};
use crate::scene::Ran;
use crate::scene::model_server::answer;

#[test]
fn a_job_lands_before_its_runner_ends_it_or_when_it_is_told_to() {
    // Two minutes of an hour are left: 90 s for the runner, 30 s to save, nothing for the model.
    let late = (now() - SignedDuration::from_secs(3600 - 120)).to_string();
    for (variable, value) in [("CI_JOB_STARTED_AT", late.as_str()), ("HOB_TIMEOUT", "20s")] {
        let project = Project::new([answer().text("A long story begins.").end().stall_at(0)]);
        let mut command = project.triggered(64, &opened());
        command.env(variable, value);
        let began = Instant::now();
        let ran = project.scene.end(command);
        assert!(began.elapsed() < Duration::from_secs(20), "{variable}: {:?}", began.elapsed());
        assert_eq!(ran.code(), Some(4), "{variable}: {}", ran.transcript());
        assert_eq!(project.gitlab.count("packages/upload"), 1);
    }
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

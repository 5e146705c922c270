//! Jobs that end before their work does.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use rustix::process::Signal;

use super::{ADA, Project, now, opened};
use crate::scene::model_server::answer;

#[test]
fn a_job_lands_before_its_runner_ends_it() {
    let project = Project::new([answer().text("A long story begins.").end().stall_at(0)]);
    let mut command = project.triggered(64, &opened());
    // Two minutes of an hour are left: 90 s for the runner, 30 s to save, nothing for the model.
    let started = now() - SignedDuration::from_secs(3600 - 120);
    command.env("CI_JOB_STARTED_AT", started.to_string()).env("CI_JOB_TIMEOUT", "3600");
    let began = Instant::now();
    let ran = project.scene.end(command);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(ran.code(), Some(4), "{}", ran.transcript());
    assert_eq!(project.gitlab.count("packages/upload"), 1);
}

#[test]
fn a_job_that_is_told_to_stop_keeps_its_session_and_the_next_goes_on() {
    let replies =
        [answer().text("A long story begins.").end().stall_at(500), answer().text("Where was I? Done.").end()];
    let project = Project::new(replies);
    let payload = project.comment(ADA, "/hob tell a story");
    let running = project.scene.start(project.triggered(64, &payload));
    project.model.wait_for_stall(1);
    running.signal(Signal::TERM);
    let (ran, took) = running.wait();
    assert_eq!(ran.code(), Some(143), "{}", ran.transcript());
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(project.gitlab.count("packages/upload"), 1);

    let ran = project.run(65, &payload);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(ran.stderr().contains("attempt 2"), "{}", ran.transcript());
}

#[test]
fn what_a_killed_job_left_is_kept_after_it() {
    let replies =
        [answer().text("A long story begins.").end().stall_at(500), answer().text("Where was I? Done.").end()];
    let project = Project::new(replies);
    let payload = project.comment(ADA, "/hob tell a story");
    let running = project.scene.start(project.triggered(64, &payload));
    project.model.wait_for_stall(1);
    running.signal(Signal::KILL);
    running.wait();
    assert_eq!(project.gitlab.count("packages/upload"), 0);

    let mut after = project.triggered(64, &payload);
    after.args(["--phase", "save"]);
    let saved = project.scene.end(after);
    insta::assert_snapshot!(saved.transcript(), @"
    exit 0
    --- stdout
    --- stderr
    kept the session of acme/widgets#4 (desk) for the next job
    ");
    assert_eq!(project.gitlab.count("packages/upload"), 1);

    let ran = project.run(65, &payload);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(ran.stderr().contains("attempt 2"), "{}", ran.transcript());
}

//! Killed wherever it can die; the next job carries on, and nothing stands there twice.

use std::time::{Duration, Instant};

use hob::telemetry::failpoint;

use super::job::{Event, ISSUE, Job, Stage};
use crate::forge_github::Fault;

/// What an undisturbed job leaves.
fn assert_undisturbed(stage: &Stage, job: &Job<'_>, what: &str) {
    let done = job.run().exits(0);
    assert_eq!(done.output("message"), "Line 9 says `committ`.", "{what}");
    let expected = (vec!["The word is spelled wrong in line 9.".to_owned()], vec!["bug".to_owned()]);
    assert_eq!(stage.shown(), expected, "{what}");
    assert_eq!(stage.github.count("issues/create-comment"), 1, "{what}");
    assert_eq!(stage.github.count("issues/update-comment"), 0, "{what}");
}

/// Those that a job comes by more than once, and that differ then.
const AGAIN: [&str; 6] = [
    failpoint::APPENDED,
    failpoint::KEEPING,
    failpoint::KEPT,
    failpoint::EFFECT_CLAIMED,
    failpoint::EFFECT_SENT,
    failpoint::EFFECT_DONE,
];

/// Where the process is killed, each with the count of its visits.
fn places() -> impl Iterator<Item = String> {
    // What comes back is killed on its way below.
    let elsewhere = [failpoint::BESIDE, failpoint::TASKS, failpoint::COMPACTION, failpoint::RETURNS].concat();
    let first = failpoint::ALL.iter().filter(move |name| !elsewhere.contains(name));
    let first = first.map(|name| format!("{name}:1"));
    first.chain(AGAIN.iter().map(|name| format!("{name}:2")))
}

/// The failpoints that a job is killed at.
pub(crate) fn killed_at() -> impl Iterator<Item = String> {
    let name = |place: String| place.split(':').next().unwrap_or_default().to_owned();
    places().map(name).chain(failpoint::RETURNS.iter().map(|name| (*name).to_owned()))
}

#[test]
fn killed_at_every_failpoint_and_saved_the_next_job_ends_it_as_if_undisturbed() {
    for place in places() {
        let stage = Stage::private();
        let job = stage.job(77, &Event::opened());
        assert!(job.killed_at(&place), "`{place}` is never met");
        let saved = job.save();
        assert_eq!(saved.code(), Some(0), "{place}: {}", saved.transcript());
        assert_undisturbed(&stage, &stage.job(78, &Event::opened()), &format!("killed at {place}, and saved"));
    }
}

#[test]
fn killed_at_every_failpoint_with_its_machine_the_next_job_ends_it_as_if_undisturbed() {
    for place in places() {
        let stage = Stage::private();
        assert!(stage.job(77, &Event::opened()).killed_at(&place), "`{place}` is never met");
        assert_undisturbed(&stage, &stage.job(78, &Event::opened()), &format!("killed at {place}"));
    }
}

#[test]
fn killed_in_the_middle_of_an_upload_it_is_saved_or_done_again() {
    for operation in ["runner/CreateArtifact", "storage/block", "storage/blocklist", "runner/FinalizeArtifact"] {
        for is_saved in [true, false] {
            let stage = Stage::private();
            let job = stage.job(77, &Event::opened());
            stage.github.fault(operation, Fault::Hold);
            let running = job.start();
            wait_for(&stage, operation, 1);
            drop(running);
            // GitHub had the request, and does it now.
            stage.github.go_on();
            if is_saved {
                let saved = job.save();
                assert_eq!(saved.code(), Some(0), "{operation}: {}", saved.transcript());
                assert!(saved.stderr().contains("kept the session of"), "{operation}: {}", saved.transcript());
            }
            let what = format!("killed in {operation}, saved: {is_saved}");
            assert_undisturbed(&stage, &stage.job(78, &Event::opened()), &what);
        }
    }
}

#[test]
fn killed_in_the_middle_of_the_second_upload_with_its_machine_the_first_one_is_there() {
    let steps = ["runner/ListArtifacts", "runner/CreateArtifact", "storage/block", "storage/blocklist"];
    for step in steps.into_iter().chain(["runner/FinalizeArtifact", "runner/DeleteArtifact"]) {
        let stage = Stage::private();
        stage.github.fault("issues/add-labels", Fault::Hold);
        let running = stage.job(77, &Event::opened()).start();
        // What is proposed was kept by now, and is being sent.
        wait_for(&stage, "issues/add-labels", 1);
        let asked = stage.github.count(step);
        stage.github.fault(step, Fault::Hold);
        stage.github.go_on();
        wait_for(&stage, step, asked + 1);
        drop(running);
        let next = stage.job(78, &Event::opened());
        let done = next.run().exits(0);
        assert!(done.session().ends_with(", by run 77"), "killed in {step}: {}", done.session());
        assert_undisturbed(&stage, &next, &format!("killed in the second {step}"));
    }
}

#[test]
fn killed_while_a_session_comes_back_it_comes_back_again() {
    for place in failpoint::RETURNS {
        let stage = Stage::private();
        let first = stage.job(77, &Event::opened());
        first.run().exits(0);
        let asks = Event::commented("/hob is it still wrong?");
        stage.job(78, &asks).run().exits(0);
        // Of the two only the machine of the first has a session to move aside.
        let next = if *place == failpoint::MOVED_ASIDE { first.attempt(2) } else { stage.job(79, &asks).attempt(2) };
        let ids = || stage.github.memory().artifacts.all().iter().map(|upload| upload.id).collect::<Vec<_>>();
        let before = ids();
        assert!(next.killed_at(&format!("{place}:1")), "`{place}` is never met");
        let saved = next.save();
        assert_eq!(saved.code(), Some(0), "{place}: {}", saved.transcript());
        assert_eq!(ids(), before, "{place}: what came half back was kept");
        let done = next.run();
        assert!(done.session().ends_with(", by run 78"), "{place}: {}", done.session());
    }
}

#[test]
fn killed_while_a_write_is_under_way_it_is_found_and_not_written_again() {
    for operation in ["issues/create-comment", "issues/add-labels"] {
        let stage = Stage::private();
        let job = stage.job(77, &Event::opened());
        stage.github.fault(operation, Fault::Hold);
        let running = job.start();
        wait_for(&stage, operation, 1);
        drop(running);
        stage.github.go_on();
        assert_eq!(job.save().code(), Some(0));
        assert_undisturbed(&stage, &stage.job(78, &Event::opened()), operation);
        assert_eq!(stage.github.comments(ISSUE).len(), 1);
    }
}

/// Waits until GitHub was asked for something so often.
pub(super) fn wait_for(stage: &Stage, operation: &str, count: usize) {
    let began = Instant::now();
    while stage.github.count(operation) < count {
        assert!(began.elapsed() < Duration::from_secs(60), "{operation} was not asked for");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

//! Told to stop in the middle of its work: hob is out after the first signal, what it did is kept, and
//! the next job goes on.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::job::{Event, Job, Stage};
use super::killed::wait_for;
use crate::forge_github::Fault;
use crate::scene::model_server::{ModelServer, Reply, answer};
use crate::scene::running::{Running, passed};

/// From the signal to the end of the process, where nothing else works on the machine.
const FLUSH: Duration = Duration::from_secs(2);
/// The same on a machine that does other things: well before the runner's second signal.
const AT_ONCE: Duration = Duration::from_secs(6);
/// When the runner's second signal comes.
const SECOND: Duration = Duration::from_millis(7500);

const STATUS: &str = "It is wrong in line 9.";

/// The model looks, says this, and then triages.
fn triage(then: impl IntoIterator<Item = Reply>) -> ModelServer {
    let looks = answer().call("c1", "grep", json!({ "pattern": "committ" })).end_tools();
    let proposes = answer()
        .call("c2", "propose_status", json!({ "body": STATUS }))
        .call("c3", "propose_label", json!({ "add": ["bug"] }))
        .end_tools();
    let replies = [looks].into_iter().chain(then).chain([proposes, answer().text("Done.").end()]);
    ModelServer::start(replies)
}

/// Sends the first signal; how soon the step was out.
fn interrupt(job: &Job<'_>, running: Running) -> Duration {
    running.signal(Signal::INT);
    let (ran, took) = running.wait();
    assert_eq!(ran.code(), Some(130), "{}", ran.transcript());
    assert!(took < AT_ONCE, "it took {took:?}: {}", ran.transcript());
    let left = job.left(ran);
    assert_eq!(left.output("bundle-digest").len(), 64, "{}", left.ran.transcript());
    let saved = job.save();
    assert_eq!((saved.code(), saved.stderr().contains("kept the session")), (Some(0), false), "{}", saved.transcript());
    took
}

/// The next job, elsewhere, ends the run.
fn assert_goes_on(stage: &Stage, next: &Job<'_>) {
    let done = next.run().exits(0);
    assert!(done.session().starts_with("restored"), "{}", done.session());
    assert_eq!(done.output("message"), "Done.");
    assert_eq!(stage.shown(), (vec![STATUS.to_owned()], vec!["bug".to_owned()]));
}

#[test]
fn while_the_model_streams() {
    let in_time = |at: usize| {
        let stage = Stage::private();
        let model = triage([answer().text("A long story begins.").end().stall_at(at)]);
        let job = stage.job(77, &Event::opened()).asks(&model);
        let running = job.start();
        model.wait_for_stall(1);
        let took = interrupt(&job, running);
        assert_goes_on(&stage, &stage.job(78, &Event::opened()).asks(&model));
        // Its first turn was answered and is not asked for again; the second is.
        assert_eq!((model.left(), model.requests().len()), (0, 4));
        took < FLUSH
    };
    assert!([0, 500, 0].into_iter().any(in_time), "none of three was out in time");
}

#[test]
fn while_a_command_runs_on_the_machine() {
    let agent = "---\ndescription: x\non: { github: { issues: { types: [opened], who: write } } }\nsandbox: local\n\
                 effects: { status: {}, label: { allow: [bug] } }\n---\nWork.\n";
    let in_time = |_| {
        let stage = Stage::private().file("agents/here.md", agent);
        let command = "echo once >> ran.txt; echo $$ > ../gate; sleep 100";
        let model = triage([answer().call("c9", "bash", json!({ "command": command })).end_tools()]);
        let gate = stage.scene.gate("gate");
        let job = stage.job(77, &Event::opened()).asks(&model).env("HOB_AGENT", "here");
        let running = job.start();
        passed(gate);
        let took = interrupt(&job, running);
        assert_goes_on(&stage, &stage.job(78, &Event::opened()).asks(&model).env("HOB_AGENT", "here"));
        assert_eq!((model.left(), model.requests().len()), (0, 4));
        let ran = std::fs::read_to_string(stage.scene.workspace().join("ran.txt")).unwrap();
        assert_eq!(ran, "once\n", "it ran again");
        took < FLUSH
    };
    assert!((0..3).any(in_time), "none of three was out in time");
}

#[test]
fn while_a_comment_is_sent() {
    let stage = Stage::private();
    let model = triage([]);
    let job = stage.job(77, &Event::opened()).asks(&model);
    stage.github.fault("issues/create-comment", Fault::Hold);
    let running = job.start();
    wait_for(&stage, "issues/create-comment", 1);
    running.signal(Signal::INT);
    heard();
    // Between a call and its row nothing stops it: what GitHub answers is written down.
    stage.github.go_on();
    let (ran, _) = running.wait();
    let left = job.left(ran).exits(130);
    assert!(left.summary.contains("hob was told to stop"), "{}", left.summary);
    assert_eq!(stage.shown(), (vec![STATUS.to_owned()], vec![]));
    assert_goes_on(&stage, &stage.job(78, &Event::opened()).asks(&model));
    assert_eq!((model.left(), stage.github.count("issues/create-comment")), (0, 1));
}

#[test]
fn the_second_signal_leaves_a_write_that_hangs() {
    let stage = Stage::private();
    let model = triage([]);
    let job = stage.job(77, &Event::opened()).asks(&model);
    stage.github.fault("issues/create-comment", Fault::Hold);
    let running = job.start();
    wait_for(&stage, "issues/create-comment", 1);
    running.signal(Signal::INT);
    heard();
    running.signal(Signal::TERM);
    let (ran, took) = running.wait();
    let left = job.left(ran).exits(143);
    assert!(took < AT_ONCE && left.summary.contains("hob was told to stop"), "{took:?}: {}", left.summary);
    stage.github.go_on();
    wait_for_comment(&stage);
    assert_goes_on(&stage, &stage.job(78, &Event::opened()).asks(&model));
    assert_eq!((model.left(), stage.github.count("issues/create-comment")), (0, 1));
}

#[test]
fn an_upload_that_hangs_is_left_to_the_last_act_of_the_step() {
    let stage = Stage::private();
    let model = triage([]);
    let job = stage.job(77, &Event::opened()).asks(&model);
    stage.github.fault("storage/block", Fault::Hold);
    stage.github.fault("storage/block", Fault::Hold);
    let running = job.start();
    wait_for(&stage, "storage/block", 1);
    running.signal(Signal::INT);
    // GitHub takes neither this upload nor the next.
    let (ran, took) = running.wait();
    assert!(took < SECOND, "it took {took:?}: {}", ran.transcript());
    let left = job.left(ran).exits(130);
    insta::assert_snapshot!(left.annotations().join("\n"), @"
    notice: completed
    warning: status comment is not written yet: hob was told to stop
    warning: labels +bug is not written yet: hob was told to stop
    warning: the job was told to stop before its session was kept: the step's last act keeps it
    ");
    assert_eq!((left.output("outcome"), left.output("bundle-digest")), ("completed", ""));
    assert_eq!(stage.shown(), (vec![], vec![]), "told to stop, it began to write");
    stage.github.well();
    let saved = job.save();
    assert!(saved.stderr().contains("kept the session"), "{}", saved.transcript());
    assert_goes_on(&stage, &stage.job(78, &Event::opened()).asks(&model));
    assert_eq!(model.left(), 0);
}

#[test]
fn the_second_signal_leaves_an_upload_that_hangs_and_the_session_is_kept_by_another() {
    let stage = Stage::private();
    let model = triage([]);
    let job = stage.job(77, &Event::opened()).asks(&model);
    stage.github.fault("storage/block", Fault::Hold);
    let running = job.start();
    wait_for(&stage, "storage/block", 1);
    running.signal(Signal::INT);
    heard();
    running.signal(Signal::TERM);
    let (ran, took) = running.wait();
    let left = job.left(ran).exits(143);
    assert!(took < AT_ONCE, "it took {took:?}: {}", left.summary);
    assert_eq!(left.output("bundle-digest").len(), 64, "{}", left.summary);
    assert!(!left.summary.contains("before its session was kept"), "{}", left.summary);
    stage.github.go_on();
    assert_goes_on(&stage, &stage.job(78, &Event::opened()).asks(&model));
    assert_eq!(model.left(), 0);
}

/// Time for a process to hear a signal: nobody outside can see that it has.
fn heard() {
    std::thread::park_timeout(Duration::from_millis(500));
}

fn wait_for_comment(stage: &Stage) {
    while stage.shown().0.is_empty() {
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

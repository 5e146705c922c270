//! Stopped as GitHub's runner stops a step: SIGINT, 7.5 s, SIGTERM, 2.5 s, SIGKILL. hob is out after
//! the first, what it did is kept, and the next job goes on.

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

/// Time for a process to hear a signal: nobody outside can see that it has.
fn heard() {
    std::thread::park_timeout(Duration::from_millis(500));
}

fn wait_for_comment(stage: &Stage) {
    while stage.shown().0.is_empty() {
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn at_any_instant_and_killed_in_the_end_nothing_is_lost_or_done_twice() {
    let mut seed = 0x9e37_79b9_u64;
    for _ in 0..12 {
        // The same instants each time, as far as a machine is the same twice.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let stage = Stage::private();
        let job = stage.job(77, &Event::opened());
        let running = job.start();
        std::thread::park_timeout(Duration::from_millis((seed >> 33) % 400));
        let what = format!("after {} ms", (seed >> 33) % 400);
        // It may be over: until it is waited for there is somebody to tell.
        running.signal(Signal::INT);
        let (ran, took) = running.wait();
        assert!(matches!(ran.code(), None | Some(0 | 130)) && took < AT_ONCE, "{what}: {took:?} {}", ran.transcript());
        assert_eq!(job.save().code(), Some(0), "{what}");
        let done = stage.job(78, &Event::opened()).run().exits(0);
        assert_eq!(done.output("message"), "Line 9 says `committ`.", "{what}");
        let expected = (vec!["The word is spelled wrong in line 9.".to_owned()], vec!["bug".to_owned()]);
        assert_eq!(stage.shown(), expected, "{what}");
        assert_eq!(stage.github.count("issues/create-comment"), 1, "{what}");
    }
}

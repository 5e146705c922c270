//! GitHub or its runner say no, come late, or fall silent in the middle of a job.

use super::job::{Event, ISSUE, Job, Stage};
use crate::forge_github::{Answer, Fault};

const STATUS: &str = "The word is spelled wrong in line 9.";

fn expected() -> (Vec<String>, Vec<String>) {
    (vec![STATUS.to_owned()], vec!["bug".to_owned()])
}

fn refused(status: u16, message: &str) -> Fault {
    Fault::Answer(Answer::refusal(status, message))
}

fn opened(stage: &Stage) -> Job<'_> {
    stage.job(77, &Event::opened())
}

#[test]
fn a_session_that_cannot_be_kept_is_told_and_what_was_proposed_is_sent() {
    let stage = Stage::private();
    for _ in 0..9 {
        stage.github.fault("runner/CreateArtifact", refused(403, "no"));
    }
    let done = opened(&stage).run().exits(1);
    assert_eq!(stage.shown(), expected());
    assert_eq!((done.output("outcome"), done.output("bundle-digest")), ("completed", ""));
    assert!(done.summary.contains("- state: `nowhere: it could not be kept`"), "{}", done.summary);
    insta::assert_snapshot!(done.annotations().join("\n"), @"
    notice: completed
    warning: the session could not be kept for the next job: cannot keep the artifact `hob-0e16ace8e873f13ae14d4e02305b7db9-712e82c0`: the artifact service answered 403; the token of the runner ends with its job: run the job again
    ");
}

#[test]
fn an_upload_that_is_cut_is_made_again_by_the_next_act_of_the_step() {
    let stage = Stage::private();
    // More often than it is tried again.
    for _ in 0..24 {
        stage.github.fault("storage/block", Fault::CutBefore);
    }
    let job = opened(&stage);
    job.run().exits(1);
    assert_eq!(stage.shown(), expected());
    assert!(stage.github.memory().artifacts.all().iter().all(|upload| !upload.finalized));
    stage.github.well();
    let saved = job.save();
    assert_eq!(saved.code(), Some(0), "{}", saved.transcript());
    assert!(saved.stderr().contains("kept the session of Codertocat/Hello-World#1 (triage) for the next job"));
    let next = stage.job(78, &Event::opened()).run().exits(0);
    assert!(next.session().starts_with("restored"), "{}", next.session());
    assert_eq!((stage.shown(), stage.github.count("issues/add-labels")), (expected(), 1));
}

#[test]
fn a_write_that_github_forbids_is_dropped_and_the_missing_right_is_named() {
    let stage = Stage::private();
    stage.github.fault("issues/create-comment", refused(403, "Resource not accessible by integration"));
    let done = opened(&stage).run().exits(1);
    assert_eq!(stage.shown(), (vec![], vec!["bug".to_owned()]));
    insta::assert_snapshot!(done.annotations().join("\n"), @r#"
    notice: completed
    error: status comment was not written: cannot post a comment on Codertocat/Hello-World#1: GitHub answered 403, "Resource not accessible by integration"; give the job `permissions: { issues: write }`
    "#);
    // It is not tried for ever.
    stage.job(78, &Event::opened()).run().exits(1);
    assert_eq!(stage.github.count("issues/create-comment"), 1);
}

#[test]
fn a_short_limit_is_waited_out() {
    let stage = Stage::private();
    let limit = Answer::refusal(429, "slow down").header("retry-after", "1");
    stage.github.fault("issues/create-comment", Fault::Answer(limit));
    opened(&stage).run().exits(0);
    assert_eq!((stage.shown(), stage.github.count("issues/create-comment")), (expected(), 2));
}

#[test]
fn a_long_limit_is_left_to_the_next_job() {
    let stage = Stage::private();
    let limit = Answer::refusal(429, "slow down").header("retry-after", "3600");
    stage.github.fault("issues/create-comment", Fault::Answer(limit));
    let done = opened(&stage).run().exits(1);
    assert_eq!(stage.shown(), (vec![], vec!["bug".to_owned()]));
    insta::assert_snapshot!(done.annotations().join("\n"), @r#"
    notice: completed
    warning: status comment is not written yet: cannot post a comment on Codertocat/Hello-World#1 now: GitHub answered 429, "slow down"
    "#);
    stage.job(78, &Event::opened()).run().exits(0);
    assert_eq!((stage.shown(), stage.github.count("issues/add-labels")), (expected(), 1));
}

#[test]
fn a_comment_of_which_nobody_knows_is_looked_for_and_stands_there_once() {
    for fault in [Fault::CutAfter, Fault::CutWithin, Fault::DoneBut(Answer::refusal(502, "Bad Gateway"))] {
        let stage = Stage::private();
        stage.github.fault("issues/create-comment", fault.clone());
        opened(&stage).run().exits(0);
        assert_eq!((stage.shown(), stage.github.comments(ISSUE).len()), (expected(), 1), "{fault:?}");
    }
}

#[test]
fn a_comment_that_never_arrived_is_posted_by_the_next_job() {
    let stage = Stage::private();
    stage.github.fault("issues/create-comment", Fault::CutBefore);
    let done = opened(&stage).run().exits(1);
    assert_eq!(stage.shown(), (vec![], vec!["bug".to_owned()]));
    insta::assert_snapshot!(done.annotations().join("\n"), @"
    notice: completed
    warning: status comment is not written yet: the forge did not answer a write, and does not show it
    ");
    stage.job(78, &Event::opened()).run().exits(0);
    assert_eq!(stage.shown(), expected());
}

#[test]
fn a_token_that_may_not_read_artifacts_stops_the_job_and_costs_no_memory() {
    let stage = Stage::private();
    opened(&stage).run().exits(0);
    let before = stage.github.memory().artifacts.all().len();
    stage.github.fault("actions/list-artifacts-for-repo", refused(403, "Resource not accessible by integration"));
    let stopped = stage.job(78, &Event::opened()).run().exits(2);
    insta::assert_snapshot!(stopped.annotations().join("\n"), @r#"error: nobody could say which session was kept before, and without it what it knows would be lost: cannot look for the artifact `hob-0e16ace8e873f13ae14d4e02305b7db9-712e82c0` in Codertocat/Hello-World: GitHub answered 403, "Resource not accessible by integration"; give the job `permissions: { actions: read }`; nothing was done"#);
    assert!(stopped.summary.contains("permissions: { actions: read }"), "{}", stopped.summary);
    assert_eq!(stage.github.memory().artifacts.all().len(), before, "something was kept over it");
    // With the permission it goes on where it was.
    let next = stage.job(78, &Event::opened()).run().exits(0);
    assert!(next.session().starts_with("restored"), "{}", next.session());
    assert_eq!((stage.shown(), stage.github.count("issues/create-comment")), (expected(), 1));
}

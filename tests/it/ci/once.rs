//! Twice is once: whoever starts the job again, and wherever, gets what is there.

use super::job::{Event, Stage};
use crate::forge_github::{Answer, Fault};
use crate::scene::model_server::{ModelServer, answer};
use serde_json::json;

const STATUS: &str = "The word is spelled wrong in line 9.";

/// The model triages, and then has nothing more to say.
fn triage() -> ModelServer {
    ModelServer::start([
        answer()
            .call("c1", "propose_status", json!({ "body": STATUS }))
            .call("c2", "propose_label", json!({ "add": ["bug"] }))
            .end_tools(),
        answer().text("Line 9 says `committ`.").end(),
    ])
}

fn expected() -> (Vec<String>, Vec<String>) {
    (vec![STATUS.to_owned()], vec!["bug".to_owned()])
}

#[test]
fn the_same_step_again_shows_the_settled_run() {
    let (stage, model) = (Stage::private(), triage());
    let job = stage.job(77, &Event::opened()).asks(&model);
    let first = job.run().exits(0);
    assert_eq!(stage.shown(), expected());
    let again = job.run().exits(0);
    assert_eq!(stage.shown(), expected());
    assert_eq!(again.outputs, first.outputs);
    assert_eq!(model.requests().len(), 2, "the model was asked again");
    assert_eq!(stage.github.count("issues/add-labels"), 1);
    assert_eq!(stage.github.count("issues/update-comment"), 0);
}

#[test]
fn the_same_event_in_another_workflow_run_shows_the_settled_run() {
    let (stage, model) = (Stage::private(), triage());
    let first = stage.job(77, &Event::opened()).asks(&model).run().exits(0);
    let again = stage.job(78, &Event::opened()).asks(&model).run().exits(0);
    assert!(again.session().starts_with("restored as it was kept at "), "{}", again.session());
    assert_eq!(stage.shown(), expected());
    for name in ["outcome", "message", "run", "session"] {
        assert_eq!(again.output(name), first.output(name), "{name}");
    }
    assert_eq!(model.requests().len(), 2, "the model was asked again");
    assert_eq!(stage.github.count("issues/add-labels"), 1);
    assert_eq!(stage.github.count("issues/update-comment"), 0);
}

#[test]
fn where_nothing_is_kept_the_marker_finds_the_status_and_it_is_written_once() {
    let stage = Stage::public();
    for run in [77, 78, 79] {
        let done = stage.job(run, &Event::opened()).run().exits(0);
        assert_eq!(done.session(), "fresh: a public repository keeps none");
        assert_eq!(stage.shown(), expected());
    }
    assert_eq!(stage.github.count("issues/create-comment"), 1);
    assert_eq!(stage.github.count("issues/update-comment"), 0);
    assert_eq!(stage.github.memory().artifacts.all().len(), 0);
}

#[test]
fn a_second_attempt_at_a_settled_run_runs_anew_and_edits_its_status() {
    let stage = Stage::private();
    let first = stage.job(77, &Event::opened()).run().exits(0);
    let job = stage.job(77, &Event::opened()).attempt(2);
    let second = job.run().exits(0);
    assert_eq!(second.output("message"), "Line 9 says `commit`.");
    assert_ne!(second.output("run"), first.output("run"));
    assert_eq!(stage.shown(), (vec!["It is spelled right now.".to_owned()], vec!["bug".to_owned()]));
    // The attempt's own step once more is that attempt.
    let same = job.run().exits(0);
    assert_eq!(same.outputs, second.outputs);
    assert_eq!(stage.github.count("issues/create-comment"), 1);
}

#[test]
fn a_second_attempt_where_a_write_is_owed_sends_that_and_nothing_else() {
    let (stage, model) = (Stage::private(), triage());
    let limit = || Fault::Answer(Answer::refusal(429, "slow down").header("retry-after", "3600"));
    stage.github.fault("issues/add-labels", limit());
    let first = stage.job(77, &Event::opened()).asks(&model).run().exits(1);
    assert_eq!(stage.shown(), (vec![STATUS.to_owned()], vec![]));
    let second = stage.job(77, &Event::opened()).attempt(2).asks(&model).run().exits(0);
    assert_eq!(stage.shown(), expected());
    assert_eq!(second.output("run"), first.output("run"));
    assert_eq!(model.requests().len(), 2, "the model was asked again");
    assert_eq!(stage.github.count("issues/create-comment"), 1);
}

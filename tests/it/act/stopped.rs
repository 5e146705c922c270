//! Jobs that do not come to their end: what is kept of them, and what the next job makes of it.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::project::{Happens, Project, TRIAGE};
use crate::forge_github::Fault;
use crate::scene::Scene;
use crate::scene::model_server::{Reply, answer};
use crate::scene::running::passed;

const OPENED: Happens = Happens::Opened;
const ASKED: Happens = Happens::Comment("/hob Is it the only place?");
const KEPT: &str = "kept the session of Codertocat/Hello-World#1 (triage) for the next job";

/// Two calls, and the second answer stalls; then the same answer, and one to the question.
fn stalling() -> Vec<Reply> {
    vec![
        answer().text("I look.").call("call-1", "grep", json!({ "pattern": "committ\\b" })).end_tools(),
        answer().text("Line 9 says `committ`.").end().stall_at(120),
        answer().text("Line 9 says it.").end(),
        answer().text("It is the only place.").end(),
    ]
}

/// The next event of the issue is answered, after what was left was brought to its end.
fn goes_on(project: &Project) {
    let next = project.run(2, ASKED);
    assert!(next.succeeded, "{}", next.log);
    assert_eq!(next.outputs["message"], "It is the only place.");
    assert!(next.log.contains("session: restored as it was kept at"), "{}", next.log);
    assert!(next.log.contains(" was left unfinished: it goes first\n"), "{}", next.log);
    assert_eq!(project.model.left(), 0);
    let heard = project.model.bodies()[3]["messages"].to_string();
    for earlier in ["I look.", "README.md:9:", "Line 9 says it.", "/hob Is it the only place?"] {
        assert!(heard.contains(earlier), "the model was not told `{earlier}`: {heard}");
    }
}

#[test]
fn what_a_killed_hob_left_is_saved_by_post_and_goes_on_in_the_next_job() {
    let Some(project) = Project::new(TRIAGE, stalling()) else { return };
    let working = project.start(1, OPENED);
    project.model.wait_for_stall(1);
    assert_eq!(project.kept(1), [""; 0]);
    working.signal_hob(Signal::KILL);
    let killed = working.end();
    assert!(!killed.succeeded && killed.log.contains(KEPT), "{}", killed.log);
    assert_eq!(project.kept(1).len(), 1);
    goes_on(&project);
}

#[test]
fn a_job_cancelled_as_github_cancels_keeps_its_session_itself() {
    let Some(project) = Project::new(TRIAGE, stalling()) else { return };
    let working = project.start(1, OPENED);
    project.model.wait_for_stall(1);
    // GitHub's runner sends this to the step's process, and kills it 10 s later.
    working.signal_hob(Signal::INT);
    let cancelled = working.end();
    assert!(!cancelled.succeeded, "{}", cancelled.log);
    assert_eq!(cancelled.outputs["outcome"], "interrupted");
    assert!(!cancelled.log.contains(KEPT), "`post` had something to do: {}", cancelled.log);
    assert_eq!(project.kept(1).len(), 1);
    goes_on(&project);
}

#[test]
fn a_job_cancelled_as_act_cancels_is_saved_by_post() {
    let Some(project) = Project::new(TRIAGE, stalling()) else { return };
    let working = project.start(1, OPENED);
    project.model.wait_for_stall(1);
    // It kills the step at once, and lets `post` run.
    working.cancel();
    let cancelled = working.end();
    assert!(!cancelled.succeeded && cancelled.log.contains(KEPT), "{}", cancelled.log);
    goes_on(&project);
}

#[test]
fn a_command_that_ran_when_hob_was_killed_is_not_run_again() {
    let agent = "---\ndescription: Runs a command\nsandbox: local\n\
        on: { github: { issues: { types: [opened] }, issue_comment: { types: [created], command: true } } }\n---\n\
        Run what is asked.\n";
    let scene = Scene::empty();
    let gate = scene.gate("gate");
    let command = format!("echo $$ > '{}'; exec sleep 600", gate.display());
    let replies = [
        answer().call("call-1", "bash", json!({ "command": command })).end_tools(),
        answer().text("It was cut off.").end(),
        answer().text("It did not run again.").end(),
    ];
    let Some(project) = Project::new(agent, replies) else { return };
    let working = project.start(1, OPENED);
    let command = passed(gate);
    working.signal_hob(Signal::KILL);
    let killed = working.end();
    // Nobody is left who could stop it: GitHub's runner would, once the job is over.
    kill_process(Pid::from_raw(command.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    assert!(!killed.succeeded && killed.log.contains(KEPT), "{}", killed.log);
    let next = project.run(2, ASKED);
    assert_eq!(next.outputs["message"], "It did not run again.", "{}", next.log);
    let heard = project.model.bodies()[1]["messages"].to_string();
    assert!(heard.contains("Outcome unknown: hob was stopped while this call may have been running"), "{heard}");
}

#[test]
fn a_comment_under_way_when_hob_was_killed_is_found_and_not_written_twice() {
    let replies = [
        answer().call("call-1", "propose_status", json!({ "body": "`committ` is in line 9." })).end_tools(),
        answer().text("Line 9 says `committ`.").end(),
        answer().text("It is the only place.").end(),
    ];
    let Some(project) = Project::new(TRIAGE, replies) else { return };
    project.github.fault("issues/create-comment", Fault::Hold);
    let working = project.start(1, OPENED);
    project.github.wait_for("issues/create-comment");
    working.signal_hob(Signal::KILL);
    project.github.go_on();
    assert!(!working.end().succeeded);
    assert_eq!(project.github.comments(1).len(), 1);

    let next = project.run(2, ASKED);
    assert!(next.summary.contains("| `status comment` | [✅ was there already]("), "{}", next.log);
    assert_eq!(project.github.comments(1).len(), 1);
    assert_eq!(project.github.count("issues/create-comment"), 1);
}

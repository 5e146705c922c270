//! What a session that comes back may not decide: who is worked for, and under which prompt.

use rustix::process::Signal;
use serde_json::Value;

use super::{ADA, Project};
use crate::scene::model_server::{Reply, answer};

/// Somebody else who may start agents.
const BOB: (u64, &str) = (52, "bob");

/// A project whose first job was stopped in the middle of an answer to Ada, and what she asked for.
fn stopped(message: Option<&str>, more: impl IntoIterator<Item = Reply>) -> (Project, Value) {
    let story = answer().text("A long story begins.").end().stall_at(500);
    let project = Project::new([story].into_iter().chain(more));
    project.gitlab.memory().member(BOB.0, BOB.1, 30);
    let payload = project.comment(ADA, "/hob tell a story");
    let mut command = project.triggered(64, &payload);
    command.envs(message.map(|message| ("HOB_MESSAGE", message)));
    let running = project.scene.start(command);
    project.model.wait_for_stall(1);
    running.signal(Signal::TERM);
    let (ran, _) = running.wait();
    assert_eq!(ran.code(), Some(143), "{}", ran.transcript());
    (project, payload)
}

#[test]
fn a_run_that_was_left_is_not_worked_on_for_somebody_who_may_no_more() {
    let (project, _) = stopped(None, [answer().text("Hello.").end()]);
    project.gitlab.memory().limit(ADA.0, "blocked", None);
    let mut command = project.triggered(65, &project.comment(BOB, "/hob hello"));
    command.env("GITLAB_USER_ID", BOB.0.to_string()).env("GITLAB_USER_LOGIN", BOB.1);
    let ran = project.scene.end(command);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let said = "was left unfinished and is not worked on: `ada` has ";
    assert!(ran.stderr().contains(said), "{}", ran.transcript());
    assert_eq!(project.model.bodies().len(), 2, "Ada's run was worked on");
}

#[test]
fn a_run_that_was_left_goes_first_while_its_author_still_may() {
    let (project, _) = stopped(None, [answer().text("The end.").end(), answer().text("Hello.").end()]);
    let ran = project.run(65, &project.comment(BOB, "/hob hello"));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(ran.stderr().contains("was left unfinished: it goes first"), "{}", ran.transcript());
    assert_eq!(project.model.bodies().len(), 3);
}

#[test]
fn a_session_does_not_speak_in_the_operators_name() {
    let (project, _) = stopped(Some("Do what Ada says."), [answer().text("Hello.").end()]);
    let ran = project.run(65, &project.comment(BOB, "/hob hello"));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let said = "is not worked on: its words are not those that the operator gives this job";
    assert!(ran.stderr().contains(said), "{}", ran.transcript());
    assert_eq!(project.model.bodies().len(), 2, "it was worked on");
}

#[test]
fn a_run_that_goes_on_does_so_under_the_prompt_of_today() {
    let (project, payload) = stopped(None, [answer().text("The end.").end()]);
    let path = project.scene.workspace().join("agents/desk.md");
    let agent = std::fs::read_to_string(&path).unwrap().replace("You answer.", "You answer in verse.");
    std::fs::write(path, agent).unwrap();
    let ran = project.run(65, &payload);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(ran.stderr().contains("attempt 2"), "{}", ran.transcript());
    let asked = &project.model.bodies()[1];
    assert!(asked["system"].to_string().contains("You answer in verse."), "{asked}");
    assert!(!project.model.bodies()[0].to_string().contains("verse"));
}

#[test]
fn one_damaged_session_keeps_no_other_from_being_kept() {
    let (project, payload) = stopped(None, []);
    let kept = project.machine(64).join("kept");
    let damaged = kept.join(format!("hob-{}", "0".repeat(32)));
    std::fs::create_dir(&damaged).unwrap();
    std::fs::write(damaged.join("manifest.json"), "{}").unwrap();
    for entry in std::fs::read_dir(&kept).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "kept") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let before = project.gitlab.count("packages/upload");
    let mut after = project.triggered(64, &payload);
    after.args(["--phase", "save"]);
    let saved = project.scene.end(after);
    assert_eq!(saved.code(), Some(1), "{}", saved.transcript());
    assert!(saved.stderr().contains("kept the session of acme/widgets#4 (desk)"), "{}", saved.transcript());
    assert!(saved.stderr().contains("manifest.json"), "{}", saved.transcript());
    assert_eq!(project.gitlab.count("packages/upload"), before + 1);
}

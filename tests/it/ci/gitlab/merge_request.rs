//! Pipelines for merge requests.

use std::process::Command;

use hob::domain::event::ThreadKind;
use serde_json::json;

use super::{ADA, Project, note, now, proposes};
use crate::forge_gitlab::{MERGE_REQUEST, PROJECT};

impl Project {
    /// A job of a pipeline for the merge request, as it is now.
    fn merge_request(&self, id: u64, pipeline: u64) -> Command {
        let ref_ = format!("refs/merge-requests/{MERGE_REQUEST}/head");
        let mut command = self.job(id);
        let mut memory = self.gitlab.memory();
        memory.registry.run(pipeline, "merge_request_event", &ref_);
        command
            .env("CI_PIPELINE_SOURCE", "merge_request_event")
            .env("CI_PIPELINE_ID", pipeline.to_string())
            .env("CI_PIPELINE_CREATED_AT", now().to_string())
            .env("CI_COMMIT_REF_NAME", ref_)
            .env("CI_COMMIT_SHA", &memory.head)
            .env("CI_MERGE_REQUEST_IID", MERGE_REQUEST.to_string())
            .env("CI_MERGE_REQUEST_PROJECT_ID", PROJECT.to_string())
            .env("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", PROJECT.to_string())
            .env("GITLAB_USER_ID", ADA.0.to_string())
            .env("GITLAB_USER_LOGIN", ADA.1);
        command
    }
}

#[test]
fn each_push_goes_on_with_the_session_of_the_merge_request() {
    let project = Project::new(proposes("One fault.", "I read it.").into_iter().chain(proposes("None left.", "Good.")));
    let ran = project.scene.end(project.merge_request(64, 501));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    project.gitlab.memory().head = "0123456789012345678901234567890123456789".to_owned();
    let ran = project.scene.end(project.merge_request(65, 502));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(ran.stderr().contains("session: restored"), "{}", ran.transcript());
    assert!(project.model.bodies()[2].to_string().contains("I read it."));
    let notes = project.gitlab.memory().notes(ThreadKind::Pull, MERGE_REQUEST);
    assert!(notes.len() == 1 && notes[0].starts_with("None left."), "{notes:?}");
    assert_eq!(project.gitlab.memory().labels(ThreadKind::Pull, MERGE_REQUEST), ["bug"]);
}

#[test]
fn a_comment_goes_on_with_what_a_push_began_and_the_next_push_with_both() {
    let replies = proposes("One fault.", "I read it.").into_iter().chain(proposes("It is in line 3.", "Told."));
    let project = Project::new(replies.chain(proposes("None left.", "Good.")));
    let ran = project.scene.end(project.merge_request(64, 501));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());

    let id = project.gitlab.memory().say(ThreadKind::Pull, MERGE_REQUEST, ADA.1, "/hob where?");
    let mut payload = note(ADA, id, "/hob where?");
    let subject = payload.as_object_mut().and_then(|members| members.remove("issue")).unwrap_or_default();
    payload["merge_request"] = subject;
    (payload["merge_request"]["id"], payload["merge_request"]["iid"]) =
        (json!(400 + MERGE_REQUEST), json!(MERGE_REQUEST));
    payload["object_attributes"]["noteable_type"] = json!("MergeRequest");
    payload["object_attributes"]["noteable_id"] = json!(400 + MERGE_REQUEST);
    project.gitlab.memory().registry.run(502, "trigger", "main");
    let ran = project.run(65, &payload);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(project.model.bodies()[2].to_string().contains("I read it."), "{}", ran.transcript());

    let ran = project.scene.end(project.merge_request(66, 503));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let asked = project.model.bodies()[4].to_string();
    assert!(asked.contains("I read it.") && asked.contains("Told."), "{}", ran.transcript());
    let notes = project.gitlab.memory().notes(ThreadKind::Pull, MERGE_REQUEST);
    assert!(notes.len() == 2 && notes[0].starts_with("None left."), "{notes:?}");
}

#[test]
fn a_pipeline_that_came_too_late_does_nothing() {
    let project = Project::new([]);
    let late = project.merge_request(64, 501);
    project.gitlab.memory().head = "0123456789012345678901234567890123456789".to_owned();
    let ran = project.scene.end(late);
    insta::assert_snapshot!(ran.transcript(), @"
    exit 0
    --- stdout
    --- stderr
    merge request 5 moved on from e82eb4a098e32c796079ca3915e07487fc4db24c: a newer pipeline answers for its new head
    ");
}

#[test]
fn a_forks_code_never_meets_the_projects_secrets() {
    let project = Project::new([]);
    let mut here = project.merge_request(64, 501);
    here.env("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "77");
    insta::assert_snapshot!(project.scene.end(here).transcript(), @"
    exit 3
    --- stdout
    --- stderr
    error: !5 comes from a fork, and its files would meet this project's secrets here; a maintainer's `/hob …` note starts an agent on it
    ");
    let mut there = project.merge_request(65, 502);
    there.env("CI_MERGE_REQUEST_PROJECT_ID", "77");
    insta::assert_snapshot!(project.scene.end(there).transcript(), @"
    exit 0
    --- stdout
    --- stderr
    !5 comes from a fork, and this pipeline runs in the fork, without the project's secrets; a maintainer's `/hob …` note starts an agent on it
    ");
    assert_eq!(project.asked(), Vec::<String>::new());
}

#[test]
fn a_guest_who_pushes_starts_nothing() {
    let project = Project::new([]);
    project.gitlab.memory().member(52, "grace", 10);
    let mut command = project.merge_request(64, 501);
    command.env("GITLAB_USER_ID", "52").env("GITLAB_USER_LOGIN", "grace");
    insta::assert_snapshot!(project.scene.end(command).transcript(), @"
    exit 3
    --- stdout
    --- stderr
    error: `grace` has the role `read` here, and this agent needs `write`; ask somebody who has it to start it
    ");
}

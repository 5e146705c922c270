//! What lets a job begin without the session that was kept before, and what must not.

use jiff::SignedDuration;

use super::{ADA, Project, opened, proposes};
use crate::forge_gitlab::{Answer, Fault};
use crate::scene::model_server::{Reply, answer};

/// A project whose first job kept a session, and the name it was kept under.
fn kept(more: impl IntoIterator<Item = Reply>) -> (Project, String) {
    let project = Project::new(proposes("Line 9 is wrong.", "I said what I saw.").into_iter().chain(more));
    assert_eq!(project.run(64, &opened()).code(), Some(0));
    let versions = project.gitlab.memory().registry.versions();
    let name = versions[0].split_once(' ').unwrap().0.to_owned();
    (project, name)
}

fn limit(seconds: &str) -> Fault {
    Fault::Answer(Answer::refusal(429, "Retry later").header("retry-after", seconds))
}

#[test]
fn while_nobody_can_say_what_was_kept_nothing_runs() {
    let (project, _) = kept([answer().text("Hello again.").end()]);
    let (payload, uploads) = (project.comment(ADA, "/hob go on"), project.gitlab.count("packages/upload"));
    let unreadable = Fault::Answer(Answer { status: 200, body: b"<html>".to_vec(), ..Answer::default() });
    for (job, operation, fault) in [
        (65, "packages/list", limit("3600")),
        (66, "packages/files", limit("3600")),
        (67, "packages/files", unreadable),
        (68, "pipelines/get", limit("3600")),
        (69, "packages/download", limit("3600")),
    ] {
        project.gitlab.fault(operation, fault);
        let ran = project.run(job, &payload);
        assert_eq!(ran.code(), Some(1), "{operation}: {}", ran.transcript());
        assert!(ran.stderr().contains("nobody could say which session was kept before"), "{}", ran.transcript());
    }
    assert_eq!(project.model.bodies().len(), 2, "the model was asked");
    assert_eq!(project.gitlab.count("packages/upload"), uploads, "something was kept in its place");

    assert_eq!(project.run(70, &payload).code(), Some(0));
    assert!(project.model.bodies()[2].to_string().contains("I said what I saw."));
}

#[test]
fn a_short_limit_is_waited_out_before_anything_is_done() {
    let (project, _) = kept([answer().text("Hello again.").end()]);
    for operation in [
        "projects/get",
        "threads/get",
        "notes/get",
        "users/current",
        "members/get",
        "packages/list",
        "packages/download",
    ] {
        project.gitlab.fault(operation, limit("1"));
    }
    let ran = project.run(65, &project.comment(ADA, "/hob go on"));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(project.model.bodies()[2].to_string().contains("I said what I saw."));
}

#[test]
fn however_many_strangers_upload_before_it_a_session_is_found() {
    let (project, name) = kept([answer().text("Hello again.").end()]);
    {
        let mut memory = project.gitlab.memory();
        let later = memory.began + SignedDuration::from_mins(30);
        memory.registry.run(502, "push", "feature");
        for job in 70..78 {
            memory.registry.upload(&name, &format!("999999999.{job}"), "bundle.zip", b"PK", later);
        }
        memory.registry.upload(&name, "999999999.78", "something.else", b"PK", later);
        memory.registry.run(503, "trigger", "main");
    }
    let ran = project.run(65, &project.comment(ADA, "/hob go on"));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(project.model.bodies()[2].to_string().contains("I said what I saw."), "{}", ran.transcript());
    assert!(ran.stderr().contains("; nor 6 more"), "{}", ran.transcript());
}

#[test]
fn an_epoch_that_no_session_reaches_goes_out_of_sight_again() {
    let (project, name) = kept((0..12).map(|_| answer().text("Hello again.").end()));
    {
        let mut memory = project.gitlab.memory();
        let later = memory.began + SignedDuration::from_mins(30);
        memory.began += SignedDuration::from_mins(60);
        memory.registry.allows_removal = false;
        memory.registry.run(502, "push", "feature");
        for job in 70..80 {
            memory.registry.upload(&name, &format!("999999999.{job}"), "bundle.zip", b"PK", later);
        }
        memory.registry.run(503, "trigger", "main");
    }
    let ran = project.run(81, &project.comment(ADA, "/hob go on"));
    assert!(ran.stderr().contains("session: fresh; "), "{}", ran.transcript());
    let ran = project.run(82, &project.comment(ADA, "/hob go on"));
    assert!(ran.stderr().contains("session: restored "), "{}", ran.transcript());
}

#[test]
fn a_session_is_kept_only_where_nobody_can_read_it_who_cannot_read_the_project() {
    for (visibility, level, said) in [
        ("public", "enabled", "a public repository keeps none"),
        ("internal", "enabled", "an internal project keeps none"),
        ("private", "public", "a project whose package registry is public keeps none"),
    ] {
        let project = Project::new([answer().text("Done.").end()]);
        project.gitlab.memory().visibility = visibility;
        project.gitlab.memory().registry.level = level;
        let ran = project.run(64, &opened());
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
        assert_eq!(project.gitlab.memory().registry.files(), 0, "{visibility}, {level}");
        assert!(ran.stderr().contains(said), "{}", ran.transcript());
    }
}

//! Sessions that were put into the registry by somebody else, or were damaged there.

use super::{ADA, Project, now, opened, proposes};
use crate::forge_gitlab::{Answer, Fault};
use crate::scene::model_server::answer;

/// A project whose first job kept a session, and the name and version it was kept under.
fn kept() -> (Project, String, String) {
    let replies = proposes("Line 9 is wrong.", "I said what I saw.");
    let project = Project::new(replies.into_iter().chain([answer().text("Hello.").end()]));
    assert_eq!(project.run(64, &opened()).code(), Some(0));
    let versions = project.gitlab.memory().registry.versions();
    let (name, version) = versions[0].split_once(' ').unwrap();
    (project, name.to_owned(), version.to_owned())
}

/// The next job begins anew; what it says of the session.
fn fresh(project: &Project) -> String {
    let ran = project.run(65, &project.comment(ADA, "/hob go on"));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert!(!project.model.bodies()[2].to_string().contains("I said what I saw."), "it was believed");
    let log = ran.stderr();
    log.lines().find(|line| line.starts_with("session: ")).unwrap_or_default().to_owned()
}

#[test]
fn what_a_branch_put_there_is_not_used() {
    let (project, name, _) = kept();
    {
        let mut memory = project.gitlab.memory();
        memory.registry.run(502, "push", "feature");
        memory.registry.upload(&name, "9.70", "bundle.zip", b"PK", now());
        memory.registry.run(503, "trigger", "main");
    }
    let ran = project.run(65, &project.comment(ADA, "/hob go on"));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    // The one before it is as good as it was.
    assert!(project.model.bodies()[2].to_string().contains("I said what I saw."));
    insta::with_settings!({ filters => [(r"\d{4}-\d\d-\d\d[ T][0-9:.]+( UTC|Z)", "[TIME]")] }, {
        insta::assert_snapshot!(ran.stderr().lines().next().unwrap_or_default(), @"session: restored as it was kept at [TIME], by run 500; one from [TIME] was not used: it was made in a `push` run, and such runs are not trusted with sessions");
    });
}

#[test]
fn a_second_file_at_one_version_stands_for_whoever_added_it() {
    let (project, name, version) = kept();
    {
        let mut memory = project.gitlab.memory();
        memory.registry.run(502, "merge_request_event", "refs/merge-requests/5/head");
        memory.registry.upload(&name, &version, "bundle.zip", b"PK", now());
        memory.registry.run(503, "trigger", "main");
    }
    insta::with_settings!({ filters => [(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]")] }, {
        insta::assert_snapshot!(fresh(&project), @"session: fresh; one from [TIME] was not used: it was made for merge request 5, and this is an issue");
    });
}

#[test]
fn a_damaged_session_is_not_used() {
    let (project, name, version) = kept();
    project.gitlab.memory().registry.upload(&name, &version, "bundle.zip", b"PK\x03\x04 and then nothing", now());
    insta::with_settings!({ filters => [(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]")] }, {
        insta::assert_snapshot!(fresh(&project), @"session: fresh; one from [TIME] was not used: the archive does not end as hob ends one: it was cut, or is none; nothing of it was taken: delete it, so that an earlier one is found");
    });
}

#[test]
fn where_the_registry_is_off_the_job_stops_before_it_forgets() {
    for status in [403, 404] {
        let (project, _, _) = kept();
        let uploads = project.gitlab.count("packages/upload");
        let message = if status == 403 { "403 Forbidden" } else { "404 Not Found" };
        project.gitlab.fault("packages/list", Fault::Answer(Answer::refusal(status, message)));
        let payload = project.comment(ADA, "/hob go on");
        let ran = project.run(65, &payload);
        assert_eq!(ran.code(), Some(2), "{}", ran.transcript());
        let said = ran.stderr();
        assert!(said.contains("the package registry"), "{said}");
        if status == 403 {
            insta::assert_snapshot!(said, @r#"error: nobody could say which session was kept before, and without it what it knows would be lost: cannot look for package hob-362506f74819d815ea2566a0018594b4: GitLab answered 403, "403 Forbidden"; the package registry must be on in this project; reading packages needs the role Reporter, publishing them Developer, removing them Maintainer, and a job's token has the rights of whoever started its pipeline; nothing was done"#);
        }
        assert_eq!((project.gitlab.count("packages/upload"), project.model.bodies().len()), (uploads, 2));
        assert_eq!(project.run(66, &payload).code(), Some(0));
        assert!(project.model.bodies()[2].to_string().contains("I said what I saw."));
    }
}

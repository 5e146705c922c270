//! What the owner of a trigger, or whoever has its token, can and cannot do.

use super::{ADA, Project, opened};
use crate::scene::model_server::answer;

#[test]
fn a_trigger_starts_agents_on_the_default_branch_alone() {
    let project = Project::new([]);
    let mut told = String::new();
    for (ref_, tag) in [("feature", None), ("main", Some("main")), ("refs/merge-requests/5/head", None)] {
        let mut command = project.triggered(64, &opened());
        command.env("CI_COMMIT_REF_NAME", ref_).envs(tag.map(|tag| ("CI_COMMIT_TAG", tag)));
        let ran = project.scene.end(command);
        assert_eq!(ran.code(), Some(3), "{}", ran.transcript());
        told.push_str(&ran.stderr());
    }
    insta::assert_snapshot!(told, @"
    error: a trigger starts agents on the default branch `main` alone, and this pipeline is for the ref `feature`; name the default branch in the webhook's address
    error: a trigger starts agents on the default branch `main` alone, and this pipeline is for the tag `main`; name the default branch in the webhook's address
    error: a trigger starts agents on the default branch `main` alone, and this pipeline is for the ref `refs/merge-requests/5/head`; name the default branch in the webhook's address
    ");
    assert_eq!((project.asked(), project.model.bodies().len()), (Vec::new(), 0));
}

#[test]
fn whose_job_it_is_counts_as_well() {
    for (level, starts) in [(20, false), (30, true)] {
        let project = Project::new(starts.then(|| answer().text("Done.").end()));
        project.gitlab.memory().member(52, "grace", level);
        let mut command = project.triggered(64, &project.comment(ADA, "/hob go"));
        command.env("GITLAB_USER_ID", "52").env("GITLAB_USER_LOGIN", "grace");
        let ran = project.scene.end(command);
        assert_eq!(ran.code(), Some(if starts { 0 } else { 3 }), "{}", ran.transcript());
        assert_eq!(project.gitlab.count("members/get"), 2);
        if !starts {
            insta::assert_snapshot!(ran.stderr(), @"error: `grace`, whose job this is, has the role `triage` here, and this agent needs `write`; ask somebody who has it to start it");
        }
    }
}

#[test]
fn whose_job_it_is_is_not_asked_where_anyone_may_start_the_agent() {
    let project = Project::new([answer().text("Done.").end()]);
    let mut command = project.triggered(64, &opened());
    command.env("GITLAB_USER_ID", "53").env("GITLAB_USER_LOGIN", "mallory");
    let ran = project.scene.end(command);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert_eq!(project.gitlab.count("members/get"), 0);
}

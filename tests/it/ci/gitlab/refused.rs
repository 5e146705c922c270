//! What starts nothing: payloads that lie, people who may not, jobs that lack something.

use hob::domain::event::ThreadKind;
use serde_json::json;

use super::{ADA, Project, note, opened};
use crate::forge_gitlab::{BOT, ISSUE, MERGE_REQUEST};
use crate::scene::Ran;
use crate::scene::model_server::answer;

/// Nothing was written, and the model was not asked.
fn nothing_done(project: &Project, ran: &Ran, code: i32) {
    assert_eq!(ran.code(), Some(code), "{}", ran.transcript());
    let writes: Vec<String> = project
        .asked()
        .into_iter()
        .filter(|call| call.contains("create") || call.contains("edit") || call.contains("upload"))
        .collect();
    assert_eq!((writes, project.model.bodies().len()), (Vec::new(), 0), "{}", ran.transcript());
}

#[test]
fn a_payload_that_lies_starts_nothing_and_is_told() {
    let project = Project::new([]);
    project.gitlab.memory().member(52, "grace", 40);
    project.gitlab.memory().stranger(53, "mallory");
    let said = project.comment((53, "mallory"), "/hob go");
    let mut told = String::new();
    let mut job = 64;
    let mut lie = |what: &str, payload: serde_json::Value, code: i32| {
        let ran = project.run(job, &payload);
        nothing_done(&project, &ran, code);
        told.push_str(&format!("{what}\n{}", ran.transcript()));
        job += 1;
    };

    let mut another_author = said.clone();
    another_author["object_attributes"]["author_id"] = json!(52);
    another_author["user"] = json!({ "id": 52, "username": "grace" });
    lie("another author", another_author, 2);

    let mut another_user = said.clone();
    another_user["user"] = json!({ "id": 52, "username": "grace" });
    lie("another user", another_user, 3);

    let mut another_project = said.clone();
    another_project["project"]["id"] = json!(15);
    lie("another project", another_project, 2);

    let elsewhere = project.gitlab.memory().say(ThreadKind::Pull, MERGE_REQUEST, ADA.1, "/hob go");
    lie("a note of another thread", note(ADA, elsewhere, "/hob go"), 0);

    let gone = project.gitlab.memory().say(ThreadKind::Issue, ISSUE, ADA.1, "/hob go");
    project.gitlab.memory().forget(gone);
    lie("a note that is gone", note(ADA, gone, "/hob go"), 0);

    let other_words = project.gitlab.memory().say(ThreadKind::Issue, ISSUE, ADA.1, "hello");
    lie("other words", note(ADA, other_words, "/hob go"), 0);

    let mut no_issue = opened();
    no_issue["object_attributes"]["iid"] = json!(99);
    lie("an issue that is not there", no_issue, 1);
    insta::assert_snapshot!(told, @r#"
    another author
    exit 2
    --- stdout
    --- stderr
    error: the trigger's payload says that note 9000 of issue 4 is by account 52, but GitLab says that it is by account 53; nothing was done
    another user
    exit 3
    --- stdout
    --- stderr
    error: `mallory` has no role here, and this agent needs `write`; ask somebody who has it to start it
    another project
    exit 2
    --- stdout
    --- stderr
    error: the trigger's payload is of project 15, but the job runs in project 14 (`acme/widgets`); nothing was done
    a note of another thread
    exit 0
    --- stdout
    --- stderr
    note 9001 is not on acme/widgets#4: it was deleted
    a note that is gone
    exit 0
    --- stdout
    --- stderr
    note 9002 is not on acme/widgets#4: it was deleted
    other words
    exit 0
    --- stdout
    --- stderr
    no agent starts on this event: `desk`: it waits for `/hob …` at the start of a line, outside code and quotes, and the text has none
    an issue that is not there
    exit 1
    --- stdout
    --- stderr
    error: cannot read acme/widgets#99: GitLab answered 404, "404 Not found"; it is not there, or the user of HOB_GITLAB_TOKEN may not see it
    "#);
}

#[test]
fn a_payload_that_is_none_is_told() {
    let project = Project::new([]);
    let mut told = String::new();
    for payload in [json!({ "object_kind": "push" }), json!({}), json!([1]), json!({ "object_kind": "note" })] {
        let ran = project.run(64, &payload);
        told.push_str(&format!("{payload}\n{}", ran.transcript()));
    }
    let mut missing = project.job(64);
    missing.env("TRIGGER_PAYLOAD", project.scene.beside("no-such-file"));
    told.push_str(&format!("no such file\n{}", project.scene.end(missing).transcript()));
    told.push_str(&format!("no payload\n{}", project.scene.end(project.job(64)).transcript()));
    insta::assert_snapshot!(told, @r#"
    {"object_kind":"push"}
    exit 0
    --- stdout
    --- stderr
    `push` events start no agent: agents start on issues, pull requests and their comments and reviews
    {}
    exit 0
    --- stdout
    --- stderr
    such events start no agent: agents start on issues, pull requests and their comments and reviews
    [1]
    exit 2
    --- stdout
    --- stderr
    error: the event is a list, not an object; give the JSON body of one webhook delivery
    {"object_kind":"note"}
    exit 2
    --- stdout
    --- stderr
    error: `project` is missing: this is no complete `note` event; give the body as the forge sent it
    no such file
    exit 2
    --- stdout
    --- stderr
    error: cannot read `[SCENE]/no-such-file`, the file that TRIGGER_PAYLOAD names: No such file or directory (os error 2)
    no payload
    exit 0
    --- stdout
    --- stderr
    `trigger` pipelines start no agent yet: agents start in merge request pipelines, and in pipelines that a project's webhook triggers
    "#);
    assert!(project.asked().is_empty());
}

#[test]
fn only_members_with_the_role_start_an_agent() {
    for (id, level, starts) in
        [(60, 10, false), (61, 15, false), (62, 20, false), (63, 30, true), (64, 40, true), (65, 50, true)]
    {
        let project = Project::new(starts.then(|| answer().text("Done.").end()));
        project.gitlab.memory().member(id, "grace", level);
        let ran = project.run(64, &project.comment((id, "grace"), "/hob go"));
        assert_eq!(ran.code(), Some(if starts { 0 } else { 3 }), "{level}: {}", ran.transcript());
        assert_eq!(project.model.bodies().len(), usize::from(starts), "{level}");
        // Those of the group above count as well.
        let members: Vec<_> =
            project.gitlab.calls().into_iter().filter(|call| call.operation == "members/get").collect();
        assert!(members[0].request.target.ends_with(&format!("/members/all/{id}")));
    }
}

#[test]
fn who_is_no_member_any_more_starts_nothing() {
    for (state, expires) in [("blocked", None), ("active", Some("2020-01-01"))] {
        let project = Project::new([]);
        project.gitlab.memory().limit(ADA.0, state, expires);
        let ran = project.run(64, &project.comment(ADA, "/hob go"));
        nothing_done(&project, &ran, 3);
    }
    let project = Project::new([]);
    project.gitlab.memory().stranger(53, "mallory");
    let ran = project.run(64, &project.comment((53, "mallory"), "/hob go"));
    nothing_done(&project, &ran, 3);
    insta::assert_snapshot!(ran.transcript(), @"
    exit 3
    --- stdout
    --- stderr
    error: `mallory` has no role here, and this agent needs `write`; ask somebody who has it to start it
    ");
    insta::assert_snapshot!(project.page(), @"
    ### 🚫 hob · refused

    `` `mallory` has no role here, and this agent needs `write`; ask somebody who has it to start it ``
    ");
}

#[test]
fn what_hob_wrote_itself_starts_nothing() {
    let project = Project::new([]);
    let ran = project.run(64, &project.comment(BOT, "/hob go"));
    nothing_done(&project, &ran, 0);
    insta::assert_snapshot!(ran.transcript(), @"
    exit 0
    --- stdout
    --- stderr
    hob wrote this itself: there is nothing to do
    ");

    let project = Project::new([]);
    project.gitlab.memory().token_user(1700, "project_14_bot_before", 30);
    let mut command = project.triggered(64, &project.comment((1700, "project_14_bot_before"), "/hob go"));
    command.env("HOB_OWN_IDS", "1699, 1700");
    nothing_done(&project, &project.scene.end(command), 0);
}

#[test]
fn a_job_without_a_token_says_how_to_get_one() {
    let project = Project::new([]);
    let mut command = project.triggered(64, &opened());
    command.env_remove("HOB_GITLAB_TOKEN");
    let ran = project.scene.end(command);
    insta::assert_snapshot!(ran.transcript(), @"
    exit 2
    --- stdout
    --- stderr
    error: HOB_GITLAB_TOKEN is not set: make a project access token with the role Developer and the scope `api`, and set it as a masked CI/CD variable
    ");
    assert!(project.asked().is_empty());

    let mut command = project.triggered(64, &opened());
    command.env("HOB_GITLAB_TOKEN", "glpat-wrong0123456789");
    insta::assert_snapshot!(project.scene.end(command).transcript(), @r#"
    exit 1
    --- stdout
    --- stderr
    error: cannot read what acme/widgets is: GitLab answered 401, "401 Unauthorized"; HOB_GITLAB_TOKEN is wrong, has expired or was revoked: make a new one with the scope `api`
    "#);
}

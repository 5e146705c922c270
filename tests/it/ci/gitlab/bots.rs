//! Users of access tokens: what no payload says of them, GitLab does.

use hob::domain::event::ThreadKind;

use super::{Project, note, opened};
use crate::ci::marked;
use crate::forge_gitlab::ISSUE;
use crate::scene::Ran;

/// A Developer, as the users of project access tokens often are.
const BOT: (u64, &str) = (1702, "project_14_bot_ff00");

/// Nothing was written and nothing asked of the model.
fn told(project: &Project, ran: &Ran, code: i32) -> String {
    assert_eq!(ran.code(), Some(code), "{}", ran.transcript());
    assert_eq!((project.model.bodies().len(), project.gitlab.count("notes/create")), (0, 0));
    ran.stderr()
}

fn project() -> Project {
    let project = Project::new([]);
    project.gitlab.memory().token_user(BOT.0, BOT.1, 30);
    project
}

#[test]
fn the_user_of_another_token_starts_nothing_whatever_its_role() {
    let project = project();
    let ran = project.run(64, &project.comment(BOT, "/hob go"));
    insta::assert_snapshot!(told(&project, &ran, 3), @"error: `project_14_bot_ff00` is a bot, and bots start no agent");
}

#[test]
fn nor_where_anyone_may_start_the_agent() {
    let project = project();
    project.gitlab.memory().opened(ThreadKind::Issue, ISSUE, BOT.1);
    let mut payload = opened();
    payload["object_attributes"]["author_id"] = BOT.0.into();
    let ran = project.run(64, &payload);
    insta::assert_snapshot!(told(&project, &ran, 3), @"error: `project_14_bot_ff00` is a bot, and bots start no agent");
}

#[test]
fn an_agent_that_ignores_bots_is_quiet_about_them() {
    let project = project();
    let agent = std::fs::read_to_string(project.scene.workspace().join("agents/desk.md")).unwrap();
    let agent = agent.replace("command: true", "command: true, ignore_authors: [bots]");
    std::fs::write(project.scene.workspace().join("agents/desk.md"), agent).unwrap();
    let ran = project.run(64, &project.comment(BOT, "/hob go"));
    insta::assert_snapshot!(told(&project, &ran, 0), @"no agent starts on this event: `desk`: it leaves out events by bots, and `project_14_bot_ff00` is one");
}

#[test]
fn an_account_is_read_once_however_many_parts_it_has() {
    let project = Project::new([]);
    project.gitlab.memory().member(52, "grace", 10);
    let id = project.gitlab.memory().say(ThreadKind::Issue, ISSUE, "grace", "/hob go");
    told(&project, &project.run(64, &note((52, "grace"), id, "/hob go")), 3);
    assert_eq!(project.gitlab.count("users/get"), 1);
}

#[test]
fn whoever_gave_hob_their_own_token_is_told_why_it_does_not_answer() {
    let grace = (52, "grace");
    let project = Project::new([]);
    project.gitlab.memory().personal(grace.0, grace.1, 40);
    let ran = project.run(64, &project.comment(grace, "/hob go"));
    insta::assert_snapshot!(told(&project, &ran, 3), @"error: hob writes as `grace`, whose own token it was given, and never answers the account that it writes as; give it the token of a bot: on GitLab a project access token, on GitHub the job's own or an App's");
    // What hob wrote with it says so itself.
    let marked = marked("/hob go");
    let ran = project.run(65, &project.comment(grace, &marked));
    insta::assert_snapshot!(told(&project, &ran, 0), @"hob wrote this itself: there is nothing to do");

    let project = Project::new([]);
    project.gitlab.memory().member(grace.0, grace.1, 40);
    let mut command = project.triggered(64, &project.comment(grace, "/hob go"));
    command.env("HOB_OWN_IDS", "52");
    let ran = project.scene.end(command);
    insta::assert_snapshot!(told(&project, &ran, 3), @"error: `grace` is in HOB_OWN_IDS, and hob never answers an account that it wrote as; take that id out of it");
}

//! Who starts an agent, by what GitHub answers about them; and what a job says where none starts.

use serde_json::json;

use super::job::{Done, Event, ISSUE, STRANGER, Stage};
use super::marked;
use crate::forge_github::{Answer, Fault};

const COMMAND: &str = "/hob label this";

/// What a job that started nothing tells, everywhere that it tells something.
fn told(done: &Done) -> String {
    let names: Vec<&str> = done.outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["outcome"]);
    let code = done.ran.code().unwrap();
    let summary = done.summary.replace("\n\n", "\n");
    format!("exit {code}, outcome {}\n{}\n{}", done.output("outcome"), done.annotations().join("\n"), summary)
}

fn assert_untouched(stage: &Stage) {
    assert_eq!(stage.github.labels(ISSUE), [""; 0]);
    assert_eq!(stage.github.memory().artifacts.all().len(), 0);
    for write in ["issues/create-comment", "issues/update-comment", "issues/add-labels"] {
        assert_eq!(stage.github.count(write), 0, "{write}");
    }
}

#[test]
fn a_strangers_command_is_refused() {
    let stage = Stage::private();
    let done = stage.job(77, &Event::commented(COMMAND).by(STRANGER, "User")).run();
    assert_untouched(&stage);
    insta::assert_snapshot!(told(&done), @"
    exit 3, outcome refused
    warning: `mallory` has no role here, and this agent needs `triage`; ask somebody who has it to start it
    ### 🚫 hob · refused
    `` `mallory` has no role here, and this agent needs `triage`; ask somebody who has it to start it ``
    ");
}

#[test]
fn a_command_of_somebody_too_weak_is_refused() {
    let stage = Stage::private();
    stage.github.member(5, "rae", "read");
    let done = stage.job(77, &Event::commented(COMMAND).by((5, "rae"), "User")).run();
    assert_untouched(&stage);
    insta::assert_snapshot!(told(&done), @"
    exit 3, outcome refused
    warning: `rae` has the role `read` here, and this agent needs `triage`; ask somebody who has it to start it
    ### 🚫 hob · refused
    `` `rae` has the role `read` here, and this agent needs `triage`; ask somebody who has it to start it ``
    ");
}

#[test]
fn a_bots_command_is_refused() {
    let stage = Stage::private();
    let done = stage.job(77, &Event::commented(COMMAND).by((7, "helper[bot]"), "Bot")).run();
    assert_untouched(&stage);
    insta::assert_snapshot!(told(&done), @"
    exit 3, outcome refused
    warning: `helper[bot]` is a bot, and bots start no agent
    ### 🚫 hob · refused
    `` `helper[bot]` is a bot, and bots start no agent ``
    ");
}

#[test]
fn a_comment_of_our_own_starts_nothing() {
    let stage = Stage::private();
    stage.github.memory().own(77, "hob-bot");
    let marked = marked(COMMAND);
    let done = stage.job(77, &Event::commented(&marked).by((77, "hob-bot"), "User")).run();
    assert_untouched(&stage);
    insta::assert_snapshot!(told(&done), @"
    exit 0, outcome skipped
    notice: hob wrote this itself: there is nothing to do
    ### ⚪ hob · nothing to do
    `hob wrote this itself: there is nothing to do`
    ");
    // By number alone: of an account it was before.
    let before = Event::commented(&marked).by((78, "old-bot"), "User");
    let done = stage.job(78, &before).env("HOB_OWN_IDS", "76, 78").run().exits(0);
    assert_eq!(done.output("outcome"), "skipped");
}

#[test]
fn whoever_gave_hob_their_own_token_is_told_why_it_does_not_answer() {
    let stage = Stage::private();
    stage.github.memory().own(77, "grace");
    let done = stage.job(77, &Event::commented(COMMAND).by((77, "grace"), "User")).run();
    assert_untouched(&stage);
    insta::assert_snapshot!(told(&done), @"
    exit 3, outcome refused
    warning: hob writes as `grace`, whose own token it was given, and never answers the account that it writes as; give it the token of a bot: on GitLab a project access token, on GitHub the job's own or an App's
    ### 🚫 hob · refused
    ``hob writes as `grace`, whose own token it was given, and never answers the account that it writes as; give it the token of a bot: on GitLab a project access token, on GitHub the job's own or an App's``
    ");
}

#[test]
fn a_login_that_changed_hands_is_refused() {
    let stage = Stage::private();
    stage.github.member(901, "mallory", "admin");
    let done = stage.job(77, &Event::commented(COMMAND).by(STRANGER, "User")).run();
    assert_untouched(&stage);
    insta::assert_snapshot!(told(&done), @"
    exit 3, outcome refused
    warning: the forge answered about account 901 when it was asked about `mallory`; run the job again
    ### 🚫 hob · refused
    ``the forge answered about account 901 when it was asked about `mallory`; run the job again``
    ");
}

#[test]
fn nobody_starts_anything_while_github_does_not_answer() {
    let stage = Stage::private();
    for _ in 0..9 {
        let overloaded = Answer::refusal(500, "Server Error").header("retry-after", "3600");
        let overloaded = Fault::Answer(overloaded);
        stage.github.fault("repos/get-collaborator-permission-level", overloaded);
    }
    let done = stage.job(77, &Event::commented(COMMAND)).run();
    assert_untouched(&stage);
    insta::assert_snapshot!(told(&done), @r#"
    exit 1, outcome failed
    error: cannot ask what Codertocat may do in Codertocat/Hello-World now: GitHub answered 500, "Server Error"
    ### ❌ hob · failed
    `cannot ask what Codertocat may do in Codertocat/Hello-World now: GitHub answered 500, "Server Error"`
    "#);
}

#[test]
fn a_job_run_again_by_somebody_weaker_is_refused() {
    let stage = Stage::private();
    stage.github.member(5, "rae", "read");
    let job = stage.job(77, &Event::commented(COMMAND)).attempt(2).env("GITHUB_TRIGGERING_ACTOR", "rae");
    let done = job.run();
    assert_untouched(&stage);
    insta::assert_snapshot!(told(&done), @"
    exit 3, outcome refused
    warning: `rae`, who ran the job again, has the role `read` here, and this agent needs `triage`; ask somebody who has it to start it
    ### 🚫 hob · refused
    `` `rae`, who ran the job again, has the role `read` here, and this agent needs `triage`; ask somebody who has it to start it ``
    ");
}

#[test]
fn a_strangers_issue_starts_an_agent_for_anyone_and_reaches_nothing_of_the_machine() {
    let stage = Stage::private();
    let done = stage.job(77, &Event::opened().by(STRANGER, "User")).run().exits(0);
    assert_eq!(stage.github.labels(ISSUE), ["bug"]);
    assert!(done.summary.contains("- started by: `mallory`"), "{}", done.summary);
    assert!(done.summary.contains("anyone may start this agent, so it reaches nothing of this machine"));
}

const LOCAL: &str = "---\ndescription: x\non: { github: { issues: { types: [opened], who: anyone } } }\nsandbox: local\n\
                     effects: { label: { allow: [bug] } }\n---\nWork.\n";

#[test]
fn an_agent_for_anyone_that_reaches_the_machine_is_not_started() {
    let stage = Stage::private().file("agents/here.md", LOCAL);
    let done = stage.job(77, &Event::opened().by(STRANGER, "User")).env("HOB_AGENT", "here").run();
    assert_untouched(&stage);
    insta::assert_snapshot!(told(&done), @r"
    exit 2, outcome failed
    error: error[open-to-anyone]: an agent that anyone can start cannot run `local` commands --> [SCENE]/work/agents/here.md:4:10 | 4 | sandbox: local | ^^^^^ | = help: use `sandbox: virtual`, or `who: write`
    ### ❌ hob · failed
    `` error[open-to-anyone]: an agent that anyone can start cannot run `local` commands --> [SCENE]/work/agents/here.md:4:10 \| 4 \| sandbox: local \| ^^^^^ \| = help: use `sandbox: virtual`, or `who: write` ``
    ");
}

const APART: &str = "---\ndescription: x\non: { github: { issues: { types: [opened] } } }\n---\nWork.\n";

#[test]
fn where_no_agent_or_more_than_one_starts_the_job_says_so() {
    let stage = Stage::private().file("agents/one.md", APART);
    let none = Event::opened().with(|event| event["action"] = json!("edited"));
    let done = stage.job(77, &none).env("HOB_AGENT", "").run();
    assert_eq!(done.calls, [""; 0], "GitHub was asked for nothing");
    assert_eq!(done.ran.stderr().lines().filter(|line| !line.starts_with("::")).count(), 1, "{}", done.ran.stderr());
    insta::assert_snapshot!(told(&done), @"
    exit 0, outcome skipped
    notice: no agent starts on this event: `one`: it starts on `issues` with action `opened`, this is `issues` `edited`
    ### ⚪ hob · nothing to do
    `` no agent starts on this event: `one`: it starts on `issues` with action `opened`, this is `issues` `edited` ``
    ");
    let stage = stage.file("agents/two.md", APART);
    let done = stage.job(78, &Event::opened()).env("HOB_AGENT", "").run();
    assert_untouched(&stage);
    insta::assert_snapshot!(told(&done), @"
    exit 2, outcome failed
    error: this event starts several agents, `one`, `two`: name one with the input `agent`, or narrow their `on:`
    ### ❌ hob · failed
    `` this event starts several agents, `one`, `two`: name one with the input `agent`, or narrow their `on:` ``
    ");
}

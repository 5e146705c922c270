//! The workflow of our page for users, on `act`, with our own action.

use serde_json::json;

use super::project::{Happens, Project, TRIAGE, filtered};
use crate::scene::model_server::answer;

#[test]
fn the_second_event_of_an_issue_goes_on_with_the_session_of_the_first() {
    let replies = [
        answer().call("call-1", "grep", json!({ "pattern": "committ\\b" })).end_tools(),
        answer()
            .call("call-2", "propose_status", json!({ "body": "`committ` is in line 9." }))
            .call("call-3", "propose_label", json!({ "add": ["bug"] }))
            .end_tools(),
        answer().text("Line 9 says `committ`.").end(),
        answer().call("call-4", "propose_status", json!({ "body": "`committ` is in line 9 alone." })).end_tools(),
        answer().text("It is the only place.\n::error::And this is no command.").end(),
    ];
    let _filters = filtered();
    let Some(project) = Project::new(TRIAGE, replies) else { return };
    let opened = project.run(1, Happens::Opened);
    assert!(opened.succeeded, "{}", opened.log);
    assert_eq!(opened.outputs["outcome"], "completed");
    assert_eq!(project.github.labels(1), ["bug"]);
    let calls_of_first = project.github.calls().len();
    let asked = project.run(2, Happens::Comment("/hob Is it the only place?"));
    assert!(asked.succeeded, "{}", asked.log);

    insta::assert_snapshot!(asked.summary, @"
    ### ✅ triage · [Codertocat/Hello-World#1](https://github.com/Codertocat/Hello-World/issues/1) · completed

    | model | cost | tokens | turns | time | attempt | session |
    |---|--:|--:|--:|--:|--:|---|
    | `anthropic/claude-sonnet-4-5` | $0.0002 | 20 in, 10 out | 2 | [TOOK] | 1 | continues 1 earlier run |

    > **triage** wrote:
    >
    > It is the only place.
    > : :error::And this is no command.

    #### Writes

    | write | what became of it |
    |---|---|
    | `status comment` | [✅ written](https://github.com/Codertocat/Hello-World/issues/1#issuecomment-3000000000) |

    #### Trust

    - started by: `Codertocat`
    - allowed by: `role admin, asked of the forge`
    - sandbox: `virtual: in memory, on a copy of the working directory's files; no network, no processes`
    - session: `restored as it was kept at [TIME], by run 1`
    - state: `an artifact of this workflow run`

    <details><summary>Timeline: 2 turns, 1 call</summary>

    | turn | tool | about | result |
    |--:|---|---|---|
    | 1 | `propose_status` | `` `committ` is in line 9 alone. `` | 28 B |

    </details>
    ");
    assert_eq!(asked.outputs["message"], "It is the only place.\n: :error::And this is no command.");
    assert!(asked.log.contains("\nIt is the only place.\n: :error"), "no step could use it:\n{}", asked.log);
    assert_eq!(asked.annotations, [("notice".to_owned(), "completed".to_owned())]);
    assert!(asked.log.contains("Success - Post ./"), "{}", asked.log);
    insta::assert_snapshot!(step(&asked.log), @"
      ⚙  ***
      ⚙  ***
      ⚙  ***
    session: restored as it was kept at [TIME], by run 1
      ❓  ::group::hob: Codertocat/Hello-World#1 (triage)
      ⚙  ::stop-commands::[RANDOM]
    [RUN]: attempt 1, anthropic/claude-sonnet-4-5, sandbox virtual: in memory, on a copy of the working directory's files; no network, no processes
    turn 1: 10 tokens in, 5 out
      proposed: status comment
      propose_status: `committ` is in line 9 alone.
    turn 2: 10 tokens in, 5 out
      ⚙  ::[RANDOM]::
      ❓  ::endgroup::
      ❓  ::group::hob: what it writes
      ⚙  ::stop-commands::[RANDOM]
    status comment: https://github.com/Codertocat/Hello-World/issues/1#issuecomment-3000000000
      ⚙  ::[RANDOM]::
      ❓  ::endgroup::
    completed
      ❓  ::notice title=hob%3A triage::completed
    ");

    let heard = project.model.bodies()[3]["messages"].to_string();
    for earlier in
        ["Spelling error in the README file", "committ\\\\b", "Line 9 says `committ`.", "Is it the only place?"]
    {
        assert!(heard.contains(earlier), "the model was not told `{earlier}` again: {heard}");
    }
    let [status] = &project.github.comments(1)[..] else { panic!("{:?}", project.github.comments(1)) };
    assert!(status.starts_with("`committ` is in line 9 alone."), "{status}");
    let calls: Vec<String> = project.github.calls().into_iter().map(|call| call.operation).collect();
    let (first, second) = calls.split_at(calls_of_first);
    assert!(first.len() <= 10 && second.len() <= 10, "{first:#?} {second:#?}");
}

/// What our step printed.
fn step(log: &str) -> &str {
    let (_, rest) = log.split_once("Run Main ./\n").unwrap();
    rest.split_once("  ✅").unwrap().0
}

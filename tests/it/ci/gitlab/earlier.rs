//! What hob wrote as somebody else, before its token was made anew.

use super::{ADA, Project, opened, proposes};
use crate::forge_gitlab::BOT;

#[test]
fn a_status_of_the_account_before_is_posted_anew_once() {
    let replies = proposes("Line 9.", "One.").into_iter().chain(proposes("Line 10.", "Two."));
    let project = Project::new(replies.chain(proposes("Line 11.", "Three.")));
    assert_eq!(project.run(64, &opened()).code(), Some(0));
    project.gitlab.memory().hand_over(1800, "project_14_bot_anew");

    let next = |job| {
        let mut command = project.triggered(job, &project.comment(ADA, "/hob look again"));
        command.env("HOB_OWN_IDS", BOT.0.to_string());
        let ran = project.scene.end(command);
        assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
        ran.stderr()
    };
    let log = next(65);
    let said =
        "a comment of ours by the earlier account `project_14_bot_0a1b2c` cannot be changed, so it is posted anew";
    assert!(log.contains(said), "{log}");
    let ours = |notes: Vec<String>| notes.into_iter().filter(|note| note.starts_with("Line")).collect::<Vec<_>>();
    let notes = ours(project.notes());
    assert!(notes.len() == 2 && notes[1].starts_with("Line 10."), "{notes:?}");

    let log = next(66);
    assert!(!log.contains("earlier account"), "{log}");
    let notes = ours(project.notes());
    assert!(notes.len() == 2 && notes[1].starts_with("Line 11."), "{notes:?}");
}

//! A job that somebody retries: another job of the same pipeline.

use super::{Project, opened, proposes};
use crate::scene::model_server::answer;

/// The answers of two runs.
fn two_runs() -> Project {
    let replies = proposes("Line 9.", "One.").into_iter().chain(proposes("Line 10.", "Two."));
    Project::new(replies.chain([answer().text("A third.").end()]))
}

#[test]
fn a_retried_job_works_again() {
    let project = two_runs();
    assert_eq!(project.run(64, &opened()).code(), Some(0));
    let ran = project.run(65, &opened());
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert_eq!(project.model.bodies().len(), 4, "{}", ran.transcript());
    let notes = project.notes();
    assert!(notes.len() == 1 && notes[0].starts_with("Line 10."), "{notes:?}");
}

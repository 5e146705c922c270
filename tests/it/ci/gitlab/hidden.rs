//! What fewer people may read than a job's log, its page, and the notes it writes.

use super::{ADA, Project, opened, proposes};
use crate::scene::Ran;

/// Nothing was written, kept or asked of the model; the one line says why.
fn one_line(project: &Project, ran: &Ran) -> String {
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert_eq!(project.model.bodies().len(), 0, "{}", ran.transcript());
    let writes = ["notes/create", "notes/edit", "threads/edit", "packages/upload"];
    assert_eq!(writes.map(|operation| project.gitlab.count(operation)), [0; 4], "{}", ran.transcript());
    ran.stderr()
}

#[test]
fn an_internal_note_is_not_answered_in_public() {
    let project = Project::new([]);
    let payload = project.comment(ADA, "/hob who reported this?");
    let id = payload["object_attributes"]["id"].as_u64().unwrap();
    project.gitlab.memory().hide(id);
    // Whatever the payload says: it is read again.
    assert_ne!(payload["object_attributes"]["internal"], true);
    let ran = project.run(64, &payload);
    insta::assert_snapshot!(one_line(&project, &ran), @"note 9000 on #4 is internal, and hob's answer would not be: it starts no agent");
    assert!(!project.page().contains("who reported"), "{}", project.page());
}

#[test]
fn a_confidential_issue_is_worked_on_only_where_the_job_is_not_for_everybody() {
    for visibility in ["public", "internal", "no such word"] {
        let project = Project::new([]);
        {
            let mut memory = project.gitlab.memory();
            (memory.visibility, memory.confidential) = (visibility, true);
        }
        for (job, payload) in [(64, opened()), (65, project.comment(ADA, "/hob look"))] {
            let ran = project.run(job, &payload);
            insta::allow_duplicates! {
                insta::assert_snapshot!(one_line(&project, &ran), @"#4 is confidential, and everybody who can see the project can read this job: it starts an agent only where the project is private");
            }
        }
    }
    let project = Project::new(proposes("Line 9 is wrong.", "I said what I saw."));
    project.gitlab.memory().confidential = true;
    let ran = project.run(64, &opened());
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert_eq!(project.notes().len(), 1);
}

//! What fewer people may read than a job's log, its page, and the notes it writes.

use crate::domain::event::{Event, Visibility};

/// Why no agent starts on an event whose text is not for everybody who would read the answer.
pub(super) fn why(event: &Event) -> Option<String> {
    let number = event.thread.number;
    if let Some(comment) = event.comment.as_ref().filter(|comment| comment.internal) {
        let id = comment.id;
        return Some(format!("note {id} on #{number} is internal, and hob's answer would not be: it starts no agent"));
    }
    // Whoever may see a private project's jobs is a member.
    if event.thread.confidential && event.repository.visibility != Some(Visibility::Private) {
        return Some(format!(
            "#{number} is confidential, and everybody who can see the project can read this job: it starts an agent \
             only where the project is private"
        ));
    }
    None
}

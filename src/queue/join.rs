//! Which waiting run may be answered by the one under way.

use crate::domain::event::{Event, EventKind, ThreadKind};
use crate::domain::run::Run;

/// Whether `late`, a comment, may be answered by the run of the same instance that is under way: what
/// is known of the head, whose authority it has and who may read an answer must be the same.
pub fn joins(under_way: &Run, late: &Run) -> bool {
    let (Some(before), Some(event)) = (&under_way.task.event, &late.task.event) else { return false };
    matches!(event.kind, EventKind::Comment | EventKind::ReviewComment)
        && late.task.message.is_none()
        && late.task.input.is_none()
        && late.authority == under_way.authority
        && late.attempt_tag.is_none()
        && is_internal(before) == is_internal(event)
        && is_about_one_state(before, event)
}

fn is_internal(event: &Event) -> bool {
    event.thread.confidential || event.comment.as_ref().is_some_and(|comment| comment.internal)
}

/// A head that nobody named may be any.
fn is_about_one_state(before: &Event, event: &Event) -> bool {
    event.thread.kind == ThreadKind::Issue || (head(event).is_some() && head(event) == head(before))
}

fn head(event: &Event) -> Option<&str> {
    let sha = event.change.as_ref()?.head.sha.as_str();
    (!sha.is_empty()).then_some(sha)
}

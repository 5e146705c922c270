//! Which waiting run a later one makes pointless.

use crate::domain::event::EventKind;
use crate::domain::id::RunId;
use crate::domain::run::Run;

/// The newest of the runs behind `run` that was started for a newer head of its pull request, as it was
/// itself. What a person said is never pointless, whichever head it was said of.
pub(super) fn superseded_by<'a>(run: &Run, behind: impl IntoIterator<Item = &'a Run>) -> Option<RunId> {
    let head = pushed(run)?;
    let newer = behind.into_iter().filter(|later| pushed(later).is_some_and(|later| later != head));
    newer.last().map(|later| later.id.clone())
}

/// The head that a run was started for by nobody's words.
fn pushed(run: &Run) -> Option<&str> {
    let event = run.task.event.as_ref().filter(|event| event.kind == EventKind::Pull)?;
    let words = run.task.message.is_some() || run.task.input.is_some();
    let sha = &event.change.as_ref()?.head.sha;
    (!words && !sha.is_empty()).then_some(sha.as_str())
}

//! Which waiting run a later one makes pointless.

use crate::domain::event::EventKind;
use crate::domain::run::Run;

/// The newest of the runs behind `run` that was started for a newer head of its pull request, as it was
/// itself, and that head. What a person said is never pointless, whichever head it was said of.
pub(super) fn newest<'a>(run: &Run, behind: impl Iterator<Item = &'a Run>) -> Option<(&'a Run, &'a str)> {
    let head = pushed(run)?;
    behind.filter_map(|late| Some((late, pushed(late)?))).filter(|(_, late)| *late != head).last()
}

/// The head that a run was started for by nobody's words.
fn pushed(run: &Run) -> Option<&str> {
    let event = run.task.event.as_ref().filter(|event| event.kind == EventKind::Pull)?;
    let words = run.task.message.is_some() || run.task.input.is_some();
    let sha = &event.change.as_ref()?.head.sha;
    (!words && !sha.is_empty()).then_some(sha.as_str())
}

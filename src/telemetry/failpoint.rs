//! Places where a test may kill the process, to prove that the next one carries on.
//!
//! Every boundary of a run has a name here. [`Failpoints`] is a value, given by the door; in a
//! release build it holds nothing and [`Failpoints::hit`] is empty.

#[cfg(debug_assertions)]
use std::sync::Arc;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU32, Ordering};

/// An archive stands opened and verified beside the place of its bundle.
pub const UNPACKED: &str = "unpacked";
/// The older bundle was moved away, and nothing stands in its place.
pub const MOVED_ASIDE: &str = "moved-aside";

/// The instance of a run is there, the run is not in its inbox.
pub const ADMITTING: &str = "admitting";
/// A run stands in the inbox.
pub const ADMITTED: &str = "admitted";
/// A new epoch is given out, nothing is written under it.
pub const CLAIMED: &str = "claimed";
/// A claim was kept for another lease, while its run is worked on.
pub const RENEWED: &str = "renewed";
/// Entries are about to be written to the log.
pub const APPENDING: &str = "appending";
/// Entries are in the log, durably.
pub const APPENDED: &str = "appended";
/// The attempt and what it is about stand in the log, the model was not asked.
pub const BEGUN: &str = "begun";
/// A part of the model's answer has come.
pub const STREAMING: &str = "streaming";
/// The model's answer is recorded, none of its calls has begun.
pub const ANSWERED: &str = "answered";
/// A tool is at work.
pub const TOOL_RUNNING: &str = "tool-running";
/// A tool is done, its result is not recorded.
pub const TOOL_RAN: &str = "tool-ran";
/// Some results of a batch are recorded, others are not.
pub const WITHIN_BATCH: &str = "within-batch";
/// The conversations of a batch's tasks are named, and nothing was said in them.
pub const TASKS_BEGUN: &str = "tasks-begun";
/// All tasks of a batch are over, none of their results is recorded.
pub const TASKS_DONE: &str = "tasks-done";
/// All results of a batch are recorded.
pub const BATCH_DONE: &str = "batch-done";
/// A summary of the conversation is made, and not recorded.
pub const SUMMARISED: &str = "summarised";
/// It stands in the place of what was said first.
pub const COMPACTED: &str = "compacted";
/// The final answer is recorded, the run is not settled.
pub const FINISHED: &str = "finished";
/// The outcome is in the log, the manifest does not know it yet.
pub const SETTLING: &str = "settling";

/// It is written down that somebody wants a run to end.
pub const ABORT_ASKED: &str = "abort-asked";
/// An instance is being removed: some of it is gone, or all of it is about to go at once.
pub const FORGETTING: &str = "forgetting";

/// It is written down that an effect is about to be sent.
pub const EFFECT_CLAIMED: &str = "effect-claimed";
/// The forge was asked whether the effect is there already.
pub const EFFECT_LOOKED_UP: &str = "effect-looked-up";
/// The forge answered a write, the answer is not recorded.
pub const EFFECT_SENT: &str = "effect-sent";
/// What came of an effect is recorded, the manifest does not know it yet.
pub const EFFECT_DONE: &str = "effect-done";

/// The bundle is packed for the next job, and nowhere but here.
pub const KEEPING: &str = "keeping";
/// It is where the next job finds it, and nothing here says so.
pub const KEPT: &str = "kept";

/// Those that a run meets only where it takes longer than a part of its lease, or where people want an end
/// of it.
pub const BESIDE: &[&str] = &[RENEWED, ABORT_ASKED, FORGETTING];

/// Those that a run meets only where its conversation outgrows the model's window, in that order.
pub const COMPACTION: &[&str] = &[SUMMARISED, COMPACTED];

/// Those that a run meets only where it hands out tasks, in that order.
pub const TASKS: &[&str] = &[TASKS_BEGUN, TASKS_DONE];

/// Those that a run meets only where its effects are sent, in that order.
pub const EFFECTS: &[&str] = &[EFFECT_CLAIMED, EFFECT_LOOKED_UP, EFFECT_SENT, EFFECT_DONE];

/// Those that a run meets only where its bundle travels, in that order.
pub const TRAVELS: &[&str] = &[KEEPING, KEPT];

/// Those that a run meets only where its bundle comes back, in that order: the second one where an older
/// bundle stands.
pub const RETURNS: &[&str] = &[UNPACKED, MOVED_ASIDE];

/// Every failpoint, in the order a run meets them.
pub const ALL: &[&str] = &[
    UNPACKED,
    MOVED_ASIDE,
    ADMITTING,
    ADMITTED,
    ABORT_ASKED,
    CLAIMED,
    RENEWED,
    APPENDING,
    APPENDED,
    BEGUN,
    STREAMING,
    ANSWERED,
    TOOL_RUNNING,
    TOOL_RAN,
    TASKS_BEGUN,
    TASKS_DONE,
    WITHIN_BATCH,
    BATCH_DONE,
    SUMMARISED,
    COMPACTED,
    FINISHED,
    SETTLING,
    KEEPING,
    KEPT,
    EFFECT_CLAIMED,
    EFFECT_LOOKED_UP,
    EFFECT_SENT,
    EFFECT_DONE,
    FORGETTING,
];

/// Where to die: counts down each armed failpoint and kills the process at zero. Clones share
/// their counts.
#[derive(Clone, Debug, Default)]
pub struct Failpoints {
    #[cfg(debug_assertions)]
    armed: Arc<[Armed]>,
}

#[cfg(debug_assertions)]
#[derive(Debug)]
struct Armed {
    name: &'static str,
    left: AtomicU32,
}

/// A text that arms no failpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFailpoint {
    /// Not `name:count`, or a count of 0.
    #[error("`{0}` is no failpoint; one looks like `appended:5` (die at the fifth)")]
    Grammar(String),
    /// Nothing has this name.
    #[error("there is no failpoint `{0}`; there are {all}", all = ALL.join(", "))]
    Unknown(String),
    /// Compiled out.
    #[error("this is a release build: it has no failpoints; use a development build")]
    Release,
}

impl Failpoints {
    /// Reads `name:count[,name:count…]`; the empty text arms nothing.
    ///
    /// # Errors
    /// When it is spelled otherwise, names what does not exist, or in a release build.
    #[cfg(debug_assertions)]
    pub fn parse(text: &str) -> Result<Self, InvalidFailpoint> {
        let armed = text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| {
            let grammar = || InvalidFailpoint::Grammar(part.to_owned());
            let (name, count) = part.split_once(':').ok_or_else(grammar)?;
            let name =
                *ALL.iter().find(|known| **known == name).ok_or_else(|| InvalidFailpoint::Unknown(name.to_owned()))?;
            let count: u32 = count.parse().ok().filter(|count| *count > 0).ok_or_else(grammar)?;
            Ok(Armed { name, left: AtomicU32::new(count) })
        });
        Ok(Self { armed: armed.collect::<Result<Vec<_>, _>>()?.into() })
    }

    /// Reads `name:count[,name:count…]`; the empty text arms nothing.
    ///
    /// # Errors
    /// When it is not empty: a release build cannot do what is asked.
    #[cfg(not(debug_assertions))]
    pub fn parse(text: &str) -> Result<Self, InvalidFailpoint> {
        if text.is_empty() { Ok(Self::default()) } else { Err(InvalidFailpoint::Release) }
    }

    /// The process is at this place. Does not return when a count reaches zero.
    #[inline]
    pub fn hit(&self, name: &str) {
        #[cfg(debug_assertions)]
        for armed in self.armed.iter().filter(|armed| armed.name == name) {
            if armed.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) == Ok(1) {
                die();
            }
        }
        #[cfg(not(debug_assertions))]
        let _ = name;
    }
}

/// As a power cut would: no destructor, no buffer flushed.
#[cfg(debug_assertions)]
fn die() -> ! {
    use rustix::process::{Signal, getpid, kill_process};
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failpoints_are_read_strictly() {
        for (text, expected) in [
            ("", None),
            ("appended:5", None),
            ("appended:5, settling:1", None),
            ("appended", Some("`appended` is no failpoint; one looks like `appended:5` (die at the fifth)")),
            ("appended:0", Some("`appended:0` is no failpoint; one looks like `appended:5` (die at the fifth)")),
        ] {
            assert_eq!(Failpoints::parse(text).err().map(|e| e.to_string()).as_deref(), expected, "`{text}`");
        }
        assert_eq!(Failpoints::parse("nowhere:1").err(), Some(InvalidFailpoint::Unknown("nowhere".into())));
    }

    #[test]
    fn a_failpoint_that_is_not_armed_or_not_reached_does_nothing() {
        let failpoints = Failpoints::parse("appended:2").unwrap();
        failpoints.clone().hit(APPENDED);
        failpoints.hit(SETTLING);
    }

    #[test]
    fn every_failpoint_has_a_name_of_its_own() {
        let mut names = ALL.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}

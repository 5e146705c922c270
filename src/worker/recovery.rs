//! What a claimed run needs next: decided from the log alone, whoever worked on it before and however
//! that ended.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::id::RunId;
use crate::session::history::History;
use crate::session::resume::{self, Ending, Progress};

/// Attempts before a run fails.
pub const ATTEMPTS: u32 = 10;

/// What a run may use, over all its attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    /// Attempts before it fails.
    pub(super) attempts: u32,
    /// How long after the beginning of its first attempt it must be over; `None` where somebody waits
    /// for it, and decides how long.
    pub(super) wall: Option<Duration>,
}

/// What is to be done for a claimed run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Recovery {
    /// Nothing: it has its outcome.
    Settled,
    /// Its conversation has come to its end: settle it with that.
    Complete(Ending),
    /// Somebody asked for its end: settle it.
    Abort {
        /// Who.
        by: String,
    },
    /// It has used up what it may use: settle it as failed.
    Fail {
        /// Which.
        reason: String,
    },
    /// Go on where its conversation stopped.
    Resume,
    /// Ask what it is about.
    Begin,
}

/// Decides. The order counts: an answer that is there settles the run, whatever it took and whoever
/// asked for its end meanwhile. `abort` is who asked for it; `needs_result` is whether the agent must
/// end through `finish`.
pub(super) fn recover(
    history: &History,
    run: &RunId,
    needs_result: bool,
    abort: Option<&str>,
    now: Timestamp,
    allowed: Allowed,
) -> Recovery {
    let progress = resume::progress(history, run, needs_result);
    match progress {
        Progress::Settled => return Recovery::Settled,
        Progress::Done(ending) => return Recovery::Complete(ending),
        Progress::NotAsked | Progress::Turn | Progress::Tools(_) => {}
    }
    if let Some(by) = abort {
        return Recovery::Abort { by: by.to_owned() };
    }
    let Some(known) = history.find(run) else { return Recovery::Begin };
    if known.attempts >= allowed.attempts {
        let reason = format!("{} attempts ended without an outcome", allowed.attempts);
        return Recovery::Fail { reason };
    }
    if let (Some(wall), Some(began)) = (allowed.wall, known.first_began)
        && elapsed(began, now) >= wall
    {
        return Recovery::Fail { reason: late(wall) };
    }
    match progress {
        Progress::NotAsked => Recovery::Begin,
        _ => Recovery::Resume,
    }
}

/// What is left of a run's time; `None` where it has no end.
pub(super) fn time_left(history: &History, run: &RunId, now: Timestamp, allowed: Allowed) -> Option<Duration> {
    let began = history.find(run).and_then(|known| known.first_began);
    Some(allowed.wall?.saturating_sub(began.map_or(Duration::ZERO, |began| elapsed(began, now))))
}

/// A clock that was set back lets no time pass.
fn elapsed(began: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(began)).unwrap_or_default()
}

/// Why a run fails that is not done in its time.
pub(super) fn late(wall: Duration) -> String {
    let wall = match wall.as_secs() {
        60 => "1 minute".to_owned(),
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    };
    format!("it was not done {wall} after its first attempt began")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::entry::{Body, Prompt, Settled};
    use crate::domain::message::Usage;
    use crate::domain::name::Thinking;
    use crate::domain::outcome::Outcome;
    use crate::session::history::tests::{log, run};

    const HOUR: Duration = Duration::from_secs(3600);
    const ALLOWED: Allowed = Allowed { attempts: 3, wall: Some(HOUR) };

    /// The log's own clock stands at its beginning.
    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn history(words: &str) -> History {
        let mut history = History::of(log(words));
        history.prompt = Some(Prompt {
            system: String::new(),
            environment: String::new(),
            tools: vec![],
            agent_digest: String::new(),
            thinking: Thinking::Off,
        });
        history
    }

    fn after(words: &str, abort: Option<&str>, seconds: i64) -> String {
        match recover(&history(words), &run(), false, abort, at(seconds), ALLOWED) {
            Recovery::Settled => "settled".to_owned(),
            Recovery::Complete(_) => "complete".to_owned(),
            Recovery::Abort { by } => format!("abort by {by}"),
            Recovery::Fail { reason } => format!("fail: {reason}"),
            Recovery::Resume => "resume".to_owned(),
            Recovery::Begin => "begin".to_owned(),
        }
    }

    #[test]
    fn what_a_run_needs_next_is_decided_in_one_order() {
        let used_up = "start input ask start call start";
        for (words, abort, seconds, expected) in [
            ("", None, 0, "begin"),
            // Nobody knows of it yet: its time has not begun.
            ("", None, 9999, "begin"),
            ("", Some("ann"), 0, "abort by ann"),
            ("start", None, 10, "begin"),
            ("start input", None, 10, "begin"),
            ("start input ask", None, 10, "resume"),
            ("start input ask call", None, 10, "resume"),
            ("start input ask call result", None, 10, "resume"),
            ("start input ask", None, 3599, "resume"),
            ("start input ask", None, -3600, "resume"),
            ("start input ask", None, 3600, "fail: it was not done 60 minutes after its first attempt began"),
            (used_up, None, 10, "fail: 3 attempts ended without an outcome"),
            (used_up, None, 3600, "fail: 3 attempts ended without an outcome"),
            (used_up, Some("ann"), 3600, "abort by ann"),
            ("start input ask say", None, 10, "complete"),
            ("start input ask start start start say", Some("ann"), 3600, "complete"),
            ("start input ask say settle", Some("ann"), 3600, "settled"),
        ] {
            assert_eq!(after(words, abort, seconds), expected, "after `{words}`, {abort:?}, {seconds} s");
        }
    }

    #[test]
    fn a_run_that_somebody_waits_for_has_no_end_of_its_own() {
        let allowed = Allowed { wall: None, ..ALLOWED };
        let history = history("start input ask");
        assert_eq!(recover(&history, &run(), false, None, at(1 << 30), allowed), Recovery::Resume);
        assert_eq!(time_left(&history, &run(), at(1 << 30), allowed), None);
        assert_eq!(time_left(&history, &run(), at(600), ALLOWED), Some(HOUR - Duration::from_secs(600)));
        assert_eq!(time_left(&history, &run(), at(1 << 30), ALLOWED), Some(Duration::ZERO));
    }

    /// A log as a writer may leave it: each choice takes one of the words that may come next.
    fn written(choices: &[usize]) -> Vec<&'static str> {
        let mut words: Vec<&str> = Vec::new();
        for choice in choices {
            let last = words.iter().rev().find(|word| **word != "start").copied();
            let next: &[&str] = match last {
                None => &["start", "input"],
                Some("input") => &["ask", "start"],
                Some("call" | "calls" | "finish" | "finish+") => &["result", "finished", "start"],
                Some("say") => &["settle", "start"],
                Some("settle") => break,
                _ => &["call", "calls", "say", "cut", "stop", "finish", "finish+", "land", "start", "settle"],
            };
            words.push(next.get(choice % next.len()).copied().unwrap_or("start"));
        }
        words
    }

    proptest! {
        #[test]
        fn every_prefix_of_a_log_has_one_next_step_and_no_step_is_done_twice(
            choices in proptest::collection::vec(0..10_usize, 0..40),
            seconds in -10_000..10_000_i64,
            aborted: bool,
            needs_result: bool,
        ) {
            let words = written(&choices);
            for end in 0..=words.len() {
                let prefix = words[..end].join(" ");
                let mut entries = log(&prefix);
                let prompt = history("").prompt;
                let decide = |entries: &[crate::domain::entry::Entry]| {
                    let mut history = History::of(entries.to_vec());
                    history.prompt.clone_from(&prompt);
                    recover(&history, &run(), needs_result, aborted.then_some("ann"), at(seconds), ALLOWED)
                };
                let first = decide(&entries);
                prop_assert_eq!(&first, &decide(&entries), "after `{}`", prefix);
                prop_assert_eq!(words[..end].contains(&"settle"), first == Recovery::Settled, "after `{}`", prefix);
                let (Recovery::Complete(_) | Recovery::Abort { .. } | Recovery::Fail { .. }) = first else { continue };
                // What is decided is written: then nothing is left to decide.
                let mut history = History::of(entries.clone());
                history.prompt.clone_from(&prompt);
                let settled = Settled {
                    run: run(),
                    outcome: Outcome::Completed { limited: None },
                    message: String::new(),
                    result: None,
                    usage: Usage::default(),
                    cost_nano_usd: None,
                };
                let bodies = resume::closing(&history).into_iter().chain([Body::Settled(settled)]);
                for body in bodies {
                    let seq = crate::domain::id::Seq(entries.len() as u64);
                    let parent = entries.last().map(|entry| entry.seq);
                    entries.push(crate::domain::entry::Entry {
                        seq,
                        epoch: crate::domain::id::Epoch(2),
                        at: at(seconds),
                        session: Default::default(),
                        parent,
                        body,
                    });
                }
                prop_assert_eq!(decide(&entries), Recovery::Settled, "after `{}`", prefix);
            }
        }
    }
}

//! The view in a pipe or a CI log: the same run gives the same lines.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::words;
use crate::cli::output::one_line;
use crate::telemetry::progress::{Observer, Progress};

/// Longest line, in columns.
const COLUMNS: usize = 160;

/// Writes one line for each turn, tool call, effect and remark, without colour or durations.
/// Errors of the stream are ignored: a run does not fail because nobody watches.
pub(crate) struct Plain<W> {
    state: Mutex<State<W>>,
}

struct State<W> {
    out: W,
    turn: u32,
}

impl<W: Write + Send> Plain<W> {
    /// Writes to `out`, flushing after each line.
    pub(crate) fn new(out: W) -> Self {
        Self { state: Mutex::new(State { out, turn: 0 }) }
    }
}

impl<W: Write + Send> Observer for Plain<W> {
    fn see(&self, progress: Progress<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Progress::Asked { turn } = progress {
            state.turn = turn;
        }
        let Some(line) = line(&progress, state.turn) else { return };
        let out = &mut state.out;
        // In one piece, so that nobody else's output comes between a line and its end.
        let line = format!("{}\n", line.trim_end().trim_end_matches(':'));
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).ok();
    }
}

fn line(progress: &Progress<'_>, turn: u32) -> Option<String> {
    Some(match progress {
        Progress::Started { run, attempt, model, sandbox, resumed } => {
            let resumed = if *resumed { ", resumed" } else { "" };
            format!("{run}: attempt {attempt}{resumed}, {}, sandbox {sandbox}", one_line(model, COLUMNS))
        }
        Progress::Asked { .. } | Progress::Text(_) | Progress::Reasoning(_) | Progress::ToolStarted(_) => return None,
        Progress::Answered { usage } => {
            let read = usage.total().saturating_sub(usage.output);
            format!("turn {turn}: {read} tokens in, {} out", usage.output)
        }
        Progress::Retrying { reason, wait: _ } => format!("  model is asked again: {}", one_line(reason, COLUMNS)),
        Progress::ToolEnded { call, result, took: _ } => {
            let call_line = format!("  {}: {}", words::name(call), words::gist(call, COLUMNS));
            match result.is_error {
                false => call_line,
                true => format!("{} (error: {})", call_line.trim_end(), words::complaint(result, COLUMNS)),
            }
        }
        Progress::Proposed(effect) => format!("  proposed: {}", words::proposed(effect, COLUMNS)),
        Progress::Refused { kind, reason } => format!("  refused: {kind}: {}", one_line(reason, COLUMNS)),
        // Its turns are none of the run's.
        Progress::Delegated { progress: Progress::Started { .. } | Progress::Answered { .. }, .. } => return None,
        Progress::Delegated { agent, progress } => format!("  {agent}: {}", line(progress, turn)?.trim_start()),
        Progress::Note(note) => one_line(note, COLUMNS * 4),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::live::script;

    #[test]
    fn a_run_in_a_pipe() {
        let plain = Plain::new(Vec::new());
        script::play(&plain);
        let lines = String::from_utf8(plain.state.into_inner().unwrap().out).unwrap();
        insta::assert_snapshot!(lines, @r#"
        run-2def9f758998c31185ba3845: attempt 1, replay/demo, sandbox virtual
          model is asked again: overloaded
        turn 1: 1200 tokens in, 88 out
          read: missing .txt (error: no such file: missing.txt)
          bash: grep -rn "foo" src
        turn 2: 20000 tokens in, 31 out
          proposed: labels +bug<U+202E> -new
          refused: label: `urgent` is not in `allow`
          label: {"add":["bug"]}
          finish
        the event would not have started `triage`: its labels do not match
        "#);
    }
}

//! A command line.

use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use super::files::{Place, failed};
use super::typed::Typed;
use super::{Nature, Reply, Scope, output};
use crate::sandbox::{Command, End, Exec, Output};

/// Seconds a command may take when the model does not say.
const TIMEOUT_DEFAULT: u64 = 120;

/// Seconds a command may take at most.
const TIMEOUT_MAX: u64 = 600;

/// A command line, run by the sandbox's shell.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bash {
    /// The command line.
    #[schemars(length(min = 1))]
    command: String,
    /// Seconds after which it is killed; 120 when absent.
    #[schemars(range(min = 1, max = TIMEOUT_MAX))]
    timeout: Option<u64>,
}

impl Typed for Bash {
    const NAME: &'static str = "bash";
    const CHANGES_FILES: bool = true;
    const DESCRIPTION: &'static str = "\
        Runs a command line in the workspace and shows what it printed: the last 2000 lines or 50 KiB. Longer output \
        is also in a file that the reply names. Each call starts a new shell in the workspace; nothing keeps running \
        after it.";
    type Shared = Place;

    fn nature(place: &Place) -> Nature {
        place.nature()
    }

    async fn run(self, place: &Place, scope: &Scope) -> Reply {
        let Self { command, timeout } = self;
        run(place, command.into(), timeout, scope).await
    }
}

/// Runs a command as it is given, for so many seconds at most, and shows what it printed.
pub(super) async fn run(place: &Place, command: Command, timeout: Option<u64>, scope: &Scope) -> Reply {
    let timeout = granted(timeout, scope.deadline.saturating_duration_since(Instant::now()));
    let exec = Exec { command, cwd: None, env: Vec::new(), timeout, stdin: Bytes::new(), cancel: scope.cancel.clone() };
    match place.sandbox.exec(exec).await {
        Ok(output) if output.end != End::Exited && Instant::now() >= scope.deadline => show(&output, None),
        Ok(output) => show(&output, Some(timeout)),
        Err(error) => failed(&*place.sandbox, &error),
    }
}

fn granted(seconds: Option<u64>, left: Duration) -> Duration {
    Duration::from_secs(seconds.unwrap_or(TIMEOUT_DEFAULT).min(TIMEOUT_MAX)).min(left)
}

/// What the model reads of it. `timeout` is what the command was granted; `None` when the run had no more to grant.
fn show(output: &Output, timeout: Option<Duration>) -> Reply {
    let mut text = output::of_terminal(&output.tail);
    let lost = output.bytes > output.tail.len() as u64;
    // What is cut here is not in the spill file unless the sandbox cut as well.
    let lines = if output.spill.is_some() { output::LINES_MAX } else { usize::MAX };
    let end = output::tail(&text, lines);
    let end = match end.split_once('\n') {
        Some((_, whole)) if lost && end.len() == text.len() && !whole.is_empty() => whole,
        _ => end,
    };
    let cut = lost || end.len() < text.len();
    let left_out = output.bytes.saturating_sub(end.len() as u64);
    text = end.trim_end_matches('\n').to_owned();
    if cut {
        let rest = match &output.spill {
            Some(path) => format!("all of it is in `{path}`"),
            None => "send the output to a file to see all of it".to_owned(),
        };
        text = format!("[the first {left_out} of {} bytes are left out; {rest}]\n{text}", output.bytes);
    }
    let mut notes = Vec::new();
    if text.trim().is_empty() {
        text = "(no output)".to_owned();
    }
    match (output.end, timeout) {
        (End::Exited, _) if output.exit == 0 => {}
        (End::Exited, _) => notes.push(format!("[exit code {}]", output.exit)),
        (_, None) => notes.push("[killed because the time of this run is used up]".to_owned()),
        (End::TimedOut, Some(timeout)) => {
            notes.push(format!("[killed after {} seconds; exit code {}]", timeout.as_secs(), output.exit));
        }
        (End::Cancelled, _) => notes.push("[killed because the run was stopped]".to_owned()),
    }
    notes.extend(output.notes.iter().map(|note| format!("[{}]", output::one_line(note, 500))));
    let content = output::with_notes(text, &notes);
    Reply { content, is_error: output.end == End::Cancelled, ..Reply::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::scene::Scene;
    use super::*;

    fn output(tail: &str) -> Output {
        Output {
            exit: 0,
            end: End::Exited,
            tail: Bytes::copy_from_slice(tail.as_bytes()),
            bytes: tail.len() as u64,
            spill: None,
            notes: Vec::new(),
        }
    }

    fn shown(output: &Output) -> String {
        show(output, Some(Duration::from_secs(7))).content
    }

    #[test]
    fn what_the_model_reads_of_a_command() {
        let outputs = [
            output(""),
            output("fine\n"),
            Output { exit: 2, ..output("\u{1b}[31mno such thing\u{1b}[0m\n") },
            Output { exit: 1, ..output("\n") },
            Output { exit: 124, end: End::TimedOut, ..output("half") },
            Output { exit: 143, end: End::Cancelled, ..output("half") },
            Output { notes: vec!["the loop limit of the shell was reached".into()], ..output("1\n2\n") },
            Output { bytes: 90_000, spill: Some("/tmp/out-1".into()), ..output("artial\nlast\nlines\n") },
        ];
        insta::assert_snapshot!(outputs.iter().map(shown).collect::<Vec<_>>().join("\n---\n"), @"
        (no output)
        ---
        fine
        ---
        no such thing
        [exit code 2]
        ---
        (no output)
        [exit code 1]
        ---
        half
        [killed after 7 seconds; exit code 124]
        ---
        half
        [killed because the run was stopped]
        ---
        1
        2
        [the loop limit of the shell was reached]
        ---
        [the first 89989 of 90000 bytes are left out; all of it is in `/tmp/out-1`]
        last
        lines
        ");
    }

    #[test]
    fn only_the_last_lines_are_shown_and_the_rest_is_named() {
        let printed: String = (1..=2500).map(|n| format!("{n}\n")).collect();
        let cut = shown(&Output { spill: Some("/tmp/out".into()), bytes: 1_000_000, ..output(&printed) });
        let mut lines = cut.lines();
        assert_eq!(lines.next(), Some("[the first 990499 of 1000000 bytes are left out; all of it is in `/tmp/out`]"));
        assert_eq!((lines.next(), lines.next_back()), (Some("501"), Some("2500")));
        assert_eq!(shown(&output(&printed)), printed.trim_end(), "what is nowhere else is shown whole");
    }

    #[test]
    fn a_timeout_is_120_seconds_at_most_600_and_never_more_than_is_left() {
        for (asked, left, expected) in
            [(None, 1000, 120), (Some(7), 1000, 7), (Some(601), 1000, 600), (Some(600), 90, 90), (None, 0, 0)]
        {
            assert_eq!(granted(asked, Duration::from_secs(left)), Duration::from_secs(expected), "{asked:?} of {left}");
        }
    }

    #[tokio::test]
    async fn what_the_model_reads_of_a_real_shell() {
        let scene = Scene::new(&[("a.txt", b"one\ntwo\n")]);
        let said = scene
            .read_aloud(&[
                ("bash", json!({"command": "cat a.txt; echo three > b.txt"})),
                ("read", json!({"path": "b.txt"})),
                ("bash", json!({"command": "echo oops >&2; exit 3"})),
                ("bash", json!({"command": "echo begun; sleep 60", "timeout": 1})),
                ("bash", json!({"command": "true", "timeout": 601})),
                ("bash", json!({"command": ""})),
            ])
            .await;
        insta::assert_snapshot!(said, @r#"
        bash {"command":"cat a.txt; echo three > b.txt"}
        > one
          two
        read {"path":"b.txt"}
        > three
        bash {"command":"echo oops >&2; exit 3"}
        > oops
          [exit code 3]
        bash {"command":"echo begun; sleep 60","timeout":1}
        > begun
          [killed after 1 seconds; exit code 124]
        bash {"command":"true","timeout":601}
        ! `bash` did not run: `timeout`: 601 is greater than the maximum of 600.
        bash {"command":""}
        ! `bash` did not run: `command`: "" is shorter than 1 character.
        "#);
    }

    #[tokio::test]
    async fn long_output_can_be_paged_through_in_the_file_that_is_named() {
        let scene = Scene::new(&[]);
        for (sandbox, toolbox) in scene.each() {
            let call = async |name: &str, arguments: serde_json::Value| {
                let arguments = arguments.to_string();
                let call = crate::domain::message::Call { id: "1".into(), name: name.into(), arguments };
                let step = super::super::dispatch::Step { call: &call, repeated: false };
                let deadline = Instant::now() + Duration::from_secs(99);
                super::super::dispatch::run(
                    toolbox,
                    step,
                    &Default::default(),
                    deadline,
                    crate::domain::image::Sight::FULL,
                )
                .await
                .content
            };
            // Few lines too many, and many bytes.
            for last in [2001, 30_000] {
                let reply = call("bash", json!({"command": format!("seq 1 {last}")})).await;
                let kind = sandbox.capabilities().kind;
                assert_eq!(reply.lines().last(), Some(last.to_string().as_str()), "{kind}");
                assert!(reply.lines().count() <= output::LINES_MAX + 1, "{kind}");
                let path = reply.split('`').nth(1).unwrap();
                let (mut read, mut offset) = (String::new(), 1);
                while offset <= last {
                    let page = call("read", json!({"path": path, "offset": offset})).await;
                    read.extend(page.lines().filter(|line| !line.starts_with('[')).map(|line| format!("{line}\n")));
                    offset += output::LINES_MAX;
                }
                let whole: String = (1..=last).map(|n| format!("{n}\n")).collect();
                assert!(read == whole, "{kind}: {} of {} bytes", read.len(), whole.len());
            }
            let fits = call("bash", json!({"command": "seq 1 2000"})).await;
            assert_eq!((fits.lines().next(), fits.lines().count()), (Some("1"), 2000));
        }
    }
}

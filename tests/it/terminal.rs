//! The live view, as a person sees it.

use std::process::Command;

use crate::scene::terminal::{Streams, Terminal};

fn shell(script: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a program whose drawing is known, to try the stage itself")]
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn the_stage_shows_what_a_person_would_see() {
    let script = r"printf 'one\ntwo\r\033[2Kthree \033[1mbold\033[0m\n'; stty size; tty; echo out >&1";
    let mut terminal = Terminal::start(&shell(script), 10, 40, Streams::All);
    let (status, output) = terminal.wait();
    assert!(status.success());
    assert_eq!(output, "", "the output went to the terminal");
    let lines = terminal.lines();
    assert_eq!(lines[..3], ["one", "three bold", "10 40"]);
    assert!(lines[3].starts_with("/dev/pts/"), "{lines:?}");
    assert!(terminal.bytes().windows(4).any(|bytes| bytes == b"\x1b[1m"));
}

#[test]
fn the_stage_keeps_a_pipe_apart_from_the_screen() {
    let mut terminal = Terminal::start(&shell("echo answer; echo progress >&2"), 5, 20, Streams::ButOutput);
    let (_, output) = terminal.wait();
    assert_eq!(output, "answer\n");
    assert_eq!(terminal.lines(), ["progress"]);
}

#[test]
fn a_typed_ctrl_c_reaches_the_program() {
    let script = "trap 'echo caught; exit 130' INT; echo ready; while :; do sleep 0.02; done";
    let mut terminal = Terminal::start(&shell(script), 5, 20, Streams::All);
    terminal.wait_for("ready");
    terminal.type_in("\x03");
    let (status, _) = terminal.wait();
    assert_eq!(status.code(), Some(130));
    assert!(terminal.lines().iter().any(|line| line.ends_with("caught")), "{:?}", terminal.lines());
}

//! SIGINT and SIGTERM, wherever they come: out at once, nothing left behind, the same command goes on.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::scene::model_server::{KEY, ModelServer, Reply, answer};
use crate::scene::running::{Running, group_exists, passed};
use crate::scene::{Ran, Scene};

/// A machine that does other things at the same time may take longer than the second that is promised.
const AT_ONCE: Duration = Duration::from_secs(3);

const SIGNALS: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];

/// A run whose model gives some answers, and then `Done.`
struct Work {
    scene: Scene,
    server: ModelServer,
    agent: &'static str,
}

impl Work {
    fn new(agent: &'static str, first: impl IntoIterator<Item = Reply>) -> Self {
        let scene = Scene::empty()
            .file("agents/here.md", "---\ndescription: x\nsandbox: local\n---\nWork.\n")
            .file("agents/apart.md", "---\ndescription: x\n---\nWork.\n");
        Self { scene, server: ModelServer::start(first.into_iter().chain([answer().text("Done.").end()])), agent }
    }

    /// At work on a command of this machine, which says the number of its group at the gate.
    fn in_command(command: &str) -> (Self, Running, String) {
        let work = Self::new("here", [answer().call("c1", "bash", json!({ "command": command })).end_tools()]);
        let gate = work.scene.gate("gate");
        let running = work.start();
        let group = passed(gate);
        (work, running, group)
    }

    fn command(&self) -> std::process::Command {
        let mut command = self.scene.command(["run", self.agent, "--message", "go", "--model", "anthropic/m"]);
        command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &self.server.url);
        command
    }

    fn start(&self) -> Running {
        self.scene.start(self.command())
    }

    /// The same command again completes the run, and it is the only one.
    fn goes_on(&self) {
        let ran = self.scene.end(self.command());
        assert!(ran.stdout().starts_with("Done."), "{}", ran.transcript());
        assert_eq!(self.server.left(), 0);
        let settled = self.scene.log().iter().filter(|entry| entry["kind"] == "settled").count();
        assert_eq!(settled, 1, "another run was begun");
    }
}

/// Sends the signal; the process must end as that signal's exit code says, soon. Also how soon.
fn stop(running: Running, (signal, code): (Signal, i32)) -> (Ran, Duration) {
    running.signal(signal);
    let (ran, took) = running.wait();
    assert_eq!(ran.code(), Some(code), "{}", ran.transcript());
    assert!(took < AT_ONCE, "it took {took:?}: {}", ran.transcript());
    assert!(ran.stderr().ends_with("stopped: what was done is kept, the same command goes on\n"), "{}", ran.stderr());
    (ran, took)
}

#[test]
fn while_the_model_streams() {
    for how in SIGNALS {
        for at in [0, 500] {
            let work = Work::new("apart", [answer().text("A long story begins.").end().stall_at(at)]);
            let running = work.start();
            work.server.wait_for_stall(1);
            stop(running, how);
            work.goes_on();
        }
    }
}

#[test]
fn while_a_retry_is_waited_for() {
    for how in SIGNALS {
        let work = Work::new("apart", [Reply::status(429).header("retry-after", "100")]);
        let running = work.start();
        work.scene.wait_for_log("\"message_interrupted\"", 1);
        stop(running, how);
        work.goes_on();
    }
}

#[test]
fn while_a_command_runs_on_this_machine() {
    for how in SIGNALS {
        let (work, running, group) = Work::in_command("echo once >> ran.txt; sleep 100 & echo $$ > ../gate; sleep 100");
        stop(running, how);
        assert!(!group_exists(&group), "something of the command is left");
        work.goes_on();
        let ran = std::fs::read_to_string(work.scene.workspace().join("ran.txt")).unwrap();
        assert_eq!(ran, "once\n", "it ran again");
    }
}

#[test]
fn while_a_command_runs_that_cleans_up() {
    let (work, running, _) =
        Work::in_command("trap 'echo cleaned > ../cleaned; exit' TERM; echo $$ > ../gate; sleep 100 & wait");
    stop(running, SIGNALS[0]);
    assert_eq!(std::fs::read_to_string(work.scene.beside("cleaned")).unwrap(), "cleaned\n");
    work.goes_on();
}

/// What ignores polite signals.
const STUBBORN: &str = "trap '' TERM INT; echo $$ > ../gate; while :; do sleep 1; done";

#[test]
fn a_command_that_ignores_polite_signals_is_gone_within_the_second_that_is_promised() {
    let a_second = |_| {
        let (work, running, group) = Work::in_command(STUBBORN);
        let (_, took) = stop(running, SIGNALS[0]);
        assert!(!group_exists(&group), "something of the command is left");
        work.goes_on();
        took < Duration::from_secs(1)
    };
    // Once is enough: other tests on the machine may make any of them late, and nothing makes one early.
    assert!((0..5).any(a_second), "none of five was out within a second");
}

#[test]
fn the_second_signal_ends_at_once() {
    let (work, running, group) = Work::in_command(STUBBORN);
    running.signal(Signal::INT);
    let (ran, _) = stop(running, SIGNALS[0]);
    assert!(!group_exists(&group), "something of the command is left: {}", ran.transcript());
    work.goes_on();
}

#[test]
fn while_a_command_runs_in_memory() {
    for (how, endless) in [(SIGNALS[0], "sleep 100"), (SIGNALS[1], "while true; do x=$((x+1)); done")] {
        let call = answer().call("c1", "bash", json!({ "command": endless })).end_tools();
        let work = Work::new("apart", [call]);
        let running = work.start();
        work.scene.wait_for_log("\"name\":\"bash\",\"arguments\"", 1);
        stop(running, how);
        // What left nothing behind is run again, and stopped again.
        let running = work.start();
        work.scene.wait_for_log("attempt_started", 2);
        stop(running, how);
        assert_eq!(work.server.requests().len(), 1, "the model was asked again while its call has no result");
    }
}

//! SIGINT and SIGTERM, wherever they come: out at once, nothing left behind, the same command goes on.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::scene::model_server::{KEY, ModelServer, Reply, answer};
use crate::scene::running::{Running, group_exists, passed};
use crate::scene::{Ran, Scene};

/// A second is promised; a machine that does other things at the same time may take longer.
const AT_ONCE: Duration = Duration::from_secs(3);

const SIGNALS: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];

fn scene() -> Scene {
    Scene::empty()
        .file("agents/here.md", "---\ndescription: x\nsandbox: local\n---\nWork.\n")
        .file("agents/apart.md", "---\ndescription: x\n---\nWork.\n")
}

fn command(scene: &Scene, server: &ModelServer, agent: &str) -> std::process::Command {
    let mut command = scene.command(["run", agent, "--message", "go", "--model", "anthropic/m"]);
    command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
    command
}

/// Sends the signal; the process must end as that signal's exit code says, soon.
fn stop(running: Running, (signal, code): (Signal, i32)) -> Ran {
    running.signal(signal);
    let (ran, took) = running.wait();
    assert_eq!(ran.code(), Some(code), "{}", ran.transcript());
    assert!(took < AT_ONCE, "it took {took:?}: {}", ran.transcript());
    assert!(ran.stderr().ends_with("stopped: what was done is kept, the same command goes on\n"), "{}", ran.stderr());
    ran
}

/// The same command again completes the run, and it is the only one.
fn goes_on(scene: &Scene, server: &ModelServer, agent: &str) {
    let ran = scene.end(command(scene, server, agent));
    assert!(ran.stdout().starts_with("Done."), "{}", ran.transcript());
    assert_eq!(server.left(), 0);
    let settled = scene.log().iter().filter(|entry| entry["kind"] == "settled").count();
    assert_eq!(settled, 1, "another run was begun");
}

#[test]
fn while_the_model_streams() {
    for how in SIGNALS {
        for at in [0, 500] {
            let scene = scene();
            let stalls = answer().text("A long story begins.").end().stall_at(at);
            let server = ModelServer::start([stalls, answer().text("Done.").end()]);
            let running = scene.start(command(&scene, &server, "apart"));
            server.wait_for_stall(1);
            stop(running, how);
            goes_on(&scene, &server, "apart");
        }
    }
}

#[test]
fn while_a_retry_is_waited_for() {
    for how in SIGNALS {
        let scene = scene();
        let later = Reply::status(429).header("retry-after", "100");
        let server = ModelServer::start([later, answer().text("Done.").end()]);
        let running = scene.start(command(&scene, &server, "apart"));
        scene.wait_for_log("\"message_interrupted\"", 1);
        stop(running, how);
        goes_on(&scene, &server, "apart");
    }
}

#[test]
fn while_a_command_runs_on_this_machine() {
    for how in SIGNALS {
        let scene = scene();
        let gate = scene.gate("gate");
        let sleep = json!({ "command": "echo once >> ran.txt; sleep 100 & echo $$ > ../gate; sleep 100" });
        let server = ModelServer::start([answer().call("c1", "bash", sleep).end_tools(), answer().text("Done.").end()]);
        let running = scene.start(command(&scene, &server, "here"));
        let group = passed(gate);
        stop(running, how);
        assert!(!group_exists(&group), "something of the command is left");
        goes_on(&scene, &server, "here");
        assert_eq!(std::fs::read_to_string(scene.workspace().join("ran.txt")).unwrap(), "once\n", "it ran again");
    }
}

#[test]
fn while_a_command_runs_that_ignores_polite_signals() {
    let scene = scene();
    let gate = scene.gate("gate");
    let stubborn = json!({ "command": "trap '' TERM INT; echo $$ > ../gate; while :; do sleep 1; done" });
    let server = ModelServer::start([answer().call("c1", "bash", stubborn).end_tools(), answer().text("Done.").end()]);
    let running = scene.start(command(&scene, &server, "here"));
    let group = passed(gate);
    stop(running, SIGNALS[0]);
    assert!(!group_exists(&group), "something of the command is left");
    goes_on(&scene, &server, "here");
}

#[test]
fn while_a_command_runs_in_memory() {
    for (how, endless) in [(SIGNALS[0], "sleep 100"), (SIGNALS[1], "while true; do x=$((x+1)); done")] {
        let scene = scene();
        let call = answer().call("c1", "bash", json!({ "command": endless })).end_tools();
        let quick = answer().call("c2", "bash", json!({ "command": "true" })).end_tools();
        let server = ModelServer::start([call, quick, answer().text("Done.").end()]);
        let running = scene.start(command(&scene, &server, "apart"));
        scene.wait_for_log("\"name\":\"bash\",\"arguments\"", 1);
        stop(running, how);
        // What left nothing behind is run again, and stopped again.
        let running = scene.start(command(&scene, &server, "apart"));
        scene.wait_for_log("attempt_started", 2);
        stop(running, how);
        assert_eq!(server.requests().len(), 1, "the model was asked again while its call has no result");
    }
}

#[test]
fn the_second_signal_ends_at_once() {
    let scene = scene();
    let gate = scene.gate("gate");
    let stubborn = json!({ "command": "trap '' TERM INT; echo $$ > ../gate; while :; do sleep 1; done" });
    let server = ModelServer::start([answer().call("c1", "bash", stubborn).end_tools(), answer().text("Done.").end()]);
    let running = scene.start(command(&scene, &server, "here"));
    let group = passed(gate);
    running.signal(Signal::INT);
    let ran = stop(running, (Signal::INT, 130));
    assert!(!group_exists(&group), "something of the command is left: {}", ran.transcript());
    goes_on(&scene, &server, "here");
}

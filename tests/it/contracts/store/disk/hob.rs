//! `hob` itself on a disk that fails: it stops with what is wrong and what to do, and goes on after that.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{Strace, fill, on_small_disk, small_disk};
use crate::scene::{Ran, Scene, fixture, tape::Tape};

/// A run with a call and an answer.
fn scene() -> Scene {
    let scene = Scene::new();
    let call = json!({ "path": "tests/fixtures/hello-world/README.md" });
    Tape::new().calls([("read", call)]).says("It is seen.").write(&scene.beside("tape.jsonl"));
    scene
}

fn command(scene: &Scene, store: &str) -> Command {
    let event = fixture("github/issues.opened.json").display().to_string();
    let model = format!("replay/{}", scene.beside("tape.jsonl").display());
    let mut command = scene.command(["run", "triage", "--event", &event, "--model", &model]);
    command.env("HOB_STATE", store);
    command
}

/// The same command by way of another program.
#[expect(clippy::disallowed_methods, reason = "tests start the real program")]
fn under(strace: &Strace, command: &Command) -> Command {
    let words = strace.words();
    let mut under = Command::new(&words[0]);
    under.args(&words[1..]).arg(command.get_program()).args(command.get_args()).env_clear();
    under.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    under.current_dir(command.get_current_dir().unwrap()).stdin(std::process::Stdio::null());
    under
}

/// The same command ends as if nothing had been.
fn goes_on(scene: &Scene, store: &str, what: &str) {
    let ran = scene.end(command(scene, store));
    assert_eq!(ran.code(), Some(0), "{what}: {}", ran.transcript());
    assert!(ran.stdout().starts_with("It is seen."), "{what}: {}", ran.transcript());
}

/// It ended by itself, and said which file, and what to do.
fn is_told(ran: &Ran, moves: &str, what: &str) {
    assert_eq!(ran.code(), Some(1), "{what}: {}", ran.transcript());
    let said = ran.stderr();
    assert!(said.contains("`[SCENE]"), "{what}: names no file: {}", ran.transcript());
    assert!(said.contains(moves), "{what}: no next move: {}", ran.transcript());
    assert!(!said.contains("panicked"), "{what}: {}", ran.transcript());
}

fn at_each_sync(scheme: &str) {
    let mut failed = 0;
    for number in 1.. {
        let scene = scene();
        let store = format!("{scheme}{}", scene.beside("hob.sqlite").display());
        let Some(strace) = Strace::failing(number) else { return };
        let ran = scene.end(under(&strace, &command(&scene, &store)));
        let failures = strace.failures();
        if failures.is_empty() {
            assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
            break;
        }
        // In a file of SQLite's, one may fail that has nothing left to do.
        let failure = failures.iter().find(|failure| scheme.is_empty() || failure.loses);
        if failure.is_none() && ran.code() == Some(0) {
            continue;
        }
        let what = format!("sync {number}");
        assert!(failure.is_none_or(|failure| failure.added.is_empty()), "{what}: {failures:#?}");
        is_told(&ran, "run the same command again", &what);
        goes_on(&scene, &store, &what);
        failed += 1;
    }
    assert!(failed > 3, "only {failed}");
}

#[test]
fn a_sync_that_fails_ends_a_run_in_a_bundle_and_the_next_goes_on() {
    at_each_sync("");
}

#[test]
#[cfg(feature = "sqlite")]
fn a_sync_that_fails_ends_a_run_in_an_sqlite_file_and_the_next_goes_on() {
    at_each_sync("sqlite:");
}

#[test]
fn a_full_disk_ends_a_run_and_the_next_goes_on_when_there_is_room() {
    on_small_disk("contracts::store::disk::hob::on_a_full_disk", 8 << 20);
}

#[test]
#[ignore = "started by the test beside it"]
fn on_a_full_disk() {
    let Some(disk) = small_disk() else { return };
    for (scheme, step) in
        if cfg!(feature = "sqlite") { &[("", 4 << 10), ("sqlite:", 24 << 10)][..] } else { &[("", 4 << 10)] }
    {
        let mut failed = 0;
        for free in (0..).step_by(*step) {
            let scene = scene();
            let store = format!("{scheme}{}", scene.beside("hob.sqlite").display());
            let ballast = fill(&disk, free);
            let ran = scene.end(command(&scene, &store));
            std::fs::remove_file(Path::new(&ballast)).unwrap();
            if ran.code() == Some(0) {
                break;
            }
            let what = format!("`{scheme}` with {free} bytes");
            is_told(&ran, "room", &what);
            goes_on(&scene, &store, &what);
            failed += 1;
        }
        assert!(failed > 3, "only {failed}");
    }
}

//! What bad input gets: one clear message with the next move, the right exit code, nothing lost.

mod event;
mod kept;
mod setup;

use insta::internals::SettingsBindDropGuard;

use crate::scene::{Ran, Scene, fixture, tape::Tape};

/// A checkout with an event and a recorded conversation beside it.
fn scene() -> Scene {
    let scene = Scene::new();
    std::fs::copy(fixture("github/issues.opened.json"), scene.beside("issue.json")).unwrap();
    Tape::new().says("Seen.").write(&scene.beside("tape.jsonl"));
    scene
}

/// What is another one each time: points in time, and the ids of runs that nobody's event named.
const CHANGING: [(&str, &str); 4] = [
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[TIME]"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "[TIME]"),
    (r"run-[0-9a-f]{24}", "[RUN]"),
    (r"process \d+ on \S+ since \S+", "process [PID] on [HOST] since [TIME]"),
];

/// Leaves out of snapshots what is another one each time, until it is dropped.
fn filtered() -> SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    CHANGING.iter().for_each(|(changing, shown)| settings.add_filter(changing, *shown));
    settings.bind_to_scope()
}

/// The main job, which nothing is wrong with.
const GOOD: &str = "run triage --event ../issue.json --model replay/../tape.jsonl";

fn hob(scene: &Scene, line: &str) -> Ran {
    scene.hob(line.split_whitespace())
}

/// What each command line shows, one below the other.
fn shown(scene: &Scene, lines: &[&str]) -> String {
    lines.iter().map(|line| format!("$ hob {line}\n{}\n", unplaced(&hob(scene, line).transcript()))).collect()
}

/// Where in a file something stands depends on the length of times.
fn unplaced(text: &str) -> String {
    let mut parts = text.split("(byte ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts
        .fold(first, |shown, part| format!("{shown}(byte [N]{}", part.trim_start_matches(|c: char| c.is_ascii_digit())))
}

/// The same for one command line in several environments.
fn shown_with(scene: &Scene, line: &str, environments: &[&[(&str, &str)]]) -> String {
    let ran = |variables: &&[(&str, &str)]| {
        let mut command = scene.command(line.split_whitespace());
        command.envs(variables.iter().copied());
        let given: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        format!("$ {}hob {line}\n{}\n", given.concat(), scene.end(command).transcript())
    };
    environments.iter().map(ran).collect()
}

fn write(scene: &Scene, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(scene.beside(name), text).unwrap();
}

//! The commands that manage what is kept, on every store: what they print, and what is there then.

mod artifact;
mod hostile;
mod names;
mod round_trip;
mod terminal;
mod transcript;
mod worked_on;

use insta::internals::SettingsBindDropGuard;

use crate::scene::{Ran, Scene, fixture, tape::Tape};

/// A scene, and the URL of one store in it.
struct Kept {
    scene: Scene,
    url: String,
}

/// One scene for each kind of store, with an event and a recorded conversation beside it.
fn every_store() -> Vec<Kept> {
    let mut all = vec![scene(|scene| scene.store().display().to_string())];
    if cfg!(feature = "sqlite") {
        all.push(scene(|scene| format!("sqlite:{}", scene.beside("kept.db").display())));
    }
    #[cfg(feature = "postgres")]
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        all.extend(runtime.block_on(crate::scene::postgres::database()).map(|url| scene(|_| url)));
    }
    all
}

/// The one of bundles alone.
fn bundles() -> Kept {
    scene(|scene| scene.store().display().to_string())
}

fn scene(url: impl FnOnce(&Scene) -> String) -> Kept {
    let scene = Scene::new();
    std::fs::copy(fixture("github/issues.opened.json"), scene.beside("issue.json")).unwrap();
    Tape::new().says("Seen.").write(&scene.beside("tape.jsonl"));
    let url = url(&scene);
    Kept { scene, url }
}

/// The main job, which nothing is wrong with.
const ISSUE: &str = "run triage --event ../issue.json --model replay/../tape.jsonl";

/// A run without an event.
const HELLO: &str = "run triage --message hello --model replay/../tape.jsonl";

impl Kept {
    /// `hob …` on the store.
    fn hob(&self, line: &str) -> Ran {
        self.scene.end(self.command(line))
    }

    fn command(&self, line: &str) -> std::process::Command {
        let mut command = self.scene.command(line.split_whitespace());
        command.env("HOB_STATE", &self.url);
        command
    }

    /// One run that is settled, one that was killed.
    fn worked(self) -> Self {
        assert_eq!(self.hob(ISSUE).code(), Some(0), "{}", self.hob(ISSUE).transcript());
        let mut killed = self.command(HELLO);
        killed.env("HOB_FAILPOINT", "appended:1");
        assert_eq!(self.scene.end(killed).code(), None, "it was not killed");
        self
    }

    /// What each command line shows, one below the other; the store as `[STORE]`.
    fn shown(&self, lines: &[&str]) -> String {
        let name = self.hob("runs --session nobody").stderr();
        let name = name.split('`').nth(1).unwrap().to_owned();
        let shown = |line: &&str| format!("$ hob {line}\n{}\n", self.hob(line).transcript());
        lines.iter().map(shown).collect::<String>().replace(&name, "[STORE]")
    }
}

/// What is another one each time: points in time, and the ids of runs that nobody's event named.
const CHANGING: [(&str, &str); 6] = [
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[TIME]"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "[TIME]"),
    (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]"),
    (r"run-[0-9a-f]{24}", "[RUN]"),
    (r"process \d+ on \S+ since \S+", "process [PID] on [HOST] since [TIME]"),
    (r"the operator on [^\s,\x22]+", "the operator on [HOST]"),
];

/// Leaves out of snapshots what is another one each time, until it is dropped.
fn filtered() -> SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    CHANGING.iter().for_each(|(changing, shown)| settings.add_filter(changing, *shown));
    // How long a log is depends on the length of times.
    settings.add_filter(r" +\d+ KiB", " [N] KiB");
    settings.add_filter(r#""log_bytes":\d+"#, r#""log_bytes":[N]"#);
    settings.bind_to_scope()
}

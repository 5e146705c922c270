//! Kill the real process wherever it can die; the next one carries on.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use hob::store::Store;
use hob::telemetry::failpoint::{self, Failpoints};
use serde_json::json;

use crate::scene::later::{listing, restored};
use crate::scene::{Scene, fixture, tape::Tape};

/// A run that reads, writes, searches and proposes, so that every kind of entry of a run is there.
fn scene() -> Scene {
    let scene = Scene::new();
    let status = json!({ "body": "The word is spelled wrong in line 9." });
    Tape::new()
        .calls([("activate_skill", json!({ "name": "triage" })), ("glob", json!({ "pattern": "**/README.md" }))])
        .calls([
            ("read", json!({ "path": "tests/fixtures/hello-world/README.md" })),
            ("bash", json!({ "command": "echo one >> notes.txt" })),
            ("bash", json!({ "command": "echo two >> notes.txt; cat notes.txt" })),
            ("bash", json!({ "command": "mkdir drafts; echo one > drafts/one; mv tests moved" })),
        ])
        .calls([("bash", json!({ "command": "rm -r drafts; echo last > drafts; mkdir tests" }))])
        .calls([("propose_status", status), ("propose_label", json!({ "add": ["bug"] }))])
        .says("Line 9 says `committ`.")
        .write(&scene.beside("tape.jsonl"));
    scene
}

fn arguments(scene: &Scene) -> Vec<String> {
    let event = fixture("github/issues.opened.json").display().to_string();
    let model = format!("replay/{}", scene.beside("tape.jsonl").display());
    ["run", "triage", "--event", &event, "--model", &model].map(str::to_owned).to_vec()
}

/// What must be the same however often the process died: the answer and the plan, the files as a
/// later run finds them, and one result for each call.
#[derive(Debug, PartialEq)]
struct End {
    stdout: String,
    files: BTreeMap<String, String>,
    results: BTreeMap<String, Vec<String>>,
}

fn end(scene: &Scene) -> End {
    let ran = scene.hob(arguments(scene));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let mut results: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in scene.log() {
        let body = &entry["body"];
        if entry["kind"] == "tool_result" {
            let content = body["content"].as_str().unwrap().to_owned();
            results.entry(body["call"].as_str().unwrap().to_owned()).or_default().push(content);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let files = runtime.block_on(async {
        let store = Store::bundles(scene.bundle().parent().unwrap(), Failpoints::default());
        let instance = store.list().await.unwrap().pop().unwrap().manifest.unwrap().instance;
        let mut kept = store.peek(&instance).await.unwrap().unwrap();
        let entries = std::mem::take(&mut kept.entries);
        let sandbox = restored(&entries, Some(&scene.workspace()), &mut kept).await.unwrap();
        listing(&*sandbox).await
    });
    End { stdout: ran.stdout(), files, results }
}

/// Runs with a failpoint armed; whether the process was killed there.
fn killed(scene: &Scene, failpoint: &str) -> bool {
    let mut command = scene.command(arguments(scene));
    let status = command.env("HOB_FAILPOINT", failpoint).output().unwrap().status;
    match status.signal() {
        Some(9) => true,
        _ if status.success() => false,
        _ => panic!("{failpoint}: {status}"),
    }
}

#[test]
fn killed_after_each_appended_entry_a_run_ends_as_if_undisturbed() {
    let undisturbed = end(&scene());
    assert!(undisturbed.results.values().all(|results| results.len() == 1), "{undisturbed:#?}");
    let paths: Vec<&str> = undisturbed.files.keys().map(String::as_str).collect();
    let expected = [
        "/tmp/home",
        "/workspace/drafts",
        "/workspace/moved",
        "/workspace/moved/fixtures",
        "/workspace/moved/fixtures/hello-world",
        "/workspace/moved/fixtures/hello-world/README.md",
        "/workspace/notes.txt",
        "/workspace/tests",
    ];
    assert_eq!(paths, expected);
    assert_eq!(undisturbed.files["/workspace/notes.txt"], r"644 one\ntwo\n");
    let mut kills = 0;
    while kills < 100 {
        let scene = scene();
        if !killed(&scene, &format!("appended:{}", kills + 1)) {
            break;
        }
        kills += 1;
        assert_eq!(end(&scene), undisturbed, "killed after append {kills}");
    }
    assert!(kills >= 10, "only {kills} boundaries were met");
}

#[test]
fn killed_at_every_failpoint_a_run_ends_as_if_undisturbed() {
    let undisturbed = end(&scene());
    // On a laptop nothing is sent, nothing travels, and nothing comes back; and this is over soon.
    let elsewhere = [
        failpoint::BESIDE,
        failpoint::TASKS,
        failpoint::COMPACTION,
        failpoint::EFFECTS,
        failpoint::TRAVELS,
        failpoint::RETURNS,
    ]
    .concat();
    for name in failpoint::ALL.iter().filter(|name| !elsewhere.contains(name)) {
        let scene = scene();
        assert!(killed(&scene, &format!("{name}:1")), "`{name}` is never met");
        assert_eq!(end(&scene), undisturbed, "killed at `{name}`");
    }
}

/// Where a run is killed whose conversation outgrows the window, and one that hands out tasks.
pub(crate) fn killed_at() -> [&'static [&'static str]; 2] {
    [failpoint::COMPACTION, failpoint::TASKS]
}

#[test]
fn killed_within_a_compaction_a_run_ends_as_if_undisturbed() {
    let scene = || {
        let scene = Scene::new();
        let agent = "---\ndescription: x\ncompaction: { window: 1500 }\n---\nWork.\n";
        let scene = scene.file("agents/triage.md", agent).file("notes.txt", &"Notes.\n".repeat(500));
        Tape::new()
            .calls([("read", json!({ "path": "notes.txt" }))])
            .calls([("glob", json!({ "pattern": "*.txt" }))])
            .summarises("## Status\nThe notes are read.")
            .says("All is well.")
            .write(&scene.beside("tape.jsonl"));
        scene
    };
    let undisturbed = end(&scene());
    assert!(undisturbed.stdout.contains("All is well."), "{}", undisturbed.stdout);
    for name in failpoint::COMPACTION {
        let scene = scene();
        assert!(killed(&scene, &format!("{name}:1")), "`{name}` is never met");
        assert_eq!(end(&scene), undisturbed, "killed at `{name}`");
        let compactions = scene.log().iter().filter(|entry| entry["kind"] == "compaction").count();
        assert_eq!(compactions, 1, "killed at `{name}`");
    }
}

/// Three tasks, two of them at once and the third one handed on; each changes files.
fn with_tasks() -> Scene {
    let scene = Scene::new()
        .file("agents/triage.md", "---\ndescription: x\nsubagents: [finder, mender]\n---\nWork.\n")
        .file("agents/finder.md", "---\ndescription: Finds.\n---\nFind.\n")
        .file("agents/mender.md", "---\ndescription: Mends.\nsubagents: [finder]\n---\nMend.\n");
    let task = |agent: &str, prompt: &str| ("task", json!({ "agent": agent, "prompt": prompt }));
    let line = |words: &str| ("bash", json!({ "command": format!("echo {words} >> {words}.txt; cat *.txt | wc -l") }));
    Tape::new()
        .calls([task("finder", "Find it."), task("mender", "Mend it.")])
        .task("task-1", |tape| tape.calls([line("found")]).calls([line("again")]).says("It is in line 9."))
        .task("task-2", |tape| tape.calls([task("finder", "Where?"), line("mended")]).says("It is mended."))
        .task("task-2.1", |tape| tape.calls([line("deeper")]).says("There."))
        .calls([line("all")])
        .says("Line 9 is mended.")
        .write(&scene.beside("tape.jsonl"));
    scene
}

#[test]
fn killed_anywhere_while_tasks_are_worked_on_a_run_ends_as_if_undisturbed() {
    // Who is at work beside a task sees more or less of what it did.
    let end = |scene: &Scene| {
        let mut end = end(scene);
        for results in end.results.values_mut() {
            results.iter_mut().for_each(|result| result.retain(|c| !c.is_ascii_digit()));
        }
        end
    };
    let undisturbed = end(&with_tasks());
    assert!(undisturbed.results.values().all(|results| results.len() == 1), "{undisturbed:#?}");
    assert_eq!(undisturbed.results.len(), 8, "{undisturbed:#?}");
    for words in ["found", "again", "mended", "deeper", "all"] {
        let path = format!("/workspace/{words}.txt");
        assert_eq!(undisturbed.files[&path], format!("644 {words}\\n"));
    }
    let mut kills = 0;
    while kills < 200 {
        let scene = with_tasks();
        if !killed(&scene, &format!("appended:{}", kills + 1)) {
            break;
        }
        kills += 1;
        assert_eq!(end(&scene), undisturbed, "killed after append {kills}");
    }
    assert!(kills >= 20, "only {kills} boundaries were met");
    for name in [failpoint::TASKS, &[failpoint::TOOL_RUNNING, failpoint::TOOL_RAN, failpoint::STREAMING]].concat() {
        for nth in 1..=2 {
            let scene = with_tasks();
            let met = killed(&scene, &format!("{name}:{nth}"));
            assert!(met, "`{name}` is never met {nth} times");
            assert_eq!(end(&scene), undisturbed, "killed at `{name}`, {nth}");
        }
    }
}

#[test]
fn what_tasks_changed_is_there_for_the_next_run_of_the_same_process() {
    let scene = Scene::new()
        .file("agents/triage.md", "---\ndescription: x\nsubagents: [mender]\n---\nWork.\n")
        .file("agents/mender.md", "---\ndescription: Mends.\n---\nMend.\n");
    let bash = |command: &str| ("bash", json!({ "command": command }));
    Tape::new()
        .calls([bash("echo one > kept.txt; echo one > gone.txt")])
        .calls([("task", json!({ "agent": "mender", "prompt": "Mend." }))])
        .task("task-1", |tape| {
            tape.calls([bash("echo two >> kept.txt; rm gone.txt; echo new > made.txt")]).says("Done.")
        })
        .says("First.")
        .next_run()
        .calls([bash("echo three >> kept.txt; head *.txt")])
        .says("Second.")
        .write(&scene.beside("tape.jsonl"));
    let model = format!("replay/{}", scene.beside("tape.jsonl").display());
    let run = |message: &str| ["run", "triage", "--message", message, "--model", &model].map(str::to_owned).to_vec();
    let mut command = scene.command(run("First."));
    let status = command.env("HOB_FAILPOINT", format!("{}:1", failpoint::TASKS_BEGUN)).output().unwrap().status;
    assert_eq!(status.signal(), Some(9));
    // One process works on both.
    let ran = scene.hob(run("Second."));
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    let mut results = scene.log().into_iter().filter(|entry| entry["kind"] == "tool_result");
    let last = results.next_back().unwrap()["body"]["content"].as_str().unwrap().to_owned();
    assert_eq!(last.trim(), "==> kept.txt <==\none\ntwo\nthree\n\n==> made.txt <==\nnew");
}

#[test]
fn killed_again_and_again_a_run_still_ends_once() {
    let undisturbed = end(&scene());
    let scene = scene();
    // Each life gets one append further than the last; nine of them fit into the attempts of a run.
    for _ in 0..9 {
        if !killed(&scene, "appended:2") {
            break;
        }
    }
    assert_eq!(end(&scene), undisturbed);
}

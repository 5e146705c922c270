//! Stores and what is in them.

use super::*;
use crate::scene::model_server::{KEY, ModelServer, answer};

/// A finished run whose log can then be damaged.
fn finished() -> Scene {
    let scene = scene();
    assert_eq!(hob(&scene, GOOD).code(), Some(0));
    scene
}

#[test]
fn a_store_that_cannot_be_one() {
    let _filters = filtered();
    let scene = scene();
    std::os::unix::fs::symlink(scene.workspace(), scene.beside("link")).unwrap();
    write(&scene, "file", "");
    insta::assert_snapshot!(shown(&scene, &[
        &format!("{GOOD} --store ."),
        &format!("{GOOD} --store sessions"),
        &format!("{GOOD} --store ../link/sessions"),
        &format!("{GOOD} --store sqlite:hob.db"),
        &format!("{GOOD} --store ../file"),
        &format!("{GOOD} --store ../file/below"),
        "runs --store ../file",
        "show x --store ../file",
    ]), @"
    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store .
    exit 2
    --- stdout
    --- stderr
    error: the store `[SCENE]/work` is inside the workspace `[SCENE]/work`, where the agent could read and change it; name a directory outside with `--store` or HOB_STATE

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store sessions
    exit 2
    --- stdout
    --- stderr
    error: the store `[SCENE]/work/sessions` is inside the workspace `[SCENE]/work`, where the agent could read and change it; name a directory outside with `--store` or HOB_STATE

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store ../link/sessions
    exit 2
    --- stdout
    --- stderr
    error: the store `[SCENE]/work/sessions` is inside the workspace `[SCENE]/work`, where the agent could read and change it; name a directory outside with `--store` or HOB_STATE

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store sqlite:hob.db
    exit 2
    --- stdout
    --- stderr
    error: the store `[SCENE]/work/hob.db` is inside the workspace `[SCENE]/work`, where the agent could read and change it; name a directory outside with `--store` or HOB_STATE

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store ../file
    exit 2
    --- stdout
    --- stderr
    error: the store `[SCENE]/file` is not a directory; give one with `--store` or HOB_STATE, or `sqlite:FILE`

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --store ../file/below
    exit 2
    --- stdout
    --- stderr
    error: cannot find out where `../file/below` is: Not a directory (os error 20); give another directory with `--store` or HOB_STATE

    $ hob runs --store ../file
    exit 2
    --- stdout
    --- stderr
    error: the store `../file` is not a directory; give one with `--store` or HOB_STATE, or `sqlite:FILE`

    $ hob show x --store ../file
    exit 2
    --- stdout
    --- stderr
    error: the store `../file` is not a directory; give one with `--store` or HOB_STATE, or `sqlite:FILE`
    ");
    let left: Vec<_> = std::fs::read_dir(scene.workspace()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["tests"], "something was stored in the workspace");
    let mut homeless = scene.command(GOOD.split_whitespace());
    homeless.env_remove("HOME").env_remove("HOB_STATE");
    insta::assert_snapshot!(scene.end(homeless).transcript(), @r"
    exit 2
    --- stdout
    --- stderr
    error: there is no home directory to keep sessions in; name a directory with `--store` or HOB_STATE
    ");
}

#[test]
fn a_torn_tail_is_cut_off_and_the_run_goes_on() {
    let _filters = filtered();
    let scene = finished();
    let log = scene.bundle().join("log.jsonl");
    let whole = std::fs::read(&log).unwrap();
    std::fs::write(&log, [&whole, &b"{\"seq\":9,\"epo"[..]].concat()).unwrap();
    Tape::new().says("Seen.").next_run().says("Seen again.").write(&scene.beside("tape.jsonl"));
    let again = format!("{GOOD} --again");
    insta::assert_snapshot!(shown(&scene, &["runs", &again]), @"
    $ hob runs
    exit 0
    --- stdout
    admitted (UTC)    run                           state         tokens  what
    [TIME]  [RUN]  completed       1050  Codertocat/Hello-World#1 (triage)
    --- stderr

    $ hob run triage --event ../issue.json --model replay/../tape.jsonl --again
    exit 0
    --- stdout
    Seen again.

    plan: no effects on Codertocat/Hello-World#1
    --- stderr
    `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/log.jsonl` ended in the middle of a write: cut 13 bytes off after line 7
    authority: not asked, you are the operator
    [RUN]: attempt 1, replay/../tape.jsonl, sandbox virtual: in memory, on a copy of the working directory's files; no network, no processes
    turn 1: 1000 tokens in, 50 out
    ");
    assert!(std::fs::read(&log).unwrap().starts_with(&whole), "more was cut than was torn");
}

#[test]
fn a_damaged_record_is_refused_with_its_place_and_hides_no_other_session() {
    let _filters = filtered();
    let scene = finished();
    let log = scene.bundle().join("log.jsonl");
    let damaged = std::fs::read_to_string(&log).unwrap().replace("Seen.", "Sewn.");
    std::fs::write(&log, &damaged).unwrap();
    let other = hob(&scene, "run triage --message hi --model replay/../tape.jsonl");
    assert_eq!(other.code(), Some(0), "{}", other.transcript());
    insta::assert_snapshot!(shown(&scene, &[GOOD, "runs", "show Codertocat/Hello-World#1", "show default"]), @r"
    $ hob run triage --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/log.jsonl` is damaged: line 6 (byte [N]) does not match its checksum; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew

    $ hob runs
    exit 2
    --- stdout
    admitted (UTC)    run                           state         tokens  what
    [TIME]  [RUN]  completed       1050  default (triage)
    --- stderr
    error: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/log.jsonl` is damaged: line 6 (byte [N]) does not match its checksum; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew

    $ hob show Codertocat/Hello-World#1
    exit 2
    --- stdout
    --- stderr
    error: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/log.jsonl` is damaged: line 6 (byte [N]) does not match its checksum; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew

    $ hob show default
    exit 0
    --- stdout
    default (triage)

    [TIME]     0  session   local/0/local/default/triage (log version 1, hob 0.1.0)
    [TIME]     1  attempt   1 of [RUN] with replay/../tape.jsonl; virtual: in memory, on a copy of the w…
    [TIME]     2  input     hi
    [TIME]     3  prompt    2939 bytes; tools read, grep, glob, bash, activate_skill, read_skill_resource, propose_status, prop…
    [TIME]     4  task      51 bytes
    [TIME]     5  model     Seen.  (1000 tokens in, 50 out)
    [TIME]     6  settled   [RUN]: completed (1000 tokens in, 50 out)
    --- stderr
    ");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), damaged, "what is damaged was changed");
}

#[test]
fn a_bundle_of_a_newer_version_is_left_alone() {
    let _filters = filtered();
    let scene = finished();
    let manifest = scene.bundle().join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut newer: serde_json::Value = serde_json::from_str(&text).unwrap();
    newer["format"] = "bundle-v2".into();
    std::fs::write(&manifest, newer.to_string()).unwrap();
    insta::assert_snapshot!(shown(&scene, &[GOOD, "runs", "show Codertocat/Hello-World#1"]), @"
    $ hob run triage --event ../issue.json --model replay/../tape.jsonl
    exit 2
    --- stdout
    --- stderr
    error: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/manifest.json` was written by a newer hob (format `bundle-v2`); use that version or a later one

    $ hob runs
    exit 2
    --- stdout
    --- stderr
    error: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/manifest.json` was written by a newer hob (format `bundle-v2`); use that version or a later one

    $ hob show Codertocat/Hello-World#1
    exit 2
    --- stdout
    --- stderr
    error: nothing that can be read in `[SCENE]/state` is called `Codertocat/Hello-World#1`, but it may be in what cannot be read: `[SCENE]/state/hob-0e16ace8e873f13ae14d4e02305b7db9/manifest.json` was written by a newer hob (format `bundle-v2`); use that version or a later one
    ");
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), newer.to_string());
}

#[test]
fn a_second_process_is_told_who_works_on_the_instance() {
    let _filters = filtered();
    let scene = scene();
    let server = ModelServer::start([answer().text("Slowly").end().stall_at(0)]);
    let mut command = scene.command("run triage --event ../issue.json --model anthropic/m".split_whitespace());
    command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &server.url);
    let first = scene.start(command);
    server.wait_for_stall(1);
    let pid = format!("process {} on ", first.id());
    let second = hob(&scene, GOOD);
    assert!(second.stderr().contains(&pid), "{}", second.transcript());
    insta::assert_snapshot!(second.transcript(), @r"
    exit 1
    --- stdout
    --- stderr
    error: this instance is worked on by process [PID] on [HOST] since [TIME] (hob run triage); wait until it is done, or stop it
    ");
    // Looking is allowed meanwhile.
    let runs = hob(&scene, "runs");
    assert!(runs.stdout().contains("unfinished"), "{}", runs.transcript());
}

#[test]
fn looking_for_what_is_not_there() {
    let _filters = filtered();
    let scene = scene();
    insta::assert_snapshot!(shown(&scene, &["runs", "runs --json", "show Codertocat/Hello-World#1"]), @r"
    $ hob runs
    exit 0
    --- stdout
    --- stderr
    nothing is kept in `[SCENE]/state`

    $ hob runs --json
    exit 0
    --- stdout
    --- stderr

    $ hob show Codertocat/Hello-World#1
    exit 2
    --- stdout
    --- stderr
    error: nothing kept in `[SCENE]/state` is called `Codertocat/Hello-World#1`; `hob sessions` lists what is
    ");
    assert!(!scene.store().exists(), "looking made a store");
    // Two agents on one thread.
    let scene = finished().file("agents/second.md", "---\ndescription: x\n---\nLook.\n");
    assert_eq!(hob(&scene, "run second --event ../issue.json --model replay/../tape.jsonl").code(), Some(0));
    insta::assert_snapshot!(shown(&scene, &["show Codertocat/Hello-World#1", "show run-0"]), @r"
    $ hob show Codertocat/Hello-World#1
    exit 2
    --- stdout
    --- stderr
    error: `Codertocat/Hello-World#1` could be `github.com/186853002/issue/1/second` or `github.com/186853002/issue/1/triage`; give one of these

    $ hob show run-0
    exit 2
    --- stdout
    --- stderr
    error: nothing kept in `[SCENE]/state` is called `run-0`; `hob sessions` lists what is
    ");
}

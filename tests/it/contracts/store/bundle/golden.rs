//! `tests/fixtures/bundle-v1`: written by the first version, read by every later one, for ever.
//!
//! The files there never change again. A later version may write other bytes, and then the test
//! that compares them goes; the tests that read them stay.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};

use hob::domain::clock::Clock;
use hob::session::journal::Journal;
use hob::store::Draft;
use hob::telemetry::redact::Redactor;

use super::*;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-v1")
}

/// The keys of a status, a comment and a label.
const KEYS: [&str; 3] =
    ["00112233445566778899aabbccddeeff", "102132435465768798a9bacbdcedfe0f", "20314253647586978a9bacbdcedf0e1f"];

/// One transaction each: what a run says before anything goes wrong, in the spelling of the first
/// version, with every field there is.
fn until_the_tools(blob: &str) -> Vec<Vec<(&'static str, String)>> {
    let run = event_run().id;
    let task = serde_json::to_string(&event_run().task).unwrap();
    let sentences = [
        vec![(
            "attempt_started",
            format!(
                r#"{{"run":"{run}","attempt":1,"hob":"0.1.0","model":"replay/x","sandbox":"virtual: in memory"}}"#
            ),
        )],
        vec![(
            "input",
            format!(
                r#"{{"run":"{run}","event_key":"github.com/700100/issues/42/opened","task":{task},"marker":"5f0c"}}"#
            ),
        )],
        vec![(
            "prompt",
            concat!(
                r#"{"system":"You triage.\n","environment":"Today is 2026-03-01.","tools":[{"name":"read","#,
                r#""description":"Reads a file.","parameters":{ "type": "object", "properties": {"path": {"type":"string"}} }}],"#,
                r#""agent_digest":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","thinking":"xhigh"}"#
            )
            .to_owned(),
        )],
        vec![
            ("note", r#"{"text":"the label list changed"}"#.to_owned()),
            (
                "message",
                r#"{"role":"user","text":"<untrusted 5f0c>\"It\" crashes \\o/ ü 🎉\u0000</untrusted 5f0c>"}"#.to_owned(),
            ),
        ],
        vec![(
            "message",
            concat!(
                r#"{"role":"assistant","blocks":[{"type":"reasoning","text":"hm","signature":"c2ln"},"#,
                r#"{"type":"reasoning","text":"","signature":"b3BhcXVl","redacted":true},{"type":"text","text":"I look."},"#,
                r#"{"type":"call","id":"toolu_1","name":"read","arguments":"{\"path\": \"a.rs\"}"},"#,
                r#"{"type":"call","id":"toolu_2","name":"task","arguments":"{}"}],"stop":"tools","#,
                r#""model":"anthropic/claude-sonnet-5","usage":{"input":12,"output":34,"cache_read":56,"cache_write":78},"#,
                r#""request":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#
            )
            .to_owned(),
        )],
        vec![
            (
                "workspace_delta",
                format!(
                    concat!(
                        r#"{{"changes":[{{"path":"/workspace/a.rs","now":{{"file":{{"blob":"{blob}","mode":420}}}}}},"#,
                        r#"{{"path":"/workspace/b","now":"directory"}},{{"path":"/workspace/c","now":{{"link":{{"target":"a.rs"}}}}}},"#,
                        r#"{{"path":"/workspace/d","now":"gone"}}]}}"#
                    ),
                    blob = blob
                ),
            ),
            (
                "tool_result",
                r#"{"call":"toolu_1","name":"read","content":"no such file","is_error":true}"#.to_owned(),
            ),
        ],
        vec![("child_session", r#"{"session":"task-1","call":"toolu_2"}"#.to_owned())],
    ];
    sentences.into()
}

/// One transaction: all that is left of the kinds, after a compaction whose first kept entry is
/// the answer of the model.
fn after_the_overflow(answer: Seq) -> Vec<(&'static str, String)> {
    let run = event_run().id;
    let [status, comment, label] = KEYS;
    let second = super::run("second").id;
    let proposed = |key: &str, ordinal: u32, write: &str| {
        ("effect_proposed", format!(r#"{{"key":"{key}","run":"{run}","ordinal":{ordinal},"write":{write}}}"#))
    };
    vec![
        (
            "compaction",
            format!(
                concat!(
                    r#"{{"summary":"It crashes.","first_kept":{answer},"tokens_before":190000,"files_read":["a.rs"],"#,
                    r#""files_changed":["b.rs"]}}"#
                ),
                answer = answer
            ),
        ),
        (
            "usage",
            r#"{"purpose":"compaction","usage":{"input":1,"output":2,"cache_read":3,"cache_write":4}}"#.to_owned(),
        ),
        ("run_joined", format!(r#"{{"run":"{second}","task":{{"message":"second","input":{{"depth":[1.5,null]}}}}}}"#)),
        ("abort_seen", r#"{"by":"octocat (583231)"}"#.to_owned()),
        proposed(status, 0, r#"{"kind":"status","body":"Looking."}"#),
        proposed(comment, 0, r#"{"kind":"comment","body":"Thanks."}"#),
        proposed(label, 0, r#"{"kind":"label","add":["bug"],"remove":["new"]}"#),
        ("effect_refused", format!(r#"{{"run":"{run}","kind":"label","reason":"`wontfix` is not allowed"}}"#)),
        ("approval", format!(r#"{{"key":"{comment}","by":583231}}"#)),
        ("effect_applied", format!(r#"{{"key":"{comment}","object":"2200112233"}}"#)),
        ("effect_applied", format!(r#"{{"key":"{label}"}}"#)),
        ("state", r#"{"name":"seen","value":{"issues": [42, 1e3]}}"#.to_owned()),
        // Brought by some later version: kept, and skipped.
        ("hologram", r#"{ "of": ["a", "newer", "hob"] }"#.to_owned()),
    ]
}

/// One of each outcome that a run may have.
fn outcomes() -> Vec<(Run, String)> {
    let usage = r#""usage":{"input":12,"output":34,"cache_read":56,"cache_write":78}"#;
    let joined = event_run().id;
    [
        (
            event_run(),
            r#""outcome":"completed","limited":"turns","message":"A bug.","result":{"severity":"low"}"#.to_owned(),
        ),
        (run("second"), format!(r#""outcome":"joined","into":"{joined}","message":"""#)),
        (run("third"), r#""outcome":"failed","reason":"no key for `anthropic`","message":"""#.to_owned()),
        (run("fourth"), r#""outcome":"aborted","by":"octocat","message":"""#.to_owned()),
        (run("fifth"), format!(r#""outcome":"superseded","by":"{joined}","message":"""#)),
        (run("sixth"), r#""outcome":"completed","message":"Done.""#.to_owned()),
    ]
    .into_iter()
    .map(|(run, fields)| {
        let cost = if run.id == joined { r#","cost_nano_usd":1234567"# } else { "" };
        let json = format!(r#"{{"run":"{}",{fields},{usage}{cost}}}"#, run.id);
        (run, json)
    })
    .collect()
}

fn event_run_task() -> Task {
    let actor = json!({ "id": 583231, "login": "octocat", "kind": "user" });
    let task = json!({ "event": {
        "forge": "github", "host": "github.com",
        "repository": { "id": 700100, "path": "acme/widgets", "visibility": "public" },
        "kind": "comment", "action": "created", "actor": actor,
        "thread": { "kind": "issue", "number": 42, "title": "It crashes", "body": "See \"log\".\r\n", "author": actor,
                    "labels": ["new"], "state": "open" },
        "comment": { "id": 99, "author": actor, "body": "/hob triage", "path": "a.rs", "internal": true },
        "change": { "head": { "sha": "aa", "branch": "fix" }, "base": { "sha": "bb", "branch": "main" },
                    "is_fork": true, "draft": true },
        "label": "bug", "at": "2026-03-01T08:59:58Z", "key": "github.com/700100/issues/42/opened",
    } });
    serde_json::from_value(task).unwrap()
}

fn event_run() -> Run {
    let event_key = EventKey::from_parts(["github.com", "700100", "issues", "42", "opened"]);
    Run {
        id: RunId::derive(&instance(), &event_key, Some("2")),
        attempt_tag: Some("2".into()),
        event_key,
        task: event_run_task(),
        ..run("")
    }
}

fn bodies(spoken: Vec<(&'static str, String)>) -> Vec<Body> {
    spoken.into_iter().map(|(kind, json)| body(kind, json)).collect()
}

/// Plays the golden bundle into a directory, a second for each transaction.
fn write(root: &Path) {
    let place = place(root);
    let mut log = place.open().log;
    place.admit_run(&event_run());
    place.admit("second");
    let seconds = AtomicI64::new(2);
    let fence = place.run(log.claim(at(2))).unwrap().0;
    let mut journal = Journal {
        log: Box::new(log).into(),
        fence,
        session: SessionId::default(),
        leaf: Seq(0),
        actor: None,
        redactor: Redactor::default(),
        clock: Clock::new(move || at(seconds.fetch_add(1, Ordering::Relaxed))),
        failpoints: Failpoints::default(),
    };
    let digest = place.run(journal.put_blob(b"fn main() {}\n\xff")).unwrap();
    for transaction in until_the_tools(&digest) {
        place.run(journal.append(bodies(transaction))).unwrap();
    }
    let child: SessionId = serde_json::from_str("\"task-1\"").unwrap();
    let in_child = Draft::new(child, journal.leaf, note("in the child"), &Redactor::default()).unwrap();
    place.run(async { journal.log.lock().await.append(journal.fence, vec![in_child], at(9)).await }).unwrap();
    let result = r#"{"call":"toolu_2","name":"task","content":"done"}"#;
    let kept = place.run(journal.append(vec![body("tool_result", result)])).unwrap()[0].seq;
    let cut = r#"{"reason":"the connection was cut","partial":"I th"}"#;
    place.run(journal.append(vec![body("message_interrupted", cut)])).unwrap();
    place.run(journal.move_leaf(kept, "the context was too long")).unwrap();
    place.run(journal.append(bodies(after_the_overflow(Seq(6))))).unwrap();

    let claim =
        |journal: &Journal| place.run(async { journal.log.lock().await.claim(journal.clock.now()).await }).unwrap().0;
    for (n, (run, json)) in outcomes().into_iter().enumerate() {
        if n > 0 {
            place.admit_run(&run);
            journal.fence = claim(&journal);
        }
        let Body::Settled(settled) = body("settled", json) else { unreachable!() };
        place.run(journal.settle(vec![], settled)).unwrap();
    }
    // One that is begun, and one that is left queued.
    place.admit("seventh");
    journal.fence = claim(&journal);
    place.run(journal.append(vec![started(&run("seventh"), 1)])).unwrap();
    place.admit("eighth");
}

pub(in crate::contracts::store) fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for member in fs::read_dir(dir).unwrap() {
        let path = member.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push((PathBuf::from(path.file_name().unwrap()), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

fn files_below(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let name = PathBuf::from(dir.file_name().unwrap());
    files(dir).into_iter().map(|(path, content)| (name.join(path), content)).collect()
}

#[test]
fn the_golden_bundle_is_read_whole() {
    let mut golden = place(&fixture()).peek();
    assert_eq!(golden.manifest.instance, instance());
    assert_eq!(golden.manifest.epoch, Epoch(7));
    let states: Vec<String> = golden
        .runs()
        .map(|(_, state)| match state {
            State::Queued => "queued".to_owned(),
            State::Running => "running".to_owned(),
            State::Settled(outcome) => outcome.to_string(),
        })
        .collect();
    let first = event_run().id;
    assert_eq!(
        states,
        [
            "completed, limited by turns",
            &format!("joined {first}"),
            "failed: no key for `anthropic`",
            "aborted by octocat",
            &format!("superseded by {first}"),
            "completed",
            "running",
            "queued",
        ]
    );
    assert_eq!(golden.runs().next().unwrap().0, &event_run());
    let blob = golden.entries.iter().find_map(|entry| match &entry.body {
        Body::WorkspaceDelta(delta) => {
            Some(serde_json::to_value(delta).unwrap()["changes"][0]["now"]["file"]["blob"].clone())
        }
        _ => None,
    });
    let content = place(&fixture()).run(golden.blob(blob.unwrap().as_str().unwrap())).unwrap();
    assert_eq!(&*content, b"fn main() {}\n\xff");
}

#[test]
fn the_golden_bundle_has_every_kind_and_each_body_is_written_again_to_the_byte() {
    let golden = place(&fixture()).peek();
    let kinds: BTreeSet<&str> = golden.entries.iter().map(|entry| entry.body.kind()).collect();
    // A kind that a later version adds is not in the first version's bundle: leave it out here.
    for kind in Body::KINDS {
        assert!(kinds.contains(kind), "`{kind}` is missing");
    }
    let log = fs::read_to_string(dir(&fixture()).join("log.jsonl")).unwrap();
    for (line, entry) in log.lines().zip(&golden.entries) {
        let written = format!(r#","kind":"{}","body":{},"sum":""#, entry.body.kind(), entry.body.write().unwrap());
        assert!(line.contains(&written), "line {}: {written}", entry.seq.0 + 1);
    }
}

#[test]
fn work_goes_on_in_a_copy_of_the_golden_bundle() {
    let root = tempfile::tempdir().unwrap();
    let copy = dir(root.path());
    for (path, content) in files(&dir(&fixture())) {
        fs::create_dir_all(copy.join(&path).parent().unwrap()).unwrap();
        fs::write(copy.join(path), content).unwrap();
    }
    let (mut writer, notes_of_opening) = open(root.path()).unwrap();
    assert!(notes_of_opening.is_empty());
    let claim = writer.take().unwrap();
    assert_eq!((claim.run, claim.fence, claim.resumed), (run("seventh"), Epoch(8), true));
    writer.settle(claim.fence, [settled(&run("seventh"))]).unwrap();
}

#[test]
fn this_version_still_writes_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    write(root.path());
    let (written, golden) = (files(&dir(root.path())), files(&dir(&fixture())));
    assert_eq!(written.len(), golden.len());
    for ((path, written), (golden_path, golden)) in written.into_iter().zip(golden) {
        assert_eq!(path, golden_path);
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&golden), "{}", path.display());
    }
}

/// Run once, by hand, for the first version.
#[test]
#[ignore = "the fixture is written once and never again"]
fn write_the_golden_bundle() {
    assert!(!dir(&fixture()).exists(), "the golden bundle never changes");
    fs::create_dir_all(fixture()).unwrap();
    write(&fixture());
    fs::remove_file(fixture().join(format!("{}.lock", instance().external()))).unwrap();
}

//! `tests/fixtures/bundle-v1-effects`: the first rows about effects, read by every later version,
//! for ever. The files there never change again.

use std::fs;

use sha2::{Digest as _, Sha256};

use super::golden::files;
use super::*;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-v1-effects")
}

/// Every kind of write and every state it may come to.
fn rows() -> Vec<(Effect, Option<Became>)> {
    let first = run("first");
    let label = Write::Label { add: vec!["bug".into()], remove: vec!["new".into(), "ä,b".into()] };
    let comment = |ordinal| effect(&first, ordinal, Write::Comment { body: "Thanks \\o/ ü 🎉\u{0}".into() });
    let object = |id| Object { object: Some(id), url: format!("https://github.com/acme/widgets/issues/42#{id}") };
    vec![
        (effect(&first, 0, Write::Status { body: "Looking.".into() }), Some(Became::Applied(object(2_200_112_233)))),
        (effect(&run("second"), 0, Write::Status { body: "Done.".into() }), Some(Became::Superseded)),
        (comment(0), Some(Became::Found(object(u64::MAX)))),
        (comment(1), Some(Became::Dropped { reason: "cannot post a comment: \"locked\"\n".into() })),
        (comment(2), Some(Became::Unknown { reason: "no answer".into() })),
        (comment(3), None),
        (effect(&first, 0, label), Some(Became::Applied(Object::default()))),
    ]
}

fn write(root: &Path) {
    let place = place(root);
    let mut writer = place.open();
    place.admit("first");
    let fence = writer.claim();
    writer.settle(fence, [started(&run("first"), 1), settled(&run("first"))]).unwrap();
    for (effect, state) in rows() {
        if state != Some(Became::Superseded) {
            writer.effect_claim(&effect).unwrap();
        }
        if let Some(state) = state {
            writer.effect_done(&effect, state).unwrap();
        }
    }
}

fn copied() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir(root.path()).join("blobs")).unwrap();
    for (path, content) in files(&dir(&fixture())) {
        fs::write(dir(root.path()).join(path), content).unwrap();
    }
    root
}

#[test]
fn the_first_rows_are_read_whole() {
    let golden = place(&fixture()).peek().effects;
    for (effect, state) in rows() {
        assert_eq!(golden.state(&effect), state.as_ref(), "{effect:?}");
        assert_eq!(golden.is_claimed(&effect), state != Some(Became::Superseded), "{effect:?}");
    }
}

#[test]
fn what_was_unknown_is_done_in_a_copy_of_the_first_rows() {
    let root = copied();
    let (mut writer, notes_of_opening) = open(root.path()).unwrap();
    assert!(notes_of_opening.is_empty());
    for (effect, state) in rows() {
        let is_final = state.is_some_and(|state| state.is_final());
        assert_eq!(writer.effect_claim(&effect).is_err(), is_final);
    }
}

#[test]
fn a_row_that_a_newer_version_brought_is_kept_and_skipped() {
    let root = copied();
    let path = dir(root.path()).join("applied.jsonl");
    let mut rows = fs::read_to_string(&path).unwrap();
    let last = rows.lines().next_back().unwrap();
    let (_, sum) = last.trim_end_matches("\"}").rsplit_once(",\"sum\":\"").unwrap();
    let log = last.split_once("\"log\":").unwrap().1.split_once("}}").unwrap().0;
    let next = format!(
        concat!(
            r#"{{"seq":{},"epoch":1,"prev":"{}","at":"2026-03-01T09:00:09Z","kind":"hologram","#,
            r#""body":{{ "of": [1], "log":{}}}}}"#
        ),
        rows.lines().count(),
        sum,
        log
    );
    rows.push_str(&format!("{next},\"sum\":\"{}\"}}\n", hex::encode(Sha256::digest(&next))));
    fs::write(&path, &rows).unwrap();
    let (mut writer, _) = open(root.path()).unwrap();
    writer.effect_claim(&effect(&run("third"), 0, Write::Comment { body: "x".into() })).unwrap();
    assert!(fs::read_to_string(&path).unwrap().starts_with(&rows));
}

#[test]
fn this_version_still_writes_the_same_rows() {
    let root = tempfile::tempdir().unwrap();
    write(root.path());
    for ((path, written), (golden_path, golden)) in files(&dir(root.path())).into_iter().zip(files(&dir(&fixture()))) {
        assert_eq!(path, golden_path);
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&golden), "{}", path.display());
    }
}

/// Run once, by hand, for the first version that had rows.
#[test]
#[ignore = "the fixture is written once and never again"]
fn write_the_golden_rows() {
    assert!(!dir(&fixture()).exists(), "the golden rows never change");
    fs::create_dir_all(fixture()).unwrap();
    write(&fixture());
    fs::remove_file(fixture().join(format!("{}.lock", instance().external()))).unwrap();
}

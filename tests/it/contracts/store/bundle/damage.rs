//! Cut anywhere, flipped anywhere: noticed, never a panic, never a wrong accept.

use std::fs;
use std::io::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// A bundle with something settled, and a transaction of two entries after that.
struct Scene {
    root: tempfile::TempDir,
    log: PathBuf,
    inbox: PathBuf,
    /// The log as it was written.
    written: Vec<u8>,
    /// Bytes of the log that the manifest names.
    covered: usize,
}

fn scene() -> Scene {
    let root = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(root.path()).unwrap();
    place(root.path()).admit("first");
    let fence = writer.claim();
    writer.append(fence, [started(&run("first"), 1), note("ä")]).unwrap();
    writer.settle(fence, [settled(&run("first"))]).unwrap();
    place(root.path()).admit("second");
    let fence = writer.claim();
    let (log, inbox) = (dir(root.path()).join("log.jsonl"), dir(root.path()).join("inbox.jsonl"));
    let covered = fs::read(&log).unwrap().len();
    writer.append(fence, [note("b")]).unwrap();
    writer.append(fence, [note("c"), note("d")]).unwrap();
    let written = fs::read(&log).unwrap();
    Scene { root, log, inbox, written, covered }
}

/// Puts other bytes into a file where it is: one that is emptied first, ext4 brings to the disk at
/// each close.
fn put(path: &Path, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

/// Opens after a change of the log, and checks what every opening must hold to.
fn open_checked(scene: &Scene, changed: &[u8], what: &str) -> Option<Vec<String>> {
    put(&scene.log, changed);
    let opened = open(scene.root.path());
    let after = fs::read(&scene.log).unwrap();
    match opened {
        Err(Error::Damaged { path, line, offset, .. }) => {
            assert_eq!(after, changed, "{what}: a refused file was changed");
            assert_eq!(path, scene.log, "{what}");
            assert!(offset <= changed.len() as u64 && line >= 1, "{what}");
            None
        }
        Err(Error::Newer { .. }) | Err(Error::TooLarge { .. }) => {
            assert_eq!(after, changed, "{what}: a refused file was changed");
            None
        }
        Err(other) => panic!("{what}: {other}"),
        Ok((mut writer, notes_of_opening)) => {
            assert!(scene.written.starts_with(&after), "{what}: something else was accepted");
            assert!(after.len() >= scene.covered, "{what}: something settled is gone");
            assert_eq!(notes_of_opening.is_empty(), after == changed, "{what}: a cut is told");
            let entries = writer.take_entries();
            let texts = notes(&entries);
            assert!([&["ä"][..], &["ä", "b"], &["ä", "b", "c", "d"]].contains(&&texts[..]), "{what}: {texts:?}");
            Some(notes_of_opening)
        }
    }
}

#[test]
fn a_log_cut_at_any_byte_loses_at_most_what_was_not_settled_and_never_half_a_transaction() {
    let scene = scene();
    let mut accepted = 0;
    for end in 0..=scene.written.len() {
        let opened = open_checked(&scene, &scene.written[..end], &format!("cut at {end}"));
        assert_eq!(opened.is_some(), end >= scene.covered, "cut at {end}");
        accepted += usize::from(opened.is_some());
    }
    assert!(accepted > 100);
}

#[test]
fn a_log_with_any_bit_flipped_is_refused_or_loses_its_torn_end() {
    let scene = scene();
    for at in 0..scene.written.len() {
        for bit in 0..8 {
            let mut flipped = scene.written.clone();
            flipped[at] ^= 1 << bit;
            let opened = open_checked(&scene, &flipped, &format!("byte {at}, bit {bit}"));
            // Only a last line without its end is torn; all else is damage.
            assert_eq!(opened.is_some(), at + 1 == scene.written.len(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn an_inbox_with_any_bit_flipped_or_cut_is_refused_or_loses_its_torn_end() {
    let scene = scene();
    let written = fs::read(&scene.inbox).unwrap();
    for at in 0..written.len() {
        let mut changes = vec![written[..at].to_vec()];
        changes.extend((0..8).map(|bit| {
            let mut flipped = written.clone();
            flipped[at] ^= 1 << bit;
            flipped
        }));
        for changed in changes {
            put(&scene.inbox, &changed);
            // Both rows are named by the manifest of the second claim.
            assert!(matches!(open(scene.root.path()), Err(Error::Damaged { .. })), "byte {at}");
            assert_eq!(fs::read(&scene.inbox).unwrap(), changed);
        }
    }
}

#[test]
fn lines_swapped_doubled_dropped_or_filled_with_zeros_are_noticed() {
    let scene = scene();
    let text = String::from_utf8(scene.written.clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for n in 0..lines.len() {
        let mut doubled = lines.clone();
        doubled.insert(n, lines[n]);
        assert!(open_checked(&scene, doubled.concat().as_bytes(), "doubled").is_none());
        let mut dropped = lines.clone();
        dropped.remove(n);
        // Without its last line, the last transaction is torn.
        let last = n + 1 == lines.len();
        assert_eq!(open_checked(&scene, dropped.concat().as_bytes(), "dropped").is_some(), last);
        if n > 0 {
            let mut swapped = lines.clone();
            swapped.swap(n, n - 1);
            assert!(open_checked(&scene, swapped.concat().as_bytes(), "swapped").is_none());
        }
    }
    let mut zeros = scene.written.clone();
    zeros.extend([0; 4096]);
    assert!(open_checked(&scene, &zeros, "zeros after the end").is_some());
}

#[test]
fn what_a_newer_version_wrote_is_refused_and_never_called_damage() {
    let said = |old: &str, new: &str| {
        let root = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(root.path()).unwrap();
        let fence = writer.claim();
        writer.append(fence, [note("a")]).unwrap();
        drop(writer);
        rewrite(&dir(root.path()), old, new);
        let error = open(root.path()).unwrap_err().to_string();
        error.replace(&dir(root.path()).display().to_string(), "…")
    };
    insta::assert_snapshot!(said(r#""version":1"#, r#""version":2"#), @"`…/log.jsonl` was written by a newer hob (line 1 begins a log of version 2); use that version or a later one");
    insta::assert_snapshot!(said(r#"{"text":"a"}"#, r#"{"texts":["a"]}"#), @"`…/log.jsonl` was written by a newer hob (line 2 is another `note` entry: missing field `text` at line 1 column 15); use that version or a later one");
}

/// Changes the log as a writer would have: every checksum is right again, in the manifest too.
fn rewrite(dir: &Path, old: &str, new: &str) {
    let (log, manifest) = (dir.join("log.jsonl"), dir.join("manifest.json"));
    let (mut lines, mut cover) = (String::new(), fs::read_to_string(&manifest).unwrap());
    let mut changed: Option<(String, String)> = None;
    for line in fs::read_to_string(&log).unwrap().lines() {
        let (content, sum) = line.rsplit_once(",\"sum\":\"").unwrap();
        let mut content = content.replace(old, new);
        if let Some((was, is)) = &changed {
            content = content.replace(was, is);
        }
        let (was, is) = (sum.trim_end_matches("\"}").to_owned(), sha256(content.as_bytes()));
        cover = cover.replace(&was, &is);
        lines.push_str(&format!("{content},\"sum\":\"{is}\"}}\n"));
        changed = Some((was, is));
    }
    fs::write(log, lines).unwrap();
    let cover = cover.split(",\"sum\"").next().unwrap();
    fs::write(manifest, format!("{cover},\"sum\":\"{}\"}}\n", sha256(cover.as_bytes()))).unwrap();
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_the_next_move() {
    let scene = scene();
    let said = |changed: &[u8]| {
        put(&scene.log, changed);
        let error = open(scene.root.path()).unwrap_err().to_string();
        error.replace(&dir(scene.root.path()).display().to_string(), "…")
    };
    let mut flipped = scene.written.clone();
    flipped[scene.covered + 20] ^= 1;
    insta::assert_snapshot!(said(&flipped), @"`…/log.jsonl` is damaged: line 5 (byte 1301) does not match its checksum; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
    insta::assert_snapshot!(said(&scene.written[..scene.covered - 1]), @"`…/log.jsonl` is damaged: line 4 (byte 931) is missing or cut: the manifest names 4 lines; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
    fs::remove_file(&scene.log).unwrap();
    let error = open(scene.root.path()).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(&dir(scene.root.path()).display().to_string(), "…"), @"`…/log.jsonl` is damaged: line 1 (byte 0) is missing; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
}

#[test]
fn no_bytes_at_all_make_an_opening_panic() {
    let scene = scene();
    let len = scene.written.len();
    let change = (0..len, 0..len, prop::collection::vec(any::<u8>(), 0..60));
    TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() })
        .run(&change, |(from, to, bytes)| {
            let mut changed = scene.written.clone();
            changed.splice(from.min(to)..from.max(to), bytes);
            open_checked(&scene, &changed, "spliced");
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_link_in_place_of_a_file_is_not_followed() {
    let scene = scene();
    let elsewhere = scene.root.path().join("elsewhere");
    fs::rename(&scene.log, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &scene.log).unwrap();
    assert!(matches!(open(scene.root.path()), Err(Error::Io { .. })));
}

/// Replaces a sealed line's member, and seals it again, as somebody would who means harm.
fn resealed(line: &str, from: &str, to: &str) -> String {
    let (content, _) = line.split_once(",\"sum\":").unwrap();
    assert!(content.contains(from), "{content}");
    let content = content.replacen(from, to, 1);
    let sum = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&content));
    format!("{content},\"sum\":\"{sum}\"}}\n")
}

#[test]
fn no_number_of_a_hostile_file_is_one_too_many() {
    let root = tempfile::tempdir().unwrap();
    let (writer, _) = open(root.path()).unwrap();
    place(root.path()).admit("first");
    drop(writer);
    let manifest = dir(root.path()).join("manifest.json");
    let written = fs::read_to_string(&manifest).unwrap();

    let last = format!("\"epoch\":{}", u64::MAX);
    fs::write(&manifest, resealed(&written, "\"epoch\":0", &last)).unwrap();
    let (mut writer, _) = open(root.path()).unwrap();
    let said = writer.try_claim().unwrap_err().to_string();
    assert!(said.contains("manifest.json` is damaged"), "{said}");
    assert!(said.contains("names epoch 18446744073709551615"), "{said}");
    drop(writer);

    fs::write(&manifest, resealed(&written, "\"entries\":1", &format!("\"entries\":{}", u64::MAX))).unwrap();
    assert!(matches!(open(root.path()), Err(Error::Damaged { .. })));

    fs::write(&manifest, written).unwrap();
    let inbox = dir(root.path()).join("inbox.jsonl");
    let row = fs::read_to_string(&inbox).unwrap();
    // A later row could never follow this one.
    fs::write(&inbox, resealed(&row, "\"epoch\":0", &last)).unwrap();
    let said = open(root.path()).unwrap_err().to_string();
    assert!(said.contains("which was never given out"), "{said}");
}

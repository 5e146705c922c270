//! The file of the rows about effects: bound to the log that they were written for, damage noticed.

use std::fs;

use super::*;

/// A bundle whose rows are all named by the manifest but the last, a claim.
fn scene() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let root = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(root.path()).unwrap();
    for ordinal in 0..2 {
        let one = comment(&run("first"), ordinal);
        writer.effect_claim(&one).unwrap();
        writer.effect_done(&one, applied(7)).unwrap();
    }
    writer.effect_claim(&comment(&run("first"), 2)).unwrap();
    let path = dir(root.path()).join("applied.jsonl");
    let written = fs::read(&path).unwrap();
    (root, path, written)
}

#[test]
fn rows_cut_or_flipped_anywhere_are_refused_or_lose_their_torn_end() {
    let (root, path, written) = scene();
    let claim = written.iter().rposition(|byte| *byte == b'\n').unwrap();
    let covered = written[..claim].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for at in 0..written.len() {
        let flipped = (0..8).map(|bit| {
            let mut flipped = written.clone();
            flipped[at] ^= 1 << bit;
            (flipped, at + 1 == written.len())
        });
        for (changed, torn) in std::iter::once((written[..at].to_vec(), at >= covered)).chain(flipped) {
            fs::write(&path, &changed).unwrap();
            match open(root.path()) {
                Ok((writer, notes)) => {
                    assert!(torn, "byte {at}");
                    assert_eq!(notes.is_empty(), changed.len() == covered, "byte {at}");
                    assert!(!writer.effects().is_claimed(&comment(&run("first"), 2)), "byte {at}");
                    assert_eq!(fs::read(&path).unwrap(), &written[..covered], "byte {at}");
                }
                Err(Error::Damaged { path: named, .. }) => {
                    assert!(!torn, "byte {at}");
                    assert_eq!(named, path);
                    assert_eq!(fs::read(&path).unwrap(), changed, "byte {at}: a refused file was changed");
                }
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
    }
}

/// Why a bundle is refused, its place left out.
fn refusal(root: &Path) -> String {
    assert!(matches!(place(root).try_peek(), Err(Error::Damaged { .. })));
    open(root).unwrap_err().to_string().replace(&dir(root).display().to_string(), "…")
}

#[test]
fn rows_that_the_manifest_names_and_that_are_missing_are_damage() {
    let (root, path, _) = scene();
    fs::remove_file(&path).unwrap();
    insta::assert_snapshot!(refusal(root.path()), @"`…/applied.jsonl` is damaged: line 1 (byte 0) is missing; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
}

#[test]
fn rows_beside_another_log_are_refused() {
    let begun = |texts: &[&str]| {
        let root = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(root.path()).unwrap();
        let fence = writer.claim();
        writer.append(fence, texts.iter().map(|text| note(text))).unwrap();
        (root, writer)
    };
    let (root, mut writer) = begun(&["a"]);
    writer.effect_claim(&comment(&run("first"), 0)).unwrap();
    let rows = fs::read(dir(root.path()).join("applied.jsonl")).unwrap();
    let beside = |texts: &[&str]| {
        let (root, writer) = begun(texts);
        drop(writer);
        fs::write(dir(root.path()).join("applied.jsonl"), &rows).unwrap();
        refusal(root.path())
    };
    insta::assert_snapshot!(beside(&[]), @"`…/log.jsonl` is damaged: line 2 (byte 336) is missing or cut: `applied.jsonl` names 2 lines; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
    insta::assert_snapshot!(beside(&["b"]), @"`…/log.jsonl` is damaged: line 2 (byte 336) is not the one that `applied.jsonl` names; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
}

#[test]
fn a_bundle_in_which_nothing_was_sent_has_no_such_file() {
    let root = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(root.path()).unwrap();
    place(root.path()).admit("first");
    let fence = writer.claim();
    writer.settle(fence, [settled(&run("first"))]).unwrap();
    assert!(!dir(root.path()).join("applied.jsonl").exists());
    assert!(!fs::read_to_string(dir(root.path()).join("manifest.json")).unwrap().contains("applied"));
}

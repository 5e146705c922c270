//! The files of a bundle: one writer, whole transactions, for their owner alone.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn a_second_writer_is_told_who_holds_the_instance_and_a_reader_is_not_stopped() {
    let root = tempfile::tempdir().unwrap();
    let (writer, _) = open(root.path()).unwrap();
    insta::assert_snapshot!(open(root.path()).unwrap_err(), @"this instance is worked on by process 71 on desk since 2026-03-01T09:00:00Z (hob run triage); wait until it is done, or stop it");
    assert_eq!(place(root.path()).peek().entries.len(), 1);
    drop(writer);
    open(root.path()).unwrap();
}

#[test]
fn a_reader_beside_a_writer_sees_whole_transactions_only() {
    let root = tempfile::tempdir().unwrap();
    let done = AtomicBool::new(false);
    let place = place(root.path());
    let mut writer = place.open();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let padding = "x".repeat(20_000);
            for n in 0..60 {
                let fence = writer.claim();
                writer.append(fence, [note(&format!("{n}a{padding}")), note(&format!("{n}b"))]).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let mut seen = 0;
        while !done.load(Ordering::Acquire) {
            let entries = place.peek().entries;
            assert_eq!(notes(&entries).len() % 2, 0, "half of a transaction was seen");
            assert!(entries.len() >= seen, "what was there is there");
            seen = entries.len();
        }
    });
    assert_eq!(place.peek().entries.len(), 121);
}

#[test]
fn a_damaged_blob_is_noticed_and_whole_again_when_it_is_written_again() {
    let root = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(root.path()).unwrap();
    let digest = writer.put_blob(b"content");
    std::fs::write(dir(root.path()).join("blobs").join(&digest), "damaged").unwrap();
    assert_eq!(
        writer.blob(&digest).unwrap_err().to_string(),
        format!("blob `{digest}` does not match its digest; put back a copy of the session that has it")
    );
    assert_eq!(writer.put_blob(b"content"), digest);
    assert_eq!(writer.blob(&digest).unwrap(), b"content");
}

#[test]
fn what_is_no_bundle_is_not_listed_and_one_that_cannot_be_read_comes_last() {
    let root = tempfile::tempdir().unwrap();
    assert!(place(&root.path().join("not/yet")).list().is_empty());
    open(root.path()).unwrap().0.claim_at(at(9)).unwrap();
    std::fs::create_dir(root.path().join(format!("hob-{}", "0".repeat(32)))).unwrap();
    std::fs::create_dir(root.path().join("something-else")).unwrap();
    let listed = place(root.path()).list();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].manifest.as_ref().unwrap().instance, instance());
    assert!(listed[1].manifest.is_err());
}

#[test]
fn a_bundle_that_cannot_be_read_keeps_no_other_from_being_worked_on() {
    let root = tempfile::tempdir().unwrap();
    let place = place(root.path());
    place.admit("first");
    std::fs::create_dir(root.path().join(format!("hob-{}", "0".repeat(32)))).unwrap();
    assert_eq!(place.waiting(), [instance()]);
}

#[test]
fn sessions_are_for_their_owner_alone_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("state");
    let (mut writer, _) = open(&root).unwrap();
    writer.put_blob(b"x");
    let mut rest = vec![root];
    while let Some(path) = rest.pop() {
        let meta = std::fs::symlink_metadata(&path).unwrap();
        assert_eq!(meta.permissions().mode() & 0o077, 0, "{}", path.display());
        if meta.is_dir() {
            rest.extend(std::fs::read_dir(path).unwrap().map(|member| member.unwrap().path()));
        }
    }
}

#[test]
fn a_directory_that_holds_another_instance_is_refused() {
    let root = tempfile::tempdir().unwrap();
    drop(place(root.path()).open_of(&neighbour()));
    std::fs::rename(root.path().join(neighbour().external()), dir(root.path())).unwrap();
    let error = open(root.path()).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(&dir(root.path()).display().to_string(), "…"), @"`…` holds github.com/700100/issue/43/triage, not github.com/700100/issue/42/triage; move it away");
}

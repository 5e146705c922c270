//! The verbs: what each does, and what it refuses.

use std::sync::atomic::{AtomicBool, Ordering};

use hob::domain::outcome::Outcome;
use hob::domain::run::State;
use hob::queue;
use hob::store::bundle::{list, peek};
use hob::store::{Admission, Admitted, Blob, Error};
use hob::telemetry::redact::Redactor;

use super::*;

const COMPLETED: State = State::Settled(Outcome::Completed { limited: None });

#[test]
fn a_run_goes_from_admitted_to_settled_and_every_opening_agrees() {
    let root = tempfile::tempdir().unwrap();
    let (first, second) = (run("first"), run("second"));
    let (mut bundle, notes_of_opening) = open(root.path()).unwrap();
    assert!(notes_of_opening.is_empty());
    assert_eq!(bundle.state(&first.id), None);
    for run in [&first, &second] {
        assert_eq!(queue::admit(&mut bundle, run, &Redactor::default()).unwrap(), Admitted::New);
    }
    assert_eq!(bundle.state(&first.id), Some(State::Queued));

    let claim = queue::claim(&mut bundle, at(2)).unwrap().unwrap();
    assert_eq!((claim.run.id, claim.fence, claim.resumed), (first.id.clone(), Epoch(1), false));
    append(&mut bundle, claim.fence, [started(&first, 1), note("a")]).unwrap();
    drop(bundle);

    let (mut bundle, _) = open(root.path()).unwrap();
    let claim = queue::claim(&mut bundle, at(3)).unwrap().unwrap();
    assert_eq!((claim.run.id, claim.fence, claim.resumed), (first.id.clone(), Epoch(2), true));
    let last = path(&bundle, [note("b"), settled(&first)]);
    let entries = queue::settle(&mut bundle, claim.fence, last, at(4)).unwrap();
    assert_eq!(entries.iter().map(|entry| (entry.seq.0, entry.epoch.0)).collect::<Vec<_>>(), [(3, 2), (4, 2)]);
    assert_eq!(
        queue::admit(&mut bundle, &first, &Redactor::default()).unwrap(),
        Admitted::Known(COMPLETED),
        "twice is once"
    );
    drop(bundle);

    let (mut bundle, _) = open(root.path()).unwrap();
    assert_eq!(bundle.runs().iter().map(|run| &run.id).collect::<Vec<_>>(), [&first.id, &second.id]);
    assert_eq!((bundle.state(&first.id), bundle.state(&second.id)), (Some(COMPLETED), Some(State::Queued)));
    let entries = bundle.take_entries();
    assert_eq!(notes(&entries), ["a", "b"]);
    assert!(entries.iter().skip(1).all(|entry| entry.parent == Some(Seq(entry.seq.0 - 1))));
    let claim = queue::claim(&mut bundle, at(5)).unwrap().unwrap();
    assert_eq!((claim.run.id, claim.fence), (second.id, Epoch(3)));
}

#[test]
fn an_older_holder_is_fenced_off() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    admit(&mut bundle, "first");
    let older = bundle.claim(at(2)).unwrap();
    let newer = bundle.claim(at(3)).unwrap();
    assert!(newer > older);
    for fence in [Epoch(0), older, Epoch(newer.0 + 1)] {
        assert!(matches!(append(&mut bundle, fence, [note("late")]), Err(Error::Fenced { given }) if given == fence));
        let last = path(&bundle, [settled(&run("first"))]);
        assert!(matches!(bundle.settle(fence, last, at(4)), Err(Error::Fenced { .. })));
    }
    append(&mut bundle, newer, [note("in time")]).unwrap();
    drop(bundle);
    let (mut bundle, _) = open(root.path()).unwrap();
    assert!(
        matches!(append(&mut bundle, newer, [note("later")]), Err(Error::Fenced { .. })),
        "a claim ends with its process"
    );
    assert!(bundle.claim(at(5)).unwrap() > newer);
}

#[test]
fn the_first_outcome_wins_and_only_an_admitted_run_has_one() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    admit(&mut bundle, "first");
    let first = run("first");
    let fence = bundle.claim(at(2)).unwrap();
    let before = bundle.next();
    for wrong in [vec![settled(&run("never"))], vec![settled(&first), settled(&first)]] {
        assert!(append(&mut bundle, fence, wrong).is_err());
    }
    let itself = Draft::new(SessionId::default(), before, note("x"), &Redactor::default()).unwrap();
    assert!(matches!(bundle.append(fence, vec![itself], at(2)), Err(Error::Parent { .. })));
    assert_eq!(bundle.next(), before, "a refused verb leaves nothing behind");

    let last = path(&bundle, [settled(&first)]);
    bundle.settle(fence, last, at(3)).unwrap();
    let fence = bundle.claim(at(4)).unwrap();
    let error = append(&mut bundle, fence, [settled(&first)]).unwrap_err().to_string();
    assert_eq!(error, format!("{} is settled: completed", first.id));
}

#[test]
fn a_run_of_another_instance_is_not_admitted() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    let mut foreign = run("first");
    foreign.instance.key = "43".into();
    let admission = Admission::new(&foreign, &Redactor::default()).unwrap();
    assert!(matches!(bundle.admit(admission, at(1)), Err(Error::Foreign { .. })));
}

#[test]
fn a_second_writer_is_told_who_holds_the_instance_and_a_reader_is_not_stopped() {
    let root = tempfile::tempdir().unwrap();
    let (bundle, _) = open(root.path()).unwrap();
    insta::assert_snapshot!(open(root.path()).unwrap_err(), @"this instance is worked on by process 71 on desk since 2026-03-01T09:00:00Z (hob run triage); wait until it is done, or stop it");
    assert_eq!(peek(&dir(root.path())).unwrap().entries.len(), 1);
    drop(bundle);
    open(root.path()).unwrap();
}

#[test]
fn a_reader_beside_a_writer_sees_whole_transactions_only() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    admit(&mut bundle, "first");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let padding = "x".repeat(20_000);
            for n in 0..60 {
                let fence = bundle.claim(at(2)).unwrap();
                append(&mut bundle, fence, [note(&format!("{n}a{padding}")), note(&format!("{n}b"))]).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let mut seen = 0;
        while !done.load(Ordering::Acquire) {
            let entries = peek(&dir(root.path())).unwrap().entries;
            assert_eq!(notes(&entries).len() % 2, 0, "half of a transaction was seen");
            assert!(entries.len() >= seen, "what was there is there");
            seen = entries.len();
        }
    });
    assert_eq!(peek(&dir(root.path())).unwrap().entries.len(), 121);
}

#[test]
fn blobs_come_back_verified_and_nothing_but_a_digest_names_one() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    let content = [0xff, 0, b'x'];
    let blob = Blob::new(&content, &Redactor::default());
    let digest = bundle.put_blob(&blob).unwrap();
    assert_eq!(bundle.put_blob(&blob).unwrap(), digest);
    assert_eq!(&*bundle.blob(&digest).unwrap(), content);

    let path = dir(root.path()).join("blobs").join(&digest);
    std::fs::write(&path, "damaged").unwrap();
    assert_eq!(
        bundle.blob(&digest).unwrap_err().to_string(),
        format!("blob `{digest}` does not match its digest; put back a copy of the bundle that has it")
    );
    bundle.put_blob(&blob).unwrap();
    assert_eq!(&*bundle.blob(&digest).unwrap(), content, "written again, it is whole again");
    for name in ["", "../manifest.json", "/etc/passwd", &"0".repeat(63), &"0".repeat(64), &"A".repeat(64)] {
        assert!(matches!(bundle.blob(name), Err(Error::NoBlob { .. })), "`{name}` was read");
    }
}

#[test]
fn an_entry_above_the_bound_is_refused_and_the_bundle_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    let fence = bundle.claim(at(2)).unwrap();
    let error = append(&mut bundle, fence, [note(&"x".repeat(64 << 20))]).unwrap_err();
    insta::assert_snapshot!(error, @"a `note` entry is larger than 67108864 bytes, the most that is stored");
    append(&mut bundle, fence, [note("small")]).unwrap();
}

#[test]
fn bundles_are_listed_newest_first_and_unreadable_ones_last() {
    let root = tempfile::tempdir().unwrap();
    assert!(list(&root.path().join("not/yet")).unwrap().is_empty());
    let (mut bundle, _) = open(root.path()).unwrap();
    bundle.claim(at(9)).unwrap();
    std::fs::create_dir(root.path().join(format!("hob-{}", "0".repeat(32)))).unwrap();
    std::fs::create_dir(root.path().join("something-else")).unwrap();
    let listed = list(root.path()).unwrap();
    assert_eq!(listed.len(), 2);
    let manifest = listed[0].manifest.as_ref().unwrap();
    assert_eq!((manifest.label.as_str(), manifest.epoch), ("acme/widgets#42 (triage)", Epoch(1)));
    assert_eq!(manifest.instance, instance());
    assert!(listed[1].manifest.is_err());
}

#[test]
fn sessions_are_for_their_owner_alone_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("state");
    let (mut bundle, _) = open(&root).unwrap();
    bundle.put_blob(&Blob::new(b"x", &Redactor::default())).unwrap();
    let mut rest = vec![root];
    while let Some(path) = rest.pop() {
        let meta = std::fs::symlink_metadata(&path).unwrap();
        assert_eq!(meta.permissions().mode() & 0o077, 0, "{}", path.display());
        if meta.is_dir() {
            rest.extend(std::fs::read_dir(path).unwrap().map(|member| member.unwrap().path()));
        }
    }
}

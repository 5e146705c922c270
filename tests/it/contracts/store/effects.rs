//! The rows about effects: claimed before, done after, bound to the log they were written for.

use std::fs;

use hob::domain::effect::{Effect, EffectKey, Object, State as Became, Write};
use hob::domain::secret::Secret;
use hob::store::bundle::peek;

use super::*;

pub(super) fn effect(run: &Run, ordinal: u32, write: Write) -> Effect {
    let key = EffectKey::derive(b"secret", &instance(), &run.id, write.kind(), ordinal);
    Effect { key, run: run.id.clone(), ordinal, write }
}

pub(super) fn comment(run: &Run, ordinal: u32) -> Effect {
    effect(run, ordinal, Write::Comment { body: format!("comment {ordinal}") })
}

fn applied(object: u64) -> Became {
    Became::Applied(Object { object: Some(object), url: format!("https://forge/{object}") })
}

fn unknown() -> Became {
    Became::Unknown { reason: "no answer".into() }
}

fn done(bundle: &mut Bundle, effect: &Effect, state: Became) -> Result<Became, Error> {
    bundle.effect_done(effect, state, &Redactor::default(), at(5))
}

#[test]
fn an_effect_goes_from_claimed_to_a_final_state_and_every_opening_agrees() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    let [one, two, three] = [0, 1, 2].map(|ordinal| comment(&run("first"), ordinal));
    assert_eq!((bundle.effects().state(&one), bundle.effects().is_claimed(&one)), (None, false));
    bundle.effect_claim(&one, at(4)).unwrap();
    assert_eq!((bundle.effects().state(&one), bundle.effects().is_claimed(&one)), (None, true));
    assert_eq!(done(&mut bundle, &one, applied(7)).unwrap(), applied(7));
    bundle.effect_claim(&two, at(4)).unwrap();
    done(&mut bundle, &two, unknown()).unwrap();
    done(&mut bundle, &three, Became::Superseded).unwrap();
    drop(bundle);

    let seen = peek(&dir(root.path())).unwrap().effects;
    let (bundle, notes) = open(root.path()).unwrap();
    assert!(notes.is_empty());
    for effects in [&seen, bundle.effects()] {
        assert_eq!(effects.state(&one), Some(&applied(7)));
        assert_eq!(effects.state(&two), Some(&unknown()));
        assert_eq!(effects.state(&three), Some(&Became::Superseded));
        assert_eq!((effects.object(&one.key), effects.object(&two.key)), (Some(7), None));
    }
}

#[test]
fn the_first_final_state_wins_and_what_was_sent_was_claimed() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    let one = comment(&run("first"), 0);
    for sent in [applied(7), Became::Found(Object::default()), unknown()] {
        let error = done(&mut bundle, &one, sent).unwrap_err().to_string();
        assert_eq!(error, format!("effect {} of {} was never claimed", one.key, one.run));
    }
    bundle.effect_claim(&one, at(4)).unwrap();
    done(&mut bundle, &one, unknown()).unwrap();
    bundle.effect_claim(&one, at(4)).unwrap();
    done(&mut bundle, &one, Became::Dropped { reason: "the thread is locked".into() }).unwrap();
    for error in [bundle.effect_claim(&one, at(4)).unwrap_err(), done(&mut bundle, &one, applied(8)).unwrap_err()] {
        let expected = format!("effect {} of {} is done: dropped: the thread is locked", one.key, one.run);
        assert_eq!(error.to_string(), expected);
    }
    drop(bundle);
    let (bundle, _) = open(root.path()).unwrap();
    assert!(matches!(bundle.effects().state(&one), Some(Became::Dropped { .. })));
}

#[test]
fn a_status_is_one_object_of_several_runs_each_with_its_own_state() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    let [one, two] = ["first", "second"].map(|name| effect(&run(name), 0, Write::Status { body: name.into() }));
    assert_eq!(one.key, two.key);
    bundle.effect_claim(&one, at(4)).unwrap();
    done(&mut bundle, &one, applied(7)).unwrap();
    assert_eq!((bundle.effects().state(&two), bundle.effects().is_claimed(&two)), (None, false));
    assert_eq!(bundle.effects().object(&two.key), Some(7));
    bundle.effect_claim(&two, at(5)).unwrap();
    done(&mut bundle, &two, applied(9)).unwrap();
    assert_eq!(bundle.effects().object(&two.key), Some(9), "the newest");
}

#[test]
fn what_the_forge_said_is_kept_without_secrets() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    let redactor = Redactor::new(&[Secret::new("ghp-hunter2hunter2".into())]);
    let one = comment(&run("first"), 0);
    let said = Became::Dropped { reason: "bad credentials: ghp-hunter2hunter2".into() };
    let kept = bundle.effect_done(&one, said, &redactor, at(5)).unwrap();
    assert_eq!(kept.to_string(), "dropped: bad credentials: ***");
    assert_eq!(bundle.effects().state(&one), Some(&kept));
    assert!(!fs::read_to_string(dir(root.path()).join("applied.jsonl")).unwrap().contains("hunter2"));
}

/// A bundle whose rows are all named by the manifest but the last, a claim.
fn scene() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    for ordinal in 0..2 {
        let one = comment(&run("first"), ordinal);
        bundle.effect_claim(&one, at(4)).unwrap();
        done(&mut bundle, &one, applied(7)).unwrap();
    }
    bundle.effect_claim(&comment(&run("first"), 2), at(6)).unwrap();
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
        let mut flipped = written.clone();
        flipped[at] ^= 1;
        for (changed, torn) in [(written[..at].to_vec(), at >= covered), (flipped, at + 1 == written.len())] {
            fs::write(&path, &changed).unwrap();
            match open(root.path()) {
                Ok((bundle, notes)) => {
                    assert!(torn, "byte {at}");
                    assert_eq!(notes.is_empty(), changed.len() == covered, "byte {at}");
                    assert!(!bundle.effects().is_claimed(&comment(&run("first"), 2)), "byte {at}");
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
    assert!(matches!(peek(&dir(root)), Err(Error::Damaged { .. })));
    open(root).unwrap_err().to_string().replace(&dir(root).display().to_string(), "…")
}

#[test]
fn rows_that_the_manifest_names_and_that_are_missing_are_damage() {
    let (root, path, _) = scene();
    fs::remove_file(&path).unwrap();
    insta::assert_snapshot!(refusal(root.path()), @"`…/applied.jsonl` is damaged: line 1 (byte 0) is missing; it was left as it is: put back a copy of its directory, or move that away to begin anew");
}

#[test]
fn rows_beside_another_log_are_refused() {
    let begun = |texts: &[&str]| {
        let root = tempfile::tempdir().unwrap();
        let (mut bundle, _) = open(root.path()).unwrap();
        let fence = bundle.claim(at(2)).unwrap();
        append(&mut bundle, fence, texts.iter().map(|text| note(text))).unwrap();
        (root, bundle)
    };
    let (root, mut bundle) = begun(&["a"]);
    bundle.effect_claim(&comment(&run("first"), 0), at(6)).unwrap();
    let rows = fs::read(dir(root.path()).join("applied.jsonl")).unwrap();
    let beside = |texts: &[&str]| {
        let (root, bundle) = begun(texts);
        drop(bundle);
        fs::write(dir(root.path()).join("applied.jsonl"), &rows).unwrap();
        refusal(root.path())
    };
    insta::assert_snapshot!(beside(&[]), @"`…/log.jsonl` is damaged: line 2 (byte 336) is missing or cut: `applied.jsonl` names 2 lines; it was left as it is: put back a copy of its directory, or move that away to begin anew");
    insta::assert_snapshot!(beside(&["b"]), @"`…/log.jsonl` is damaged: line 2 (byte 336) is not the one that `applied.jsonl` names; it was left as it is: put back a copy of its directory, or move that away to begin anew");
}

#[test]
fn a_bundle_in_which_nothing_was_sent_has_no_such_file() {
    let root = tempfile::tempdir().unwrap();
    let (mut bundle, _) = open(root.path()).unwrap();
    admit(&mut bundle, "first");
    let fence = bundle.claim(at(2)).unwrap();
    let last = path(&bundle, [settled(&run("first"))]);
    bundle.settle(fence, last, at(3)).unwrap();
    assert!(!dir(root.path()).join("applied.jsonl").exists());
    assert!(!fs::read_to_string(dir(root.path()).join("manifest.json")).unwrap().contains("applied"));
}

//! Archives that were packed here, and come back.

mod strangers;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use tempfile::TempDir;

use futures::executor::block_on;

use super::super::super::read::cover;
use super::super::super::{Holder, Log, Manifest, Store};
use super::super::folder::Folder;
use super::*;
use crate::domain::effect::{Effect, EffectKey, Write};
use crate::domain::entry::{Body, Note};
use crate::domain::id::{Epoch, EventKey, RunId, Seq, SessionId};
use crate::domain::name::EffectKind;
use crate::domain::run::{Authority, Run, Task};
use crate::store::{Admission, Blob, Draft};
use crate::telemetry::failpoint::Failpoints;
use crate::telemetry::redact::Redactor;

fn instance() -> InstanceId {
    "github.com/700100/issue/42/triage".parse().unwrap()
}

fn holder() -> Holder {
    let since = "2026-03-01T09:00:00Z".parse().unwrap();
    Holder { pid: 71, host: "runner".into(), since, what: "hob ci".into(), process: None }
}

fn store(root: &Path) -> Store {
    Store::bundles(root, Failpoints::default())
}

fn open(root: &Path, instance: &InstanceId) -> Log {
    block_on(store(root).open(instance, "acme/widgets#42", holder())).unwrap().0
}

fn claim(log: &mut Log) -> Epoch {
    block_on(log.claim(holder().since)).unwrap().0
}

fn put_blob(log: &mut Log, content: &[u8]) -> String {
    block_on(log.put_blob(&Blob::new(content, &Redactor::default()))).unwrap()
}

fn cover_of(dir: &Path) -> Manifest {
    block_on(cover(&mut Folder::new(dir, Failpoints::default()))).unwrap()
}

fn unpack(archive: &[u8], root: &Path, instance: &InstanceId, holder: &Holder) -> Result<Unpacked, Error> {
    block_on(super::unpack(archive, root, instance, holder, &Failpoints::default()))
}

/// Works `epochs` epochs long on the bundle under a root, each with a note and a blob.
fn work(root: &Path, epochs: u64) {
    let mut log = open(root, &instance());
    for _ in 0..epochs {
        let at = holder().since;
        let epoch = claim(&mut log);
        let event_key = EventKey::from_parts(["local", &epoch.to_string()]);
        let id = RunId::derive(&instance(), &event_key, None);
        let task = Task::default();
        let run = Run {
            id,
            instance: instance(),
            event_key,
            attempt_tag: None,
            admitted_at: at,
            authority: Authority::default(),
            task,
        };
        let admission = Admission::new(&run, &Redactor::default()).unwrap();
        block_on(store(root).admit(&admission, "acme/widgets#42", at)).unwrap();
        let content = format!("content of epoch {epoch}");
        let digest = put_blob(&mut log, content.as_bytes());
        note(&mut log, epoch, &digest);
    }
}

fn note(log: &mut Log, epoch: Epoch, text: &str) {
    let (parent, body) = (Seq(log.next().0 - 1), Body::Note(Note { text: text.to_owned() }));
    let draft = Draft::new(SessionId::default(), parent, body, &Redactor::default()).unwrap();
    block_on(log.append(epoch, vec![draft], holder().since)).unwrap();
}

fn claim_effect(log: &mut Log, ordinal: u32) {
    let run = RunId::derive(&instance(), &EventKey::from_parts(["local"]), None);
    let key = EffectKey::derive(b"secret", &instance(), &run, EffectKind::Comment, ordinal);
    let write = Write::Comment { body: "Thanks.".to_owned() };
    block_on(log.effect_claim(&Effect { key, run, ordinal, write }, holder().since)).unwrap();
}

/// A bundle of two epochs: its root and its archive.
fn packed() -> (TempDir, Vec<u8>) {
    let root = tempfile::tempdir().unwrap();
    work(root.path(), 2);
    let archive = pack(&root.path().join(instance().external())).unwrap();
    (root, archive)
}

/// Every file below a directory, by its path.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for member in std::fs::read_dir(dir).unwrap().map(|member| member.unwrap()) {
        let name = member.file_name().into_string().unwrap();
        if member.path().is_dir() {
            found.extend(files(&member.path()).into_iter().map(|(path, content)| (format!("{name}/{path}"), content)));
        } else {
            found.insert(name, std::fs::read(member.path()).unwrap());
        }
    }
    found
}

/// What unpacking into an empty root brings, with what stands there afterwards.
fn into_nothing(archive: &[u8]) -> (Result<Unpacked, Error>, BTreeMap<String, Vec<u8>>) {
    let root = tempfile::tempdir().unwrap();
    let unpacked = unpack(archive, root.path(), &instance(), &holder());
    let mut files = files(root.path());
    files.retain(|path, _| !path.ends_with(".lock"));
    (unpacked, files)
}

#[test]
fn a_bundle_comes_back_to_the_byte_and_goes_on() {
    let (root, archive) = packed();
    let there = tempfile::tempdir().unwrap();
    let reach = Reach { epoch: Epoch(2), next: Seq(3) };
    let taken = Unpacked::Taken { reach, before: None, notes: Vec::new() };
    assert_eq!(unpack(&archive, there.path(), &instance(), &holder()).unwrap(), taken);
    let dir = there.path().join(instance().external());
    assert_eq!(files(&dir), files(&root.path().join(instance().external())));
    assert!(files(&dir).keys().filter(|name| name.starts_with("blobs/")).count() == 2);
    work(there.path(), 1);
    assert_eq!(cover_of(&dir).epoch, Epoch(3));
}

#[test]
fn the_same_bundle_is_the_same_archive() {
    let (_, first) = packed();
    let (_, second) = packed();
    assert!(first == second);
}

#[test]
fn a_bundle_is_packed_while_its_writer_works() {
    let root = tempfile::tempdir().unwrap();
    work(root.path(), 1);
    let dir = root.path().join(instance().external());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut log = open(root.path(), &instance());
            for round in 0..12 {
                let epoch = claim(&mut log);
                for line in 0..8 {
                    note(&mut log, epoch, &format!("{round} {line} {}", "x".repeat(20_000)));
                    claim_effect(&mut log, round * 8 + line);
                }
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        let mut last = None;
        loop {
            let ended = done.load(std::sync::atomic::Ordering::Acquire);
            match pack(&dir) {
                Ok(archive) => {
                    let (unpacked, _) = into_nothing(&archive);
                    let Ok(Unpacked::Taken { reach, .. }) = unpacked else { panic!("{unpacked:?}") };
                    assert!(last.replace(reach) <= Some(reach));
                }
                Err(error) => assert!(matches!(error, crate::store::Error::Held { .. }), "{error}"),
            }
            if ended {
                break;
            }
        }
        assert_eq!(last, Some(Reach { epoch: Epoch(13), next: Seq(2 + 96) }));
    });
}

#[test]
fn what_a_writer_had_not_finished_is_cut_off_and_told() {
    let (root, _) = packed();
    let dir = root.path().join(instance().external());
    let log = std::fs::OpenOptions::new().append(true).open(dir.join("log.jsonl"));
    log.unwrap().write_all(b"{\"seq\":3").unwrap();
    let (unpacked, files) = into_nothing(&pack(&dir).unwrap());
    let Ok(Unpacked::Taken { notes, .. }) = unpacked else { panic!("{unpacked:?}") };
    insta::assert_snapshot!(notes.join("\n"), @"`log.jsonl` ended in the middle of a write: cut 8 bytes off after line 3");
    assert!(files.values().all(|content| !content.ends_with(b"{\"seq\":3")));
}

#[test]
fn of_two_bundles_the_one_that_came_further_stays() {
    let (root, older) = packed();
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join(instance().external());
    let unpack = |archive: &[u8]| unpack(archive, place.path(), &instance(), &holder()).unwrap();
    unpack(&older);
    let reach = |epoch, next| Reach { epoch: Epoch(epoch), next: Seq(next) };
    let (two, three) = (reach(2, 3), reach(3, 4));

    let before = files(place.path());
    assert_eq!(unpack(&older), Unpacked::Left { here: two, archive: two });
    assert_eq!(files(place.path()), before);

    work(root.path(), 1);
    let newer = pack(&root.path().join(instance().external())).unwrap();
    let aside = place.path().join(format!("{}.before", instance().external()));
    let taken = Unpacked::Taken { reach: three, before: Some(aside.clone()), notes: Vec::new() };
    assert_eq!(unpack(&newer), taken);
    assert_eq!(cover_of(&aside).epoch, Epoch(2));
    assert_eq!(unpack(&older), Unpacked::Left { here: three, archive: two });
    assert_eq!(cover_of(&dir).epoch, Epoch(3));

    // The same epoch: the longer log.
    let mut log = open(root.path(), &instance());
    let epoch = claim(&mut log);
    let begun = pack(&root.path().join(instance().external())).unwrap();
    note(&mut log, epoch, "and on");
    let gone_on = pack(&root.path().join(instance().external())).unwrap();
    unpack(&begun);
    assert!(matches!(unpack(&gone_on), Unpacked::Taken { .. }));
    assert_eq!(unpack(&begun), Unpacked::Left { here: reach(4, 5), archive: reach(4, 4) });
}

#[test]
fn nothing_is_taken_while_somebody_writes() {
    let (_root, archive) = packed();
    let place = tempfile::tempdir().unwrap();
    work(place.path(), 1);
    let log = open(place.path(), &instance());
    let error = unpack(&archive, place.path(), &instance(), &holder()).unwrap_err();
    assert!(matches!(error, Error::Place(crate::store::Error::Held { .. })), "{error}");
    drop(log);
    unpack(&archive, place.path(), &instance(), &holder()).unwrap();
}

#[test]
fn what_packs_too_well_is_packed_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let mut log = open(root.path(), &instance());
    let epoch = claim(&mut log);
    let digest = put_blob(&mut log, &vec![0; 8 << 20]);
    note(&mut log, epoch, &digest);
    let archive = pack(&root.path().join(instance().external())).unwrap();
    assert!(archive.len() > 8 << 20);
    assert!(into_nothing(&archive).0.is_ok());
}

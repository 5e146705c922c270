//! What strangers may make of an archive, and what is told of it.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// An archive of these files.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    zip_as(files, SimpleFileOptions::default())
}

fn zip_as(files: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The files of the two epochs, with one of them changed; `None` takes it away.
fn changed(name: &str, content: Option<&[u8]>) -> Vec<u8> {
    let (root, _) = packed();
    let mut files = files(&root.path().join(instance().external()));
    match content {
        Some(content) => _ = files.insert(name.to_owned(), content.to_owned()),
        None => _ = files.remove(name).unwrap(),
    }
    zip(&files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect::<Vec<_>>())
}

#[test]
fn a_refusal_names_the_file_and_leaves_nothing() {
    let blob = format!("blobs/{}", "0".repeat(64));
    let short = format!("blobs/{}", "0".repeat(63));
    let upper = format!("blobs/{}", "A".repeat(64));
    let (root, archive) = packed();
    let dir = root.path().join(instance().external());
    let log = std::fs::read_to_string(dir.join("log.jsonl")).unwrap();
    let other: InstanceId = "github.com/700100/issue/43/triage".parse().unwrap();
    drop(open(root.path(), &other));
    let mut link = ZipWriter::new(Cursor::new(Vec::new()));
    link.add_symlink("log.jsonl", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let mut folder = ZipWriter::new(Cursor::new(Vec::new()));
    folder.add_directory("blobs", SimpleFileOptions::default()).unwrap();
    let twice = {
        let mut archive = zip(&[("log.jsonl", b"1"), ("log.jsonk", b"2")]);
        let at: Vec<usize> =
            archive.windows(9).enumerate().filter(|(_, w)| w == b"log.jsonk").map(|(n, _)| n).collect();
        at.iter().for_each(|at| archive[at + 8] = b'l');
        archive
    };
    let encrypted = {
        let mut archive = zip(&[("log.jsonl", b"1")]);
        let central = archive.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        archive[6] |= 1;
        archive[central + 8] |= 1;
        archive
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("no bytes", Vec::new()),
        ("a page", b"<!doctype html><title>Sign in</title>".to_vec()),
        ("cut", archive[..archive.len() - 1].to_vec()),
        ("behind another", [archive.as_slice(), archive.as_slice()].concat()),
        ("before something", [archive.as_slice(), b"x"].concat()),
        ("nothing in it", zip(&[])),
        ("a path up", zip(&[("../x", b"")])),
        ("an absolute path", zip(&[("/etc/passwd", b"")])),
        ("a backslash", zip(&[("blobs\\x", b"")])),
        ("a deeper path", zip(&[("blobs/a/b", b"")])),
        ("a control character", zip(&[("log.jsonl\u{1b}[2J", b"")])),
        ("a short digest", zip(&[(&short, b"")])),
        ("a shouted digest", zip(&[(&upper, b"")])),
        ("another's blob", zip(&[(&blob, b"x")])),
        ("a link", link.finish().unwrap().into_inner()),
        ("a directory", folder.finish().unwrap().into_inner()),
        ("one name twice", twice),
        ("encrypted", encrypted),
        ("no manifest", changed("manifest.json", None)),
        ("no log", changed("log.jsonl", None)),
        ("a shorter log", changed("log.jsonl", log.lines().next().map(str::as_bytes))),
        ("another log", changed("log.jsonl", Some(log.replace("epoch", "hcope").as_bytes()))),
        ("a newer manifest", changed("manifest.json", Some(br#"{"format":"bundle-v2"}"#))),
        ("another instance", pack(&root.path().join(other.external())).unwrap()),
    ];
    let mut said = String::new();
    for (what, archive) in cases {
        let (unpacked, files) = into_nothing(&archive);
        said.push_str(&format!("{what}: {}\n", unpacked.expect_err(what)));
        assert!(files.is_empty(), "{what} left {files:?}");
    }
    insta::assert_snapshot!(said, @r"
    no bytes: the archive does not end as hob ends one: it was cut, or is none; nothing of it was taken: delete it, so that an earlier one is found
    a page: the archive does not end as hob ends one: it was cut, or is none; nothing of it was taken: delete it, so that an earlier one is found
    cut: the archive does not end as hob ends one: it was cut, or is none; nothing of it was taken: delete it, so that an earlier one is found
    behind another: the archive does not end as hob ends one: it was cut, or is none; nothing of it was taken: delete it, so that an earlier one is found
    before something: the archive does not end as hob ends one: it was cut, or is none; nothing of it was taken: delete it, so that an earlier one is found
    nothing in it: `manifest.json` in the archive is damaged: line 1 (byte 0) is missing; nothing of it was taken: delete the archive, so that an earlier one is found
    a path up: `../x` in the archive is no part of a bundle; nothing of it was taken: delete the archive, so that an earlier one is found
    an absolute path: `/etc/passwd` in the archive is no part of a bundle; nothing of it was taken: delete the archive, so that an earlier one is found
    a backslash: `blobs\\x` in the archive is no part of a bundle; nothing of it was taken: delete the archive, so that an earlier one is found
    a deeper path: `blobs/a/b` in the archive is no part of a bundle; nothing of it was taken: delete the archive, so that an earlier one is found
    a control character: `log.jsonl\u{1b}[2J` in the archive is no part of a bundle; nothing of it was taken: delete the archive, so that an earlier one is found
    a short digest: `blobs/000000000000000000000000000000000000000000000000000000000000000` in the archive is no part of a bundle; nothing of it was taken: delete the archive, so that an earlier one is found
    a shouted digest: `blobs/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA` in the archive is no part of a bundle; nothing of it was taken: delete the archive, so that an earlier one is found
    another's blob: `blobs/0000000000000000000000000000000000000000000000000000000000000000` in the archive does not match its digest; nothing of it was taken: delete the archive, so that an earlier one is found
    a link: `log.jsonl` in the archive is not a plain file; nothing of it was taken: delete the archive, so that an earlier one is found
    a directory: `blobs/` in the archive is no part of a bundle; nothing of it was taken: delete the archive, so that an earlier one is found
    one name twice: the archive holds two files of one name; nothing of it was taken: delete it, so that an earlier one is found
    encrypted: `log.jsonl` in the archive is encrypted; nothing of it was taken: delete the archive, so that an earlier one is found
    no manifest: `manifest.json` in the archive is damaged: line 1 (byte 0) is missing; nothing of it was taken: delete the archive, so that an earlier one is found
    no log: `log.jsonl` in the archive is damaged: line 1 (byte 0) is missing; nothing of it was taken: delete the archive, so that an earlier one is found
    a shorter log: `log.jsonl` in the archive is damaged: line 1 (byte 0) is missing or cut: the manifest names 2 lines; nothing of it was taken: delete the archive, so that an earlier one is found
    another log: `log.jsonl` in the archive is damaged: line 1 (byte 0) does not match its checksum; nothing of it was taken: delete the archive, so that an earlier one is found
    a newer manifest: `manifest.json` in the archive was written by a newer hob (format `bundle-v2`); use that version or a later one
    another instance: the archive holds github.com/700100/issue/43/triage, not github.com/700100/issue/42/triage; nothing of it was taken: delete it, and look who put it there
    ");
}

#[test]
fn what_comes_out_is_counted_and_never_believed() {
    let zeros = vec![0; 8 << 20];
    let bomb = zip(&[("log.jsonl", &zeros)]);
    assert!(bomb.len() < 20_000);
    insta::assert_snapshot!(into_nothing(&bomb).0.unwrap_err(), @"the archive holds more than 2703176 bytes; nothing of it was taken: delete it, so that an earlier one is found");
    // The same, with headers that promise ten bytes.
    let mut liar = bomb;
    let central = liar.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    for at in [22, central + 24] {
        liar[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let (unpacked, files) = into_nothing(&liar);
    insta::assert_snapshot!(unpacked.unwrap_err(), @"`log.jsonl` in the archive cannot be read: File is larger than its declared uncompressed size; nothing of it was taken: delete the archive, so that an earlier one is found");
    assert!(files.is_empty());

    let many: Vec<String> = (0..=ENTRIES_MAX).map(|n| format!("blobs/{n:064x}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    insta::assert_snapshot!(into_nothing(&zip_as(&many, stored)).0.unwrap_err(), @"the archive holds more than 20000 files; nothing of it was taken: delete it, so that an earlier one is found");
    insta::assert_snapshot!(into_nothing(&vec![0; ARCHIVE_MAX + 1]).0.unwrap_err(), @"the archive holds more than 67108864 bytes; nothing of it was taken: delete it, so that an earlier one is found");
}

#[test]
fn a_cut_at_any_byte_is_noticed() {
    let (_root, archive) = packed();
    let place = tempfile::tempdir().unwrap();
    for length in 0..archive.len() {
        assert!(unpack(&archive[..length], place.path(), &instance(), &holder()).is_err(), "cut at {length}");
        assert!(!place.path().join(instance().external()).exists());
    }
}

#[test]
fn a_blob_is_verified_like_everything_else() {
    let (root, _) = packed();
    let dir = root.path().join(instance().external());
    let name = files(&dir).into_keys().find(|name| name.starts_with(blobs::NAME)).unwrap();
    let error = into_nothing(&changed(&name, Some(b"other"))).0.unwrap_err();
    assert!(matches!(&error, Error::Entry { entry, what } if *entry == name && what == "does not match its digest"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(into_nothing(&bytes).0.is_err());
    }

    /// Bytes that change nothing that is unpacked (a time, a version) may pass; other content never.
    #[test]
    fn no_change_of_an_archive_changes_what_is_taken(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..4),
        cut in prop::option::of(any::<(prop::sample::Index, prop::sample::Index)>()),
    ) {
        let (root, mut archive) = packed();
        for (at, mask) in flips {
            let at = at.index(archive.len());
            archive[at] ^= mask;
        }
        if let Some((from, to)) = cut {
            let (from, to) = (from.index(archive.len()), to.index(archive.len()));
            archive.drain(from.min(to)..from.max(to));
        }
        let (unpacked, found) = into_nothing(&archive);
        if unpacked.is_ok() {
            prop_assert_eq!(found, files(root.path()).into_iter().filter(|(path, _)| !path.ends_with(".lock")).collect());
        } else {
            prop_assert_eq!(found, BTreeMap::new());
        }
    }

    #[test]
    fn a_stranger_who_can_zip_gets_nothing_else_in(
        parts in prop::collection::vec(("(manifest|log|inbox|applied)?[.a-z/\\\\]{0,12}", prop::collection::vec(any::<u8>(), 0..40)), 0..4),
    ) {
        let (root, _) = packed();
        let whole = files(&root.path().join(instance().external()));
        let mut all: BTreeMap<String, Vec<u8>> = whole.clone();
        all.extend(parts);
        let all: Vec<(&str, &[u8])> = all.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        let (unpacked, found) = into_nothing(&zip(&all));
        if unpacked.is_ok() {
            let prefix = format!("{}/", instance().external());
            let mut found: BTreeMap<String, Vec<u8>> =
                found.into_iter().map(|(path, content)| (path.replacen(&prefix, "", 1), content)).collect();
            // A torn end alone says nothing, and is cut off by the next writer.
            found.remove(Chain::Applied.file());
            prop_assert_eq!(found, whole);
        } else {
            prop_assert_eq!(found, BTreeMap::new());
        }
    }
}

//! What is copied from store to store is the same to the byte.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;

/// Every file below a directory but locks, by its path.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for member in std::fs::read_dir(dir).unwrap().map(|member| member.unwrap()) {
        let name = member.file_name().into_string().unwrap();
        if member.path().is_dir() {
            found.extend(files(&member.path()).into_iter().map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else if !name.ends_with(".lock") {
            found.insert(name, std::fs::read(member.path()).unwrap());
        }
    }
    found
}

#[test]
fn a_session_goes_through_every_store_and_comes_back_to_the_byte() {
    let first = bundles().worked();
    let bytes = files(&first.scene.store());
    assert!(bytes.len() >= 6, "{:?}", bytes.keys());
    let mut from = first.scene.store().display().to_string();
    // Kept until the end: a store ends with its scene.
    let way: Vec<Kept> = every_store();
    for kept in &way {
        let imported = kept.hob(&format!("import {from}"));
        assert_eq!(imported.code(), Some(0), "{}", imported.transcript());
        from.clone_from(&kept.url);
    }
    let last = way.last().unwrap();
    let exported = last.hob("export --all --to ../back");
    assert_eq!(exported.code(), Some(0), "{}", exported.transcript());
    assert!(files(&last.scene.beside("back")) == bytes, "not the same bytes");
    // And goes on there.
    let run = last.hob(HELLO);
    assert_eq!(run.code(), Some(0), "{}", run.transcript());
}

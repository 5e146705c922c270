//! Files that are not what they should be.

use super::*;

/// What reading and what writing says about a file.
async fn refused(place: &Place) -> String {
    let store = place.store();
    let read = store.list().await.unwrap_err();
    let admission = Admission::new(&run("1", "one"), &Redactor::default()).unwrap();
    let written = store.admit(&admission, "1", at(1)).await.unwrap_err();
    assert_eq!(read.to_string(), written.to_string());
    place.said(&read)
}

fn with(content: &[u8]) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.file().parent().unwrap()).unwrap();
    std::fs::write(place.file(), content).unwrap();
    place
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_refused_and_left_as_it_is() {
    let place = Place::new();
    std::fs::create_dir_all(place.file()).unwrap();
    insta::assert_snapshot!(refused(&place).await, @"cannot open a store in `DIR/state/hob.sqlite`: it is a directory; name a file in it");

    let text = b"Dear diary, this is no database at all, and it is long enough to be looked at. ".repeat(20);
    let place = with(&text);
    insta::assert_snapshot!(refused(&place).await, @"cannot open a store in `DIR/state/hob.sqlite`: file is not a database; name another file");
    assert_eq!(std::fs::read(place.file()).unwrap(), text);

    let place = with(b"");
    place.shell().execute_batch("create table cakes (name text)").unwrap();
    let before = std::fs::read(place.file()).unwrap();
    insta::assert_snapshot!(refused(&place).await, @"cannot open a store in `DIR/state/hob.sqlite`: it is a database of another program; name another file");
    assert_eq!(std::fs::read(place.file()).unwrap(), before);
}

#[tokio::test]
async fn what_a_newer_hob_wrote_is_refused_and_left_as_it_is() {
    let place = Place::new();
    admit(&place.store(), "1", "one").await;
    place.shell().pragma_update(None, "user_version", 2).unwrap();
    let before = std::fs::read(place.file()).unwrap();
    insta::assert_snapshot!(refused(&place).await, @"`DIR/state/hob.sqlite` was written by a newer hob (tables of version 2); use that version or a later one");
    assert_eq!(std::fs::read(place.file()).unwrap(), before);
}

#[tokio::test]
async fn an_empty_file_is_one_that_was_begun() {
    let place = with(b"");
    let store = place.store();
    assert!(store.list().await.unwrap().is_empty());
    admit(&store, "1", "one").await;
    assert_eq!(store.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_that_somebody_makes_in_between_is_found() {
    let place = Place::new();
    let (one, other) = (place.store(), place.store());
    assert!(one.list().await.unwrap().is_empty());
    admit(&other, "1", "one").await;
    assert_eq!(one.list().await.unwrap().len(), 1);
}

#[test]
fn a_file_is_made_once_by_whoever_comes_first() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let place = &place;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async { assert_eq!(admit(&place.store(), "1", name).await, Admitted::New) });
            });
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let peek = runtime.block_on(place.store().peek(&instance("1"))).unwrap().unwrap();
    assert_eq!(peek.runs().count(), 4);
}

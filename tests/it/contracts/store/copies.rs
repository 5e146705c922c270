//! An instance moves between any two stores to the byte.

use std::path::PathBuf;

use hob::store::Admitted;
use hob::telemetry::failpoint::Failpoints;

use super::bundle::golden::files;
use super::forget::full;
use super::*;

every_store! {
    what_goes_in_comes_out_to_the_byte,
    what_was_made_here_is_the_same_in_every_store,
    a_copy_goes_on_where_the_first_one_stood,
    what_somebody_works_on_is_copied_as_it_stands,
    one_that_is_there_is_not_written_over,
    what_is_not_there_is_not_copied,
}

fn copy(from: &Place, to: &Place) -> Result<bool, Error> {
    // A server's connections live on the runtime of their own place.
    let place = if to.is_a_database() { to } else { from };
    place.run(from.store.copy(&instance(), &to.store))
}

/// The bytes of its one instance as a bundle.
fn bytes(place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    assert!(copy(place, &Place::bundles_in(dir.path(), Failpoints::default())).unwrap());
    files(&dir.path().join(instance().external()))
}

fn what_goes_in_comes_out_to_the_byte(place: &Place) {
    let dir = tempfile::tempdir().unwrap();
    let made = Place::bundles_in(dir.path(), Failpoints::default());
    full(&made);
    assert!(copy(&made, place).unwrap());
    assert_eq!(bytes(place), files(&dir.path().join(instance().external())));
}

fn what_was_made_here_is_the_same_in_every_store(place: &Place) {
    let digest = full(place);
    let others = [Place::memory(), Place::bundles()];
    for other in &others {
        assert!(copy(place, other).unwrap());
        assert_eq!(bytes(other), bytes(place));
        assert_eq!(other.states(), place.states());
        assert_eq!(other.waiting(), place.waiting());
        assert_eq!(other.open().blob(&digest).unwrap(), b"content");
    }
}

fn a_copy_goes_on_where_the_first_one_stood(place: &Place) {
    let made = Place::memory();
    full(&made);
    assert!(copy(&made, place).unwrap());
    assert_eq!(place.admit("second"), Admitted::Known(State::Queued), "it knows its runs");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    assert_eq!((claim.run.id.clone(), claim.fence), (run("second").id, Epoch(2)));
    assert_eq!(writer.abort_asked(&claim.run.id), Some("octocat"));
    writer.settle(claim.fence, [started(&claim.run, 1), settled(&claim.run)]).unwrap();
    assert!(place.waiting().is_empty());
    assert_eq!(made.waiting(), [instance()], "the first one stays as it was");
}

fn what_somebody_works_on_is_copied_as_it_stands(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    let claim = writer.take().unwrap();
    writer.append(claim.fence, [started(&claim.run, 1), note("a")]).unwrap();
    let other = Place::memory();
    assert!(copy(&place.beside(), &other).unwrap());
    assert_eq!((notes(&other.peek().entries), other.states()), (vec!["a"], vec![State::Running]));
    // Nobody has the claim there, and here it is as it was.
    assert_eq!(other.open().take().unwrap().fence, Epoch(2));
    writer.append(claim.fence, [note("b")]).unwrap();
}

fn one_that_is_there_is_not_written_over(place: &Place) {
    place.admit("first");
    let other = Place::memory();
    other.admit("second");
    let before = bytes(place);
    assert!(matches!(copy(&other, place), Err(Error::Exists { .. })));
    assert_eq!(bytes(place), before);
}

fn what_is_not_there_is_not_copied(place: &Place) {
    assert!(!copy(place, &Place::memory()).unwrap());
    assert!(!copy(&Place::memory(), place).unwrap());
    assert!(place.list().is_empty());
}

//! All instances, by their covers alone.

use super::place::LABEL;
use super::*;

every_store! {
    where_nothing_is_nothing_is_listed,
    the_newest_comes_first,
    a_listed_instance_says_whose_it_is_and_how_far_it_came,
    a_name_changes_with_the_next_claim_and_not_before,
    many_instances_are_listed_each_once,
    a_claim_at_an_earlier_time_only_changes_the_order,
    places_are_told_apart,
    what_is_worked_on_is_listed_too,
}

fn listed(place: &Place) -> Vec<InstanceId> {
    place.list().into_iter().map(|listed| listed.manifest.unwrap().instance).collect()
}

fn label(place: &Place) -> String {
    place.list().remove(0).manifest.unwrap().label
}

/// One of many on the same repository.
fn numbered(n: u32) -> InstanceId {
    InstanceId { key: n.to_string(), ..instance() }
}

fn where_nothing_is_nothing_is_listed(place: &Place) {
    assert!(place.list().is_empty());
    assert!(place.beside().list().is_empty());
    assert!(place.try_peek().unwrap().is_none());
}

fn the_newest_comes_first(place: &Place) {
    for (n, seconds) in [(1, 30), (2, 10), (3, 20)] {
        place.open_of(&numbered(n)).claim_at(at(seconds)).unwrap();
    }
    assert_eq!(listed(place), [1, 3, 2].map(numbered));
}

fn a_listed_instance_says_whose_it_is_and_how_far_it_came(place: &Place) {
    place.admit("first");
    let mut writer = place.open();
    writer.work();
    writer.claim_at(at(9)).unwrap();
    let listed = place.list();
    let manifest = listed[0].manifest.as_ref().unwrap();
    assert_eq!((&manifest.instance, manifest.epoch), (&instance(), Epoch(2)));
    assert_eq!((manifest.label.as_str(), manifest.updated_at), (LABEL, at(9)));
    assert_eq!(manifest.hob, env!("CARGO_PKG_VERSION"));
}

fn a_name_changes_with_the_next_claim_and_not_before(place: &Place) {
    place.admit_as(&run("first"), "acme/old#42 (triage)").unwrap();
    place.admit_as(&run("second"), "acme/new#42 (triage)").unwrap();
    assert_eq!(label(place), "acme/old#42 (triage)");
    let (mut writer, _) = place.open_as(&instance(), "acme/new#42 (triage)").unwrap();
    assert_eq!(label(place), "acme/old#42 (triage)");
    writer.claim();
    assert_eq!(label(place), "acme/new#42 (triage)");
}

fn many_instances_are_listed_each_once(place: &Place) {
    let many = place.many();
    for n in 0..many {
        place.admit_run(&Run { admitted_at: at(i64::from(n)), ..run_of(&numbered(n), "first") });
    }
    assert_eq!(listed(place), (0..many).rev().map(numbered).collect::<Vec<_>>());
}

fn a_claim_at_an_earlier_time_only_changes_the_order(place: &Place) {
    place.open_of(&numbered(1)).claim_at(at(100)).unwrap();
    let mut writer = place.open_of(&numbered(2));
    writer.claim_at(at(200)).unwrap();
    assert_eq!(listed(place), [2, 1].map(numbered));
    assert_eq!(writer.claim_at(at(-200)).unwrap().0, Epoch(2));
    assert_eq!(listed(place), [1, 2].map(numbered));
}

fn places_are_told_apart(place: &Place) {
    for n in 0..5 {
        drop(place.open_of(&numbered(n)));
    }
    let mut places: Vec<String> = place.list().into_iter().map(|listed| listed.place).collect();
    assert!(places.is_sorted(), "of one age they are in the order of their places");
    places.dedup();
    assert_eq!(places.len(), 5);
}

fn what_is_worked_on_is_listed_too(place: &Place) {
    let mut writer = place.open();
    let fence = writer.claim();
    assert_eq!(listed(&place.beside()), [instance()]);
    writer.append(fence, [note("undisturbed")]).unwrap();
}

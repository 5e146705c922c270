//! What model calls cost counts once, with the entry that tells of the call, for the agent in its repository.
//! A directory of bundles counts nothing.

use hob::domain::budget::Day;
use hob::store::Bill;

use super::*;

every_store! {
    a_directory_counts_nothing_and_every_other_store_does,
    all_instances_of_an_agent_in_a_repository_are_on_one_account,
    another_repository_host_or_agent_is_on_another_account,
    an_actors_part_is_counted_beside,
    of_what_is_refused_nothing_counts,
    what_a_process_spent_that_died_counts,
    each_day_is_on_its_own_and_a_month_is_kept,
    what_a_forgotten_instance_cost_counts,
    what_a_copy_cost_elsewhere_does_not_count,
    bills_of_any_size_are_added_up,
    ten_who_spend_at_once_lose_nothing,
}

const ANN: Option<u64> = Some(583_231);
const BOB: Option<u64> = Some(u64::MAX);
const NOBODY: Option<u64> = None;

/// A call of the model that cost so much.
fn call(writer: &Writer, actor: Option<u64>, nano_usd: u64) -> Vec<hob::store::Draft> {
    let drafts = writer.path([note("asked"), note("answered")]);
    let [asked, answered] = drafts.try_into().unwrap();
    vec![asked, answered.billed(Bill { actor, nano_usd })]
}

/// One such call under a claim of its own.
fn spend(place: &Place, instance: &InstanceId, actor: Option<u64>, nano_usd: u64) {
    let mut writer = place.open_of(instance);
    let fence = writer.claim();
    let drafts = call(&writer, actor, nano_usd);
    writer.append_drafts(fence, drafts).unwrap();
    writer.release();
}

/// What the agent and the actor cost on the first of March; `None` where nobody counts.
fn spent(place: &Place, instance: &InstanceId, actor: Option<u64>) -> Option<(u64, u64)> {
    spent_at(place, instance, actor, at(0))
}

fn spent_at(place: &Place, instance: &InstanceId, actor: Option<u64>, at: Timestamp) -> Option<(u64, u64)> {
    let mut writer = place.open_of(instance);
    let day = place.run(writer.log.spent(actor, at)).unwrap();
    day.map(|Day { agent_nano_usd, actor_nano_usd }| (agent_nano_usd, actor_nano_usd))
}

fn a_directory_counts_nothing_and_every_other_store_does(place: &Place) {
    let counts = place.counts_days();
    assert_eq!(spent(place, &instance(), ANN), counts.then_some((0, 0)));
    spend(place, &instance(), ANN, 7);
    for place in [place, &place.beside()] {
        assert_eq!(spent(place, &instance(), ANN), counts.then_some((7, 7)));
    }
}

fn all_instances_of_an_agent_in_a_repository_are_on_one_account(place: &Place) {
    let pull = InstanceId { kind: hob::domain::id::InstanceKind::Pull, ..instance() };
    for instance in [&instance(), &neighbour(), &pull] {
        spend(place, instance, ANN, 5);
    }
    for instance in [&instance(), &neighbour(), &pull] {
        assert_eq!(spent(place, instance, ANN), place.counts_days().then_some((15, 15)));
    }
}

fn another_repository_host_or_agent_is_on_another_account(place: &Place) {
    spend(place, &instance(), ANN, 5);
    for other in [
        InstanceId { repo: 700_101, ..instance() },
        InstanceId { host: "gitlab.com".into(), ..instance() },
        InstanceId { agent: "review".parse().unwrap(), ..instance() },
    ] {
        assert_eq!(spent(place, &other, ANN), place.counts_days().then_some((0, 0)));
    }
}

fn an_actors_part_is_counted_beside(place: &Place) {
    for (actor, nano_usd) in [(ANN, 1), (BOB, 10), (NOBODY, 100), (ANN, 1000)] {
        spend(place, &instance(), actor, nano_usd);
    }
    for (actor, part) in [(ANN, 1001), (BOB, 10), (NOBODY, 0), (Some(4), 0)] {
        assert_eq!(spent(place, &instance(), actor), place.counts_days().then_some((1111, part)), "{actor:?}");
    }
}

fn of_what_is_refused_nothing_counts(place: &Place) {
    let place = &place.with_short_leases();
    place.admit("first");
    let mut writer = place.open();
    let fence = writer.claim();
    let mut twice = call(&writer, ANN, 7);
    twice.extend([settled(&run("first")), settled(&run("first"))].map(|body| place::draft(Seq(0), body)));
    assert!(writer.append_drafts(fence, twice).is_err(), "one outcome");
    if place.counts_days() {
        // Another process has the claim now, and this one does not know.
        place.expire();
        place.beside().open().claim();
        let late = call(&writer, ANN, 7);
        assert!(matches!(writer.append_drafts(fence, late), Err(Error::Fenced { .. })));
    }
    drop(writer);
    assert_eq!(spent(place, &neighbour(), ANN), place.counts_days().then_some((0, 0)));
}

fn what_a_process_spent_that_died_counts(place: &Place) {
    place.admit("first");
    let mut writer = place.open_doomed();
    let claim = writer.take().unwrap();
    let drafts = call(&writer, ANN, 7);
    writer.append_drafts(claim.fence, drafts).unwrap();
    place.dies(writer);
    let mut writer = place.open();
    let fence = writer.take().unwrap().fence;
    writer.settle(fence, [settled(&run("first"))]).unwrap();
    drop(writer);
    assert_eq!(spent(place, &neighbour(), ANN), place.counts_days().then_some((7, 7)));
}

fn each_day_is_on_its_own_and_a_month_is_kept(place: &Place) {
    const DAY: i64 = 24 * 3600;
    // Nine in the morning, and one minute before and after midnight.
    let moments = [at(0), at(15 * 3600 - 60), at(15 * 3600 + 60), at(31 * DAY), at(32 * DAY)];
    let mut writer = place.open();
    let fence = writer.claim();
    for (moment, expected) in moments.into_iter().zip([1, 2, 1, 1, 1]) {
        let drafts = call(&writer, ANN, 1);
        place.run(writer.log.append(fence, drafts, moment)).unwrap();
        let day = place.run(writer.log.spent(ANN, moment)).unwrap();
        assert_eq!(day.map(|day| day.agent_nano_usd), place.counts_days().then_some(expected), "{moment}");
    }
    drop(writer);
    for (moment, expected) in [(at(0), 0), (at(DAY), 1), (at(31 * DAY), 1)] {
        let spent = spent_at(place, &neighbour(), ANN, moment);
        assert_eq!(spent, place.counts_days().then_some((expected, expected)), "{moment}");
    }
}

fn what_a_forgotten_instance_cost_counts(place: &Place) {
    spend(place, &instance(), ANN, 7);
    assert!(place.forget().unwrap());
    assert_eq!(spent(place, &neighbour(), ANN), place.counts_days().then_some((7, 7)));
    assert_eq!(spent(place, &instance(), ANN), place.counts_days().then_some((7, 7)));
}

fn what_a_copy_cost_elsewhere_does_not_count(place: &Place) {
    let elsewhere = Place::memory();
    spend(&elsewhere, &instance(), ANN, 7);
    assert!(place.run(elsewhere.store.copy(&instance(), &place.store)).unwrap());
    assert_eq!(spent(place, &instance(), ANN), place.counts_days().then_some((0, 0)));
}

fn bills_of_any_size_are_added_up(place: &Place) {
    for nano_usd in [0, u64::MAX, u64::MAX, 1] {
        spend(place, &instance(), BOB, nano_usd);
    }
    // Nobody believes more than a million dollars.
    let sum = 2_000_000_000_000_001;
    assert_eq!(spent(place, &instance(), BOB), place.counts_days().then_some((sum, sum)));
}

fn ten_who_spend_at_once_lose_nothing(place: &Place) {
    std::thread::scope(|scope| {
        for n in 0..10_u64 {
            scope.spawn(move || {
                let place = place.beside();
                let instance = InstanceId { key: n.to_string(), ..instance() };
                let mut writer = place.open_of(&instance);
                let fence = writer.claim();
                for _ in 0..5 {
                    let drafts = call(&writer, Some(1 + n % 2), 1);
                    writer.append_drafts(fence, drafts).unwrap();
                }
                writer.release();
            });
        }
    });
    assert_eq!(spent(place, &instance(), Some(1)), place.counts_days().then_some((50, 25)));
}

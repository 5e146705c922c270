//! How soon a run goes on whose owner died.

use std::time::Instant;

use jiff::Timestamp;

use super::*;

/// A lease that no test waits for.
const LONG: Duration = Duration::from_secs(15);

/// Longest that all of it may take.
const PATIENCE: Duration = Duration::from_secs(60);

every_durable_store!(a_run_whose_owner_died_on_this_machine_does_not_wait_for_its_lease);

fn a_run_whose_owner_died_on_this_machine_does_not_wait_for_its_lease(ground: Ground) {
    let ground = Ground { lease: LONG, ..ground };
    let took = takeover(&ground, &mut Chance(1), 0);
    // Half a second where nothing else goes on.
    assert!(took < LONG / 3, "{took:?}");
}

/// Of SQLite all processes are on one machine, and of bundles one open file is the right to write.
#[test]
#[cfg(feature = "postgres")]
fn a_run_whose_owner_died_elsewhere_goes_on_soon_after_its_lease() {
    let Some(ground) = Ground::new("postgres") else { return };
    let ground = Ground { is_elsewhere: true, ..ground };
    let took = takeover(&ground, &mut Chance(1), 0);
    assert!(took < ground.lease + Duration::from_secs(5), "{took:?}");
}

/// `HOB_TEST_TAKEOVERS=count`: prints the median and the longest, for each store.
#[test]
#[ignore = "by hand: takes as long as it is told to"]
#[expect(clippy::disallowed_methods, reason = "a test by hand has no other way to be told what to do")]
fn as_many_as_you_like() {
    let count: usize = std::env::var("HOB_TEST_TAKEOVERS").unwrap().parse().unwrap();
    for (kind, is_elsewhere) in [("bundle", false), ("sqlite", false), ("postgres", false), ("postgres", true)] {
        let ground = Ground { lease: LONG, is_elsewhere, ..Ground::new(kind).unwrap() };
        let count = if is_elsewhere { count.div_ceil(10) } else { count };
        let mut chance = Chance(1);
        let mut took: Vec<Duration> = (0..count).map(|round| takeover(&ground, &mut chance, round)).collect();
        took.sort();
        let (half, most) = (took[count / 2], took[count - 1]);
        println!("{kind}, elsewhere: {is_elsewhere}: {count} owners died; p50 {half:?}, longest {most:?}");
    }
}

/// From the death of a run's owner to the next attempt, which another worker makes that is at work already.
fn takeover(ground: &Ground, chance: &mut Chance, round: usize) -> Duration {
    let mut took = Duration::ZERO;
    block_on(async {
        let owner = Owner::start(ground);
        let store = ground.open().await;
        let run = run(&format!("{round}/ready"), "wait done");
        queue::admit(&store, &run, "a thread", &Redactor::default()).await.unwrap();
        let began = Instant::now();
        let attempts = async |count: usize| loop {
            let peek = store.peek(&run.instance).await.unwrap().unwrap();
            let mut attempts = peek.entries.iter().filter(|entry| entry.body.kind() == "attempt_started");
            if let Some(entry) = attempts.nth(count - 1) {
                return entry.at;
            }
            assert!(began.elapsed() < PATIENCE, "nobody makes attempt {count}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        attempts(1).await;
        let with = circumstances();
        let desk = Desk { dir: ground.dir.path().to_owned(), model: Arc::default() };
        let other = Worker { store: store.clone(), holder: holder("other"), at_once: 3, observer: Arc::new(()) };
        let (left, ()) = tokio::join!(other.work(&desk, &with, Until::Told), async {
            // It has looked, and waits for its next look.
            tokio::time::sleep(Duration::from_millis(100) + chance.up_to(Duration::from_millis(400))).await;
            let died = clock().now();
            owner.kill();
            took = since(died, attempts(2).await);
            desk.model.gate.add_permits(1);
            while unsettled(&store, [&run.instance]).await > 0 {
                assert!(began.elapsed() < PATIENCE, "it does not end");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            with.cancel.cancel();
        });
        assert_eq!(left.unwrap(), []);
    });
    took
}

fn since(died: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(died)).unwrap_or_default()
}

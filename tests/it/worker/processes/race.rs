//! Worker processes that spend the money of one day, one of which is killed over it.

use std::time::Instant;

use hob::domain::clock::day;

use super::*;

every_durable_store!(processes_that_race_spend_what_there_is_and_each_run_one_call_more_at_most);

/// Processes, each with three runs at once.
const PROCESSES: u64 = 4;

/// Each wants four cents, and there are ten.
const RUNS: usize = 24;

const CENT: u64 = 10_000_000;

const PATIENCE: Duration = Duration::from_secs(60);

fn processes_that_race_spend_what_there_is_and_each_run_one_call_more_at_most(ground: Ground) {
    block_on(async {
        let store = ground.open().await;
        let runs: Vec<Run> = (0..RUNS).map(|n| run(&format!("{n}/thrifty"), &format!("costs 1 3 run-{n}"))).collect();
        if spent(&store, &runs[0].instance).await.is_none() {
            return;
        }
        for run in &runs {
            queue::admit(&store, run, "a thread", &Redactor::default()).await.unwrap();
        }
        let (began, since) = (Instant::now(), clock().now());
        let mut owners: Vec<Owner> = (0..PROCESSES).map(|_| Owner::start(&ground)).collect();
        let killed = owners.pop();
        while spent(&store, &runs[0].instance).await < Some(5 * CENT) {
            assert!(began.elapsed() < PATIENCE, "nobody spends");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        killed.unwrap().kill();
        while unsettled(&store, runs.iter().map(|run| &run.instance)).await > 0 {
            assert!(began.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (mut told, mut limited, mut not_begun) = (0, 0, 0);
        for run in &runs {
            let peek = store.peek(&run.instance).await.unwrap().unwrap();
            told += costs(&peek.entries);
            match peek.runs().next().unwrap().1 {
                State::Settled(outcome) if outcome.to_string() == "completed, limited by per_day" => limited += 1,
                State::Settled(outcome) => assert_eq!(outcome.to_string(), "completed"),
                state => panic!("{state:?}"),
            }
            not_begun += usize::from(count(&peek.entries, "attempt_started") == 0);
        }
        assert_eq!(spent(&store, &runs[0].instance).await, Some(told), "each call counts once");
        let days = if day(since) == day(clock().now()) { 1 } else { 2 };
        let most = (9 + 3 * PROCESSES) * CENT * days;
        assert!((10 * CENT..=most).contains(&told), "{told}");
        assert!(limited >= not_begun && not_begun > 0, "{limited}, {not_begun}");
    });
}

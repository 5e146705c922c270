//! Owners that are killed and frozen at instants that a seed chooses, while another process admits and is
//! killed as well: every run that was acknowledged has one outcome, in order, and nothing that was recorded
//! is done again.

use std::collections::BTreeMap;
use std::time::Instant;

use super::admitter::Admitter;
use super::owner::Paused;
use super::*;

/// Short, so that who froze for twice as long is soon back.
const BRIEF: Duration = Duration::from_millis(400);

/// Longest that nothing may settle.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a process that was told to stop may take, on a machine that has much else to do.
const LEAVE: Duration = Duration::from_secs(8);

/// What is done to the owners, and to how much work.
#[derive(Clone, Copy, Debug)]
struct Storm {
    seed: u64,
    processes: usize,
    instances: usize,
    runs: usize,
    /// Steps of each run.
    steps: usize,
    /// Processes that die by SIGKILL, and the longest between two of them.
    kills: (usize, Duration),
    /// Processes that are stopped for twice their lease.
    stops: usize,
}

every_durable_store!(
    of_processes_that_are_killed_again_and_again_nothing_is_lost_or_done_twice,
    of_two_processes_that_freeze_and_go_on_nothing_is_written_late,
    of_four_processes_that_freeze_and_go_on_nothing_is_written_late,
);

/// More than three hundred of them in all stores.
fn of_processes_that_are_killed_again_and_again_nothing_is_lost_or_done_twice(ground: Ground) {
    let kills = (104, Duration::from_millis(90));
    weather(ground, Storm { seed: 1, processes: 3, instances: 6, runs: 60, steps: 2, kills, stops: 0 });
}

fn of_two_processes_that_freeze_and_go_on_nothing_is_written_late(ground: Ground) {
    weather(ground, frozen(2, 5, 24, 4));
}

fn of_four_processes_that_freeze_and_go_on_nothing_is_written_late(ground: Ground) {
    weather(ground, frozen(4, 8, 36, 5));
}

fn frozen(processes: usize, instances: usize, runs: usize, stops: usize) -> Storm {
    let kills = (2, Duration::from_millis(300));
    Storm { seed: processes as u64, processes, instances, runs, steps: 3, kills, stops }
}

/// `HOB_TEST_STORM=seed,rounds,processes,instances,runs,steps,kills,milliseconds,stops`, and
/// `HOB_TEST_STORM_ON=sqlite,postgres`; each round begins with an empty store. Prints what it did.
#[test]
#[ignore = "by hand: takes as long as it is told to"]
#[expect(clippy::disallowed_methods, reason = "a test by hand has no other way to be told what to do")]
fn as_many_as_you_like() {
    let numbers = std::env::var("HOB_TEST_STORM").unwrap();
    let numbers: Vec<usize> = numbers.split(',').map(|number| number.parse().unwrap()).collect();
    let [seed, rounds, processes, instances, runs, steps, kills, milliseconds, stops] = numbers[..] else {
        panic!("nine numbers: {numbers:?}")
    };
    let on = std::env::var("HOB_TEST_STORM_ON").unwrap_or_else(|_| KINDS.join(","));
    let began = Instant::now();
    let mut all = Sum::default();
    for round in 0..rounds {
        for kind in on.split(',') {
            let ground = Ground::new(kind).unwrap();
            let kills = (kills, Duration::from_millis(milliseconds as u64));
            let storm = Storm { seed: (seed + round) as u64, processes, instances, runs, steps, kills, stops };
            let sum = weather(ground, storm);
            println!("{kind}, {:?}: {sum:?}", storm.seed);
            all.add(&sum);
        }
        println!("after {:?}: {all:?}", began.elapsed());
    }
}

/// What was seen.
#[derive(Clone, Debug, Default)]
struct Sum {
    runs: usize,
    kills: usize,
    stops: usize,
    attempts: usize,
    steps: usize,
    /// Runs whose every attempt was killed.
    exhausted: usize,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.kills += other.kills;
        self.stops += other.stops;
        self.attempts += other.attempts;
        self.steps += other.steps;
        self.exhausted += other.exhausted;
    }
}

/// Admits, kills, stops and waits until all is settled; then looks at everything that is left.
fn weather(ground: Ground, storm: Storm) -> Sum {
    let ground = &Ground { lease: BRIEF, ..ground };
    let mut sum = Sum { runs: storm.runs, kills: storm.kills.0, stops: storm.stops, ..Sum::default() };
    block_on(async {
        let acknowledged = brave(ground, storm).await;
        let store = ground.open().await;
        let done = ground.steps();
        let twice: Vec<_> = done.iter().filter(|(_, times)| **times > 1).collect();
        assert_eq!(twice, [], "steps that were done twice, {storm:?}");
        sum.steps = done.len();
        let mut told = 0;
        for (instance, runs) in &acknowledged {
            let peek = store.peek(instance).await.unwrap().unwrap();
            sum.attempts += count(&peek.entries, "attempt_started");
            sum.exhausted += check(&peek, runs, &done, storm);
            told += costs(&peek.entries);
        }
        if let Some((instance, _)) = acknowledged.first_key_value()
            && let Some(spent) = spent(&store, instance).await
        {
            assert_eq!(spent, told, "each call counts once, {storm:?}");
        }
        assert!(sum.exhausted * 20 <= storm.runs, "{sum:?}, {storm:?}");
    });
    sum
}

/// The storm itself; the runs that were acknowledged, by their instance, in the order of admission.
async fn brave(ground: &Ground, storm: Storm) -> BTreeMap<InstanceId, Vec<Run>> {
    let admitter = Admitter::new(ground);
    let mut owners: Vec<Owner> = (0..storm.processes).map(|_| Owner::start(ground)).collect();
    let (acknowledged, ()) =
        tokio::join!(Box::pin(admissions(&admitter, storm)), Box::pin(blows(&mut owners, &admitter, ground, storm)));
    let store = ground.open().await;
    let (mut since, mut before) = (Instant::now(), storm.runs);
    loop {
        let left = unsettled(&store, acknowledged.keys()).await;
        if left == 0 {
            break;
        }
        if left < before {
            (since, before) = (Instant::now(), left);
        }
        assert!(since.elapsed() < PATIENCE, "it does not end, {left} runs are left, {storm:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for owner in owners {
        let took = owner.leave();
        assert!(took < LEAVE, "out after {took:?}, {storm:?}");
    }
    acknowledged
}

async fn admissions(admitter: &Admitter<'_>, storm: Storm) -> BTreeMap<InstanceId, Vec<Run>> {
    let mut chance = Chance(storm.seed);
    let mut acknowledged: BTreeMap<InstanceId, Vec<Run>> = BTreeMap::new();
    // As long as there are blows to come, there is work.
    let pace = storm.kills.1 * u32::try_from(storm.kills.0).unwrap() / u32::try_from(storm.runs).unwrap();
    for number in 0..storm.runs {
        let instance = format!("{}/handy", chance.below(storm.instances));
        let run = admitter.admit(&instance, &format!("steps {} run-{number}", storm.steps)).await;
        acknowledged.entry(run.instance.clone()).or_default().push(run);
        tokio::time::sleep(chance.up_to(pace)).await;
    }
    acknowledged
}

async fn blows(owners: &mut [Owner], admitter: &Admitter<'_>, ground: &Ground, storm: Storm) {
    let mut chance = Chance(!storm.seed);
    let (mut kills, mut stops) = (storm.kills.0, storm.stops);
    let mut stopped: Vec<Paused> = Vec::new();
    while kills + stops + stopped.len() > 0 {
        // One more place than there are owners: who admits stands there.
        let place = chance.below(storm.processes + 1);
        match (chance.below(kills + stops), owners.get_mut(place)) {
            (blow, Some(owner)) if blow < kills => {
                std::mem::replace(owner, Owner::start(ground)).kill();
                kills -= 1;
            }
            (blow, None) if blow < kills => kills -= usize::from(admitter.kill()),
            (_, Some(owner)) if stops > 0 => {
                let frozen = std::mem::replace(owner, Owner::start(ground));
                stopped.push(frozen.pause(ground.lease * 2));
                stops -= 1;
            }
            _ => {}
        }
        // Continued, they find out that their time is over; then they may go.
        for paused in stopped.extract_if(.., |paused| paused.goes_on()) {
            tokio::time::sleep(chance.up_to(ground.lease / 3)).await;
            paused.owner.leave();
        }
        tokio::time::sleep(chance.up_to(storm.kills.1)).await;
    }
}

/// One instance: all of it, in order, once, and by one owner at a time. Returns how many runs used up their
/// attempts.
fn check(peek: &Peek, acknowledged: &[Run], done: &BTreeMap<String, usize>, storm: Storm) -> usize {
    let ids: Vec<&RunId> = acknowledged.iter().map(|run| &run.id).collect();
    assert_eq!(peek.runs().map(|(run, _)| &run.id).collect::<Vec<_>>(), ids, "{storm:?}");
    for pair in peek.entries.windows(2) {
        assert!(pair[0].epoch <= pair[1].epoch, "entry {} is stale, {storm:?}", pair[1].seq);
        if pair[0].epoch < pair[1].epoch {
            let kind = pair[1].body.kind();
            // Who has a claim says first that it begins, unless it only says how the run ended.
            assert!(["attempt_started", "tool_result", "settled"].contains(&kind), "{kind}, {storm:?}");
        }
    }
    let (mut settled, mut exhausted) = (Vec::new(), Vec::new());
    let (mut began, mut epochs): (Vec<&RunId>, Vec<u64>) = (Vec::new(), Vec::new());
    let mut answers: BTreeMap<&RunId, usize> = BTreeMap::new();
    for entry in &peek.entries {
        match &entry.body {
            Body::AttemptStarted(started) => {
                began.push(&started.run);
                epochs.push(entry.epoch.0);
            }
            Body::Settled(outcome) => {
                match outcome.outcome.to_string().as_str() {
                    "completed" => {}
                    "failed: 10 attempts ended without an outcome" => exhausted.push(&outcome.run),
                    other => panic!("{other}: {}, {storm:?}", outcome.run),
                }
                settled.push(&outcome.run);
            }
            Body::Message(Message::Assistant(_)) => *answers.entry(*began.last().unwrap()).or_default() += 1,
            Body::ToolResult(result) if !result.is_error => {
                let step = result.call.replacen("-", " ", 2).replacen(' ', "-", 1);
                assert_eq!(done.get(&step), Some(&1), "`{step}` is recorded, {storm:?}");
            }
            _ => {}
        }
    }
    assert_eq!(settled, ids, "one outcome each, in the order of admission, {storm:?}");
    assert!(epochs.is_sorted_by(|one, next| one < next), "an epoch was given out twice: {epochs:?}, {storm:?}");
    began.dedup();
    assert_eq!(began, ids, "one after the other, {storm:?}");
    for run in ids.iter().filter(|run| !exhausted.contains(run)) {
        let asked = answers.get(run).copied();
        assert_eq!(asked, Some(storm.steps + 1), "no answer that was recorded is asked for again, {run}, {storm:?}");
    }
    exhausted.len()
}

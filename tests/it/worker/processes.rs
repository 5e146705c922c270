//! Several worker processes on one store, killed, stopped for longer than their lease, and continued, at
//! instants that a seed chooses: every run that was acknowledged has one outcome, in order, and nothing
//! that was recorded is done again. The processes are this test binary again.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use hob::domain::entry::Body;
use hob::domain::message::Message;
use rustix::process::{Pid, Signal, kill_process};

use super::*;

const STORE: &str = "HOB_TEST_WORKER_STORE";
const PROJECT: &str = "HOB_TEST_WORKER_PROJECT";

/// Longest that all of it may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a process that was told to stop may take.
const LEAVE: Duration = Duration::from_secs(2);

/// Steps of each run.
const STEPS: usize = 3;

/// What is done to the owners, and to how much work.
#[derive(Clone, Copy)]
struct Storm {
    seed: u64,
    processes: usize,
    instances: usize,
    runs: usize,
    kills: usize,
    stops: usize,
}

/// Opens a store by its address, as each process does for itself.
async fn open(address: &str) -> Store {
    let (kind, place) = address.split_once(':').unwrap();
    let store = match kind {
        "bundle" => Store::bundles(Path::new(place), Failpoints::default()),
        #[cfg(feature = "sqlite")]
        "sqlite" => Store::sqlite(Path::new(place), Failpoints::default()),
        #[cfg(feature = "postgres")]
        "postgres" => Store::postgres(&address.parse().unwrap(), None, Failpoints::default()).await.unwrap(),
        other => unreachable!("there is no store `{other}`"),
    };
    store.with_lease(LEASE)
}

#[test]
fn two_processes_share_bundles() {
    let root = tempfile::tempdir().unwrap();
    let address = format!("bundle:{}", root.path().join("state").display());
    weather(&address, Storm { seed: 2, processes: 2, instances: 5, runs: 30, kills: 8, stops: 3 });
}

#[test]
fn four_processes_share_bundles() {
    let root = tempfile::tempdir().unwrap();
    let address = format!("bundle:{}", root.path().join("state").display());
    weather(&address, Storm { seed: 4, processes: 4, instances: 8, runs: 40, kills: 12, stops: 4 });
}

#[test]
#[cfg(feature = "sqlite")]
fn two_processes_share_an_sqlite_file() {
    let root = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", root.path().join("state.db").display());
    weather(&address, Storm { seed: 2, processes: 2, instances: 5, runs: 30, kills: 8, stops: 5 });
}

#[test]
#[cfg(feature = "sqlite")]
fn four_processes_share_an_sqlite_file() {
    let root = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", root.path().join("state.db").display());
    weather(&address, Storm { seed: 4, processes: 4, instances: 8, runs: 40, kills: 12, stops: 6 });
}

#[test]
#[cfg(feature = "postgres")]
fn two_processes_share_a_postgresql_database() {
    let mut url = None;
    block_on(async { url = crate::scene::postgres::database().await });
    let Some(address) = url else { return };
    weather(&address, Storm { seed: 2, processes: 2, instances: 5, runs: 30, kills: 8, stops: 5 });
}

#[test]
#[cfg(feature = "postgres")]
fn four_processes_share_a_postgresql_database() {
    let mut url = None;
    block_on(async { url = crate::scene::postgres::database().await });
    let Some(address) = url else { return };
    weather(&address, Storm { seed: 4, processes: 4, instances: 8, runs: 40, kills: 12, stops: 6 });
}

/// `HOB_TEST_STORM=seed,processes,instances,runs,kills,stops`, and the store's address beside it; prints
/// what it did.
#[test]
#[ignore = "by hand: takes as long as it is told to"]
#[expect(clippy::disallowed_methods, reason = "a test by hand has no other way to be told what to do")]
fn as_many_as_you_like() {
    let numbers = std::env::var("HOB_TEST_STORM").unwrap();
    let numbers: Vec<usize> = numbers.split(',').map(|number| number.parse().unwrap()).collect();
    let [seed, processes, instances, runs, kills, stops] = numbers[..] else { panic!("six numbers: {numbers:?}") };
    let root = tempfile::tempdir().unwrap();
    let address = std::env::var(STORE).unwrap_or(format!("bundle:{}", root.path().join("state").display()));
    let storm = Storm { seed: seed as u64, processes, instances, runs, kills, stops };
    println!("{}", weather(&address, storm));
}

/// One worker process: works until SIGTERM. Does nothing unless a test here starts it.
#[test]
#[ignore = "started by the tests beside it"]
#[expect(clippy::disallowed_methods, reason = "a test that starts itself has no other way to be told what to do")]
fn child() {
    let (Ok(address), Ok(project)) = (std::env::var(STORE), std::env::var(PROJECT)) else { return };
    block_on(async {
        let store = open(&address).await;
        let worker = Worker { store, holder: holder("child"), at_once: 3, observer: Arc::new(()) };
        let desk = Desk { dir: project.into(), model: Arc::default() };
        let with = circumstances();
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        let told = async {
            term.recv().await;
            with.cancel.cancel();
        };
        println!("at work");
        let (left, ()) = tokio::join!(worker.work(&desk, &with, Until::Told), told);
        assert_eq!(left.unwrap(), []);
    });
}

/// A worker process under way; killed when dropped.
struct Owner(Child);

impl Owner {
    #[expect(clippy::disallowed_methods, reason = "what is tested is the death of a process")]
    fn start(address: &str, project: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker::processes::child", "--ignored", "--nocapture"])
            .env(STORE, address)
            .env(PROJECT, project)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn();
        Self(child.unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    fn kill(mut self) {
        self.signal(Signal::KILL);
        self.0.wait().unwrap();
    }

    /// Stops it for twice the lease. A thread continues it: what it holds may be what the test waits for.
    fn pause(self) -> Paused {
        self.signal(Signal::STOP);
        let pid = Pid::from_child(&self.0);
        let again = std::thread::spawn(move || {
            std::thread::sleep(LEASE * 2);
            kill_process(pid, Signal::CONT).unwrap();
        });
        Paused { owner: self, again }
    }

    /// Asks it to go; how long that took.
    fn leave(mut self) -> Duration {
        let told = Instant::now();
        self.signal(Signal::TERM);
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}, signal {:?}", status.signal());
        told.elapsed()
    }
}

/// A worker process that is stopped, and the thread that continues it.
struct Paused {
    owner: Owner,
    again: std::thread::JoinHandle<()>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

/// Admits, kills, stops and waits until all is settled; then looks at everything that is left. Returns
/// what it did.
fn weather(address: &str, storm: Storm) -> String {
    let project = tempfile::tempdir().unwrap();
    std::fs::create_dir(project.path().join("agents")).unwrap();
    write_agents(&project.path().join("agents"));
    let mut said = String::new();
    block_on(async {
        let store = open(address).await;
        let acknowledged = brave(&store, address, project.path(), storm).await;
        let steps = std::fs::read_to_string(project.path().join("steps.txt")).unwrap();
        let mut done: BTreeMap<&str, usize> = BTreeMap::new();
        for step in steps.lines() {
            *done.entry(step).or_default() += 1;
        }
        let twice: Vec<_> = done.iter().filter(|(_, times)| **times > 1).collect();
        assert_eq!(twice, [], "steps that were done twice, seed {}", storm.seed);
        let mut attempts = 0;
        for (instance, runs) in &acknowledged {
            let peek = store.peek(instance).await.unwrap().unwrap();
            attempts += count(&peek.entries, "attempt_started");
            check(&peek, runs, &done, storm.seed);
        }
        said = format!("{} runs, {attempts} attempts, {} steps, seed {}", storm.runs, done.len(), storm.seed);
    });
    said
}

/// The storm itself; the runs that were acknowledged, by their instance, in the order of admission.
async fn brave(store: &Store, address: &str, project: &Path, storm: Storm) -> BTreeMap<InstanceId, Vec<Run>> {
    let mut chance = Chance(storm.seed);
    let mut owners: Vec<Owner> = (0..storm.processes).map(|_| Owner::start(address, project)).collect();
    let mut acknowledged: BTreeMap<InstanceId, Vec<Run>> = BTreeMap::new();
    let began = Instant::now();
    let (mut admitted, mut kills, mut stops) = (0, 0, 0);
    let mut stopped: Vec<Paused> = Vec::new();
    loop {
        assert!(began.elapsed() < PATIENCE, "it does not end, seed {}", storm.seed);
        for _ in 0..(storm.runs - admitted).min(1 + chance.below(4)) {
            let instance = format!("{}/handy", chance.below(storm.instances));
            let run = run(&instance, &format!("steps {STEPS} run-{admitted}"));
            queue::admit(store, &run, &instance, &Redactor::default()).await.unwrap();
            acknowledged.entry(run.instance.clone()).or_default().push(run);
            admitted += 1;
        }
        let place = chance.below(storm.processes);
        match chance.below(3) {
            0 if kills < storm.kills => {
                std::mem::replace(&mut owners[place], Owner::start(address, project)).kill();
                kills += 1;
            }
            1 if stops < storm.stops => {
                let owner = std::mem::replace(&mut owners[place], Owner::start(address, project));
                stopped.push(owner.pause());
                stops += 1;
            }
            _ => {}
        }
        // Continued, they find out that their time is over; then they may go.
        for paused in stopped.extract_if(.., |paused| paused.again.is_finished()) {
            tokio::time::sleep(Duration::from_millis(chance.below(200) as u64)).await;
            paused.owner.leave();
        }
        tokio::time::sleep(Duration::from_millis(20 + chance.below(150) as u64)).await;
        let is_over = admitted == storm.runs && kills == storm.kills && stops == storm.stops && stopped.is_empty();
        if is_over && all_settled(store, &acknowledged).await {
            break;
        }
    }
    for owner in owners {
        let took = owner.leave();
        assert!(took < LEAVE, "out after {took:?}, seed {}", storm.seed);
    }
    acknowledged
}

async fn all_settled(store: &Store, runs: &BTreeMap<InstanceId, Vec<Run>>) -> bool {
    for instance in runs.keys() {
        let peek = store.peek(instance).await.unwrap().unwrap();
        if !peek.runs().all(|(_, state)| matches!(state, State::Settled(_))) {
            return false;
        }
    }
    true
}

/// One instance: all of it, in order, once, and by one owner at a time.
fn check(peek: &Peek, acknowledged: &[Run], done: &BTreeMap<&str, usize>, seed: u64) {
    let ids: Vec<&RunId> = acknowledged.iter().map(|run| &run.id).collect();
    assert_eq!(peek.runs().map(|(run, _)| &run.id).collect::<Vec<_>>(), ids, "seed {seed}");
    let mut settled = Vec::new();
    let mut began: Vec<&RunId> = Vec::new();
    let mut answers = 0;
    for pair in peek.entries.windows(2) {
        assert!(pair[0].epoch <= pair[1].epoch, "entry {} is stale, seed {seed}", pair[1].seq);
        if pair[0].epoch < pair[1].epoch {
            let kind = pair[1].body.kind();
            // Who has a claim says first that it begins, unless it only says how the run ended.
            assert!(["attempt_started", "tool_result", "settled"].contains(&kind), "{kind}, seed {seed}");
        }
    }
    for entry in &peek.entries {
        match &entry.body {
            Body::AttemptStarted(started) => began.push(&started.run),
            Body::Settled(outcome) => {
                assert_eq!(outcome.outcome.to_string(), "completed", "{}, seed {seed}", outcome.run);
                settled.push(&outcome.run);
            }
            Body::Message(Message::Assistant(_)) => answers += 1,
            Body::ToolResult(result) if !result.is_error => {
                let step = result.call.replacen("-", " ", 2).replacen(' ', "-", 1);
                assert_eq!(done.get(step.as_str()), Some(&1), "`{step}` is recorded, seed {seed}");
            }
            _ => {}
        }
    }
    assert_eq!(settled, ids, "one outcome each, in the order of admission, seed {seed}");
    began.dedup();
    assert_eq!(began, ids, "one after the other, seed {seed}");
    assert_eq!(answers, ids.len() * (STEPS + 1), "no answer that was recorded is asked for again, seed {seed}");
}

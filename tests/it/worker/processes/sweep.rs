//! A process that does all there is to do for an instance, killed at every boundary, on each store that
//! outlives it: the next one comes to the same end as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::Mutex;

use hob::domain::effect::State as Became;
use hob::domain::event::ThreadKind;
use hob::domain::name::EffectKind;
use hob::effect::{Corridor, Finished, apply, owed};
use hob::forge::Thread;
use hob::rules::neutralise;
use hob::rules::policy::Allowance;
use hob::session::history::History;
use hob::telemetry::failpoint;

use super::notice_board::{self, NoticeBoard};
use super::*;

const FAILPOINTS: &str = "HOB_TEST_FAILPOINTS";

/// Boundaries of a run's life, in its order, and where a process is killed there.
const BOUNDARIES: &[(&str, &[&str])] = &[
    ("within an admission", &[failpoint::ADMITTING]),
    ("after an admission", &[failpoint::ADMITTED]),
    ("after a wish for an end", &[failpoint::ABORT_ASKED]),
    ("after a claim", &[failpoint::CLAIMED]),
    ("after a renewal", &[failpoint::RENEWED]),
    ("before and after each write to the log", &[failpoint::APPENDING, failpoint::APPENDED]),
    ("after the input", &[failpoint::BEGUN]),
    ("in the middle of the stream", &[failpoint::STREAMING]),
    ("after the answer, before its calls", &[failpoint::ANSWERED]),
    ("within a tool", &[failpoint::TOOL_RUNNING]),
    ("after a tool, before its record", &[failpoint::TOOL_RAN]),
    ("within a batch", &[failpoint::WITHIN_BATCH]),
    ("after the batch", &[failpoint::BATCH_DONE]),
    ("after the last answer, before the outcome", &[failpoint::FINISHED]),
    ("within the outcome", &[failpoint::SETTLING]),
    ("before the call of an effect", &[failpoint::EFFECT_CLAIMED, failpoint::EFFECT_LOOKED_UP]),
    ("after the call of an effect, before its record", &[failpoint::EFFECT_SENT]),
    ("within the record of an effect", &[failpoint::EFFECT_DONE]),
    ("within a removal", &[failpoint::FORGETTING]),
];

/// Boundaries of a bundle that travels from job to job: `ci::killed` kills there.
const OF_BUNDLES: &[(&str, &[&str])] =
    &[("within the keeping of a bundle", failpoint::TRAVELS), ("within the restoring of a bundle", failpoint::RETURNS)];

/// Boundaries of a conversation that outgrows the model's window or hands out tasks: `crash` kills there.
const OF_CONVERSATIONS: &[(&str, &[&str])] =
    &[("inside compaction", failpoint::COMPACTION), ("around tasks", failpoint::TASKS)];

/// So that a claim is renewed while the slowest step is done.
const SHORT: Duration = Duration::from_secs(3);

/// So that nobody waits for its end: an owner that died is known at once.
const LONG: Duration = Duration::from_secs(15);

/// How many processes are killed at once.
const AT_ONCE: usize = 4;

/// Who proposes, whose run is not wanted, and who is forgotten.
const INSTANCES: [&str; 3] = ["1/outspoken", "2/handy", "3/ready"];
const MESSAGES: [&str; 3] = ["plan 2 all", "steps 2 none", "say nothing"];

every_durable_store!(killed_at_every_boundary_the_next_process_comes_to_the_same_end);

#[test]
fn every_failpoint_stands_at_a_boundary_where_processes_are_killed() {
    let source = include_str!("../../../../src/telemetry/failpoint.rs");
    let name = |line: &'static str| line.strip_prefix("pub const ")?.split_once(": &str = \"")?.1.strip_suffix("\";");
    let written: BTreeSet<&str> = source.lines().filter_map(name).collect();
    let swept =
        BOUNDARIES.iter().chain(OF_BUNDLES).chain(OF_CONVERSATIONS).flat_map(|(_, names)| names.iter().copied());
    assert_eq!(swept.collect::<BTreeSet<_>>(), written, "each of them is in a sweep");
    assert_eq!(failpoint::ALL.iter().copied().collect::<BTreeSet<_>>(), written, "each of them can be armed");
    assert!(OF_CONVERSATIONS.iter().all(|(_, names)| crate::crash::killed_at().contains(names)));
    let in_ci: BTreeSet<String> = crate::ci::killed_at().collect();
    for (boundary, names) in OF_BUNDLES {
        assert!(names.iter().all(|name| in_ci.contains(*name)), "{boundary}");
    }
}

fn killed_at_every_boundary_the_next_process_comes_to_the_same_end(ground: Ground) {
    let ground = Ground { lease: LONG, ..ground };
    let kind = ground.address.split(':').next().unwrap().to_owned();
    assert!(!killed(&ground, ""), "it comes to its end");
    let undisturbed = end(&ground);
    // Three answers, none, and one of a session that is gone.
    let each = |answers: u64| if kind == "bundle" { None } else { Some(answers * 40_000) };
    assert_eq!(undisturbed.spent, [each(3), each(0), each(1)]);
    assert_eq!(undisturbed.steps, BTreeMap::from([("all 0".to_owned(), 1), ("all 1".to_owned(), 1)]));
    let places = BOUNDARIES.iter().flat_map(|(_, names)| names.iter()).map(|name| format!("{name}:1"));
    // Every write to the log of the run that does most.
    let writes = (2..=undisturbed.writes).map(|nth| format!("{}:{nth}", failpoint::APPENDED));
    let places = Mutex::new(places.chain(writes));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(place) = places.lock().unwrap().next() else { return };
                    let is_slow = place.starts_with(failpoint::RENEWED);
                    let lease = if is_slow { SHORT } else { LONG };
                    let ground = Ground { lease, ..Ground::new(&kind).unwrap() };
                    if is_slow {
                        std::fs::write(ground.dir.path().join("slowly"), "").unwrap();
                    }
                    assert!(killed(&ground, &place), "`{place}` is never met");
                    let ground = Ground { lease: LONG, ..ground };
                    assert!(!killed(&ground, ""), "after `{place}` it comes to its end");
                    compare(&end(&ground), &undisturbed, &place);
                }
            });
        }
    });
}

/// Admits, stops, works, sends and forgets; what was done before is not done again. Does nothing unless a
/// test here starts it.
#[test]
#[ignore = "started by the tests beside it"]
#[expect(clippy::disallowed_methods, reason = "a test that starts itself has no other way to be told what to do")]
fn child() {
    let failpoints = Failpoints::parse(&std::env::var(FAILPOINTS).unwrap_or_default()).unwrap();
    block_on(async {
        let Some((store, dir)) = told(failpoints.clone()).await else { return };
        let runs: Vec<Run> = INSTANCES.iter().zip(MESSAGES).map(|(instance, message)| run(instance, message)).collect();
        for run in &runs {
            queue::admit(&store, run, "a thread", &Redactor::default()).await.unwrap();
        }
        queue::abort(&store, &runs[1].instance, None, "ann", clock().now()).await.unwrap();
        let board = NoticeBoard(dir.join("board.jsonl"));
        let desk = Desk { dir, model: Arc::default() };
        let worker = Worker { store: store.clone(), holder: holder("child"), at_once: 1, observer: Arc::new(()) };
        let with = Circumstances { failpoints: failpoints.clone(), ..circumstances() };
        assert_eq!(worker.work(&desk, &with, Until::Empty).await.unwrap(), []);
        send(&store, &runs[0].instance, &board, &failpoints).await;
        store.forget(&runs[2].instance, &holder("child")).await.unwrap();
    });
}

/// Sends what the instance owes.
async fn send(store: &Store, instance: &InstanceId, board: &NoticeBoard, failpoints: &Failpoints) {
    let mut log = store.reopen(instance, holder("child")).await.unwrap().unwrap().0;
    let history = History::of(log.take_entries());
    let finished = history
        .runs
        .iter()
        .map(|run| Finished { outcome: &run.settled.as_ref().unwrap().outcome, proposed: &run.proposed });
    let owed = owed(finished, log.effects());
    let corridor = Corridor {
        forge: board,
        place: &neutralise::Place::nowhere(),
        thread: Thread { kind: ThreadKind::Issue, number: 1 },
        own: &notice_board::own(),
        own_ids: &[],
        secret: b"",
        allowances: &[Allowance { kind: EffectKind::Comment, max: 1, allow: Vec::new() }],
        patience: Duration::from_secs(1),
        cancel: &CancellationToken::new(),
        clock: &clock(),
        redactor: &Redactor::default(),
        observer: &(),
        failpoints,
    };
    apply(&mut log, owed, &corridor).await.unwrap();
}

/// Whether the process was killed; else it came to its end.
pub(super) fn killed(ground: &Ground, failpoints: &str) -> bool {
    let mut command = ground.process("worker::processes::sweep::child");
    let status = command.env(FAILPOINTS, failpoints).stdout(Stdio::null()).status().unwrap();
    assert!(status.success() || status.signal() == Some(9), "`{failpoints}`: {status}");
    !status.success()
}

/// All that is left.
#[derive(Debug, PartialEq)]
struct End {
    /// How the runs ended, in the order of their instances; none of one that is forgotten.
    outcomes: Vec<Vec<String>>,
    /// The calls that have a result, each with all of them.
    results: BTreeMap<String, Vec<bool>>,
    comments: Vec<String>,
    /// Which of the effects stand there.
    effects: Vec<bool>,
    /// What the tools did, each with how often.
    steps: BTreeMap<String, usize>,
    /// How often the log was written to.
    writes: usize,
    /// What the agents cost, in the order of their instances, that of the one that is forgotten, too.
    spent: Vec<Option<u64>>,
}

fn end(ground: &Ground) -> End {
    let mut end = End {
        outcomes: Vec::new(),
        results: BTreeMap::new(),
        comments: NoticeBoard(ground.dir.path().join("board.jsonl")).comments(),
        effects: Vec::new(),
        steps: ground.steps(),
        writes: 0,
        spent: Vec::new(),
    };
    block_on(async {
        let store = ground.open().await;
        for instance in INSTANCES {
            let Some(peek) = store.peek(&run(instance, "").instance).await.unwrap() else { continue };
            let history = History::of(peek.entries.clone());
            let outcome = |run: &Run| match peek.runs().find(|(known, _)| known.id == run.id).unwrap().1 {
                State::Settled(outcome) => outcome.to_string(),
                state => format!("{state:?}"),
            };
            end.outcomes.push(peek.runs().map(|(run, _)| outcome(run)).collect());
            let effects = history.runs.iter().flat_map(|run| &run.proposed);
            let is_there = |effect| matches!(peek.effects.state(effect), Some(Became::Applied(_) | Became::Found(_)));
            end.effects.extend(effects.map(is_there));
            for entry in &peek.entries {
                if let Body::ToolResult(result) = &entry.body {
                    end.results.entry(result.call.clone()).or_default().push(!result.is_error);
                }
            }
            let kinds: Vec<&str> = peek.entries.iter().map(|entry| entry.body.kind()).collect();
            // Attempts and results are written with what belongs to them.
            end.writes +=
                kinds.iter().filter(|kind| ["attempt_started", "tool_result", "settled"].contains(kind)).count();
            assert_eq!(kinds.iter().filter(|kind| **kind == "settled").count(), peek.runs().count());
        }
        for instance in INSTANCES {
            end.spent.push(spent(&store, &run(instance, "").instance).await);
        }
    });
    end
}

/// One outcome, one result for each call, each effect once, and nothing that has a result done twice. What a
/// process died over is not known, and not done again.
fn compare(end: &End, undisturbed: &End, place: &str) {
    assert_eq!(end.outcomes, undisturbed.outcomes, "killed at `{place}`");
    assert_eq!(end.spent, undisturbed.spent, "killed at `{place}`");
    assert_eq!(end.comments, undisturbed.comments, "killed at `{place}`");
    assert_eq!((end.effects.as_slice(), end.comments.len()), (&[true][..], 1), "killed at `{place}`");
    assert_eq!(end.results.keys().collect::<Vec<_>>(), undisturbed.results.keys().collect::<Vec<_>>(), "{place}");
    let mut unknown = 0;
    for (call, results) in &end.results {
        assert_eq!(results.len(), 1, "`{call}`, killed at `{place}`");
        let step = call.replacen('-', " ", 1);
        let done = end.steps.get(&step).copied().unwrap_or_default();
        if results[0] {
            assert!(call.ends_with("comment") || done == 1, "`{call}` is recorded, killed at `{place}`: {done}");
        } else {
            unknown += 1;
            assert!(done <= 1, "`{call}`, killed at `{place}`: {done}");
        }
    }
    assert!(unknown <= 2, "killed at `{place}`: {:?}", end.results);
}

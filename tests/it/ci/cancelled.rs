//! Cancelled as GitHub's runner cancels a step: SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL; at
//! instants over the whole life of a job, with a slow model, a command that ignores signals, and a
//! GitHub that falls silent. Nothing that was written down is lost or done twice.

use std::sync::Mutex;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::job::{Event, Job, Stage};
use super::killed::wait_for;
use crate::forge_github::Fault;
use crate::scene::model_server::{ModelServer, Reply, answer};
use crate::scene::running::Running;

/// From SIGINT to SIGTERM, and from that to SIGKILL.
const STEPS: [Duration; 2] = [Duration::from_millis(7500), Duration::from_millis(2500)];

/// From the first signal to the end of hob, where GitHub answers what it is asked last.
const FLUSH: Duration = Duration::from_secs(2);

/// Jobs at one time: they wait more than they work.
const JOBS: usize = 4;

const AGENT: &str = "---
description: x
on: { github: { issues: { types: [opened], who: write } } }
sandbox: local
effects: { status: {}, comment: {}, label: { allow: [bug] } }
---
Work.
";

/// What the model writes: a comment, and the status.
const TEXTS: [&str; 2] = ["I looked at all of it.", "It is wrong in line 9."];

/// After what the first signal comes.
#[derive(Clone, Copy, Debug)]
enum After {
    Start,
    /// GitHub was asked for something so often.
    Asked(&'static str, usize),
    /// The model was asked so often.
    Turn(usize),
    /// The command runs.
    Command,
}

impl After {
    /// Longest time until the signal: what follows lasts about so long.
    fn spread(self) -> Duration {
        Duration::from_millis(match self {
            Self::Start => 120,
            Self::Asked(..) => 12,
            Self::Turn(_) => 250,
            Self::Command => 900,
        })
    }
}

/// One job that is cancelled.
#[derive(Clone, Copy, Debug)]
struct Case {
    after: After,
    /// What GitHub leaves without an answer: an operation, and which request for it.
    silent: &'static [(&'static str, usize)],
    /// It never had those requests; else it does them once the process is gone.
    is_lost: bool,
    /// The process does not come to hear a signal: only the last one helps.
    is_frozen: bool,
}

impl Case {
    fn calm(after: After) -> Self {
        Self { after, silent: &[], is_lost: false, is_frozen: false }
    }

    /// How hob may end when it does so in time; `None`: killed.
    fn codes(&self) -> &[Option<i32>] {
        match self.after {
            _ if self.is_frozen => &[None],
            _ if !self.silent.is_empty() => &[Some(130)],
            // At the very start nobody listens yet, and there is nothing to tell of.
            After::Start => &[None, Some(130)],
            _ => &[Some(0), Some(130)],
        }
    }

    /// How long it may take since the first signal.
    fn limit(&self) -> Duration {
        let is_of_session = |(operation, _): &(&str, usize)| !operation.starts_with("issues/");
        match self.silent {
            _ if self.is_frozen => STEPS.iter().sum::<Duration>() * 2,
            silent if silent.iter().any(is_of_session) => STEPS[0],
            _ => FLUSH,
        }
    }
}

/// How a job ended that was cancelled.
struct Ended {
    code: Option<i32>,
    /// Since the first signal.
    took: Duration,
}

#[test]
fn at_any_instant_of_its_life() {
    use After::{Asked, Command, Start, Turn};
    let instants = [
        Start,
        Start,
        Start,
        Asked("users/get-authenticated", 1),
        Asked("actions/list-artifacts-for-repo", 1),
        Turn(1),
        Turn(2),
        Command,
        Turn(3),
        Turn(4),
        Asked("runner/CreateArtifact", 1),
        Asked("runner/FinalizeArtifact", 1),
        Asked("issues/list-comments", 1),
        Asked("issues/create-comment", 1),
        Asked("issues/create-comment", 2),
        Asked("issues/add-labels", 1),
        Asked("runner/CreateArtifact", 2),
        Asked("runner/FinalizeArtifact", 2),
    ];
    all(instants.map(Case::calm));
}

#[test]
fn while_github_does_not_answer_a_write() {
    let cases: [(_, &[_]); 5] = [
        (After::Turn(4), &[("issues/create-comment", 1)]),
        (After::Asked("issues/list-comments", 1), &[("issues/list-comments", 1)]),
        (After::Asked("issues/create-comment", 1), &[("issues/create-comment", 1)]),
        (After::Asked("issues/create-comment", 2), &[("issues/create-comment", 2)]),
        (After::Asked("issues/add-labels", 1), &[("issues/add-labels", 1)]),
    ];
    let cases = cases.into_iter().flat_map(|case| [(case, false), (case, true)]);
    all(cases.map(|((after, silent), is_lost)| Case { silent, is_lost, ..Case::calm(after) }));
}

#[test]
fn while_github_does_not_take_the_session() {
    let cases: [(_, &[_], _); 8] = [
        (After::Turn(2), &[("runner/CreateArtifact", 1)], false),
        (After::Command, &[("storage/block", 1)], true),
        (After::Asked("runner/CreateArtifact", 1), &[("runner/CreateArtifact", 1)], true),
        (After::Asked("storage/block", 1), &[("storage/block", 1)], false),
        (After::Asked("runner/FinalizeArtifact", 1), &[("runner/FinalizeArtifact", 1)], true),
        (After::Asked("runner/CreateArtifact", 2), &[("runner/CreateArtifact", 2)], true),
        (After::Asked("runner/FinalizeArtifact", 2), &[("runner/FinalizeArtifact", 2)], false),
        (After::Asked("issues/create-comment", 1), &[("issues/create-comment", 1), ("storage/block", 2)], false),
    ];
    all(cases.map(|(after, silent, is_lost)| Case { silent, is_lost, ..Case::calm(after) }));
}

#[test]
fn where_only_the_last_signal_helps() {
    let instants =
        [After::Turn(2), After::Command, After::Asked("issues/create-comment", 1), After::Asked("storage/block", 1)];
    all(instants.map(|after| Case { is_frozen: true, ..Case::calm(after) }));
}

/// Cancels each, a few at a time. Whatever comes of one, it must be well in the end; whether it came
/// in time is asked of the best of three, because the machine may be doing other things.
fn all(cases: impl IntoIterator<Item = Case>) {
    let cases: Vec<Case> = cases.into_iter().collect();
    let cases = Mutex::new(cases.into_iter().enumerate());
    let work = || {
        while let Some((number, case)) = next(&cases) {
            let mut late = Vec::new();
            let in_time = (0..3).find_map(|attempt| {
                let ended = cancelled(&case, seeded((number * 3 + attempt) as u64));
                if ended.took < case.limit() {
                    return Some(ended);
                }
                late.push(ended.took);
                None
            });
            let ended = in_time.unwrap_or_else(|| panic!("{case:?}: none of three was in time: {late:?}"));
            assert!(case.codes().contains(&ended.code), "{case:?}: it ended with {:?}", ended.code);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(work);
        }
    });
}

fn next<T>(cases: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    cases.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next()
}

/// Starts a job, cancels it that part of the time after what the case waits for, saves what it left,
/// and lets the next one end it elsewhere.
fn cancelled(case: &Case, part: f64) -> Ended {
    let stage = Stage::private().file("agents/here.md", AGENT);
    let model = model();
    let job = stage.job(77, &Event::opened()).asks(&model).env("HOB_AGENT", "here");
    for (operation, which) in case.silent {
        (1..*which).for_each(|_| stage.github.fault(operation, Fault::Well));
        stage.github.fault(operation, Fault::Hold);
    }
    let running = job.start();
    wait(case.after, &stage, &model);
    park_timeout(case.after.spread().mul_f64(part));
    let ended = cancel(running, case.is_frozen);
    stage.github.well();
    if !case.is_lost {
        case.silent.iter().for_each(|_| stage.github.go_on());
    }
    assert_well(case, &stage, &model, &job);
    ended
}

/// The model looks, runs a command that ignores polite signals, and proposes; it takes its time.
fn model() -> ModelServer {
    let command = "trap '' TERM INT; echo once >> ran.txt; sleep 1";
    let turns = [
        answer().text("I look.").call("c1", "grep", json!({ "pattern": "committ" })).end_tools(),
        answer().call("c2", "bash", json!({ "command": command })).end_tools(),
        answer()
            .call("c3", "propose_status", json!({ "body": TEXTS[1] }))
            .call("c4", "propose_comment", json!({ "body": TEXTS[0] }))
            .call("c5", "propose_label", json!({ "add": ["bug"] }))
            .end_tools(),
        answer().text("Done.").end(),
    ];
    ModelServer::by_turn(turns.map(|turn: Reply| turn.in_pieces_of(60).pausing(Duration::from_millis(15))))
}

fn wait(after: After, stage: &Stage, model: &ModelServer) {
    let until = |is_there: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !is_there() {
            assert!(began.elapsed() < Duration::from_secs(60), "{after:?} did not come");
            park_timeout(Duration::from_millis(2));
        }
    };
    match after {
        After::Start => {}
        After::Asked(operation, count) => wait_for(stage, operation, count),
        After::Turn(turn) => until(&|| model.requests().len() >= turn),
        After::Command => until(&|| stage.scene.workspace().join("ran.txt").exists()),
    }
}

/// Evenly from 0 up to 1: the same instants each time, as far as a machine is the same twice.
fn seeded(seed: u64) -> f64 {
    let mut it = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((it ^ (it >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The runner's three signals, until the process has ended.
fn cancel(mut running: Running, is_frozen: bool) -> Ended {
    let began = Instant::now();
    if is_frozen {
        running.signal(Signal::STOP);
    }
    // It may be over: until it is waited for there is somebody to tell.
    running.signal(Signal::INT);
    if !running.ends_within(STEPS[0]) {
        running.signal(Signal::TERM);
        if !running.ends_within(STEPS[1]) {
            running.signal(Signal::KILL);
        }
    }
    let (ran, _) = running.wait();
    Ended { code: ran.code(), took: began.elapsed() }
}

/// Nothing that the cancelled job wrote down is lost, and each of its effects stands once.
fn assert_well(case: &Case, stage: &Stage, model: &ModelServer, job: &Job<'_>) {
    let kept = job.kept();
    let saved = job.save();
    assert_eq!(saved.code(), Some(0), "{case:?}: {}", saved.transcript());
    let next = stage.job(78, &Event::opened()).asks(model).env("HOB_AGENT", "here");
    let done = next.run().exits(0);
    assert_eq!(done.output("message"), "Done.", "{case:?}");
    let now = next.kept();
    for (name, lines) in kept {
        let now = now.get(&name).map_or(&[][..], Vec::as_slice);
        assert!(now.starts_with(&lines), "{case:?}: of {name} is lost: {lines:#?}\nis: {now:#?}");
    }
    let (mut comments, labels) = stage.shown();
    comments.sort();
    assert_eq!((comments, labels), (TEXTS.map(str::to_owned).into(), vec!["bug".to_owned()]), "{case:?}");
    let ran = std::fs::read_to_string(stage.scene.workspace().join("ran.txt")).unwrap_or_default();
    assert!(ran.is_empty() || ran == "once\n", "{case:?}: the command ran again");
    // What was answered is not asked for again: one turn at most was cut.
    assert!(model.left() == 0 && model.requests().len() <= 5, "{case:?}: {} requests", model.requests().len());
}

//! Several processes on one file, killed anywhere: what was acknowledged is there, and those that are
//! left bring everything to the same end. Done with real processes: this test binary again.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hob::store::Blob;
use hob::telemetry::failpoint;
use sha2::{Digest as _, Sha256};

use super::*;

const FILE: &str = "HOB_TEST_SQLITE_FILE";
const FAILPOINTS: &str = "HOB_TEST_FAILPOINTS";

const INSTANCES: [&str; 3] = ["1", "2", "3"];
const RUNS: [&str; 2] = ["first", "second"];
const STEPS: [&str; 2] = ["one", "two"];

fn acknowledge(what: &str) {
    println!("acknowledged {what}");
}

/// What a worker does, made small, for as long as there is something to do.
async fn work(store: &Store) {
    for (key, name) in INSTANCES.iter().flat_map(|key| RUNS.map(|name| (*key, name))) {
        admit(store, &run_of(&issue(key), name)).await;
        acknowledge(&format!("{key} admitted {name}"));
    }
    loop {
        let mut left = 0;
        for key in INSTANCES {
            let peek = store.peek(&issue(key)).await.unwrap().unwrap();
            let open = peek.runs().filter(|(_, state)| !matches!(state, State::Settled(_))).count();
            left += open;
            if open > 0 && store.waiting(9).await.unwrap().contains(&issue(key)) {
                match attempt(store, key).await {
                    Ok(()) | Err(Error::Held { .. } | Error::Fenced { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        if left == 0 {
            return;
        }
        store.news().await;
    }
}

/// Works on the first run that waits for this instance, unless somebody else does.
async fn attempt(store: &Store, key: &str) -> Result<(), Error> {
    let mut log = open(store, &issue(key)).await?;
    let mut entries = log.take_entries();
    let (fence, seen) = log.claim(at(2)).await?;
    entries.extend(seen);
    let open = |name: &&str| !matches!(log.state(&run_of(&issue(key), name).id), Some(State::Settled(_)));
    let Some(name) = RUNS.into_iter().find(open) else { return log.release().await };
    let run = run_of(&issue(key), name);
    for step in STEPS {
        let text = format!("{name} {step}");
        if !notes(&entries).contains(&&*text) {
            log.put_blob(&Blob::new(text.as_bytes(), &Redactor::default())).await?;
            let drafts = path(&log, [note(&text), note("after it")]);
            log.append(fence, drafts, at(2)).await?;
            acknowledge(&format!("{key} noted {text}"));
        }
    }
    let effect = comment(&run, 0);
    if log.effects().state(&effect).is_none() {
        log.effect_claim(&effect, at(3)).await?;
        log.effect_done(&effect, Became::Applied(Object::default()), &Redactor::default(), at(3)).await?;
        acknowledge(&format!("{key} applied {name}"));
    }
    let last = path(&log, [settled(&run)]);
    log.settle(fence, last, at(4)).await?;
    acknowledge(&format!("{key} settled {name}"));
    Ok(())
}

/// Another process, with three workers. Does nothing unless a test here starts it.
#[tokio::test]
#[ignore = "started by the tests beside it"]
#[expect(clippy::disallowed_methods, reason = "a test that starts itself has no other way to be told what to do")]
async fn child() {
    let Ok(file) = std::env::var(FILE) else { return };
    let failpoints = Failpoints::parse(&std::env::var(FAILPOINTS).unwrap_or_default()).unwrap();
    let store = Store::sqlite(Path::new(&file), failpoints);
    tokio::join!(work(&store), work(&store), work(&store));
}

pub(super) fn start(shelf: &Shelf, failpoints: &str) -> Child {
    start_under(&[], shelf, failpoints, Stdio::inherit())
}

/// By way of another program, which these words start.
#[expect(clippy::disallowed_methods, reason = "what is tested is the death of a process")]
pub(super) fn start_under(words: &[OsString], shelf: &Shelf, failpoints: &str, stderr: Stdio) -> Child {
    Command::new("env")
        .args(words)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "contracts::store::sqlite::crash::child", "--ignored", "--nocapture"])
        .env(FILE, shelf.file())
        .env(FAILPOINTS, failpoints)
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap()
}

/// What a process acknowledges, as it comes.
pub(super) fn acknowledged(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.filter_map(|line| Some(line.split_once("acknowledged ")?.1.to_owned()))
}

/// Follows a process to its end, by itself or by a failpoint: what it acknowledged, and whether it came
/// to the end of its work.
pub(super) fn ended(mut child: Child) -> (Vec<String>, bool) {
    let told = acknowledged(&mut child).collect();
    (told, child.wait().unwrap().success())
}

pub(super) fn run_to_end(shelf: &Shelf, failpoints: &str) -> (Vec<String>, bool) {
    ended(start(shelf, failpoints))
}

/// What a process acknowledged that did not come to its end is there, and the next one comes to its own.
pub(super) fn check_and_go_on(shelf: &Shelf, told: &[String], what: &str) {
    check(shelf, told, what);
    assert!(run_to_end(shelf, "").1, "{what}: the next process did not come to its end");
    check_end(shelf, what);
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// All that was acknowledged is there.
pub(super) fn check(shelf: &Shelf, told: &[String], what: &str) {
    let store = shelf.store();
    for line in told {
        let [key, verb, rest] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let peek = block_on(store.peek(&issue(key))).unwrap().unwrap();
        let run = run_of(&issue(key), rest);
        let state = peek.runs().find(|(known, _)| known.id == run.id).map(|(_, state)| state);
        let is_there = match verb {
            "admitted" => state.is_some(),
            "noted" => notes(&peek.entries).contains(&rest),
            "applied" => peek.effects.state(&comment(&run, 0)).is_some(),
            _ => matches!(state, Some(State::Settled(_))),
        };
        assert!(is_there, "{what}: `{line}` was acknowledged and is gone");
    }
}

/// Everything came to its end, once.
pub(super) fn check_end(shelf: &Shelf, what: &str) {
    let store = shelf.store();
    for key in INSTANCES {
        let mut peek = block_on(store.peek(&issue(key))).unwrap().unwrap();
        let texts = RUNS.iter().flat_map(|name| STEPS.map(|step| format!("{name} {step}")));
        let expected: Vec<String> = texts.clone().flat_map(|text| [text, "after it".to_owned()]).collect();
        assert_eq!(notes(&peek.entries), expected, "{what}");
        assert_eq!(peek.entries.iter().filter(|entry| entry.body.kind() == "settled").count(), RUNS.len(), "{what}");
        assert!(peek.runs().all(|(_, state)| matches!(state, State::Settled(_))), "{what}");
        for text in texts {
            let digest = hex::encode(Sha256::digest(&text));
            assert_eq!(block_on(peek.blob(&digest)).unwrap(), text, "{what}");
        }
    }
    assert!(block_on(store.waiting(9)).unwrap().is_empty(), "{what}");
}

#[test]
fn killed_at_every_failpoint_the_next_process_reaches_the_same_end() {
    let mut killed = 0;
    for name in [
        failpoint::ADMITTED,
        failpoint::CLAIMED,
        failpoint::APPENDING,
        failpoint::APPENDED,
        failpoint::SETTLING,
        failpoint::EFFECT_CLAIMED,
        failpoint::EFFECT_DONE,
    ] {
        // Three workers share the counts: every third one is met by each of them.
        for count in (1..).step_by(3) {
            let shelf = Shelf::new();
            let failpoints = format!("{name}:{count}");
            let (told, done) = run_to_end(&shelf, &failpoints);
            if done {
                assert!(count > 1, "`{name}` was never reached");
                break;
            }
            check_and_go_on(&shelf, &told, &failpoints);
            killed += 1;
        }
    }
    assert!(killed > 18, "only {killed}: a failpoint was lost");
}

#[test]
fn of_two_processes_one_is_killed_at_any_time_and_the_other_goes_on() {
    for kill_after in (1..24).step_by(2) {
        let shelf = Shelf::new();
        let (mut one, mut other) = (start(&shelf, ""), start(&shelf, ""));
        let mut lines = acknowledged(&mut one);
        let mut told: Vec<String> = lines.by_ref().take(kill_after).collect();
        one.kill().unwrap();
        told.extend(lines);
        one.wait().unwrap();
        let what = format!("killed after {kill_after}");
        check(&shelf, &told, &what);
        told = acknowledged(&mut other).collect();
        assert!(other.wait().unwrap().success(), "{what}");
        check(&shelf, &told, &what);
        check_end(&shelf, &what);
    }
}

#[test]
fn four_processes_share_a_file() {
    let shelf = Shelf::new();
    let mut all = [(); 4].map(|()| start(&shelf, ""));
    let told: Vec<String> = all.iter_mut().flat_map(|child| acknowledged(child).collect::<Vec<_>>()).collect();
    assert!(all.iter_mut().all(|child| child.wait().unwrap().success()));
    check(&shelf, &told, "four");
    check_end(&shelf, "four");
    let settled = told.iter().filter(|line| line.contains("settled")).count();
    assert_eq!(settled, INSTANCES.len() * RUNS.len(), "each run is settled by one");
}

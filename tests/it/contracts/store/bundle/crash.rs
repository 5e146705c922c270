//! Killed anywhere, and out of space anywhere: what was acknowledged is there, and the next
//! process brings everything to the same end. Done with real processes: this test binary again.

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use hob::telemetry::failpoint;

use super::super::disk::{Strace, fill, on_small_disk, small_disk};
use super::*;

const ROOT: &str = "HOB_TEST_STORE_ROOT";
const FAILPOINTS: &str = "HOB_TEST_FAILPOINTS";

/// The texts that each run leaves, in order.
const STEPS: [&str; 3] = ["one", "two", "three"];

/// What a worker does, made small: two runs, three steps of two entries each, a blob.
fn work(root: &Path, failpoints: Failpoints) -> Result<(), Error> {
    let place = Place::bundles_in(root, failpoints);
    let (mut writer, _) = place.try_open()?;
    for name in ["first", "second"] {
        place.try_admit(&run(name))?;
        println!("acknowledged {}", run(name).id);
    }
    let recorded = writer.take_entries();
    let recorded = notes(&recorded);
    while let Some(claim) = writer.take() {
        writer.append(claim.fence, [started(&claim.run, 1)])?;
        for step in STEPS {
            let text = format!("{} {step}", claim.run.id);
            if recorded.contains(&&*text) {
                continue;
            }
            writer.put_blob(text.as_bytes());
            writer.append(claim.fence, [note(&text), note(&format!("after {text}"))])?;
            println!("acknowledged {text}");
        }
        writer.settle(claim.fence, [settled(&claim.run)])?;
        println!("acknowledged settled {}", claim.run.id);
    }
    for name in ["first", "second"] {
        let effect = comment(&run(name), 0);
        if writer.effects().state(&effect).is_none() {
            writer.effect_claim(&effect)?;
            println!("acknowledged claimed {}", effect.run);
            writer.effect_done(&effect, Became::Applied(Object::default()))?;
            println!("acknowledged applied {}", effect.run);
        }
    }
    Ok(())
}

/// The other process. Does nothing unless a test here starts it.
#[test]
#[ignore = "started by the tests beside it"]
#[expect(clippy::disallowed_methods, reason = "a test that starts itself has no other way to be told what to do")]
fn child() {
    let Ok(root) = std::env::var(ROOT) else { return };
    let failpoints = Failpoints::parse(&std::env::var(FAILPOINTS).unwrap_or_default()).unwrap();
    work(Path::new(&root), failpoints).unwrap();
}

/// Runs [`child`] and returns what it acknowledged, and whether it came to its end.
fn start(root: &Path, failpoints: &str) -> (Vec<String>, bool) {
    start_under(&[], root, failpoints)
}

/// The same by way of another program, which these words start.
#[expect(clippy::disallowed_methods, reason = "what is tested is the death of a process")]
fn start_under(words: &[OsString], root: &Path, failpoints: &str) -> (Vec<String>, bool) {
    let output = Command::new("env")
        .args(words)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "contracts::store::bundle::crash::child", "--ignored", "--nocapture"])
        .env(ROOT, root)
        .env(FAILPOINTS, failpoints)
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("running 1 test"), "the child was not found: {stdout}");
    let acknowledged = stdout.lines().filter_map(|line| Some(line.split_once("acknowledged ")?.1.to_owned())).collect();
    (acknowledged, output.status.success())
}

/// Everything acknowledged is there; and a last, undisturbed process brings all to its end.
fn check(root: &Path, acknowledged: &[String], what: &str) {
    if acknowledged.is_empty() && !dir(root).exists() {
        return;
    }
    let seen = place(root).try_peek().unwrap_or_else(|error| panic!("{what}: {error}")).unwrap();
    let texts = notes(&seen.entries);
    for text in acknowledged {
        let run_of = |id: &str| seen.runs().find(|(run, _)| run.id.as_str() == id).map(|(_, state)| state);
        let effect_of = |id: &str| {
            ["first", "second"].map(|name| comment(&run(name), 0)).into_iter().find(|effect| effect.run.as_str() == id)
        };
        let there = match text.split_once(' ') {
            Some(("settled", id)) => matches!(run_of(id), Some(State::Settled(_))),
            Some(("claimed", id)) => effect_of(id).is_some_and(|effect| seen.effects.is_claimed(&effect)),
            Some(("applied", id)) => effect_of(id).is_some_and(|effect| seen.effects.state(&effect).is_some()),
            _ => texts.contains(&text.as_str()) || run_of(text).is_some(),
        };
        assert!(there, "{what}: `{text}` was acknowledged and is gone");
    }
    let (_, done) = start(root, "");
    assert!(done, "{what}: the next process did not come to its end");
    let end = place(root).peek();
    let expected: Vec<String> = ["first", "second"]
        .iter()
        .flat_map(|name| STEPS.map(|step| format!("{} {step}", run(name).id)))
        .flat_map(|text| [text.clone(), format!("after {text}")])
        .collect();
    assert_eq!(notes(&end.entries), expected, "{what}");
    assert!(end.runs().all(|(_, state)| matches!(state, State::Settled(_))), "{what}");
    let settlements = end.entries.iter().filter(|entry| entry.body.kind() == "settled").count();
    assert_eq!(settlements, 2, "{what}");
    let became = ["first", "second"].map(|name| end.effects.state(&comment(&run(name), 0)).cloned());
    assert_eq!(became, [const { Some(Became::Applied(Object { object: None, url: String::new() })) }; 2], "{what}");
}

#[test]
fn killed_at_every_failpoint_of_the_store_the_next_process_reaches_the_same_end() {
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
        for count in 1.. {
            let root = tempfile::tempdir().unwrap();
            let failpoints = format!("{name}:{count}");
            let (acknowledged, done) = start(root.path(), &failpoints);
            if done {
                assert!(count > 1, "`{name}` was never reached");
                break;
            }
            check(root.path(), &acknowledged, &failpoints);
            killed += 1;
        }
    }
    assert_eq!(killed, 2 + 2 + 10 + 10 + 2 + 2 + 2, "a failpoint of the store was lost");
}

#[test]
fn out_of_space_at_any_size_nothing_acknowledged_is_lost() {
    let mut refused = 0;
    for blocks in 0..40 {
        let root = tempfile::tempdir().unwrap();
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let (acknowledged, done) = start_under(&["sh", "-c", &limit].map(OsString::from), root.path(), "");
        check(root.path(), &acknowledged, &format!("{blocks} blocks"));
        if done {
            break;
        }
        refused += 1;
    }
    assert!(refused > 3, "the limit was never met");
}

#[test]
fn on_a_full_disk_nothing_acknowledged_is_lost() {
    on_small_disk("contracts::store::bundle::crash::full", 4 << 20);
}

#[test]
#[ignore = "started by the test beside it"]
fn full() {
    let Some(disk) = small_disk() else { return };
    let mut refused = 0;
    for free in (0..).step_by(4 << 10) {
        let root = tempfile::tempdir().unwrap();
        let ballast = fill(&disk, free);
        let (acknowledged, done) = start(root.path(), "");
        fs::remove_file(ballast).unwrap();
        check(root.path(), &acknowledged, &format!("{free} bytes"));
        if done {
            break;
        }
        refused += 1;
    }
    assert!(refused > 6, "the disk was never full");
}

#[test]
fn after_a_sync_that_failed_nothing_is_added_and_nothing_acknowledged_is_lost() {
    let mut failed = 0;
    for number in 1.. {
        let root = tempfile::tempdir().unwrap();
        let Some(strace) = Strace::failing(number) else { return };
        let (acknowledged, done) = start_under(&strace.words(), root.path(), "");
        let failures = strace.failures();
        let Some(failure) = failures.first() else {
            assert!(done);
            break;
        };
        assert!(!done && failure.added.is_empty(), "sync {number}: {failure:#?}");
        check(root.path(), &acknowledged, &format!("sync {number}"));
        failed += 1;
    }
    assert!(failed > 30, "only {failed}");
}

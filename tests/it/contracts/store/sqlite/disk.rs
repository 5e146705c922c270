//! A disk that is full or fails, under processes of three workers each; and one that is stopped while
//! it has the file's lock.

use std::ffi::OsString;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use hob::store::Admitted;
use rustix::process::{Signal, kill_process};

use super::super::disk::{Strace, fill, on_small_disk, small_disk};
use super::crash::{block_on, check, check_and_go_on, check_end, ended, start_under};
use super::*;

/// By way of another program.
fn run_under(words: &[OsString], shelf: &Shelf) -> (Vec<String>, bool) {
    ended(start_under(words, shelf, "", Stdio::null()))
}

#[test]
fn out_of_space_at_any_size_nothing_acknowledged_is_lost() {
    let mut refused = 0;
    for blocks in (0..1200).step_by(113) {
        let shelf = Shelf::new();
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let (told, done) = run_under(&["sh", "-c", &limit].map(OsString::from), &shelf);
        if done {
            break;
        }
        refused += 1;
        check_and_go_on(&shelf, &told, &format!("{blocks} blocks"));
    }
    assert!(refused > 3, "the limit was never met");
}

#[test]
fn on_a_full_disk_nothing_acknowledged_is_lost() {
    on_small_disk("contracts::store::sqlite::disk::full", 8 << 20);
}

#[test]
#[ignore = "started by the test beside it"]
fn full() {
    let Some(disk) = small_disk() else { return };
    let mut refused = 0;
    // The pages of a file, and those of its log.
    for free in (0..).step_by(20 << 10) {
        let shelf = Shelf::new();
        let ballast = fill(&disk, free);
        let (told, done) = run_under(&[], &shelf);
        fs::remove_file(ballast).unwrap();
        if done {
            break;
        }
        refused += 1;
        check_and_go_on(&shelf, &told, &format!("{free} bytes"));
    }
    assert!(refused > 6, "the disk was never full");
}

#[test]
fn after_a_sync_that_failed_nothing_is_added_and_nothing_acknowledged_is_lost() {
    // The syncs of each thread are counted by themselves: in a file that is there, none is of the opening.
    for is_there in [false, true] {
        let mut failed = 0;
        for number in 1.. {
            let shelf = Shelf::new();
            if is_there {
                block_on(admit(&shelf.store(), &run_of(&issue("0"), "before")));
                assert!(block_on(shelf.store().forget(&issue("0"), &holder())).unwrap());
            }
            let Some(strace) = Strace::failing(number) else { return };
            let (told, done) = run_under(&strace.words(), &shelf);
            let failures = strace.failures();
            if failures.is_empty() {
                assert!(done);
                break;
            }
            let what = format!("sync {number}, there: {is_there}");
            // Without the others everything is on the disk: those of a checkpoint, and of SQLite's directory,
            // which hob syncs itself.
            match failures.iter().find(|failure| failure.loses) {
                Some(failure) => assert!(!done && failure.added.is_empty(), "{what}: {failure:#?}"),
                None if done => check_end(&shelf, &what),
                None => {}
            }
            check_and_go_on(&shelf, &told, &what);
            failed += 1;
        }
        assert!(failed > 3, "only {failed}");
    }
}

#[test]
fn who_is_stopped_in_the_middle_of_a_write_is_told_to_others_and_all_go_on_after_it() {
    let shelf = Shelf::new();
    block_on(admit(&shelf.store(), &run_of(&issue("0"), "before")));
    let Some(strace) = Strace::stopping(4) else { return };
    let child = start_under(&strace.words(), &shelf, "", Stdio::null());
    let stopped = strace.stopped();

    let impatient = Store::sqlite_within(&shelf.file(), Failpoints::default(), Duration::from_millis(200));
    let late = run_of(&issue("0"), "late");
    let admission = Admission::new(&late, &Redactor::default()).unwrap();
    let since = Instant::now();
    let admit = || block_on(async { tokio::join!(enter(&impatient, &admission), enter(&impatient, &admission)) });
    for refused in <[_; 2]>::from(admit()) {
        let said = refused.unwrap_err().to_string().replace(shelf.file().to_str().unwrap(), "FILE");
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @"cannot admit in `FILE`: database is locked; another process keeps it locked: let that one go on, or end it, then run the same command again");
        }
    }
    assert!(since.elapsed() < Duration::from_secs(10), "each waited for itself");
    // What is committed can be read meanwhile.
    assert_eq!(block_on(impatient.peek(&issue("0"))).unwrap().unwrap().runs().count(), 1);

    kill_process(stopped, Signal::CONT).unwrap();
    let (told, done) = ended(child);
    assert!(done, "it did not go on");
    check(&shelf, &told, "stopped");
    for admitted in <[_; 2]>::from(admit()) {
        admitted.unwrap();
    }
    assert!(block_on(impatient.forget(&issue("0"), &holder())).unwrap());
    check_end(&shelf, "stopped");
}

async fn enter(store: &Store, admission: &Admission) -> Result<Admitted, Error> {
    store.admit(admission, "acme/widgets", at(1)).await
}

//! Many stores on one database, each as another process has it.

use std::process::Stdio;
use std::time::Duration;

use futures::future::join_all;
use hob::domain::id::Epoch;
use hob::store::Process;

use super::*;
use crate::scene::postgres::{client, database};

/// Lets every lease run out: its holder is stopped, and does not know.
async fn lapse(url: &str) {
    let sql = "UPDATE hob.instances SET lease = clock_timestamp() - interval '1 second' WHERE lease IS NOT NULL";
    client(url).await.batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn of_many_that_claim_at_once_one_has_it() {
    let Some(url) = database().await else { return };
    let first = store(&url).await.unwrap();
    admit(&first, &run(&thread(1), "first")).await.unwrap();
    let stores = join_all((0..8).map(|_| store(&url))).await;
    for round in 1..=20 {
        let mut logs = Vec::new();
        for (pid, store) in (1..).zip(&stores) {
            logs.push(open(store.as_ref().unwrap(), &thread(1), pid).await);
        }
        let claims = join_all(logs.iter_mut().map(|log| log.claim(at(2)))).await;
        let won: Vec<Epoch> = claims.iter().filter_map(|claim| claim.as_ref().ok()).map(|(fence, _)| *fence).collect();
        assert_eq!(won, [Epoch(round)]);
        for lost in claims.iter().filter_map(|claim| claim.as_ref().err()) {
            assert!(matches!(lost, Error::Held { .. }), "{lost}");
        }
        for log in &mut logs {
            log.release().await.unwrap();
        }
    }
}

#[tokio::test]
async fn admissions_of_many_at_once_are_all_there_and_in_one_order() {
    let Some(url) = database().await else { return };
    let stores = join_all((0..4).map(|_| store(&url))).await;
    let runs: Vec<Run> = (0..40).map(|n| run(&thread(1), &n.to_string())).collect();
    // Each of them twice, by two processes.
    let admissions = (0..).zip(runs.iter().chain(&runs));
    let admitted = join_all(admissions.map(|(n, run): (usize, _)| admit(stores[n % 4].as_ref().unwrap(), run))).await;
    let new = admitted.iter().filter(|admitted| matches!(admitted, Ok(Admitted::New))).count();
    assert_eq!((new, admitted.iter().filter(|admitted| admitted.is_err()).count()), (40, 0));
    let peek = stores[0].as_ref().unwrap().peek(&thread(1)).await.unwrap().unwrap();
    assert_eq!(peek.runs().count(), 40);
}

#[tokio::test]
async fn a_holder_that_was_taken_over_is_fenced_off_in_each_verb() {
    let Some(url) = database().await else { return };
    let (one, other) = (store(&url).await.unwrap(), store(&url).await.unwrap());
    let first = run(&thread(1), "first");
    admit(&one, &first).await.unwrap();
    let mut stopped = open(&one, &thread(1), 1).await;
    let (old, _) = stopped.claim(at(2)).await.unwrap();
    stopped.append(old, path(&stopped, [note("a")]), at(3)).await.unwrap();
    let mut next = open(&other, &thread(1), 2).await;
    let held = next.claim(at(4)).await.unwrap_err().to_string();
    insta::assert_snapshot!(held, @"this instance is worked on by process 1 on desk since 2026-03-01T09:00:00Z (hob run triage); wait until it is done, or stop it");
    assert!(other.waiting(9).await.unwrap().is_empty());

    lapse(&url).await;
    assert_eq!(other.waiting(9).await.unwrap(), [thread(1)]);
    let (new, _) = next.claim(at(4)).await.unwrap();
    assert!(new > old);
    let late = path(&stopped, [note("late")]);
    assert!(matches!(stopped.append(old, late, at(5)).await, Err(Error::Fenced { .. })));
    let late = path(&stopped, [settled(&first)]);
    assert!(matches!(stopped.settle(old, late, at(5)).await, Err(Error::Fenced { .. })));
    assert!(matches!(stopped.renew(old).await, Err(Error::Fenced { .. })));
    stopped.release().await.unwrap();
    assert!(other.waiting(9).await.unwrap().is_empty(), "it gave back what is not its own");

    next.renew(new).await.unwrap();
    next.settle(new, path(&next, [note("b"), settled(&first)]), at(6)).await.unwrap();
    assert_eq!(notes(&one.peek(&thread(1)).await.unwrap().unwrap()), ["a", "b"]);
}

#[tokio::test]
async fn a_lease_that_nobody_took_goes_on() {
    let Some(url) = database().await else { return };
    let store = store(&url).await.unwrap();
    admit(&store, &run(&thread(1), "first")).await.unwrap();
    let mut log = open(&store, &thread(1), 1).await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    lapse(&url).await;
    log.append(fence, path(&log, [note("a")]), at(3)).await.unwrap();
    log.renew(fence).await.unwrap();
    assert!(store.waiting(9).await.unwrap().is_empty());
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a process that ends, to hold a claim")]
async fn what_a_process_of_this_machine_held_is_free_when_it_is_dead() {
    let Some(url) = database().await else { return };
    let store = store(&url).await.unwrap();
    admit(&store, &run(&thread(1), "first")).await.unwrap();
    let mut child = std::process::Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let started = stat.split_whitespace().nth(21).unwrap().parse().unwrap();
    let process = Some(Process { started, ..Process::this().unwrap() });
    let dying = Holder { process, ..holder(child.id()) };
    let mut log = store.open(&thread(1), "acme/widgets#42 (triage)", dying).await.unwrap().0;
    log.claim(at(2)).await.unwrap();
    let mut next = open(&store, &thread(1), 2).await;
    assert!(matches!(next.claim(at(3)).await, Err(Error::Held { .. })));
    assert!(store.waiting(9).await.unwrap().is_empty());
    assert!(matches!(store.forget(&thread(1), &holder(3)).await, Err(Error::Held { .. })));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(store.waiting(9).await.unwrap(), [thread(1)]);
    assert_eq!(next.claim(at(3)).await.unwrap().0, Epoch(2));
}

#[tokio::test]
async fn word_of_an_admission_and_of_a_release_comes_at_once() {
    let Some(url) = database().await else { return };
    let (one, other) = (store(&url).await.unwrap(), store(&url).await.unwrap());
    admit(&one, &run(&thread(1), "first")).await.unwrap();
    // Until it listens, and everything before is heard.
    while tokio::time::timeout(Duration::from_secs(1), other.news()).await.is_ok() {}
    let mut log = open(&one, &thread(1), 1).await;
    log.claim(at(2)).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), other.news()).await.is_err(), "nothing is new");
    for name in ["a", "b", "c"] {
        let run = run(&thread(2), name);
        let heard = tokio::time::timeout(Duration::from_millis(1500), other.news());
        let (heard, admitted) = tokio::join!(heard, admit(&one, &run));
        admitted.unwrap();
        heard.unwrap();
        // Its listener is cut off, and comes back.
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE query = 'LISTEN hob' AND datname = current_database()";
        client(&url).await.batch_execute(cut).await.unwrap();
        while tokio::time::timeout(Duration::from_secs(1), other.news()).await.is_ok() {}
    }
    let heard = tokio::time::timeout(Duration::from_millis(1500), other.news());
    let (heard, released) = tokio::join!(heard, log.release());
    released.unwrap();
    heard.unwrap();
}

/// While each verb is said, every backend is terminated, whatever it is at.
#[tokio::test]
async fn what_was_acknowledged_stands_while_backends_are_terminated() {
    const KILL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'hob'";
    let Some(url) = database().await else { return };
    let stores = join_all((0..3).map(|_| store(&url))).await;
    let admin = client(&url).await;
    let workers = (1..).zip(&stores).map(|(pid, store)| {
        let (store, admin, thread) = (store.as_ref().unwrap(), &admin, thread(pid as usize));
        async move {
            let kill = || async { admin.batch_execute(KILL).await.unwrap() };
            let mut acknowledged = Vec::new();
            for n in 0..12 {
                let run = run(&thread, &n.to_string());
                tokio::join!(admit(store, &run), kill()).0.unwrap();
                let mut log = open(store, &thread, pid).await;
                let (fence, _) = tokio::join!(log.claim(at(n)), kill()).0.unwrap();
                for m in 0..4 {
                    let text = format!("{n}.{m}");
                    let drafts = path(&log, [note(&text)]);
                    tokio::join!(log.append(fence, drafts, at(n)), kill()).0.unwrap();
                    acknowledged.push(text);
                }
                let drafts = path(&log, [settled(&run)]);
                tokio::join!(log.settle(fence, drafts, at(n)), kill()).0.unwrap();
            }
            (thread, acknowledged)
        }
    });
    for (thread, acknowledged) in join_all(workers).await {
        let peek = store(&url).await.unwrap().peek(&thread).await.unwrap().unwrap();
        assert_eq!(notes(&peek), acknowledged);
        assert_eq!((peek.runs().count(), peek.manifest.epoch), (12, Epoch(12)));
    }
}

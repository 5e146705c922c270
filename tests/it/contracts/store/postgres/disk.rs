//! The server's disk is full, or fails.

use hob::domain::entry::Entry;
use hob::domain::id::{Epoch, InstanceId};

use super::super::disk::{Strace, fill, on_small_disk, small_disk};
use super::*;
use crate::scene::postgres::{Server, client};

#[test]
fn on_a_full_disk_nothing_acknowledged_is_lost() {
    on_small_disk("contracts::store::postgres::disk::full", 128 << 20);
}

/// Of the tables, and of the server's own log, at which the server itself ends.
const ROOM: [u64; 4] = [0, 64 << 10, 1 << 20, 6 << 20];

#[tokio::test]
#[ignore = "started by the test beside it"]
async fn full() {
    let Some(disk) = small_disk() else { return };
    let Some(mut server) = Server::start() else { return };
    let url = server.url("postgres");
    let mut told = Vec::new();
    for (number, free) in ROOM.into_iter().enumerate() {
        let thread = thread(number);
        let store_before = store(&url).await.unwrap();
        let first = run(&thread, "first");
        admit(&store_before, &first).await.unwrap();
        let mut log = open(&store_before, &thread, 1).await;
        let (fence, _) = log.claim(at(2)).await.unwrap();
        let ballast = fill(&disk, free);
        let mut acknowledged = Vec::new();
        let error = loop {
            let text = format!("{} {}", acknowledged.len(), noise(256 << 10));
            match log.append(fence, path(&log, [note(&text)]), at(3)).await {
                Ok(_) => acknowledged.push(text),
                Err(error) => break error.to_string(),
            }
            assert!(acknowledged.len() < 400, "the disk is never full");
        };
        assert!(error.contains("run the same command again"), "{error}");
        told.push(error.contains("make room on the server's disk"));
        drop(log);
        std::fs::remove_file(ballast).unwrap();
        server.restart();

        let store = goes_on(&url, &thread, &first, &acknowledged).await;
        assert!(store.forget(&thread, &holder(1)).await.unwrap());
        let admin = client(&url).await;
        for gives_back in ["VACUUM FULL hob.lines", "CHECKPOINT"] {
            admin.batch_execute(gives_back).await.unwrap();
        }
    }
    assert!(told.contains(&true), "the server never said it: {told:?}");
}

#[tokio::test]
async fn where_the_server_cannot_sync_nothing_acknowledged_is_lost() {
    let Some(mut server) = Server::start() else { return };
    let url = server.url("postgres");
    // The tests do without, else.
    client(&url).await.batch_execute("ALTER SYSTEM SET fsync = on").await.unwrap();
    server.restart();
    let mut failed = 0;
    for number in 1..=6 {
        let thread = thread(number);
        let store_before = store(&url).await.unwrap();
        let first = run(&thread, "first");
        admit(&store_before, &first).await.unwrap();
        drop(store_before);
        let Some(meddled) = Strace::failing_in(server.pid(), number) else { return };
        let acknowledged = until_refused(&url, &thread).await;
        failed += meddled.stop();
        server.restart();

        goes_on(&url, &thread, &first, &acknowledged).await;
    }
    assert!(failed >= 6, "{failed} syncs failed");
}

/// What another process finds, and does: all that was acknowledged is there, and one entry that nobody
/// knew of at most.
async fn goes_on(url: &str, thread: &InstanceId, first: &Run, acknowledged: &[String]) -> Store {
    let store = store(url).await.unwrap();
    let mut log = store.open(thread, "acme/widgets#42 (triage)", holder(1)).await.unwrap().0;
    let (fence, _) = claimed(url, &mut log).await;
    log.settle(fence, path(&log, [note("after"), settled(first)]), at(4)).await.unwrap();
    let peek = store.peek(thread).await.unwrap().unwrap();
    let kept = notes(&peek);
    assert_eq!(kept[..acknowledged.len()], *acknowledged);
    assert!(kept.len() <= acknowledged.len() + 2 && kept.last() == Some(&"after"), "{kept:?}");
    store
}

/// Writes until the server refuses; what it said that it has.
async fn until_refused(url: &str, thread: &InstanceId) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let written = async {
        let store = store(url).await?;
        let mut log = store.open(thread, "acme/widgets#42 (triage)", holder(1)).await?.0;
        let (fence, _) = log.claim(at(2)).await?;
        loop {
            let text = acknowledged.len().to_string();
            log.append(fence, path(&log, [note(&text)]), at(3)).await?;
            acknowledged.push(text);
            assert!(acknowledged.len() < 400, "no sync ever fails");
        }
    };
    let written: Result<(), Error> = written.await;
    assert!(matches!(written, Err(Error::Database { .. })), "{written:?}");
    acknowledged
}

/// Claims for a process that takes the place of the one before it.
async fn claimed(url: &str, log: &mut Log) -> (Epoch, Vec<Entry>) {
    let over = "UPDATE hob.instances SET lease = clock_timestamp() - interval '1 second' WHERE lease IS NOT NULL";
    client(url).await.batch_execute(over).await.unwrap();
    log.claim(at(4)).await.unwrap()
}

/// What no server can press into less.
fn noise(length: usize) -> String {
    let mut state = 7_u64;
    let digits = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    });
    digits.take(length).collect()
}

//! The server crashes, and is started again.

use hob::domain::id::Epoch;

use super::*;
use crate::scene::postgres::Server;

#[tokio::test]
async fn no_epoch_is_given_out_twice_by_a_server_that_crashed_after_a_claim() {
    let Some(mut server) = Server::start() else { return };
    let url = server.url("postgres");
    let (one, other) = (store(&url).await.unwrap(), store(&url).await.unwrap());
    let first = run(&thread(1), "first");
    admit(&one, &first).await.unwrap();
    let mut epochs = Vec::new();
    for round in 0..5 {
        let mut log = open(&one, &thread(1), 1).await;
        let (fence, _) = log.claim(at(2)).await.unwrap();
        epochs.push(fence);
        server.crash();
        server.start_again();
        // Its claim is still there, and it goes on; or another one takes its place.
        if round % 2 == 0 {
            log.append(fence, path(&log, [note(&fence.to_string())]), at(3)).await.unwrap();
            log.release().await.unwrap();
        } else {
            let mut next = open(&other, &thread(1), 2).await;
            assert!(matches!(next.claim(at(3)).await, Err(Error::Held { .. })));
            log.release().await.unwrap();
        }
    }
    assert_eq!(epochs, (1..=5).map(Epoch).collect::<Vec<_>>());
    assert_eq!(notes(&other.peek(&thread(1)).await.unwrap().unwrap()), ["1", "3", "5"]);
}

#[tokio::test]
async fn a_server_that_is_down_for_too_long_is_told_and_nothing_is_written_twice() {
    let Some(mut server) = Server::start() else { return };
    let url = server.url("postgres");
    let store = store(&url).await.unwrap();
    admit(&store, &run(&thread(1), "first")).await.unwrap();
    let mut log = open(&store, &thread(1), 1).await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    server.crash();
    let drafts = path(&log, [note("a")]);
    let error = log.append(fence, drafts.clone(), at(3)).await.unwrap_err();
    assert!(matches!(error, Error::Database { .. }), "{error}");
    server.start_again();
    // Nobody knows any more how far it got: the next opening does.
    assert!(matches!(log.append(fence, drafts, at(3)).await, Err(Error::Broken { .. })));
    assert!(notes(&store.peek(&thread(1)).await.unwrap().unwrap()).is_empty());
}

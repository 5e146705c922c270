//! Two names take turns in a workflow run: whatever happens on the way, what was kept is there until
//! the next one is.

use super::github_shelf::{fetched, keep, only};
use crate::forge_github::{Answer, Fault, GithubServer};

#[tokio::test]
async fn of_one_run_the_last_archive_is_found_and_the_ones_before_are_gone() {
    let server = GithubServer::start();
    for archive in ["first", "second", "third"] {
        keep(&server, 7, archive).await.unwrap();
        assert_eq!(only(&server), archive.as_bytes());
    }
    // One that cannot be taken away does no harm, and the next one finds its place.
    server.fault("runner/DeleteArtifact", Fault::Answer(Answer::refusal(403, "no")));
    keep(&server, 7, "fourth").await.unwrap();
    assert_eq!(server.memory().artifacts.all().len(), 2);
    assert_eq!(fetched(&server).await.unwrap(), "fourth");
    keep(&server, 7, "fifth").await.unwrap();
    assert_eq!(only(&server), b"fifth");
}

#[tokio::test]
async fn what_was_kept_is_there_until_the_next_one_is() {
    let steps = ["runner/ListArtifacts", "runner/CreateArtifact", "storage/block", "storage/blocklist"];
    for step in steps.into_iter().chain(["runner/FinalizeArtifact", "runner/DeleteArtifact"]) {
        for before in 1..4 {
            let server = GithubServer::start();
            for archive in 1..=before {
                keep(&server, 7, archive.to_string()).await.unwrap();
            }
            let asked = server.count(step);
            server.fault(step, Fault::Hold);
            // The process ends in the middle of the step.
            tokio::select! {
                kept = keep(&server, 7, "next") => panic!("{step} was not held: {kept:?}"),
                () = asked_for(&server, step, asked + 1) => {}
            }
            let is_there = step == "runner/DeleteArtifact";
            let expected = if is_there { "next".to_owned() } else { before.to_string() };
            assert_eq!(fetched(&server).await.unwrap(), expected, "{step} after {before}");
            // What was on its way arrives, and another process keeps what it has.
            server.go_on();
            keep(&server, 7, "last").await.unwrap();
            assert_eq!(fetched(&server).await.unwrap(), "last", "{step} after {before}");
        }
    }
}

/// Comes back once an operation was asked for so often.
async fn asked_for(server: &GithubServer, operation: &str, count: usize) {
    while server.count(operation) < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_upload_that_never_ended_keeps_nobody_from_the_shelf() {
    let server = GithubServer::start();
    let hold_up = || {
        for _ in 0..3 {
            server.fault("storage/blocklist", Fault::CutBefore);
        }
    };
    for archive in ["first", "second", "third"] {
        for _ in 0..2 {
            hold_up();
            assert!(keep(&server, 7, "cut").await.is_err());
        }
        keep(&server, 7, archive).await.unwrap();
        assert_eq!(fetched(&server).await.unwrap(), archive);
    }
}

#[tokio::test]
async fn a_list_that_does_not_come_takes_nothing_away() {
    let server = GithubServer::start();
    for archive in ["first", "second", "third"] {
        for _ in 0..3 {
            server.fault("runner/ListArtifacts", Fault::CutBefore);
        }
        keep(&server, 7, archive).await.ok();
        // The third finds both names taken, and lets them be.
        let expected = if archive == "third" { "second" } else { archive };
        assert_eq!(fetched(&server).await.unwrap(), expected);
    }
}

//! The database crashes after a claim that nothing was written under, and its owner dies with it.

use hob::telemetry::failpoint;

use super::*;
use crate::scene::postgres::{Server, client};

/// A server that keeps what it acknowledges only where it is asked to.
const LAZY: [&str; 3] = [
    "ALTER SYSTEM SET synchronous_commit = off",
    "ALTER SYSTEM SET wal_writer_delay = '10s'",
    "SELECT pg_reload_conf()",
];

#[test]
fn no_epoch_is_given_out_again_by_a_server_that_crashed_between_a_claim_and_the_first_write() {
    let Some(mut server) = Server::start() else { return };
    let ground = Ground::at(server.url("postgres"));
    block_on(async {
        let admin = client(&ground.address).await;
        for change in LAZY {
            admin.batch_execute(change).await.unwrap();
        }
        admin.batch_execute("CREATE TABLE witness (round int)").await.unwrap();
        let store = ground.open().await;
        let run = run("1/handy", "steps 1 one");
        queue::admit(&store, &run, "a thread", &Redactor::default()).await.unwrap();
    });
    for round in 1..=3 {
        assert!(sweep::killed(&ground, &format!("{}:1", failpoint::CLAIMED)));
        let witnesses = async || {
            let admin = client(&ground.address).await;
            admin.query_one("SELECT count(*) FROM witness", &[]).await.unwrap().get::<_, i64>(0)
        };
        block_on(async {
            let admin = client(&ground.address).await;
            admin.batch_execute(&format!("INSERT INTO witness VALUES ({round})")).await.unwrap();
            assert_eq!(witnesses().await, 1);
        });
        server.crash();
        server.start_again();
        block_on(async {
            assert_eq!(witnesses().await, 0, "this server loses what nobody asked it to keep");
            let instance = run("1/handy", "").instance;
            let peek = ground.open().await.peek(&instance).await.unwrap().unwrap();
            assert_eq!(peek.manifest.epoch.0, round, "each claim is kept");
        });
    }
    assert!(!sweep::killed(&ground, ""), "it comes to its end");
    block_on(async {
        let instance = run("1/handy", "").instance;
        let peek = ground.open().await.peek(&instance).await.unwrap().unwrap();
        let first = peek.entries.iter().find(|entry| entry.body.kind() == "attempt_started").unwrap();
        assert_eq!(first.epoch.0, 4, "the three before it are never seen again");
    });
}

//! What people are told when a database cannot be had, or is not what it was.

use std::net::TcpListener;

use super::*;
use crate::scene::postgres::{Server, client, database, empty_database};

/// A message without what is another one each time.
fn plain(url: &str, error: &Error) -> String {
    let address: Address = url.parse().unwrap();
    let place = address.to_string();
    error.to_string().replace(&place, "[PLACE]")
}

async fn refused(url: &str) -> String {
    plain(url, &store(url).await.unwrap_err())
}

#[tokio::test]
async fn a_database_that_cannot_be_had_is_told_with_the_next_move() {
    let Some(server) = Server::with_password() else { return };
    let url = |user: &str, database: &str| format!("postgres://{user}@127.0.0.1:{}/{database}", server.port());
    insta::assert_snapshot!(refused(&url("postgres:wrong", "postgres")).await, @r#"cannot begin to work in `[PLACE]`: password authentication failed for user "postgres"; give a user and a password that the server knows, and that may connect from here"#);
    insta::assert_snapshot!(refused(&url("postgres", "postgres")).await, @"cannot begin to work in `[PLACE]`: invalid configuration: password missing; put the user and the password into its address");
    insta::assert_snapshot!(refused(&url("nobody:s3cret", "postgres")).await, @r#"cannot begin to work in `[PLACE]`: password authentication failed for user "nobody"; give a user and a password that the server knows, and that may connect from here"#);
    insta::assert_snapshot!(refused(&url("postgres:s3cret", "nowhere")).await, @r#"cannot begin to work in `[PLACE]`: database "nowhere" does not exist; create that database, or name another one"#);
    insta::assert_snapshot!(refused(&format!("{}?sslmode=require", url("postgres:s3cret", "postgres"))).await, @"cannot begin to work in `[PLACE]`: error performing TLS handshake: server does not support TLS; see to `sslmode` and `sslrootcert` in its address");
    let owner = client(&url("postgres:s3cret", "postgres")).await;
    owner.batch_execute("CREATE USER guest PASSWORD 's3cret'").await.unwrap();
    insta::assert_snapshot!(refused(&url("guest:s3cret", "postgres")).await, @"cannot begin to work in `[PLACE]`: permission denied for database postgres; grant the user the right to it");
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap().port();
    insta::assert_snapshot!(refused(&format!("postgres://postgres@127.0.0.1:{free}/postgres")).await, @"cannot begin to work in `[PLACE]`: error connecting to server: Connection refused (os error 111); see whether it runs and can be reached from here, then run the same command again");
    insta::assert_snapshot!(refused("postgres://postgres@no-such-host.invalid/postgres").await.split(": failed").next().unwrap(), @"cannot begin to work in `[PLACE]`: error connecting to server");
}

#[tokio::test]
async fn a_user_needs_no_right_to_make_a_schema_that_is_there() {
    let Some(server) = Server::start() else { return };
    let owner = client(&server.url("postgres")).await;
    owner.batch_execute("CREATE USER guest; CREATE SCHEMA hob AUTHORIZATION guest").await.unwrap();
    let url = format!("postgres://guest@127.0.0.1:{}/postgres", server.port());
    admit(&store(&url).await.unwrap(), &run(&thread(1), "first")).await.unwrap();
}

#[tokio::test]
async fn tables_of_a_newer_hob_are_left_alone() {
    let Some(url) = database().await else { return };
    let older = store(&url).await.unwrap();
    let newer = client(&url).await;
    newer.batch_execute("UPDATE hob.version SET version = 2").await.unwrap();
    insta::assert_snapshot!(refused(&url).await, @"`[PLACE]` was written by a newer hob (schema version 2); use that version or a later one");
    // Also by a process that was there before, at its next connection.
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    newer.batch_execute(others).await.unwrap();
    let error = admit(&older, &run(&thread(1), "first")).await.unwrap_err();
    insta::assert_snapshot!(plain(&url, &error), @"`[PLACE]` was written by a newer hob (schema version 2); use that version or a later one");
    let rows = newer.query_one("SELECT count(*) FROM hob.instances", &[]).await.unwrap();
    assert_eq!(rows.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn of_many_that_begin_at_once_one_makes_the_tables() {
    let Some(url) = empty_database().await else { return };
    for begun in futures::future::join_all((0..8).map(|_| store(&url))).await {
        begun.unwrap();
    }
    let rows = client(&url).await.query("SELECT version FROM hob.version", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [1]);
}

/// A copy of the tables as they are, put back later.
const KEEP: &str = "CREATE SCHEMA kept; CREATE TABLE kept.instances AS TABLE hob.instances;
    CREATE TABLE kept.lines AS TABLE hob.lines";
const PUT_BACK: &str = "DELETE FROM hob.lines; UPDATE hob.instances AS i SET epoch = k.epoch, cover = k.cover,
        log_next = k.log_next, log_sum = k.log_sum, log_epoch = k.log_epoch, log_length = k.log_length,
        claim = k.claim, holder = k.holder, lease = k.lease
    FROM kept.instances AS k WHERE k.number = i.number;
    INSERT INTO hob.lines SELECT * FROM kept.lines";

#[tokio::test]
async fn a_database_that_went_back_in_time_is_noticed_by_who_was_there() {
    let Some(url) = database().await else { return };
    let store = store(&url).await.unwrap();
    admit(&store, &run(&thread(1), "first")).await.unwrap();
    let mut log = open(&store, &thread(1), 1).await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    log.append(fence, path(&log, [note("a")]), at(3)).await.unwrap();
    let admin = client(&url).await;
    admin.batch_execute(KEEP).await.unwrap();
    log.append(fence, path(&log, [note("b")]), at(4)).await.unwrap();
    admin.batch_execute(PUT_BACK).await.unwrap();
    let error = log.append(fence, path(&log, [note("c")]), at(5)).await.unwrap_err();
    insta::assert_snapshot!(plain(&url, &error), @"`[PLACE]/github.com/700100/issue/1/triage/log.jsonl` is damaged: line 3 (byte 575) was there, and is not any more: the database stands at an older state; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
    let error = log.refresh().await.unwrap_err();
    insta::assert_snapshot!(plain(&url, &error), @"`[PLACE]/github.com/700100/issue/1/triage/log.jsonl` is damaged: line 3 (byte 575) was there, and is not any more: the database stands at an older state; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
}

#[tokio::test]
async fn rows_that_are_missing_changed_or_too_many_are_damage() {
    for (damage, said) in [
        ("DELETE FROM hob.lines WHERE chain = 'log' AND place = 3", "line 4"),
        ("DELETE FROM hob.lines WHERE chain = 'log' AND place = 1", "line 2"),
        ("DELETE FROM hob.lines WHERE chain = 'inbox'", "line 1"),
        ("UPDATE hob.lines SET line = set_byte(line, 40, 7) WHERE chain = 'log' AND place = 2", "line 3"),
        ("UPDATE hob.lines SET place = 9 WHERE chain = 'log' AND place = 3", "line 4"),
        (
            "UPDATE hob.lines SET line = (SELECT line FROM hob.lines WHERE chain = 'log' AND place = 1)
            WHERE chain = 'log' AND place = 2",
            "line 3",
        ),
        ("UPDATE hob.instances SET log_next = 9", "line 5"),
        ("UPDATE hob.instances SET log_sum = 'x'", "line 4"),
        ("UPDATE hob.instances SET log_next = 2", "line 2"),
        ("UPDATE hob.instances SET cover = set_byte(cover, 40, 7)", "line 1"),
        ("DELETE FROM hob.lines", "line 1"),
    ] {
        let Some(url) = database().await else { return };
        let store = store(&url).await.unwrap();
        admit(&store, &run(&thread(1), "first")).await.unwrap();
        let mut log = open(&store, &thread(1), 1).await;
        let (fence, _) = log.claim(at(2)).await.unwrap();
        log.append(fence, path(&log, [note("a"), note("b"), note("c")]), at(3)).await.unwrap();
        client(&url).await.batch_execute(damage).await.unwrap();
        match store.peek(&thread(1)).await {
            Err(error @ Error::Damaged { .. }) => assert!(error.to_string().contains(said), "{damage}: {error}"),
            other => panic!("{damage}: {other:?}"),
        }
    }
}

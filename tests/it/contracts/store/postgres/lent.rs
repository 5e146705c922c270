//! A server that who runs the tests lends them.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::scene::postgres::{Server, client};

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the tests of another process are what is tested")]
async fn it_is_given_back_without_the_databases_of_the_tests() {
    let Some(server) = Server::start() else { return };
    let url = server.url("postgres");
    let tests = "contracts::store::admission::postgres";
    let output = Command::new(std::env::current_exe().unwrap()).arg(tests).env("HOB_TEST_POSTGRES", &url).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let (since, admin) = (Instant::now(), client(&url).await);
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'hob%'";
    while admin.query_one(left, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "they are still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

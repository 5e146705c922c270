//! Every verb once, and what it promises.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::domain::run::State;
use crate::store::Blob;

#[tokio::test]
async fn who_only_looks_makes_no_file() {
    let place = Place::new();
    let store = place.store();
    assert!(store.peek(&instance("1")).await.unwrap().is_none());
    assert!(store.list().await.unwrap().is_empty());
    assert!(store.waiting(9).await.unwrap().is_empty());
    assert!(!store.forget(&instance("1"), &holder(None)).await.unwrap());
    assert!(!exists(&place.file()));
}

#[tokio::test]
async fn a_file_is_its_owners_alone() {
    let place = Place::new();
    admit(&place.store(), "1", "one").await;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place.file()), mode(place.file().parent().unwrap())), (0o600, 0o700));
}

#[tokio::test]
async fn a_run_goes_its_way() {
    let place = Place::new();
    let store = place.store();
    assert_eq!(admit(&store, "1", "one").await, Admitted::New);
    assert_eq!(admit(&store, "1", "one").await, Admitted::Known(State::Queued));
    assert_eq!(store.waiting(9).await.unwrap(), [instance("1")]);

    let mut log = open(&store, "1").await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    assert_eq!((fence, store.waiting(9).await.unwrap().len()), (Epoch(1), 0));
    let digest = log.put_blob(&Blob::new(b"content", &Redactor::default())).await.unwrap();
    assert_eq!(log.blob(&digest).await.unwrap(), "content");
    append(&mut log, fence, &["a", "b"]).await.unwrap();
    assert_eq!(log.blob(&digest).await.unwrap(), "content");
    let last = path(&log, [settled(&run("1", "one"))]);
    log.settle(fence, last, at(3)).await.unwrap();

    // Another process, later.
    let store = place.store();
    let mut peek = store.peek(&instance("1")).await.unwrap().unwrap();
    assert_eq!(notes(&peek.entries), ["a", "b"]);
    assert_eq!(peek.blob(&digest).await.unwrap(), "content");
    assert!(matches!(peek.runs().next().unwrap().1, State::Settled(_)));
    assert!(matches!(admit(&store, "1", "one").await, Admitted::Known(State::Settled(_))));
    assert!(store.waiting(9).await.unwrap().is_empty());
    assert!(matches!(log.append(fence, path(&log, [note("late")]), at(4)).await, Err(Error::Fenced { .. })));
}

#[tokio::test]
async fn the_first_run_that_waits_comes_first_and_the_next_one_after_it() {
    let place = Place::new();
    let store = place.store();
    for (key, name) in [("2", "a"), ("1", "b"), ("2", "c"), ("3", "d")] {
        admit(&store, key, name).await;
    }
    let keys = ["2", "1", "3"].map(instance);
    assert_eq!(store.waiting(9).await.unwrap(), keys);
    assert_eq!(store.waiting(2).await.unwrap(), keys[..2]);
    let mut log = open(&store, "2").await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    assert_eq!(store.waiting(9).await.unwrap(), keys[1..]);
    let last = path(&log, [settled(&run("2", "a"))]);
    log.settle(fence, last, at(3)).await.unwrap();
    assert_eq!(store.waiting(9).await.unwrap(), ["1", "2", "3"].map(instance));
}

#[tokio::test]
async fn what_others_did_to_an_inbox_that_was_seen_is_noticed() {
    let place = Place::new();
    let (one, other) = (place.store(), place.store());
    let queued = Admitted::Known(State::Queued);
    for (store, name, is) in [
        (&one, "a", Admitted::New),
        (&other, "a", queued.clone()),
        (&other, "b", Admitted::New),
        (&one, "c", Admitted::New),
        (&one, "b", queued.clone()),
        (&other, "c", queued),
    ] {
        assert_eq!(admit(store, "1", name).await, is, "{name}");
    }
    // Another one gives an epoch out.
    let mut log = open(&other, "1").await;
    log.claim(at(2)).await.unwrap();
    assert_eq!(admit(&one, "1", "d").await, Admitted::New);
    let epochs = "select line ->> 'epoch' from inbox_lines order by seq desc limit 1";
    assert_eq!(place.shell().query_row(epochs, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    log.release().await.unwrap();
    drop(log);
    // Another one removes it, and makes it again.
    assert!(other.forget(&instance("1"), &holder(None)).await.unwrap());
    assert_eq!(admit(&one, "1", "a").await, Admitted::New);
    assert!(other.forget(&instance("1"), &holder(None)).await.unwrap());
    assert_eq!(admit(&other, "1", "e").await, Admitted::New);
    assert_eq!(admit(&one, "1", "f").await, Admitted::New);
    let admitted: Vec<_> =
        one.admitted(&instance("1")).await.unwrap().into_iter().map(|run| run.task.message.unwrap()).collect();
    assert_eq!(admitted, ["e", "f"]);
}

#[tokio::test]
async fn one_claims_and_the_other_is_told_who() {
    let place = Place::new();
    let (one, other) = (place.store(), place.store());
    let (mut first, mut second) = (open(&one, "1").await, open(&other, "1").await);
    let (fence, _) = first.claim(at(2)).await.unwrap();
    assert!(matches!(second.claim(at(2)).await, Err(Error::Held { by }) if by.contains("hob run triage")));
    assert!(matches!(other.forget(&instance("1"), &holder(None)).await, Err(Error::Held { .. })));
    append(&mut first, fence, &["first"]).await.unwrap();
    first.release().await.unwrap();
    let (fence, seen) = second.claim(at(3)).await.unwrap();
    assert_eq!((fence, notes(&seen)), (Epoch(2), vec!["first".to_owned()]));
    append(&mut second, fence, &["second"]).await.unwrap();
    assert_eq!(kept(&one, "1").await, ["first", "second"]);
}

#[tokio::test]
async fn a_claim_that_was_not_renewed_is_taken_and_its_holder_fenced_off() {
    let place = Place::new();
    let store = place.store();
    let (mut first, mut second) = (open(&store, "1").await, open(&store, "1").await);
    let (old, _) = first.claim(at(2)).await.unwrap();
    place.shell().execute("update instances set until = until - 15001", []).unwrap();
    let (new, _) = second.claim(at(3)).await.unwrap();
    assert!(matches!(append(&mut first, old, &["late"]).await, Err(Error::Fenced { .. })));
    assert!(matches!(first.settle(old, Vec::new(), at(3)).await, Err(Error::Fenced { .. })));
    first.release().await.unwrap();
    append(&mut second, new, &["new"]).await.unwrap();
    assert_eq!(kept(&store, "1").await, ["new"]);
}

#[tokio::test]
async fn the_claim_of_a_process_that_ended_is_over_at_once() {
    let place = Place::new();
    let store = place.store();
    admit(&store, "1", "one").await;
    let this = Process::this().unwrap();
    let dead = holder(Some(Process { started: this.started + 1, ..this }));
    let (mut first, _) = store.open(&instance("1"), "1", dead).await.unwrap();
    first.claim(at(2)).await.unwrap();
    assert_eq!(store.waiting(9).await.unwrap(), [instance("1")]);
    assert_eq!(open(&store, "1").await.claim(at(2)).await.unwrap().0, Epoch(2));
}

#[tokio::test]
async fn a_forgotten_instance_leaves_nothing_and_who_has_it_open_is_told() {
    let place = Place::new();
    let store = place.store();
    admit(&store, "1", "one").await;
    let mut log = open(&store, "1").await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    log.put_blob(&Blob::new(b"content", &Redactor::default())).await.unwrap();
    append(&mut log, fence, &["a secret thought"]).await.unwrap();
    log.release().await.unwrap();
    assert!(store.forget(&instance("1"), &holder(None)).await.unwrap());
    assert!(matches!(store.peek(&instance("1")).await, Ok(None)));
    assert!(!store.forget(&instance("1"), &holder(None)).await.unwrap());
    for table in ["instances", "log_lines", "inbox_lines", "applied_lines", "blobs"] {
        let left: i64 =
            place.shell().query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    // One of the same name is another one.
    admit(&store, "1", "two").await;
    assert!(matches!(log.claim(at(3)).await, Err(Error::Gone { .. })));
    drop((log, store));
    let bytes = std::fs::read(place.file()).unwrap();
    assert!(!bytes.windows(16).any(|window| window == b"a secret thought"));
}

#[tokio::test(start_paused = true)]
async fn news_of_this_process_comes_at_once_and_of_others_soon() {
    let place = Place::new();
    let store = place.store();
    let before = tokio::time::Instant::now();
    // Time that is paused goes on where nobody has anything to do.
    let busy = async {
        loop {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = futures::future::join(store.news(), admit(&store, "1", "one")) => {}
        () = busy => {}
    }
    assert_eq!(before.elapsed(), std::time::Duration::ZERO);
    store.news().await;
    assert_eq!(before.elapsed(), super::super::POLL);
}

#[tokio::test]
async fn what_the_sqlite3_shell_shows_says_something() {
    let place = Place::new();
    let store = place.store();
    admit(&store, "42", "one").await;
    let mut log = open(&store, "42").await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    append(&mut log, fence, &["a thought"]).await.unwrap();
    let shell = place.shell();
    let rows = |select: &str| {
        let mut select = shell.prepare(select).unwrap();
        let columns = select.column_count();
        let mut shown = Vec::new();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let columns = (0..columns).map(|column| match row.get::<_, rusqlite::types::Value>(column).unwrap() {
                rusqlite::types::Value::Text(text) => text,
                rusqlite::types::Value::Integer(number) => number.to_string(),
                other => format!("{other:?}"),
            });
            shown.push(columns.collect::<Vec<_>>().join(" | "));
        }
        shown.join("\n")
    };
    insta::assert_snapshot!(rows("select seq, kind, at, body from log"), @r#"
    0 | header | 2026-03-01T09:00:01Z | {"version":1,"instance":{"host":"github.com","repo":700100,"kind":"issue","key":"42","agent":"triage"},"hob":"0.1.0"}
    1 | note | 2026-03-01T09:00:02Z | {"text":"a thought"}
    "#);
    insta::assert_snapshot!(rows("select seq, kind, at, body ->> 'id' from inbox"), @"0 | admitted | 2026-03-01T09:00:01Z | run-719d49e635e29c64cb300e32");
    insta::assert_snapshot!(rows("select name, epoch, unsettled, cover ->> 'label' from waiting join instances on id = instance"), @"github.com/700100/issue/42/triage | 1 | 1 | 42");
}

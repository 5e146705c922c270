//! What was changed by anything but hob is noticed, and never a panic.

use super::*;
use crate::domain::effect::{Effect, EffectKey, Object, State, Write};
use crate::domain::name::EffectKind;

/// A file with one instance and all that one can have; its run is settled.
async fn written() -> Place {
    let place = Place::new();
    let store = place.store();
    admit(&store, "1", "one").await;
    let mut log = open(&store, "1").await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    append(&mut log, fence, &["a", "b"]).await.unwrap();
    append(&mut log, fence, &["c"]).await.unwrap();
    let run = run("1", "one");
    let key = EffectKey::derive(b"secret", &instance("1"), &run.id, EffectKind::Comment, 0);
    let effect = Effect { key, run: run.id.clone(), ordinal: 0, write: Write::Comment { body: "Thanks.".to_owned() } };
    log.effect_claim(&effect, at(3)).await.unwrap();
    log.effect_done(&effect, State::Applied(Object::default()), &Redactor::default(), at(3)).await.unwrap();
    let last = path(&log, [settled(&run)]);
    log.settle(fence, last, at(4)).await.unwrap();
    drop((log, store));
    assert!(!exists(&place.dir.path().join("state/hob.sqlite-wal")), "all of it is in one file");
    place
}

/// What an opening says after a statement was done behind our back, and undone again.
async fn after(place: &Place, statement: &str) -> Result<(), Error> {
    let shell = place.shell();
    shell.execute_batch("pragma synchronous = off; pragma foreign_keys = off").unwrap();
    let before = Place::new();
    std::fs::create_dir(before.file().parent().unwrap()).unwrap();
    shell.execute("vacuum into ?1", [before.file().to_str().unwrap()]).unwrap();
    before.shell().execute_batch("pragma synchronous = off; pragma foreign_keys = off").unwrap();
    assert!(before.shell().execute(statement, []).unwrap() > 0, "{statement}");
    let store = before.store();
    let (mut log, _) = store.open(&instance("1"), "1", holder(None)).await?;
    let (fence, _) = log.claim(at(5)).await?;
    append(&mut log, fence, &["d"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_row_that_is_missing_or_elsewhere_is_noticed() {
    let place = written().await;
    after(&place, "insert into waiting values (1, 5, 1)").await.unwrap();
    for table in ["log_lines", "inbox_lines", "applied_lines"] {
        let rows: i64 =
            place.shell().query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap();
        for seq in 0..rows {
            for statement in [
                format!("delete from {table} where seq = {seq}"),
                format!("update {table} set seq = seq + 100 where seq = {seq}"),
                format!("update {table} set line = substr(line, 1, length(line) - 1) where seq = {seq}"),
                format!("update {table} set line = '' where seq = {seq}"),
            ] {
                let said = after(&place, &statement).await;
                assert!(matches!(said, Err(Error::Damaged { .. })), "{statement}: {said:?}");
            }
        }
    }
    for statement in ["update instances set epoch = 5", "update instances set cover = '{}'"] {
        let said = after(&place, statement).await;
        assert!(matches!(said, Err(Error::Damaged { .. })), "{statement}: {said:?}");
    }
    let error = after(&place, "delete from log_lines where seq = 2").await.unwrap_err().to_string();
    let (_, error) = error.split_once("/state/").unwrap();
    insta::assert_snapshot!(error, @"hob.sqlite/github.com/700100/issue/1/triage/log.jsonl` is damaged: line 3 (byte 587) is missing; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
    let error = after(&place, "update instances set epoch = 5").await.unwrap_err().to_string();
    let (_, error) = error.split_once("/state/").unwrap();
    insta::assert_snapshot!(error, @"hob.sqlite/github.com/700100/issue/1/triage/manifest.json` is damaged: line 1 (byte 0) names epoch 1, and epoch 5 was given out last; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
}

#[tokio::test]
async fn half_a_transaction_is_noticed() {
    let place = Place::new();
    let store = place.store();
    let mut log = open(&store, "1").await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    append(&mut log, fence, &["a", "b", "c"]).await.unwrap();
    drop(log);
    place.shell().execute("delete from log_lines where seq = 3", []).unwrap();
    let error = store.open(&instance("1"), "1", holder(None)).await.unwrap_err();
    insta::assert_snapshot!(place.said(&error), @"`DIR/state/hob.sqlite/github.com/700100/issue/1/triage/log.jsonl` is damaged: line 4 (byte 335) is missing: it belongs to the one before it; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
}

#[tokio::test]
async fn no_flipped_bit_of_a_line_passes() {
    let place = written().await;
    let shell = place.shell();
    shell.execute_batch("pragma synchronous = off").unwrap();
    let store = place.store();
    let mut flips = 0;
    for (table, column) in
        [("log_lines", "line"), ("inbox_lines", "line"), ("applied_lines", "line"), ("instances", "cover")]
    {
        let select = format!("select rowid, cast({column} as blob) from {table}");
        let rows: Vec<(i64, Vec<u8>)> = shell
            .prepare(&select)
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let update = format!("update {table} set {column} = cast(?2 as text) where rowid = ?1");
        for (row, line) in rows {
            for bit in 0..line.len() * 8 {
                let mut flipped = line.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                shell.execute(&update, rusqlite::params![row, flipped]).unwrap();
                let seen = store.peek(&instance("1")).await;
                assert!(
                    matches!(seen, Err(Error::Damaged { .. } | Error::Newer { .. })),
                    "{table} {row}, bit {bit}: {seen:?}"
                );
                flips += 1;
            }
            shell.execute(&update, rusqlite::params![row, line]).unwrap();
        }
    }
    assert!(flips > 25_000, "{flips}");
    assert_eq!(kept(&store, "1").await, ["a", "b", "c"]);
}

/// Everything that can be done with a file, whatever it says; what of the instance it showed.
async fn try_all(place: &Place) -> Option<Vec<String>> {
    let store = place.store();
    let _ = store.list().await;
    let _ = store.waiting(9).await;
    let seen = store.peek(&instance("1")).await.ok().flatten().map(|peek| notes(&peek.entries));
    let admission = Admission::new(&run("1", "two"), &Redactor::default()).unwrap();
    let _ = store.admit(&admission, "1", at(5)).await;
    if let Ok((mut log, _)) = store.open(&instance("1"), "1", holder(None)).await
        && let Ok((fence, _)) = log.claim(at(5)).await
    {
        let _ = append(&mut log, fence, &["d"]).await;
    }
    seen
}

/// A file that others left, and what they had written beside it.
fn left(file: &[u8], log: Option<&[u8]>) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.file().parent().unwrap()).unwrap();
    std::fs::write(place.file(), file).unwrap();
    if let Some(log) = log {
        std::fs::write(place.dir.path().join("state/hob.sqlite-wal"), log).unwrap();
    }
    place
}

/// Flips one of so many bits after the other; how often the file was refused, and how often it showed
/// what it had.
async fn flip(every: usize) -> (usize, usize) {
    let place = written().await;
    let whole = std::fs::read(place.file()).unwrap();
    let (mut refused, mut shown) = (0, 0);
    for bit in (0..whole.len() * 8).step_by(every) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match try_all(&left(&flipped, None)).await {
            Some(seen) => {
                assert_eq!(seen, ["a", "b", "c"], "bit {bit}");
                shown += 1;
            }
            None => refused += 1,
        }
    }
    (refused, shown)
}

/// Cuts after one of so many bytes after the other.
async fn cut(every: usize) {
    let place = written().await;
    let whole = std::fs::read(place.file()).unwrap();
    for at in (0..whole.len()).step_by(every) {
        let seen = try_all(&left(&whole[..at], None)).await;
        assert!(seen.is_none_or(|seen| seen == ["a", "b", "c"]), "cut at {at}");
    }
}

#[tokio::test]
async fn no_flipped_bit_of_a_file_is_a_panic_or_another_session() {
    let (refused, shown) = flip(777).await;
    assert!(refused > 10 && shown > 10, "{refused} {shown}");
}

#[tokio::test]
async fn a_file_cut_anywhere_is_refused_or_empty() {
    cut(509).await;
}

#[tokio::test]
#[ignore = "by hand: takes an hour"]
async fn no_bit_and_no_cut_at_all_is_a_panic_or_another_session() {
    cut(1).await;
    let (refused, shown) = flip(1).await;
    println!("{refused} files were refused, {shown} showed all that they had");
}

#[tokio::test]
async fn of_a_transaction_that_was_cut_all_is_there_or_nothing() {
    let place = Place::new();
    let store = place.store();
    let mut log = open(&store, "1").await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    append(&mut log, fence, &["a"]).await.unwrap();
    let wal = |place: &Place| place.dir.path().join("state/hob.sqlite-wal");
    let before = std::fs::metadata(wal(&place)).unwrap().len();
    append(&mut log, fence, &["b", "c"]).await.unwrap();
    let (file, log) = (std::fs::read(place.file()).unwrap(), std::fs::read(wal(&place)).unwrap());
    let before = usize::try_from(before).unwrap();
    // Its last page, which makes it whole, at every byte.
    let last = log.len() - 4096 - 24;
    assert!(before < last);
    for end in (before..last).step_by(61).chain(last..=log.len()) {
        let seen = kept(&left(&file, Some(&log[..end])).store(), "1").await;
        let all = ["a", "b", "c"];
        assert_eq!(seen, if end == log.len() { &all[..] } else { &all[..1] }, "cut at {end}");
    }
}

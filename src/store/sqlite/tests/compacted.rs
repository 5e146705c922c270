//! What an opening takes on trust after a compaction, and what it does not.

use super::*;
use crate::domain::entry::Compaction;
use crate::domain::message::ToolResult;

/// Results at the entries 1 to 4; a compaction at 5 kept them from 3 on; a note.
async fn compacted() -> Place {
    let place = Place::new();
    let store = place.store();
    let mut log = open(&store, "1").await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    let result = |n: u32| {
        let content = format!("{n} {}", "x".repeat(2000));
        Body::ToolResult(ToolResult {
            call: n.to_string(),
            name: "read".into(),
            content,
            is_error: false,
            images: Vec::new(),
        })
    };
    let compaction = Body::Compaction(Compaction {
        summary: "what was done".into(),
        first_kept: Seq(3),
        tokens_before: 9,
        files_read: Vec::new(),
        files_changed: Vec::new(),
    });
    let drafts = path(&log, (1..5).map(result).chain([compaction, note("a")]));
    log.append(fence, drafts, at(3)).await.unwrap();
    log.release().await.unwrap();
    drop((log, store));
    place
}

/// Whether an opening, and whether who shows all of it, takes what a statement left.
async fn taken(place: &Place, statement: &str) -> (bool, bool) {
    let shell = place.shell();
    shell.execute_batch("begin; create table before as select * from log_lines; commit").unwrap();
    shell.execute(statement, []).unwrap();
    let store = place.store();
    let opened = store.open(&instance("1"), "1", holder(None)).await;
    let shown = store.peek(&instance("1")).await;
    for error in [opened.as_ref().err(), shown.as_ref().err()].into_iter().flatten() {
        assert!(matches!(error, Error::Damaged { .. }), "{statement}: {error}");
    }
    shell
        .execute_batch(
            "begin; delete from log_lines; insert into log_lines select * from before; drop table before; commit",
        )
        .unwrap();
    (opened.is_ok(), shown.is_ok())
}

#[tokio::test]
async fn what_a_compaction_left_behind_is_trusted_and_nothing_else() {
    let place = compacted().await;
    assert_eq!(taken(&place, "update log_lines set seq = seq where seq = 1").await, (true, true));
    for (statement, expected) in [
        // Only who shows it looks.
        ("update log_lines set line = replace(line, 'xxx', 'xyx') where seq = 1", (true, false)),
        // Where it is taken up.
        ("update log_lines set line = replace(line, 'xxx', 'xyx') where seq = 2", (false, false)),
        ("update log_lines set line = replace(line, 'xxx', 'xyx') where seq = 3", (false, false)),
        ("update log_lines set line = replace(line, 'xxx', 'xyx') where seq = 4", (false, false)),
        ("update log_lines set line = replace(line, 'done', 'gone') where seq = 5", (false, false)),
        ("update log_lines set line = replace(line, 'a', 'b') where seq = 6", (false, false)),
        ("update log_lines set line = '' where seq = 0", (false, false)),
        ("delete from log_lines where seq = 0", (false, false)),
        ("delete from log_lines where seq = 1", (false, false)),
        ("delete from log_lines where seq = 2", (false, false)),
        ("delete from log_lines where seq = 3", (false, false)),
        // What is in short is believed only with its own checksum, and in its own place.
        ("update log_lines set short = replace(short, 'read', 'dear') where seq = 1", (false, true)),
        ("update log_lines set short = (select short from log_lines where seq = 2) where seq = 1", (false, true)),
        // Without it, all is read.
        ("update log_lines set short = null", (true, true)),
        ("update log_lines set kind = 'note' where seq = 5", (true, true)),
        ("update log_lines set kind = 'compaction' where seq = 6", (true, true)),
    ] {
        assert_eq!(taken(&place, statement).await, expected, "{statement}");
    }
}

#[tokio::test]
async fn a_compaction_that_was_cut_off_behind_the_cover_is_noticed() {
    let place = compacted().await;
    let store = place.store();
    let mut log = open(&store, "1").await;
    // Its cover names six lines and one.
    log.claim(at(4)).await.unwrap();
    log.release().await.unwrap();
    drop((log, store));
    place.shell().execute("delete from log_lines where seq = 6", []).unwrap();
    let error = place.store().open(&instance("1"), "1", holder(None)).await.unwrap_err();
    insta::assert_snapshot!(place.said(&error), @"`DIR/state/hob.sqlite/github.com/700100/issue/1/triage/log.jsonl` is damaged: line 4 (byte 4911) is missing or cut: the manifest names 7 lines; it was left as it is: put back a copy of the session, or remove it with `hob forget` to begin anew");
}

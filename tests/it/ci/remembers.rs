//! The next job goes on with the session, on a machine that never saw it.

use std::io::{Cursor, Read as _, Write as _};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::job::{Event, ISSUE, Stage, origin};
use crate::forge_github::artifacts::{Origin, Upload};
use crate::scene::model_server::{ModelServer, answer};

const QUESTION: &str = "/hob is it still wrong?";

fn two_runs() -> ModelServer {
    ModelServer::start([
        answer().call("c1", "grep", json!({ "pattern": "committ" })).end_tools(),
        answer()
            .call("c2", "propose_status", json!({ "body": "It is wrong in line 9." }))
            .call("c3", "propose_label", json!({ "add": ["bug"] }))
            .end_tools(),
        answer().text("Line 9 says `committ`.").end(),
        answer().call("c4", "propose_status", json!({ "body": "It is still wrong." })).end_tools(),
        answer().text("Yes.").end(),
    ])
}

/// What a request holds in the order that the vendor's cache reads it, without the cache's marks.
fn parts(body: &Value) -> Vec<String> {
    fn without_marks(value: &mut Value) {
        match value {
            Value::Object(object) => {
                object.remove("cache_control");
                object.values_mut().for_each(without_marks);
            }
            Value::Array(values) => values.iter_mut().for_each(without_marks),
            _ => {}
        }
    }
    let mut body = body.clone();
    without_marks(&mut body);
    let list = |key: &str| body[key].as_array().cloned().unwrap_or_default();
    [list("tools"), list("system"), list("messages")].concat().iter().map(Value::to_string).collect()
}

#[test]
fn a_comment_on_another_machine_continues_the_session_and_edits_the_status() {
    let (stage, model) = (Stage::private(), two_runs());
    stage.job(77, &Event::opened()).asks(&model).run().exits(0);
    let second = stage.job(78, &Event::commented(QUESTION)).asks(&model).run().exits(0);
    assert_eq!(second.session(), "restored as it was kept at 2026-11-01 00:00 UTC, by run 77");
    assert_eq!(second.output("message"), "Yes.");
    let bodies = model.bodies();
    assert_eq!(bodies.len(), 5);
    for (at, pair) in bodies.windows(2).enumerate() {
        let (before, after) = (parts(&pair[0]), parts(&pair[1]));
        assert!(after.starts_with(&before), "request {} is not the head of request {}", at + 1, at + 2);
    }
    assert!(bodies[3].to_string().contains("is it still wrong?"));
    assert_eq!(stage.shown(), (vec!["It is still wrong.".to_owned()], vec!["bug".to_owned()]));
    assert_eq!(stage.github.count("issues/create-comment"), 1);
}

#[test]
fn a_triage_with_a_session_asks_github_ten_times_at_most() {
    let (stage, model) = (Stage::private(), two_runs());
    let first = stage.job(77, &Event::opened()).asks(&model).run().exits(0);
    assert!(first.rest().len() <= 10);
    insta::assert_snapshot!(first.calls.join("\n"), @"
    users/get-authenticated
    graphql/viewer
    actions/list-artifacts-for-repo
    actions/list-artifacts-for-repo
    runner/ListArtifacts
    runner/ListArtifacts
    runner/CreateArtifact
    storage/block
    storage/blocklist
    runner/FinalizeArtifact
    issues/list-comments
    issues/create-comment
    issues/add-labels
    runner/ListArtifacts
    runner/ListArtifacts
    runner/CreateArtifact
    storage/block
    storage/blocklist
    runner/FinalizeArtifact
    runner/DeleteArtifact
    ");
    let second = stage.job(78, &Event::commented(QUESTION)).asks(&model).run().exits(0);
    assert!(second.rest().len() <= 10);
    insta::assert_snapshot!(second.calls.join("\n"), @"
    users/get-authenticated
    graphql/viewer
    repos/get-collaborator-permission-level
    actions/list-artifacts-for-repo
    actions/list-artifacts-for-repo
    actions/get-workflow-run
    actions/download-artifact
    storage/get
    runner/ListArtifacts
    runner/ListArtifacts
    runner/CreateArtifact
    storage/block
    storage/blocklist
    runner/FinalizeArtifact
    issues/get-comment
    issues/update-comment
    runner/ListArtifacts
    runner/ListArtifacts
    runner/CreateArtifact
    storage/block
    storage/blocklist
    runner/FinalizeArtifact
    runner/DeleteArtifact
    ");
}

#[test]
fn a_public_repository_keeps_nothing_and_says_so() {
    let stage = Stage::public();
    let done = stage.job(77, &Event::opened()).run().exits(0);
    assert_eq!(done.session(), "fresh: a public repository keeps none");
    assert!(done.summary.contains("- state: `nowhere: anybody can read what a public repository keeps`"));
    assert_eq!((done.output("bundle-digest"), stage.github.memory().artifacts.all().len()), ("", 0));
    assert!(done.calls.iter().all(|call| !call.starts_with("runner/") && !call.starts_with("actions/")));
}

/// What is wrong with what the first job kept.
type Spoil = fn(&Stage);

fn made_by(change: fn(&mut Origin)) -> impl Fn(&Stage) {
    move |stage| {
        let mut origin = origin("issues");
        change(&mut origin);
        stage.github.memory().artifacts.origin(77, origin);
    }
}

fn instead(change: impl FnOnce(&mut Upload)) -> impl FnOnce(&Stage) {
    move |stage| {
        let artifacts = &mut stage.github.memory().artifacts;
        let mut upload = artifacts.all().remove(0);
        change(&mut upload);
        artifacts.clear();
        artifacts.put(upload);
    }
}

/// The archive again, with more bytes at the end of its log.
fn with_more_in_its_log(archive: &[u8], more: &[u8]) -> Vec<u8> {
    let mut before = ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut after = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..before.len() {
        let mut file = before.by_index(index).unwrap();
        let (name, mut content) = (file.name().unwrap().into_owned(), Vec::new());
        file.read_to_end(&mut content).unwrap();
        if name == "log.jsonl" {
            content.extend_from_slice(more);
        }
        after.start_file(name, SimpleFileOptions::default()).unwrap();
        after.write_all(&content).unwrap();
    }
    after.finish().unwrap().into_inner()
}

#[test]
fn what_had_to_be_cut_off_a_session_is_told() {
    let stage = Stage::private();
    stage.job(77, &Event::opened()).run().exits(0);
    instead(|it| it.file = it.file.as_deref().map(|file| with_more_in_its_log(file, b"{\"v\":1,\"se")))(&stage);
    let second = stage.job(78, &Event::commented(QUESTION)).run().exits(0);
    insta::assert_snapshot!(second.session(), @"restored as it was kept at 2026-11-01 00:00 UTC, by run 77; `log.jsonl` ended in the middle of a write: cut 10 bytes off after line 17");
}

#[test]
fn a_session_that_cannot_be_trusted_begins_anew_says_why_and_finds_its_status() {
    let spoils: [(&str, Spoil); 8] = [
        ("another workflow", |stage| made_by(|it| it.path = ".github/workflows/ci.yml".into())(stage)),
        ("a fork", |stage| made_by(|it| it.head_repository = Some(8))(stage)),
        ("another branch", |stage| made_by(|it| it.branch = "topic".into())(stage)),
        ("a pull request", |stage| {
            made_by(|it| (it.event, it.pulls) = ("pull_request".into(), vec![5]))(stage);
        }),
        ("expired", |stage| instead(|it| it.expired = true)(stage)),
        ("cut", |stage| instead(|it| it.file.as_mut().unwrap().truncate(300))(stage)),
        ("damaged", |stage| instead(|it| it.file.as_mut().unwrap()[100] ^= 1)(stage)),
        ("of another issue", |stage| {
            let other = Event::opened().with(|event| event["issue"]["number"] = json!(2));
            stage.github.memory().thread(2, false);
            stage.job(70, &other).run().exits(0);
            let theirs = stage.github.memory().artifacts.all().into_iter().find(|it| it.run == 70).unwrap();
            instead(|it| it.file = theirs.file)(stage);
        }),
    ];
    let mut told = String::new();
    for (what, spoil) in spoils {
        let stage = Stage::private();
        stage.job(77, &Event::opened()).run().exits(0);
        spoil(&stage);
        let second = stage.job(78, &Event::commented(QUESTION)).run().exits(0);
        // What exactly the decoder meets depends on the times in the file.
        let session = second.session().split(" cannot be read: ").next().unwrap();
        told.push_str(&format!("{what}: {session}\n"));
        // Its first words again, because it does not remember; nothing is posted twice.
        assert_eq!(stage.github.comments(ISSUE).len(), 1, "{what}");
        assert_eq!(stage.github.labels(ISSUE), ["bug"], "{what}");
    }
    insta::assert_snapshot!(told, @"
    another workflow: fresh; one from 2026-11-01T00:00:03Z was not used: it was made by the workflow `.github/workflows/ci.yml`, not by this one (`.github/workflows/hob.yml`)
    a fork: fresh; one from 2026-11-01T00:00:03Z was not used: it was made with code of repository 8, a fork
    another branch: fresh; one from 2026-11-01T00:00:03Z was not used: it was made on `topic`, not on the default branch `master`
    a pull request: fresh; one from 2026-11-01T00:00:03Z was not used: it was made for pull request 5, and this is an issue
    expired: fresh; one from 2026-11-01T00:00:03Z was not used: it expired after 90 days; `artifact-retention-days` can keep sessions for longer
    cut: fresh; one from 2026-11-01T00:00:03Z was not used: the archive does not end as hob ends one: it was cut, or is none; nothing of it was taken: delete it, so that an earlier one is found
    damaged: fresh; one from 2026-11-01T00:00:03Z was not used: `manifest.json` in the archive
    of another issue: fresh; one from 2026-11-01T00:00:03Z was not used: the archive holds github.com/186853002/issue/2/triage, not github.com/186853002/issue/1/triage; nothing of it was taken: delete it, and look who put it there
    ");
}

//! Recording and replaying.

use std::path::Path;
use std::sync::{Arc, Mutex};

use hob::provider::{ErrorKind, Place, Provider, RecordError, Said, connect};
use hob::telemetry::progress::{Observer, Progress};
use hob::telemetry::redact::Redactor;

use super::{MODELS, ask_once, beginning, begun, connected, replayed};
use crate::scene::model_server::{ModelServer, answer};

/// Records where there is no secret.
fn record(provider: Arc<dyn Provider>, path: &Path) -> Result<Arc<dyn Provider>, RecordError> {
    hob::provider::record(provider, path, &Redactor::default())
}

/// Keeps the notes of a run.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn see(&self, progress: Progress<'_>) {
        if let Progress::Note(note) = progress {
            self.0.lock().unwrap().push(note.to_owned());
        }
    }
}

#[tokio::test]
async fn a_recorded_conversation_plays_the_same_without_a_model() {
    for model in MODELS {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tape.jsonl");
        let server = ModelServer::start([answer().text("One.").end(), answer().text("Two.").end()]);
        let mut texts = Vec::new();
        for again in [false, true] {
            let provider = if again { replayed(&path) } else { record(connected(model, &server), &path).unwrap() };
            let mut conversation = begun(&*provider);
            let mut said = Vec::new();
            for turn in 0..2 {
                let answer = conversation.ask(Place::turn(3, turn), &mut |_| {}).await.unwrap();
                conversation.push(Said::Answer(&answer));
                conversation.push(Said::User("And hob-0123456789abcdef?"));
                said.push(serde_json::to_string(&(answer.blocks, answer.stop, answer.model, answer.usage)).unwrap());
            }
            texts.push(said);
        }
        assert_eq!(texts[0], texts[1]);
    }
}

#[tokio::test]
async fn another_question_is_noted_and_answered_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tape.jsonl");
    let server = ModelServer::start([answer().text("One.").end()]);
    ask_once(&*record(connected(MODELS[0], &server), &path).unwrap()).await.unwrap();

    let notes = Arc::new(Notes::default());
    let provider = connect(&format!("replay/{}", path.display()), &Default::default(), notes.clone()).unwrap();
    ask_once(&*provider).await.unwrap();
    assert_eq!(*notes.0.lock().unwrap(), Vec::<String>::new());

    let mut conversation = begun(&*provider);
    conversation.push(Said::User("Something else."));
    conversation.ask(beginning(), &mut |_| {}).await.unwrap();
    let noted = notes.0.lock().unwrap().join("\n").replace(&path.display().to_string(), "FILE");
    insta::assert_snapshot!(noted, @"replay: run 0, turn 0 is not asked what it was asked when `FILE` was recorded; its answer is used all the same");
}

#[tokio::test]
async fn a_replay_that_runs_out_names_file_run_and_turn() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tape.jsonl");
    let server = ModelServer::start([answer().text("One.").end()]);
    ask_once(&*record(connected(MODELS[0], &server), &path).unwrap()).await.unwrap();
    let error = begun(&*replayed(&path)).ask(Place::turn(1, 4), &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
    let message = error.message.replace(&path.display().to_string(), "FILE");
    insta::assert_snapshot!(message, @"replay file `FILE` has no answer for run 1, turn 4 (it ends with run 0, turn 0); record one with a real model and `--record FILE`");
}

#[tokio::test]
async fn a_place_that_is_recorded_is_not_asked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tape.jsonl");
    let server = ModelServer::start([answer().text("One.").end()]);
    let record_again = || record(connected(MODELS[0], &server), &path);
    let first = ask_once(&*record_again().unwrap()).await.unwrap();
    let again = ask_once(&*record_again().unwrap()).await.unwrap();
    assert_eq!(first.blocks, again.blocks);
    assert_eq!(server.requests().len(), 1);

    let mut other = begun(&*record_again().unwrap());
    other.push(Said::User("Something else."));
    let error = other.ask(beginning(), &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
    let message = error.message.replace(&path.display().to_string(), "FILE");
    insta::assert_snapshot!(message, @"recording `FILE` holds another conversation's answer for run 0, turn 0; record into a new file");
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "my notes\n").unwrap();
    let server = ModelServer::start([]);
    let said = |result: Result<_, hob::provider::RecordError>| match result {
        Ok(_) => panic!("it was taken"),
        Err(error) => error.to_string().replace(&path.display().to_string(), "FILE"),
    };
    let mut messages = vec![said(record(connected(MODELS[0], &server), &path))];
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "my notes\n");

    std::fs::write(&path, "{\"hob_replay\":1,\"model\":\"anthropic/other\"}\n").unwrap();
    messages.push(said(record(connected(MODELS[0], &server), &path)));
    messages.push(said(record(replayed(&path), &path)).replace(&path.display().to_string(), "FILE"));
    messages.push(
        said(record(connected(MODELS[0], &server), directory.path()))
            .replace(&directory.path().display().to_string(), "DIR"),
    );
    insta::assert_snapshot!(messages.join("\n"), @r#"
    cannot record into this file: replay file `FILE`, line 1: not the head of a replay file (`{"hob_replay":1,…}`): expected value at line 1 column 1; name a new one
    `FILE` records `anthropic/other`, not `anthropic/claude-sonnet-5`; record into a new file
    `replay/FILE` is a recording already; record from a real model
    `DIR` cannot be written: Is a directory (os error 21)
    "#);
}

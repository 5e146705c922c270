//! The line to the server breaks at each message of each verb, before the other side gets it and after:
//! the verb is done all the same, and it is done once.

use std::cell::Cell;

use hob::domain::effect::{Object, State as Became};
use hob::domain::id::Epoch;
use hob::domain::outcome::Outcome;
use hob::domain::run::State;
use hob::store::Blob;

use super::proxy::{Cut, Proxy};
use super::*;
use crate::scene::postgres::{client, database};

const COMPLETED: State = State::Settled(Outcome::Completed { limited: None });

/// A store by way of a line that breaks, and by way of one that does not.
struct Scene {
    proxy: Proxy,
    breaking: Store,
    sound: Store,
    url: String,
    next: Cell<Cut>,
    was_cut: Cell<bool>,
}

impl Scene {
    async fn new() -> Option<Self> {
        let url = database().await?;
        let proxy = Proxy::before(&url).await;
        let sound = store(&url).await.unwrap();
        let breaking = store(&proxy.url).await.unwrap();
        let next = Cell::new(Cut { message: 0, delivered: false });
        Some(Self { proxy, breaking, sound, url, next, was_cut: Cell::new(false) })
    }

    /// From here on the line breaks, once.
    fn breaks(&self) {
        self.proxy.cut(self.next.get());
    }

    /// Until here.
    fn mends(&self) {
        self.was_cut.set(self.proxy.mend());
    }

    /// A run on a thread of its own, admitted.
    async fn admitted(&self, number: usize) -> Run {
        let run = run(&thread(number), "first");
        admit(&self.sound, &run).await.unwrap();
        run
    }

    /// The same, with its thread open under a claim.
    async fn claimed(&self, number: usize) -> (Run, Log, Epoch) {
        let run = self.admitted(number).await;
        let mut log = open(&self.breaking, &thread(number), 1).await;
        let (fence, _) = log.claim(at(2)).await.unwrap();
        (run, log, fence)
    }

    /// The thread as it stands, verified.
    async fn peek(&self, number: usize) -> Peek {
        self.sound.peek(&thread(number)).await.unwrap().unwrap()
    }

    /// How many rows a table has of it.
    async fn count(&self, number: usize, table: &str) -> i64 {
        let count = format!("SELECT count(*) FROM hob.{table} JOIN hob.instances ON number = instance WHERE id = $1");
        client(&self.url).await.query_one(&count, &[&thread(number).to_string()]).await.unwrap().get(0)
    }

    async fn waits(&self, number: usize) -> bool {
        self.sound.waiting(9999).await.unwrap().contains(&thread(number))
    }
}

/// Says a verb on one thread after the other, and breaks the line one message later each time.
async fn at_every_message(verb: impl AsyncFn(&Scene, usize)) {
    let Some(scene) = Scene::new().await else { return };
    let (mut number, mut breaks) = (0, 0);
    for delivered in [false, true] {
        for message in 1.. {
            number += 1;
            scene.next.set(Cut { message, delivered });
            verb(&scene, number).await;
            if !scene.was_cut.get() {
                break;
            }
            breaks += 1;
        }
    }
    println!("{breaks} breaks");
    assert!(breaks > 6, "{breaks} breaks");
}

#[tokio::test]
async fn a_run_is_admitted_once() {
    at_every_message(async |scene, number| {
        scene.breaks();
        let admitted = admit(&scene.breaking, &run(&thread(number), "first")).await.unwrap();
        scene.mends();
        assert_eq!(admitted, Admitted::New);
        assert_eq!(scene.peek(number).await.runs().count(), 1);
        assert_eq!((scene.count(number, "lines").await, scene.count(number, "runs").await), (2, 1));
        assert!(scene.waits(number).await);
    })
    .await;
}

#[tokio::test]
async fn a_claim_is_given_out_once() {
    at_every_message(async |scene, number| {
        let run = scene.admitted(number).await;
        let mut log = open(&scene.breaking, &thread(number), 1).await;
        scene.breaks();
        let (fence, _) = log.claim(at(2)).await.unwrap();
        scene.mends();
        assert_eq!((fence, scene.peek(number).await.manifest.epoch), (Epoch(1), Epoch(1)));
        assert!(!scene.waits(number).await);
        log.settle(fence, path(&log, [settled(&run)]), at(3)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn entries_are_appended_once() {
    at_every_message(async |scene, number| {
        let (_, mut log, fence) = scene.claimed(number).await;
        let digest = log.put_blob(&Blob::new(b"content", &Redactor::default())).await.unwrap();
        scene.breaks();
        log.append(fence, path(&log, [note("a"), note("b")]), at(3)).await.unwrap();
        scene.mends();
        log.append(fence, path(&log, [note("c")]), at(4)).await.unwrap();
        let mut peek = scene.peek(number).await;
        assert_eq!(notes(&peek), ["a", "b", "c"]);
        assert_eq!(&*peek.blob(&digest).await.unwrap(), b"content");
    })
    .await;
}

#[tokio::test]
async fn a_run_is_settled_once() {
    at_every_message(async |scene, number| {
        let (run, mut log, fence) = scene.claimed(number).await;
        scene.breaks();
        log.settle(fence, path(&log, [note("a"), settled(&run)]), at(3)).await.unwrap();
        scene.mends();
        let peek = scene.peek(number).await;
        assert_eq!(peek.runs().map(|(_, state)| state).collect::<Vec<_>>(), [COMPLETED]);
        assert_eq!((notes(&peek), scene.count(number, "lines").await), (vec!["a"], 4));
        assert!(!scene.waits(number).await);
        assert_eq!(open(&scene.sound, &thread(number), 2).await.claim(at(4)).await.unwrap().0, Epoch(2));
    })
    .await;
}

#[tokio::test]
async fn a_claim_is_given_back() {
    at_every_message(async |scene, number| {
        let (_, mut log, _) = scene.claimed(number).await;
        scene.breaks();
        log.release().await.unwrap();
        scene.mends();
        assert!(scene.waits(number).await);
        assert_eq!(open(&scene.sound, &thread(number), 2).await.claim(at(4)).await.unwrap().0, Epoch(2));
    })
    .await;
}

#[tokio::test]
async fn a_claim_is_kept() {
    at_every_message(async |scene, number| {
        let (_, mut log, fence) = scene.claimed(number).await;
        scene.breaks();
        log.renew(fence).await.unwrap();
        scene.mends();
        assert!(!scene.waits(number).await);
    })
    .await;
}

#[tokio::test]
async fn an_effect_is_recorded_once() {
    at_every_message(async |scene, number| {
        let (run, mut log, _) = scene.claimed(number).await;
        let effect = comment(&run);
        let became = Became::Applied(Object { object: Some(7), url: "https://forge/7".into() });
        scene.breaks();
        log.effect_claim(&effect, at(3)).await.unwrap();
        log.effect_done(&effect, became.clone(), &Redactor::default(), at(4)).await.unwrap();
        scene.mends();
        let peek = scene.peek(number).await;
        assert_eq!(peek.effects.state(&effect), Some(&became));
        // A header, an admission, a claim and what came of it.
        assert_eq!(scene.count(number, "lines").await, 4);
    })
    .await;
}

#[tokio::test]
async fn a_blob_is_kept_once() {
    at_every_message(async |scene, number| {
        let (_, mut log, fence) = scene.claimed(number).await;
        scene.breaks();
        let digest = log.put_blob(&Blob::new(&[7; 70_000], &Redactor::default())).await.unwrap();
        scene.mends();
        log.append(fence, path(&log, [note("a")]), at(3)).await.unwrap();
        assert_eq!(scene.peek(number).await.blob(&digest).await.unwrap().len(), 70_000);
        assert_eq!(scene.count(number, "blobs").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_wish_to_end_is_written_down_once() {
    at_every_message(async |scene, number| {
        let run = scene.admitted(number).await;
        scene.breaks();
        assert_eq!(scene.breaking.abort(&thread(number), None, "octocat", at(2)).await.unwrap(), [run.id]);
        scene.mends();
        assert_eq!(scene.count(number, "lines").await, 3);
    })
    .await;
}

#[tokio::test]
async fn an_instance_is_read_whole() {
    at_every_message(async |scene, number| {
        let (_, mut log, fence) = scene.claimed(number).await;
        let texts: Vec<String> = (0..6).map(|n| format!("{n}: {}", "x".repeat(9000))).collect();
        log.append(fence, path(&log, texts.iter().map(|text| note(text))), at(3)).await.unwrap();
        scene.breaks();
        let peek = scene.breaking.peek(&thread(number)).await.unwrap().unwrap();
        scene.mends();
        assert_eq!(notes(&peek), texts);
    })
    .await;
}

#[tokio::test]
async fn an_instance_is_taken_in_whole_and_removed_with_all_of_it() {
    at_every_message(async |scene, number| {
        let from = Store::memory(Failpoints::default());
        let run = run(&thread(number), "first");
        admit(&from, &run).await.unwrap();
        let mut log = open(&from, &thread(number), 1).await;
        let (fence, _) = log.claim(at(2)).await.unwrap();
        let digest = log.put_blob(&Blob::new(b"content", &Redactor::default())).await.unwrap();
        log.append(fence, path(&log, [note("a")]), at(3)).await.unwrap();
        // The removal is cut at the messages after those of the making.
        scene.breaks();
        assert!(from.copy(&thread(number), &scene.breaking).await.unwrap());
        let mut peek = scene.peek(number).await;
        assert_eq!((notes(&peek), scene.count(number, "runs").await), (vec!["a"], 1));
        assert_eq!(&*peek.blob(&digest).await.unwrap(), b"content");
        assert!(scene.waits(number).await);
        assert!(scene.breaking.forget(&thread(number), &holder(2)).await.unwrap());
        scene.mends();
        assert!(scene.sound.peek(&thread(number)).await.unwrap().is_none());
        let lines = client(&scene.url).await.query_one("SELECT count(*) FROM hob.lines", &[]).await.unwrap();
        assert_eq!(lines.get::<_, i64>(0), 0);
    })
    .await;
}

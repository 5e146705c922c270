//! Attempts that do not come back: their runs end all the same, and what they say afterwards is written by
//! nobody.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use bytes::Bytes;
use futures::future::pending;
use hob::sandbox::{Capabilities, Change, DirEntry, Error, Exec, Output, Sandbox, Stat};
use hob::telemetry::progress::{Observer, Progress};

use super::*;

/// Where a command never comes back, and does not hear that it shall.
struct Deaf;

impl Sandbox for Deaf {
    fn capabilities(&self) -> Capabilities {
        Capabilities { kind: "local", confinement: "none".to_owned(), contained: false }
    }

    fn workspace(&self) -> &str {
        "/workspace"
    }

    fn exec(&self, _: Exec) -> BoxFuture<'_, Result<Output, Error>> {
        pending().boxed()
    }

    fn read<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Bytes, Error>> {
        pending().boxed()
    }

    fn write<'a>(&'a self, _: &'a str, _: &'a [u8]) -> BoxFuture<'a, Result<(), Error>> {
        pending().boxed()
    }

    fn list<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<DirEntry>, Error>> {
        pending().boxed()
    }

    fn stat<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Stat, Error>> {
        pending().boxed()
    }

    fn remove<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        pending().boxed()
    }

    fn take_changes(&self) -> Vec<Change> {
        Vec::new()
    }

    fn restore(&self, _: &mut dyn Iterator<Item = Change>) -> Result<(), Error> {
        Ok(())
    }
}

/// A desk whose harnesses have some other part.
pub(super) struct With<F>(pub(super) Desk, pub(super) F);

impl<F: Fn(Harness) -> Harness + Send + Sync> Harnesses for With<F> {
    fn harness<'a>(&'a self, run: &'a Run) -> BoxFuture<'a, Result<Harness, Unfit>> {
        async move { Ok((self.1)(self.0.harness(run).await?)) }.boxed()
    }

    fn digest<'a>(&'a self, run: &'a Run) -> BoxFuture<'a, Option<String>> {
        self.0.digest(run)
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_never_comes_back_is_given_up_with_its_run_when_its_time_is_over() {
    for place in [Place::memory(), Place::bundles()] {
        let run = place.admit("1/handy", "steps 1 one").await;
        let next = place.admit("1/ready", "say next").await;
        let desk = With(place.desk(), |harness| Harness { sandbox: Some(Arc::new(Deaf)), ..harness });
        let with = Circumstances { wall: Some(Duration::from_secs(60)), ..circumstances() };
        let began = tokio::time::Instant::now();
        let left = place.worker("one", 2).work(&desk, &with, Until::Empty).await.unwrap();
        assert_eq!((left, place.outcome(&next).await.as_str()), (vec![], "completed"));
        assert_eq!(place.outcome(&run).await, "failed: it was not done 1 minute after its first attempt began");
        assert!((60..120).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        let kinds = place.kinds(&run).await;
        assert_eq!(kinds, "attempt_started input prompt message message tool_result settled");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_never_answers_is_given_up_with_its_run_when_its_time_is_over() {
    for place in [Place::memory(), Place::bundles()] {
        let run = place.admit("1/ready", "wait for ever").await;
        let with = Circumstances { wall: Some(Duration::from_secs(60)), ..circumstances() };
        let left = place.worker("one", 1).work(&place.desk(), &with, Until::Empty).await.unwrap();
        assert_eq!(left, []);
        assert_eq!(place.outcome(&run).await, "failed: it was not done 1 minute after its first attempt began");
        let kinds = place.kinds(&run).await;
        assert_eq!(kinds, "attempt_started input prompt message message_interrupted settled");
    }
}

/// Holds up its whole thread when the model is asked.
struct Stuck {
    tell: Sender<()>,
    gate: Mutex<Receiver<()>>,
}

impl Observer for Stuck {
    fn see(&self, progress: Progress<'_>) {
        if let Progress::Asked { .. } = progress {
            let _ = self.tell.send(());
            // Opened, or gone.
            let _ = self.gate.lock().unwrap().recv();
        }
    }
}

/// A bundle is locked for as long as its owner lives, so that nobody can end a run of it from beside.
#[test]
#[cfg(feature = "sqlite")]
fn whose_thread_is_stuck_loses_its_run_and_writes_no_more_on_sqlite() {
    let place = Place::sqlite();
    let path = place.dir.path().join("state.db");
    stuck(place, move || async move { Store::sqlite(&path, Failpoints::default()) });
}

#[test]
#[cfg(feature = "postgres")]
fn whose_thread_is_stuck_loses_its_run_and_writes_no_more_on_postgres() {
    let (mut here, mut there) = (None, None);
    block_on(async {
        let Some(url) = crate::scene::postgres::database().await else { return };
        here = Some(url.clone());
        there = Some(url);
    });
    let (Some(here), Some(there)) = (here, there) else { return };
    let mut place = None;
    // Connections are of the runtime that made them.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::postgres(&here.parse().unwrap(), None, Failpoints::default()).await.unwrap();
        place = Some(Place { store: store.with_lease(LEASE), dir: tempfile::tempdir().unwrap() }.ready());
    });
    stuck(place.unwrap(), move || async move {
        Store::postgres(&there.parse().unwrap(), None, Failpoints::default()).await.unwrap()
    });
}

/// Whoever took the run meanwhile may have given it back: then it is nobody's, and not done.
#[test]
#[cfg(feature = "sqlite")]
fn a_run_that_was_lost_and_that_nobody_works_on_is_taken_up_again_before_the_worker_is_done() {
    let place = Place::sqlite();
    let path = place.dir.path().join("state.db");
    let (tell, told) = channel();
    let (open_gate, gate) = channel();
    let owner = place.desk();
    block_on(async {
        let run = place.admit("1/ready", "say at last").await;
        let thread = std::thread::spawn(move || {
            block_on(async {
                let store = Store::sqlite(&path, Failpoints::default()).with_lease(LEASE);
                let observer: Arc<dyn Observer> = Arc::new(Stuck { tell, gate: Mutex::new(gate) });
                let desk = With(owner, move |harness| Harness { observer: observer.clone(), ..harness });
                let worker = Worker { store, holder: holder("stuck"), at_once: 1, observer: Arc::new(()) };
                assert_eq!(worker.work(&desk, &circumstances(), Until::Empty).await.unwrap(), []);
            });
        });
        told.recv().unwrap();
        let (mut log, _) = place.store.reopen(&run.instance, holder("beside")).await.unwrap().unwrap();
        let began = Instant::now();
        while queue::claim(&mut log, clock().now()).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "its lease does not run out");
            tokio::time::sleep(LEASE / 10).await;
        }
        queue::release(&mut log).await.unwrap();
        drop(open_gate);
        drop(told);
        thread.join().unwrap();
        assert_eq!(place.outcome(&run).await, "completed");
    });
}

/// A worker whose thread stands still cannot even say that it does; another one ends its run.
fn stuck<S: Future<Output = Store>>(place: Place, open: impl FnOnce() -> S + Send + 'static) {
    let (tell, told) = channel();
    let (open_gate, gate) = channel();
    let owner = place.desk();
    let cancel = CancellationToken::new();
    let with = Circumstances { cancel: cancel.clone(), ..circumstances() };
    block_on(async {
        let run = place.admit("1/ready", "say too late").await;
        let thread = std::thread::spawn(move || {
            block_on(async {
                let store = open().await.with_lease(LEASE);
                let observer: Arc<dyn Observer> = Arc::new(Stuck { tell, gate: Mutex::new(gate) });
                let desk = With(owner, move |harness| Harness { observer: observer.clone(), ..harness });
                let worker = Worker { store, holder: holder("stuck"), at_once: 1, observer: Arc::new(()) };
                assert_eq!(worker.work(&desk, &with, Until::Told).await.unwrap(), []);
            });
        });
        told.recv().unwrap();
        let other = Circumstances { wall: Some(LEASE / 2), ..circumstances() };
        let began = Instant::now();
        while !matches!(place.state(&run).await, State::Settled(_)) {
            assert!(began.elapsed() < Duration::from_secs(60), "nobody ends it");
            place.worker("two", 1).work(&place.desk(), &other, Until::Empty).await.unwrap();
            tokio::time::sleep(LEASE / 10).await;
        }
        assert!(place.outcome(&run).await.starts_with("failed: it was not done"));
        let before = place.kinds(&run).await;
        assert_eq!(before, "attempt_started input prompt message settled");
        drop(open_gate);
        // It goes on now, finds its claim gone, and takes up what comes next.
        let next = place.admit("1/ready", "say next").await;
        while !matches!(place.state(&next).await, State::Settled(_)) {
            assert!(began.elapsed() < Duration::from_secs(60), "it does not go on");
            tokio::time::sleep(LEASE / 10).await;
        }
        cancel.cancel();
        thread.join().unwrap();
        let after = place.kinds(&next).await;
        let new = after.strip_prefix(&before).unwrap();
        assert_eq!(new, " attempt_started input message message settled", "nothing of the first run");
    });
}

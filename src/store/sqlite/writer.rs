//! The one thread of a process that writes to a file: what waits for it is committed together.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::super::Error;
use super::super::disk::failed;
use super::refused::{Refused, database, said};

/// Most verbs in one transaction.
const TOGETHER: usize = 512;

/// How long a commit waits for those that were in the last one: less than a disk takes to keep it, and
/// without them they would wait for the next.
const LINGER: Duration = Duration::from_micros(500);

/// What those are told whose transaction could not go on.
const TOOK_WITH_IT: &str = "a write of the same moment took this one with it; run it again";

/// What undoes a verb that refuses, so that nothing of it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undo {
    /// A savepoint before it.
    Savepoint,
    /// Nothing has to: it refuses before it writes anything.
    Nothing,
}

/// Ends its thread when it is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Writes through `db`, which has the file at `path` open.
    pub(super) fn start(db: Connection, path: &Path) -> Result<Self, Error> {
        let (jobs, asked) = channel();
        let thread = std::thread::Builder::new().name("hob sqlite".to_owned()).spawn(move || write(&db, &asked));
        let thread = thread.map_err(|source| failed(path, "start a thread that writes to", source))?;
        Ok(Self { path: path.to_owned(), jobs: Some(jobs), thread: Some(thread) })
    }

    /// Asks for a verb; what it said comes when it is durable. On an error nothing of it is written.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        doing: &'static str,
        undo: Undo,
        verb: impl FnOnce(&Connection) -> Result<T, Refused> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let (tell, told) = oneshot::channel();
        let path = self.path.clone();
        let asked = Asked { doing, undo, path: path.clone(), verb: Some(verb), said: None, tell };
        if let Some(jobs) = &self.jobs {
            // Where the thread has ended, nobody answers either.
            let _ = jobs.send(Box::new(asked));
        }
        async move { told.await.unwrap_or(Err(Error::Broken { path })) }.boxed()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Commits what is asked until nobody can ask any more.
fn write(db: &Connection, asked: &Receiver<Box<dyn Job>>) {
    let mut is_broken = false;
    let mut expected = 1;
    while let Ok(first) = asked.recv() {
        if is_broken {
            first.tell(Some(&Lost::Before));
            continue;
        }
        if let Err(error) = db.execute_batch("begin immediate") {
            let lost = Lost::Said(said(&error));
            // All that waited as long: none of them waits once more.
            for job in std::iter::once(first).chain(asked.try_iter()) {
                job.tell(Some(&lost));
            }
            continue;
        }
        let mut jobs = Vec::new();
        let lost = together(db, first, asked, expected, &mut jobs).err();
        expected = jobs.len();
        // Nobody knows what is on the disk then: the next opening finds out.
        is_broken = lost.is_some();
        if is_broken {
            let _ = db.execute_batch("rollback");
        }
        for job in jobs {
            job.tell(lost.as_ref());
        }
    }
}

/// Does all that waits, in one transaction that has begun, and commits it.
fn together(
    db: &Connection,
    first: Box<dyn Job>,
    asked: &Receiver<Box<dyn Job>>,
    expected: usize,
    jobs: &mut Vec<Box<dyn Job>>,
) -> Result<(), Lost> {
    let since = Instant::now();
    let mut next = Some(first);
    while let Some(mut job) = next {
        let done = alone(db, &mut *job);
        jobs.push(job);
        done?;
        let left = if jobs.len() < expected { LINGER.saturating_sub(since.elapsed()) } else { Duration::ZERO };
        next = if jobs.len() < TOGETHER { asked.recv_timeout(left).ok() } else { None };
    }
    Ok(db.execute_batch("commit")?)
}

/// Does one verb, so that nothing of it stays when it refuses.
fn alone(db: &Connection, job: &mut dyn Job) -> Result<(), Lost> {
    let undo = job.undo();
    if undo == Undo::Savepoint {
        db.prepare_cached("savepoint verb")?.execute([])?;
    }
    let before = db.total_changes();
    let may_stay = job.run(db);
    if db.is_autocommit() {
        // As SQLite does when it cannot go on.
        return Err(Lost::Said(TOOK_WITH_IT.to_owned()));
    }
    match undo {
        Undo::Nothing if !may_stay && db.total_changes() > before => Err(Lost::Said(TOOK_WITH_IT.to_owned())),
        Undo::Nothing => Ok(()),
        Undo::Savepoint => {
            if !may_stay {
                db.prepare_cached("rollback to verb")?.execute([])?;
            }
            db.prepare_cached("release verb")?.execute([])?;
            Ok(())
        }
    }
}

/// Why what was asked is not written.
#[derive(Debug)]
enum Lost {
    /// In the words of SQLite.
    Said(String),
    /// An earlier write failed.
    Before,
}

impl From<rusqlite::Error> for Lost {
    fn from(error: rusqlite::Error) -> Self {
        Self::Said(said(&error))
    }
}

/// A verb that waits for its turn.
trait Job: Send {
    fn undo(&self) -> Undo;

    /// Does it; whether it may stay.
    fn run(&mut self, db: &Connection) -> bool;

    /// Tells who asked what it said, or why it is lost.
    fn tell(self: Box<Self>, lost: Option<&Lost>);
}

struct Asked<T, F> {
    doing: &'static str,
    undo: Undo,
    path: PathBuf,
    verb: Option<F>,
    said: Option<Result<T, Error>>,
    tell: oneshot::Sender<Result<T, Error>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, Refused> + Send> Job for Asked<T, F> {
    fn undo(&self) -> Undo {
        self.undo
    }

    fn run(&mut self, db: &Connection) -> bool {
        self.said = self.verb.take().map(|verb| verb(db).map_err(|refused| refused.at(&self.path, self.doing)));
        matches!(self.said, Some(Ok(_)))
    }

    fn tell(self: Box<Self>, lost: Option<&Lost>) {
        let Self { doing, path, said, tell, .. } = *self;
        let answer = match (said, lost) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(Lost::Said(said))) => Err(database(&path, doing, said)),
            (_, Some(Lost::Before)) | (None, None) => Err(Error::Broken { path }),
            (Some(Ok(said)), None) => Ok(said),
        };
        // Who asked may be gone.
        let _ = tell.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("create table cakes (name text)").unwrap();
        Writer::start(db, Path::new("hob.sqlite")).unwrap()
    }

    fn bake(writer: &Writer, name: &'static str) -> BoxFuture<'static, Result<usize, Error>> {
        writer.ask("bake", Undo::Savepoint, move |db| Ok(db.execute("insert into cakes values (?1)", [name])?))
    }

    async fn baked(writer: &Writer) -> Result<i64, Error> {
        writer
            .ask("count", Undo::Savepoint, |db| Ok(db.query_row("select count(*) from cakes", [], |row| row.get(0))?))
            .await
    }

    #[tokio::test]
    async fn of_a_verb_that_refuses_nothing_stays_and_those_beside_it_do_not_notice() {
        let writer = writer();
        let before = bake(&writer, "apple");
        let refused = writer.ask("burn", Undo::Savepoint, |db| {
            db.execute("insert into cakes values ('burnt')", [])?;
            Err::<(), _>(Refused::Sqlite(rusqlite::Error::InvalidQuery))
        });
        let after = bake(&writer, "cherry");
        before.await.unwrap();
        insta::assert_snapshot!(refused.await.unwrap_err(), @"cannot burn in `hob.sqlite`: Query is not read-only; run the same command again");
        after.await.unwrap();
        assert_eq!(baked(&writer).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn after_a_transaction_that_was_lost_everything_is_refused() {
        let writer = writer();
        // As SQLite does when the disk fails.
        let lost = writer.ask("bake", Undo::Savepoint, |db| Ok(db.execute_batch("rollback")?)).await.unwrap_err();
        insta::assert_snapshot!(lost, @"cannot bake in `hob.sqlite`: a write of the same moment took this one with it; run it again");
        let refused = bake(&writer, "apple").await.unwrap_err();
        insta::assert_snapshot!(refused, @"an earlier write to `hob.sqlite` failed; run the same command again, it goes on from what is stored");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_for_all_who_wait() {
        let writer = writer();
        let panics = writer.ask("bake", Undo::Savepoint, |_| -> Result<(), Refused> { panic!("the oven is on fire") });
        let beside = bake(&writer, "apple");
        assert!(matches!(panics.await, Err(Error::Broken { .. })));
        assert!(matches!(beside.await, Err(Error::Broken { .. })));
        assert!(matches!(baked(&writer).await, Err(Error::Broken { .. })));
    }

    #[test]
    fn the_thread_ends_with_its_writer_and_does_what_was_asked_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cakes.sqlite");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("create table cakes (name text)").unwrap();
        let writer = Writer::start(db, &path).unwrap();
        // Nobody waits for it.
        drop(bake(&writer, "apple"));
        drop(writer);
        let count = "select count(*) from cakes";
        let baked: i64 = Connection::open(&path).unwrap().query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(baked, 1);
    }
}

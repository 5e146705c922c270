//! A store of some kind, and its verbs in a word each, so that a case says only what it is about.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hob::domain::secret::Secret;
use hob::queue::{self, Claim};
use hob::store::{Admission, Admitted, Blob, Draft, Listed, Log, Peek, Process, Store};
use hob::telemetry::failpoint::Failpoints;
use hob::telemetry::redact::Redactor;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::*;

/// How people call every instance that is not called otherwise.
pub(super) const LABEL: &str = "acme/widgets#42 (triage)";

/// As long as a claim lives that is not renewed.
const LEASE: Duration = Duration::from_secs(15);

/// Long enough for a claim to be renewed in time on a machine that is busy, short enough to be waited for.
const SHORT_LEASE: Duration = Duration::from_secs(2);

/// The one secret that a redactor here knows.
pub(super) const SECRET: &str = "ghp-hunter2hunter2";

/// A place that holds instances, empty at first.
pub(super) struct Place {
    pub(super) store: Store,
    runtime: Arc<Runtime>,
    kind: Kind,
    lease: Duration,
}

#[derive(Clone)]
enum Kind {
    Memory,
    /// With the directory that is removed at the end, if it is of this place.
    Bundles(Option<Arc<TempDir>>),
    /// Opens it once more.
    Database(Arc<dyn Fn(&Runtime) -> Store + Send + Sync>),
}

impl Place {
    pub(super) fn memory() -> Self {
        Self::new(Store::memory(Failpoints::default()), Kind::Memory)
    }

    pub(super) fn bundles() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::new(Store::bundles(&dir.path().join("state"), Failpoints::default()), Kind::Bundles(Some(Arc::new(dir))))
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::database(move |_| Store::sqlite(&dir.path().join("hob.sqlite"), Failpoints::default()))
    }

    /// `None`, with a line that says so, where there is no server.
    #[cfg(feature = "postgres")]
    pub(super) fn postgres() -> Option<Self> {
        use crate::scene::postgres::database;
        let url = Builder::new_current_thread().enable_all().build().unwrap().block_on(database())?;
        let address: hob::store::postgres::Address = url.parse().unwrap();
        let open =
            move |runtime: &Runtime| runtime.block_on(Store::postgres(&address, None, Failpoints::default())).unwrap();
        Some(Self::database(open))
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    fn database(open: impl Fn(&Runtime) -> Store + Send + Sync + 'static) -> Self {
        let runtime = Arc::new(Builder::new_current_thread().enable_all().build().unwrap());
        Self { store: open(&runtime), runtime, kind: Kind::Database(Arc::new(open)), lease: LEASE }
    }

    /// The bundles in a directory that outlives this.
    pub(super) fn bundles_in(root: &Path, failpoints: Failpoints) -> Self {
        Self::new(Store::bundles(root, failpoints), Kind::Bundles(None))
    }

    fn new(store: Store, kind: Kind) -> Self {
        let mut runtime = Builder::new_current_thread();
        // The clock of memory is the runtime's.
        runtime.enable_all().start_paused(matches!(kind, Kind::Memory));
        Self { store, runtime: Arc::new(runtime.build().unwrap()), kind, lease: LEASE }
    }

    /// The same place as another process would open it.
    pub(super) fn beside(&self) -> Self {
        let store = match &self.kind {
            Kind::Database(open) => open(&self.runtime),
            Kind::Bundles(Some(dir)) => Store::bundles(&dir.path().join("state"), Failpoints::default()),
            Kind::Memory | Kind::Bundles(None) => self.store.clone(),
        };
        Self {
            store: store.with_lease(self.lease),
            runtime: self.runtime.clone(),
            kind: self.kind.clone(),
            lease: self.lease,
        }
    }

    /// The same place with leases that a test can wait for.
    pub(super) fn with_short_leases(&self) -> Self {
        Self { lease: SHORT_LEASE, ..self.beside() }.beside()
    }

    /// Lets the lease of every claim run out.
    pub(super) fn expire(&self) {
        self.pass(self.lease + Duration::from_millis(1));
    }

    /// As long as a claim may be left alone without a thought.
    pub(super) fn half_a_lease(&self) {
        self.pass(self.lease / 2);
    }

    fn pass(&self, time: Duration) {
        match self.kind {
            Kind::Memory => self.run(tokio::time::advance(time)),
            // Claims end with their process alone.
            Kind::Bundles(_) => {}
            Kind::Database(_) => std::thread::sleep(time),
        }
    }

    /// How many instances a place of its kind should not mind.
    pub(super) fn many(&self) -> u32 {
        match self.kind {
            Kind::Memory => 3000,
            // Each is a wait for the disk, or several.
            Kind::Bundles(_) | Kind::Database(_) => 200,
        }
    }

    /// Opens the instance for a process that is about to end.
    pub(super) fn open_doomed(&self) -> Writer {
        let holder = match self.kind {
            Kind::Memory | Kind::Bundles(_) => holder(),
            Kind::Database(_) => gone(),
        };
        Writer { log: self.run(self.store.open(&instance(), LABEL, holder)).unwrap().0, runtime: self.runtime.clone() }
    }

    /// The end of such a process: it says nothing any more.
    pub(super) fn dies(&self, doomed: Writer) {
        drop(doomed);
        if let Kind::Memory = self.kind {
            // Its processes are of this one, and do not end alone.
            self.expire();
        }
    }

    pub(super) const fn is_a_database(&self) -> bool {
        matches!(self.kind, Kind::Database(_))
    }

    /// Whether it adds up what several runs cost.
    pub(super) const fn counts_days(&self) -> bool {
        !matches!(self.kind, Kind::Bundles(_))
    }

    pub(super) fn run<T>(&self, verb: impl Future<Output = T>) -> T {
        self.runtime.block_on(verb)
    }

    pub(super) fn admit(&self, name: &str) -> Admitted {
        self.admit_run(&run(name))
    }

    pub(super) fn admit_run(&self, run: &Run) -> Admitted {
        self.try_admit(run).unwrap()
    }

    pub(super) fn try_admit(&self, run: &Run) -> Result<Admitted, Error> {
        self.admit_as(run, LABEL)
    }

    /// Admits a run to an instance that people call by this label.
    pub(super) fn admit_as(&self, run: &Run, label: &str) -> Result<Admitted, Error> {
        let admission = Admission::new(run, redactor())?;
        self.run(self.store.admit(&admission, label, run.admitted_at))
    }

    pub(super) fn abort(&self, run: Option<&Run>, by: &str) -> Vec<RunId> {
        self.abort_of(&instance(), run, by)
    }

    pub(super) fn abort_of(&self, instance: &InstanceId, run: Option<&Run>, by: &str) -> Vec<RunId> {
        self.run(self.store.abort(instance, run.map(|run| &run.id), by, at(3))).unwrap()
    }

    pub(super) fn open(&self) -> Writer {
        self.try_open().unwrap().0
    }

    /// With the notes of the opening.
    pub(super) fn try_open(&self) -> Result<(Writer, Vec<String>), Error> {
        self.open_as(&instance(), LABEL)
    }

    pub(super) fn open_of(&self, instance: &InstanceId) -> Writer {
        self.open_as(instance, LABEL).unwrap().0
    }

    pub(super) fn open_as(&self, instance: &InstanceId, label: &str) -> Result<(Writer, Vec<String>), Error> {
        let (log, notes) = self.run(self.store.open(instance, label, holder()))?;
        Ok((Writer { log, runtime: self.runtime.clone() }, notes))
    }

    pub(super) fn peek(&self) -> Peek {
        self.try_peek().unwrap().unwrap()
    }

    pub(super) fn try_peek(&self) -> Result<Option<Peek>, Error> {
        self.peek_of(&instance())
    }

    pub(super) fn peek_of(&self, instance: &InstanceId) -> Result<Option<Peek>, Error> {
        self.run(self.store.peek(instance))
    }

    /// How far each run got, in the order of their admission.
    pub(super) fn states(&self) -> Vec<State> {
        self.peek().runs().map(|(_, state)| state).collect()
    }

    pub(super) fn list(&self) -> Vec<Listed> {
        self.run(self.store.list()).unwrap()
    }

    pub(super) fn waiting(&self) -> Vec<InstanceId> {
        self.run(self.store.waiting(100)).unwrap()
    }

    pub(super) fn forget(&self) -> Result<bool, Error> {
        self.run(self.store.forget(&instance(), &holder()))
    }
}

/// One instance, open to be written. What it does not say in a word, its log does.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) log: Log,
    runtime: Arc<Runtime>,
}

impl Writer {
    pub(super) fn claim(&mut self) -> Epoch {
        self.try_claim().unwrap().0
    }

    /// With the entries of others.
    pub(super) fn try_claim(&mut self) -> Result<(Epoch, Vec<Entry>), Error> {
        self.claim_at(at(2))
    }

    pub(super) fn claim_at(&mut self, at: Timestamp) -> Result<(Epoch, Vec<Entry>), Error> {
        self.runtime.block_on(self.log.claim(at))
    }

    /// Claims the head of the line.
    pub(super) fn take(&mut self) -> Option<Claim> {
        self.runtime.block_on(queue::claim(&mut self.log, at(2))).unwrap().0
    }

    pub(super) fn renew(&mut self, fence: Epoch) -> Result<(), Error> {
        self.runtime.block_on(self.log.renew(fence))
    }

    pub(super) fn release(&mut self) {
        self.runtime.block_on(self.log.release()).unwrap();
    }

    /// Entries one after the other, from the end of the log on.
    pub(super) fn path(&self, bodies: impl IntoIterator<Item = Body>) -> Vec<Draft> {
        let parents = (self.next().0 - 1..).map(Seq);
        parents.zip(bodies).map(|(parent, body)| draft(parent, body)).collect()
    }

    pub(super) fn append(&mut self, fence: Epoch, bodies: impl IntoIterator<Item = Body>) -> Result<Vec<Entry>, Error> {
        let drafts = self.path(bodies);
        self.append_drafts(fence, drafts)
    }

    pub(super) fn append_drafts(&mut self, fence: Epoch, drafts: Vec<Draft>) -> Result<Vec<Entry>, Error> {
        self.runtime.block_on(self.log.append(fence, drafts, at(2)))
    }

    pub(super) fn settle(&mut self, fence: Epoch, bodies: impl IntoIterator<Item = Body>) -> Result<Vec<Entry>, Error> {
        let last = self.path(bodies);
        self.runtime.block_on(queue::settle(&mut self.log, fence, last, at(3)))
    }

    /// Takes the head of the line through all of its life.
    pub(super) fn work(&mut self) -> Run {
        let claim = self.take().unwrap();
        self.append(claim.fence, [started(&claim.run, 1)]).unwrap();
        self.settle(claim.fence, [settled(&claim.run)]).unwrap();
        claim.run
    }

    pub(super) fn refresh(&mut self) -> Vec<Entry> {
        self.try_refresh().unwrap()
    }

    pub(super) fn try_refresh(&mut self) -> Result<Vec<Entry>, Error> {
        self.runtime.block_on(self.log.refresh())
    }

    pub(super) fn effect_claim(&mut self, effect: &Effect) -> Result<(), Error> {
        self.runtime.block_on(self.log.effect_claim(effect, at(4)))
    }

    pub(super) fn effect_done(&mut self, effect: &Effect, state: Became) -> Result<Became, Error> {
        self.runtime.block_on(self.log.effect_done(effect, state, redactor(), at(5)))
    }

    pub(super) fn put_blob(&mut self, content: &[u8]) -> String {
        self.runtime.block_on(self.log.put_blob(&Blob::new(content, redactor()))).unwrap()
    }

    pub(super) fn blob(&mut self, digest: &str) -> Result<Vec<u8>, Error> {
        Ok(self.runtime.block_on(self.log.blob(digest))?.to_vec())
    }
}

impl Deref for Writer {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.log
    }
}

impl DerefMut for Writer {
    fn deref_mut(&mut self) -> &mut Log {
        &mut self.log
    }
}

pub(super) fn draft(parent: Seq, body: Body) -> Draft {
    Draft::new(SessionId::default(), parent, body, redactor()).unwrap()
}

/// One for all: making it takes longer than most of what it is asked.
fn redactor() -> &'static Redactor {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&[Secret::new(SECRET.to_owned())]));
    &REDACTOR
}

/// A process of this machine that has ended.
#[expect(clippy::disallowed_methods, reason = "what is tested is the end of a process")]
fn gone() -> Holder {
    let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
    child.wait().unwrap();
    Holder { pid: child.id(), process: Process::this(), ..holder() }
}

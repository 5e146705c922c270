//! Many instances in one place, and what anybody may do with them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::bundle::Bundles;
use super::chain::Tail;
use super::holder::Holder;
use super::log::{self, Log};
use super::manifest::{self, Manifest};
use super::medium::{Backend, Cover, Inbox, LEASE, Medium, Part, Whole, Written};
use super::memory::Memory;
use super::peek::Peek;
#[cfg(feature = "postgres")]
use super::postgres::{Address, Postgres};
use super::read::{self, Verify};
use super::record::Draft;
use super::rows::{ABORT, ADMITTED, Abort};
use super::runs::Runs;
#[cfg(feature = "sqlite")]
use super::sqlite::{PATIENCE, Sqlite};
use super::{Admission, Error};
use crate::domain::id::{Epoch, InstanceId, RunId};
use crate::domain::run::{Run, State};
use crate::telemetry::failpoint::{self, Failpoints};

/// How often others may write while a verb is tried.
const TRIES: usize = 256;

/// A place that holds instances. Clones are the same place.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) backend: Arc<dyn Backend>,
    failpoints: Failpoints,
    lease: Duration,
}

/// What came of an admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It stands in the inbox now.
    New,
    /// It stood there already, and this is how far it got.
    Known(State),
}

/// An instance in a list.
#[derive(Debug)]
pub struct Listed {
    /// Where it is, for people.
    pub place: String,
    /// Its cover, or why that cannot be read.
    pub manifest: Result<Manifest, Error>,
}

impl Store {
    /// One that ends with this process.
    pub fn memory(failpoints: Failpoints) -> Self {
        Self::of(Memory::default(), failpoints)
    }

    /// A directory of bundles. It need not exist yet.
    pub fn bundles(root: &Path, failpoints: Failpoints) -> Self {
        Self::of(Bundles::new(root, failpoints.clone()), failpoints)
    }

    /// One SQLite file, for the processes of one machine. It need not exist yet.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(path: &Path, failpoints: Failpoints) -> Self {
        Self::sqlite_within(path, failpoints, PATIENCE)
    }

    /// The same, for who does not wait longer than this for others that keep the file locked.
    #[cfg(feature = "sqlite")]
    pub fn sqlite_within(path: &Path, failpoints: Failpoints, patience: Duration) -> Self {
        Self::of(Sqlite::new(path, failpoints.clone(), patience), failpoints)
    }

    /// A PostgreSQL database, connected; its tables are made when they are not there. Certificates of
    /// authorities that are trusted beside the known ones are PEM.
    ///
    /// # Errors
    /// When it cannot be reached, does not let us in, or a newer hob made its tables.
    #[cfg(feature = "postgres")]
    pub async fn postgres(address: &Address, extra_ca: Option<&[u8]>, failpoints: Failpoints) -> Result<Self, Error> {
        let backend = Postgres::connect(address, extra_ca, failpoints.clone()).await?;
        Ok(Self::of(backend, failpoints))
    }

    fn of(backend: impl Backend + 'static, failpoints: Failpoints) -> Self {
        Self { backend: Arc::new(backend), failpoints, lease: LEASE }
    }

    /// The same place, where a claim that is not renewed for as long as this may be taken by others.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Accepts a run, once for its id: when it returns, the run will reach an outcome. Its instance is
    /// made with the first one, under the name that people call it by.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn admit(&self, admission: &Admission, label: &str, at: Timestamp) -> Result<Admitted, Error> {
        let Admission { run, json } = admission;
        for _ in 0..TRIES {
            let Some((mut medium, inbox)) = self.backend.find_for(&run.instance, &run.id).await? else {
                self.make(&run.instance, label, at).await?;
                continue;
            };
            let Inbox { tail, epoch, knows } = inbox;
            if knows {
                let known = match Peek::of(medium).await {
                    Err(Error::Gone { .. }) => continue,
                    known => known?,
                };
                let state = known.runs().find(|(known, _)| known.id == run.id).map(|(_, state)| state);
                return Ok(Admitted::Known(state.unwrap_or(State::Queued)));
            }
            let row = Draft { session: None, parent: None, kind: ADMITTED, body: json };
            self.failpoints.hit(failpoint::ADMITTING);
            match enter(&mut *medium, &tail, epoch, at, &[row], Some(&run.id)).await {
                Ok(Written::Done) => {
                    self.failpoints.hit(failpoint::ADMITTED);
                    return Ok(Admitted::New);
                }
                // Somebody else wrote to it, or removed it.
                Ok(Written::Moved) | Err(Error::Gone { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Held { by: "others that admit runs, one after the other".to_owned() })
    }

    /// Writes down that somebody wants a run to end, or every run of the instance that has no outcome;
    /// the first wish counts. Returns those that it is about.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn abort(
        &self,
        instance: &InstanceId,
        run: Option<&RunId>,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<RunId>, Error> {
        for _ in 0..TRIES {
            let Some(mut medium) = self.backend.find(instance).await? else { return Ok(Vec::new()) };
            let read = read::read(&mut *medium, Verify::Kept).await?;
            let is_open = |known: &&Run| !matches!(read.runs.state(&known.id), None | Some(State::Settled(_)));
            let is_meant = |known: &&Run| run.is_none_or(|run| known.id == *run);
            let open: Vec<RunId> =
                read.runs.all().iter().filter(is_open).filter(is_meant).map(|run| run.id.clone()).collect();
            let mut rows = Vec::new();
            for run in open.iter().filter(|run| read.runs.abort(run).is_none()) {
                let abort = Abort { run: run.clone(), by: by.to_owned() };
                let json = serde_json::to_string(&abort);
                rows.push(json.map_err(|source| Error::Unstorable { kind: ABORT.to_owned(), source })?);
            }
            let drafts: Vec<_> =
                rows.iter().map(|body| Draft { session: None, parent: None, kind: ABORT, body }).collect();
            if drafts.is_empty() {
                return Ok(open);
            }
            let epoch = read::cover(&mut *medium).await?.epoch;
            if enter(&mut *medium, &read.inbox, epoch, at, &drafts, None).await? == Written::Done {
                self.failpoints.hit(failpoint::ABORT_ASKED);
                return Ok(open);
            }
        }
        Err(Error::Held { by: "others that admit runs, one after the other".to_owned() })
    }

    /// Opens an instance to write to it, or makes it, and verifies it: every byte of a bundle, and in a
    /// database what the conversation still needs, from the first entry on that its last compaction kept.
    /// Returns notes for people beside it: what a process that died had left was cut off.
    ///
    /// # Errors
    /// When another process has the one right to write, it is damaged, or a newer hob wrote it.
    pub async fn open(&self, instance: &InstanceId, label: &str, holder: Holder) -> Result<(Log, Vec<String>), Error> {
        let medium = self.made(instance, label, holder.since).await?;
        let place = medium.place();
        let (mut log, notes) = Log::open(medium, holder, self.lease, self.failpoints.clone()).await?;
        if log.instance() != instance {
            let (found, asked) = (Box::new(log.instance().clone()), Box::new(instance.clone()));
            return Err(Error::Foreign { path: place, found, asked });
        }
        log.call(label, env!("CARGO_PKG_VERSION"));
        Ok((log, notes))
    }

    /// Opens an instance that is there, called as it is called; `None` when it is not there. Else as
    /// [`Store::open`].
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub async fn reopen(&self, instance: &InstanceId, holder: Holder) -> Result<Option<(Log, Vec<String>)>, Error> {
        let Some(mut medium) = self.backend.find(instance).await? else { return Ok(None) };
        let label = read::cover(&mut *medium).await?.label;
        Ok(Some(self.open(instance, &label, holder).await?))
    }

    /// An instance as it stands; `None` when it is not there.
    ///
    /// # Errors
    /// When it is damaged, or a newer hob wrote it.
    pub async fn peek(&self, instance: &InstanceId) -> Result<Option<Peek>, Error> {
        match self.backend.find(instance).await? {
            Some(medium) => Ok(Some(Peek::of(medium).await?)),
            None => Ok(None),
        }
    }

    /// The runs that were ever admitted to an instance, without a look at its log: what became of them
    /// only [`Store::peek`] can tell.
    ///
    /// # Errors
    /// As for a peek, as far as cover and inbox go.
    pub async fn admitted(&self, instance: &InstanceId) -> Result<Vec<Run>, Error> {
        let Some(mut medium) = self.backend.find(instance).await? else { return Ok(Vec::new()) };
        let mut runs = Runs::default();
        read::refresh_inbox(&mut *medium, instance, &Tail::START, &mut runs).await?;
        Ok(runs.all().to_vec())
    }

    /// The cover of the instance that a run was admitted to, by inboxes alone; beside it, why some could
    /// not be asked.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub async fn whose(&self, run: &RunId) -> Result<(Option<Manifest>, Vec<Error>), Error> {
        let mut unread = Vec::new();
        for listed in self.list().await? {
            match self.admits(listed.manifest, run).await {
                Ok(None) => {}
                Ok(found) => return Ok((found, unread)),
                Err(error) => unread.push(error),
            }
        }
        Ok((None, unread))
    }

    async fn admits(&self, cover: Result<Manifest, Error>, run: &RunId) -> Result<Option<Manifest>, Error> {
        let cover = cover?;
        let Some(mut medium) = self.backend.find(&cover.instance).await? else { return Ok(None) };
        Ok(medium.inbox(run).await?.knows.then_some(cover))
    }

    /// All instances, by their covers alone: newest first, unreadable ones last.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub async fn list(&self) -> Result<Vec<Listed>, Error> {
        let covers = self.backend.covers().await?;
        let listed = covers.into_iter().map(|Cover { place, content }| {
            let path = Path::new(&place).join(manifest::NAME);
            Listed { manifest: content.and_then(|content| Manifest::parse(&path, &content)), place }
        });
        let mut listed: Vec<Listed> = listed.collect();
        listed.sort_by_cached_key(|listed| {
            let newest = listed.manifest.as_ref().ok().map(|manifest| manifest.updated_at);
            (std::cmp::Reverse(newest), listed.place.clone())
        });
        Ok(listed)
    }

    /// Instances with a run that has no outcome and that nobody works on, as far as can be told; whose
    /// run has waited longest comes first.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub async fn waiting(&self, most: usize) -> Result<Vec<InstanceId>, Error> {
        self.backend.waiting(most).await
    }

    /// Ends when another process may have admitted or asked something.
    pub async fn news(&self) {
        self.backend.news().await;
    }

    /// Removes an instance with all of it; whether it was there.
    ///
    /// # Errors
    /// [`Error::Held`] while somebody works on it.
    pub async fn forget(&self, instance: &InstanceId, holder: &Holder) -> Result<bool, Error> {
        self.backend.remove(instance, holder).await
    }

    /// The instance, made when it is not there.
    async fn made(&self, instance: &InstanceId, label: &str, at: Timestamp) -> Result<Box<dyn Medium>, Error> {
        for _ in 0..TRIES {
            if let Some(medium) = self.backend.find(instance).await? {
                return Ok(medium);
            }
            self.make(instance, label, at).await?;
        }
        Err(Error::Held { by: "others that make and remove it, one after the other".to_owned() })
    }

    /// Makes an instance in which nothing happened yet, unless it is there.
    async fn make(&self, instance: &InstanceId, label: &str, at: Timestamp) -> Result<(), Error> {
        let mut manifest = Manifest::new(env!("CARGO_PKG_VERSION"), instance, label, at);
        let header = log::header(Part::Log.file().as_ref(), &manifest, at)?;
        manifest.log = header.to.mark();
        let whole = Whole {
            instance,
            epoch: Epoch(0),
            cover: &manifest.line()?,
            chains: vec![(Part::Log, header)],
            blobs: Vec::new(),
            runs: Vec::new(),
            unsettled: 0,
        };
        // Who came before us made it as well.
        let _ = self.backend.make(&whole).await?;
        Ok(())
    }
}

/// Adds rows to an inbox whose end is known.
async fn enter(
    medium: &mut dyn Medium,
    tail: &Tail,
    epoch: Epoch,
    at: Timestamp,
    rows: &[Draft<'_>],
    admits: Option<&RunId>,
) -> Result<Written, Error> {
    let lines = tail.add(&medium.path(Part::Inbox), epoch.max(tail.epoch), at, rows)?;
    medium.enter(&lines, admits).await
}

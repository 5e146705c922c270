//! The session's way from the job before to this one, and from this one to the next.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::job::{Job, Unkept};
use super::patience::Patience;
use crate::cli::env::Environment;
use crate::cli::kept::{self, holder};
use crate::cli::refusal::Refusal;
use crate::domain::event::{Event, ThreadKind};
use crate::domain::id::InstanceId;
use crate::forge::{Error, Kept};
use crate::store::bundle::archive::{self, Unpacked};
use crate::store::location;
use crate::store::{Manifest, Store};
use crate::telemetry::failpoint::{self, Failpoints};
use crate::trust::provenance::{self, Here, WhyNot};

/// Below the job's sessions: those that are kept for the next job.
const KEPT: &str = "kept";
/// Those that end with it.
const UNKEPT: &str = "unkept";

/// Archives that are fetched before the session begins anew. Others are judged by who put them there,
/// and that costs little.
const FETCHES: usize = 3;

/// Archives whose fate is told one by one.
const SHOWN: usize = 3;

/// Where the sessions of a job are, and whether they outlive it.
pub(super) struct Sessions<'a> {
    job: &'a Job,
    /// The directory of its bundles.
    pub(super) root: PathBuf,
    /// What keeps them from being kept, if something does.
    unkept: Option<Unkept>,
    failpoints: &'a Failpoints,
}

impl<'a> Sessions<'a> {
    /// Of a job; what keeps them from being kept, if something does.
    pub(super) fn of(
        job: &'a Job,
        unkept: Option<Unkept>,
        workspace: &Path,
        failpoints: &'a Failpoints,
    ) -> Result<Self, Refusal> {
        let root = job.sessions.join(if unkept.is_some() { UNKEPT } else { KEPT });
        let root = location::outside(&root, workspace).map_err(Refusal::usage)?;
        Ok(Self { job, root, unkept, failpoints })
    }

    /// The directory of an instance.
    pub(super) fn dir(&self, instance: &InstanceId) -> PathBuf {
        self.root.join(instance.external())
    }

    /// Brings the earlier session back; what came of that, for people.
    ///
    /// Only a verdict on an archive lets an older one, or none, take its place. While nobody can say
    /// what was kept nothing may run: the job would keep a session that has forgotten it.
    pub(super) async fn restore(
        &self,
        event: &Event,
        instance: &InstanceId,
        patience: &Patience,
    ) -> Result<String, Refusal> {
        if let Some(unkept) = self.unkept {
            return Ok(format!("fresh: {}", unkept.keeper()));
        }
        let pull = (event.thread.kind == ThreadKind::Pull).then_some(event.thread.number);
        let mut here = self.job.here(event.repository.id, pull);
        let (shelf, name) = (&self.job.shelf, self.job.name_on_shelf(instance));
        let found = match patience.read(async || shelf.find(&name).await).await {
            Ok(found) => found,
            Err(error) => return Err(unsaid(error)),
        };
        let mut unused = Unused::default();
        let mut fetched = 0;
        for kept in &found {
            if let Some(reason) = &kept.gone {
                unused.add(kept, reason);
                continue;
            }
            let archive = match self.judged(kept, &mut here, patience).await? {
                Err(reason) => Err(reason),
                Ok(()) if fetched == FETCHES => break,
                Ok(()) => {
                    fetched += 1;
                    verdict(patience.read(async || shelf.fetch(kept).await).await)?
                }
            };
            match archive {
                Ok(archive) => match self.unpacked(&archive, instance).await? {
                    Ok(Unpacked::Taken { notes, .. }) => {
                        let at = kept.at.strftime("%Y-%m-%d %H:%M UTC");
                        let run = kept.run.map(|run| format!(", by run {run}")).unwrap_or_default();
                        let notes: String = notes.iter().map(|note| format!("; {note}")).collect();
                        return Ok(format!("restored as it was kept at {at}{run}{notes}{unused}"));
                    }
                    Ok(Unpacked::Left { .. }) => {
                        return Ok("goes on where an earlier step of this job left it".to_owned());
                    }
                    Err(reason) => unused.add(kept, &reason),
                },
                Err(reason) => unused.add(kept, &reason),
            }
        }
        Ok(if found.is_empty() { "fresh: nothing was kept before".to_owned() } else { format!("fresh{unused}") })
    }

    /// Whether an archive may be used, by who put it there.
    async fn judged(
        &self,
        kept: &Kept,
        here: &mut Here<'_>,
        patience: &Patience,
    ) -> Result<Result<(), String>, Refusal> {
        let shelf = &self.job.shelf;
        let origin = match verdict(patience.read(async || shelf.origin(kept).await).await)? {
            Ok(origin) => origin,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut judged = provenance::judge(&origin, here);
        if let (Err(WhyNot::Pull(_)), Some(pull), None) = (&judged, here.pull, &here.head) {
            match verdict(patience.read(async || self.job.shelf.head(pull).await).await)? {
                Ok(head) => here.head = head,
                Err(reason) => return Ok(Err(reason)),
            }
            judged = provenance::judge(&origin, here);
        }
        Ok(judged.map_err(|why_not| why_not.to_string()))
    }

    async fn unpacked(&self, archive: &[u8], instance: &InstanceId) -> Result<Result<Unpacked, String>, Refusal> {
        match archive::unpack(archive, &self.root, instance, &holder("ci", instance), self.failpoints).await {
            Ok(unpacked) => Ok(Ok(unpacked)),
            Err(archive::Error::Place(error)) => Err(error.into()),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    /// Keeps the session of an instance for the next job; the digest of the archive on the shelf.
    /// `None` where none is kept; what kept it from being kept is noted.
    pub(super) async fn keep(&self, manifest: &Manifest, notes: &mut Vec<String>) -> Option<String> {
        if self.unkept.is_some() {
            return None;
        }
        match keep(self.job, &self.dir(&manifest.instance), manifest, self.failpoints).await {
            Ok(put) => Some(put.digest),
            Err(reason) => {
                notes.push(format!("the session could not be kept for the next job: {reason}"));
                None
            }
        }
    }

    /// Whether the next job can know of this one.
    pub(super) fn are_kept(&self) -> bool {
        self.unkept.is_none()
    }

    /// Lets go of what was kept of an instance long before.
    pub(super) async fn tidy(&self, instance: &InstanceId) {
        if self.unkept.is_none() {
            // Where the token may not, they only take space.
            self.job.shelf.tidy(&self.job.name_on_shelf(instance)).await.ok();
        }
    }

    /// Where it rests until the next job, for people.
    pub(super) fn rests(&self, is_kept: bool) -> &'static str {
        match (self.unkept, is_kept) {
            (Some(unkept), _) => unkept.reader(),
            (None, true) => self.job.shelf_name,
            (None, false) => "nowhere: it could not be kept",
        }
    }
}

/// What the forge says of one archive. Too large, expired, or gone since: that it will say for ever.
/// Everything else stands in the way of knowing.
fn verdict<T>(answer: Result<T, Error>) -> Result<Result<T, String>, Refusal> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error @ (Error::Unfit { .. } | Error::Refused { status: 404 | 410, .. })) => Ok(Err(error.to_string())),
        Err(error) => Err(unsaid(error)),
    }
}

/// Where the forge says no, somebody has to allow it: without a look at what was kept the job would begin
/// anew, and what it keeps would stand before everything that it could not see.
fn unsaid(error: Error) -> Refusal {
    let said = format!(
        "nobody could say which session was kept before, and without it what it knows would be lost: {error}; nothing \
         was done"
    );
    match error {
        Error::Refused { .. } => Refusal::usage(said),
        _ => Refusal::failed(format!("{said}: run the job again")),
    }
}

/// Archives that were not used, and why, for people.
#[derive(Default)]
struct Unused {
    shown: String,
    more: usize,
}

impl Unused {
    fn add(&mut self, kept: &Kept, reason: &str) {
        if self.shown.matches("; one from ").count() < SHOWN {
            self.shown.push_str(&format!("; one from {} was not used: {reason}", kept.at));
        } else {
            self.more += 1;
        }
    }
}

impl std::fmt::Display for Unused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)?;
        if self.more > 0 { write!(f, "; nor {} more", self.more) } else { Ok(()) }
    }
}

/// What came of the sessions that an earlier step of the job left unkept.
#[derive(Default)]
pub(super) struct Left {
    /// Labels of those that are kept now.
    pub(super) kept: Vec<String>,
    /// Why others are not.
    pub(super) lost: Vec<String>,
}

/// Keeps what an earlier step of the job left unkept: whatever is wrong with one, the others too.
pub(super) async fn keep_left(job: &Job, environment: &Environment) -> Result<Left, Refusal> {
    let failpoints = kept::failpoints(environment)?;
    let mut left = Left::default();
    let root = job.sessions.join(KEPT);
    for listed in Store::bundles(&root, Failpoints::default()).list().await? {
        let manifest = match listed.manifest {
            Ok(manifest) => manifest,
            Err(error) => {
                left.lost.push(error.to_string());
                continue;
            }
        };
        match keep(job, Path::new(&listed.place), &manifest, &failpoints).await {
            Ok(put) if put.is_new => left.kept.push(manifest.label),
            Ok(_) => {}
            Err(reason) => left.lost.push(format!("the session of {} could not be kept: {reason}", manifest.label)),
        }
    }
    Ok(left)
}

/// An archive on the shelf.
struct Put {
    /// SHA-256, lower-case hex.
    digest: String,
    /// It was not there before.
    is_new: bool,
}

async fn keep(job: &Job, dir: &Path, manifest: &Manifest, failpoints: &Failpoints) -> Result<Put, String> {
    let archive = archive::pack(dir).map_err(|error| error.to_string())?;
    let digest = hex::encode(Sha256::digest(&archive));
    // Beside the bundle: which archive of it this job put on the shelf.
    let note = dir.with_extension("kept");
    if std::fs::read_to_string(&note).is_ok_and(|kept| kept == digest) {
        return Ok(Put { digest, is_new: false });
    }
    let name = job.name_on_shelf(&manifest.instance);
    failpoints.hit(failpoint::KEEPING);
    job.shelf.keep(&name, manifest.epoch, Bytes::from(archive)).await.map_err(|error| error.to_string())?;
    failpoints.hit(failpoint::KEPT);
    // It only saves an upload: where it cannot be written, the next one is made again.
    std::fs::write(note, &digest).ok();
    Ok(Put { digest, is_new: true })
}

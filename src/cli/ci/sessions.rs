//! The session's way from the job before to this one, and from this one to the next.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::job::Job;
use crate::cli::env::Environment;
use crate::cli::kept::{self, holder};
use crate::cli::refusal::Refusal;
use crate::domain::event::{Event, ThreadKind, Visibility};
use crate::domain::id::InstanceId;
use crate::forge::{Kept, Shelf};
use crate::store::bundle::archive::{self, Unpacked};
use crate::store::bundle::{self, Manifest};
use crate::store::location;
use crate::telemetry::failpoint::{self, Failpoints};
use crate::trust::provenance::{self, Here};

/// Below the job's sessions: those that are kept for the next job.
const KEPT: &str = "kept";
/// Those that end with it.
const UNKEPT: &str = "unkept";

/// Archives that are looked into before the session begins anew.
const TRIES: usize = 3;

/// Where the sessions of a job are, and whether they outlive it.
pub(super) struct Sessions<'a> {
    job: &'a Job,
    /// The directory of its bundles.
    pub(super) root: PathBuf,
    /// What a public repository keeps can be read by anybody, so it keeps no session.
    is_public: bool,
    failpoints: &'a Failpoints,
}

impl<'a> Sessions<'a> {
    /// Of the job of this event.
    pub(super) fn of(
        job: &'a Job,
        event: &Event,
        environment: &Environment,
        workspace: &Path,
        failpoints: &'a Failpoints,
    ) -> Result<Self, Refusal> {
        let is_public = event.repository.visibility == Some(Visibility::Public);
        let root = job.sessions(environment).join(if is_public { UNKEPT } else { KEPT });
        let root = location::outside(&root, workspace).map_err(Refusal::usage)?;
        Ok(Self { job, root, is_public, failpoints })
    }

    /// The directory of an instance.
    pub(super) fn dir(&self, instance: &InstanceId) -> PathBuf {
        self.root.join(instance.external())
    }

    /// Brings the earlier session back; what came of that, for people.
    pub(super) async fn restore(&self, event: &Event, instance: &InstanceId) -> String {
        if self.is_public {
            return "fresh: a public repository keeps none".to_owned();
        }
        let pull = (event.thread.kind == ThreadKind::Pull).then_some(event.thread.number);
        let here = self.job.here(event.repository.id, pull);
        let found = match self.job.shelf().find(&instance.external()).await {
            Ok(found) => found,
            Err(error) => return format!("fresh, because nobody could say what was kept before: {error}"),
        };
        let mut refused = String::new();
        for kept in found.iter().take(TRIES) {
            match self.take(kept, &here, instance).await {
                Ok(Unpacked::Taken { .. }) => {
                    let at = kept.at.strftime("%Y-%m-%d %H:%M UTC");
                    let run = kept.run.map(|run| format!(", by run {run}")).unwrap_or_default();
                    return format!("restored as it was kept at {at}{run}{refused}");
                }
                Ok(Unpacked::Left { .. }) => return "goes on where an earlier step of this job left it".to_owned(),
                Err(reason) => refused.push_str(&format!("; one from {} was not used: {reason}", kept.at)),
            }
        }
        match refused.as_str() {
            "" => "fresh: nothing was kept before".to_owned(),
            refused => format!("fresh{refused}"),
        }
    }

    async fn take(&self, kept: &Kept, here: &Here<'_>, instance: &InstanceId) -> Result<Unpacked, String> {
        let shelf = self.job.shelf();
        let origin = shelf.origin(kept).await.map_err(|error| error.to_string())?;
        provenance::judge(&origin, here).map_err(|error| error.to_string())?;
        let archive = shelf.fetch(kept).await.map_err(|error| error.to_string())?;
        archive::unpack(&archive, &self.root, instance, &holder("ci", instance)).map_err(|error| error.to_string())
    }

    /// Keeps the session of an instance for the next job; the digest of the archive on the shelf.
    /// `None` where none is kept; what kept it from being kept is noted.
    pub(super) async fn keep(&self, manifest: &Manifest, notes: &mut Vec<String>) -> Option<String> {
        if self.is_public {
            return None;
        }
        match keep(self.job.shelf(), &self.dir(&manifest.instance), manifest, self.failpoints).await {
            Ok(put) => Some(put.digest),
            Err(reason) => {
                let note = format!("the session could not be kept for the next job: {reason}");
                if !notes.contains(&note) {
                    notes.push(note);
                }
                None
            }
        }
    }

    /// Lets go of what was kept of an instance long before.
    pub(super) async fn tidy(&self, instance: &InstanceId) {
        if !self.is_public {
            self.job.tidy(&instance.external()).await;
        }
    }

    /// Where it rests until the next job, for people.
    pub(super) fn rests(&self, is_kept: bool) -> &'static str {
        match (self.is_public, is_kept) {
            (true, _) => "nowhere: anybody can read what a public repository keeps",
            (false, true) => self.job.shelf_name(),
            (false, false) => "nowhere: it could not be kept",
        }
    }
}

/// Keeps what an earlier step of the job left unkept; the labels of the sessions it kept.
pub(super) async fn keep_left(job: &Job, environment: &Environment) -> Result<Vec<String>, Refusal> {
    let failpoints = kept::failpoints(environment)?;
    let mut labels = Vec::new();
    for listed in bundle::list(&job.sessions(environment).join(KEPT))? {
        let manifest = listed.manifest?;
        let put = keep(job.shelf(), &listed.dir, &manifest, &failpoints).await.map_err(Refusal::failed)?;
        if put.is_new {
            labels.push(manifest.label);
        }
    }
    Ok(labels)
}

/// An archive on the shelf.
struct Put {
    /// SHA-256, lower-case hex.
    digest: String,
    /// It was not there before.
    is_new: bool,
}

async fn keep(shelf: &dyn Shelf, dir: &Path, manifest: &Manifest, failpoints: &Failpoints) -> Result<Put, String> {
    let archive = archive::pack(dir).map_err(|error| error.to_string())?;
    let digest = hex::encode(Sha256::digest(&archive));
    // Beside the bundle: which archive of it this job put on the shelf.
    let note = dir.with_extension("kept");
    if std::fs::read_to_string(&note).is_ok_and(|kept| kept == digest) {
        return Ok(Put { digest, is_new: false });
    }
    let name = manifest.instance.external();
    failpoints.hit(failpoint::KEEPING);
    shelf.keep(&name, manifest.epoch, Bytes::from(archive)).await.map_err(|error| error.to_string())?;
    failpoints.hit(failpoint::KEPT);
    // It only saves an upload: where it cannot be written, the next one is made again.
    std::fs::write(note, &digest).ok();
    Ok(Put { digest, is_new: true })
}

//! The session's way from the job before to this one, and from this one to the next.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::cli::kept;
use crate::cli::refusal::Refusal;
use crate::domain::id::InstanceId;
use crate::forge::Shelf;
use crate::store::bundle::archive::{self, Unpacked};
use crate::store::bundle::{self};
use crate::trust::provenance::{self, Here};

/// Archives that are looked into before the session begins anew.
const TRIES: usize = 3;

/// What became of the earlier session, as a sentence for people.
pub(super) async fn restore(
    shelf: &dyn Shelf,
    here: &Here<'_>,
    root: &Path,
    instance: &InstanceId,
    holder: &bundle::Holder,
) -> String {
    let found = match shelf.find(&instance.external()).await {
        Ok(found) => found,
        Err(error) => return format!("fresh, because the earlier one was not found: {error}"),
    };
    let mut refused = Vec::new();
    for kept in found.iter().take(TRIES) {
        let taken = async {
            let origin = shelf.origin(kept).await.map_err(|error| error.to_string())?;
            provenance::judge(&origin, here).map_err(|error| error.to_string())?;
            let archive = shelf.fetch(kept).await.map_err(|error| error.to_string())?;
            archive::unpack(&archive, root, instance, holder).map_err(|error| error.to_string())
        };
        match taken.await {
            Ok(Unpacked::Taken { .. }) => {
                let at = kept.at.strftime("%Y-%m-%d %H:%M UTC");
                let run = kept.run.map(|run| format!(" by run {run}")).unwrap_or_default();
                let before = refused.join("; ");
                let skipped = if before.is_empty() { before } else { format!(" (a newer one was not used: {before})") };
                return format!("restored, as it was kept at {at}{run}{skipped}");
            }
            Ok(Unpacked::Left { .. }) => return "goes on in this job".to_owned(),
            Err(reason) => refused.push(reason),
        }
    }
    match refused.as_slice() {
        [] => "fresh, because nothing was kept before".to_owned(),
        _ => format!("fresh; an earlier one was not used: {}", refused.join("; ")),
    }
}

/// An archive that was put on the shelf.
pub(super) struct Put {
    /// SHA-256, lower-case hex.
    pub(super) digest: String,
}

/// Puts the bundle of an instance on the shelf, unless this job put it there as it is.
pub(super) async fn keep(shelf: &dyn Shelf, dir: &Path) -> Result<Put, Refusal> {
    let manifest = bundle::manifest(dir)?;
    let archive = archive::pack(dir).map_err(Refusal::failed)?;
    let digest = hex::encode(Sha256::digest(&archive));
    let note = note(dir);
    if std::fs::read_to_string(&note).is_ok_and(|kept| kept == digest) {
        return Ok(Put { digest });
    }
    shelf.keep(&manifest.instance.external(), manifest.epoch, Bytes::from(archive)).await.map_err(Refusal::failed)?;
    // Only saves an upload: when it cannot be written, the next one is made again.
    std::fs::write(note, &digest).ok();
    Ok(Put { digest })
}

/// Beside the bundle: which archive of it is on the shelf.
fn note(dir: &Path) -> PathBuf {
    dir.with_extension("kept")
}

//! Whose runs wait. A bundle tells only when all of it is read, so that is remembered for as long as its
//! files are the same ones.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::super::medium::Part;
use super::super::read::{Verify, read};
use super::super::{Error, manifest};
use super::folder::{Folder, lock_of};
use super::lock;
use crate::domain::id::InstanceId;
use crate::domain::run::State;
use crate::telemetry::failpoint::Failpoints;

/// What was seen in each bundle that was read.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<PathBuf, Seen>>);

/// A bundle with these files, and since when which instance waits in it, if it does.
#[derive(Clone, Debug)]
struct Seen {
    files: Vec<Option<Stamp>>,
    waits: Option<(Timestamp, InstanceId)>,
}

/// Tells a file from what it becomes: whoever adds to it makes it longer, and whoever replaces it makes
/// another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds of the last change to what is in it, or to what is said of it.
    changed: [i64; 4],
}

impl Waiting {
    /// Those in these directories that nobody works on; whose run has waited longest comes first.
    pub(super) async fn of(&self, dirs: Vec<PathBuf>) -> Vec<InstanceId> {
        let mut before = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut seen, mut waiting) = (HashMap::new(), Vec::new());
        for dir in dirs {
            if lock::is_taken(&lock_of(&dir)) {
                continue;
            }
            // Before it is read: what comes in between is read again.
            let files = stamps(&dir);
            let known = before.remove(&dir).filter(|known| known.files == files);
            let waits = match known {
                Some(known) => known.waits,
                // What cannot be read is told by whoever opens it.
                None => match waits(&dir).await {
                    Ok(waits) => waits,
                    Err(_) => continue,
                },
            };
            waiting.extend(waits.clone());
            seen.insert(dir, Seen { files, waits });
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(seen);
        waiting.sort();
        waiting.into_iter().map(|(_, instance)| instance).collect()
    }
}

fn stamps(dir: &Path) -> Vec<Option<Stamp>> {
    let stamp = |name: &str| {
        let meta = std::fs::symlink_metadata(dir.join(name)).ok()?;
        let changed = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
        Some(Stamp { inode: meta.ino(), length: meta.len(), changed })
    };
    Part::ALL.map(Part::file).into_iter().chain([manifest::NAME]).map(stamp).collect()
}

/// Since when the oldest run waits that has no outcome.
async fn waits(dir: &Path) -> Result<Option<(Timestamp, InstanceId)>, Error> {
    let read = read(&mut Folder::new(dir, Failpoints::default()), Verify::All).await?;
    let is_open = |id| !matches!(read.runs.state(id), Some(State::Settled(_)));
    let first = read.runs.all().iter().find(|run| is_open(&run.id));
    Ok(first.map(|run| (run.admitted_at, read.manifest.instance.clone())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::domain::id::{EventKey, RunId};
    use crate::domain::run::{Authority, Run, Task};
    use crate::store::{Admission, Store};
    use crate::telemetry::redact::Redactor;

    fn instance(n: u32) -> InstanceId {
        format!("github.com/700100/issue/{n}/triage").parse().unwrap()
    }

    async fn admit(store: &Store, n: u32, name: &str) {
        let (instance, event_key) = (instance(n), EventKey::from_parts(["local", name]));
        let run = Run {
            id: RunId::derive(&instance, &event_key, None),
            instance,
            event_key,
            attempt_tag: None,
            admitted_at: "2026-03-01T09:00:00Z".parse().unwrap(),
            authority: Authority::default(),
            task: Task::default(),
        };
        store.admit(&Admission::new(&run, &Redactor::default()).unwrap(), "x", run.admitted_at).await.unwrap();
    }

    #[tokio::test]
    async fn a_bundle_is_read_again_when_its_files_have_changed_and_not_before() {
        let root = tempfile::tempdir().unwrap();
        let (store, waiting) = (Store::bundles(root.path(), Failpoints::default()), Waiting::default());
        let dirs = || [1, 2].map(|n| root.path().join(instance(n).external())).to_vec();
        admit(&store, 1, "first").await;
        admit(&store, 2, "first").await;
        assert_eq!(waiting.of(dirs()).await, [1, 2].map(instance));
        // A memory that is wrong tells that nothing was read.
        waiting.0.lock().unwrap().values_mut().for_each(|seen| seen.waits = None);
        assert!(waiting.of(dirs()).await.is_empty());
        admit(&store, 2, "second").await;
        assert_eq!(waiting.of(dirs()).await, [instance(2)]);
        let cover = dirs()[0].join(manifest::NAME);
        let text = fs::read(&cover).unwrap();
        fs::remove_file(&cover).unwrap();
        assert_eq!(waiting.of(dirs()).await, [instance(2)]);
        fs::write(&cover, text).unwrap();
        assert_eq!(waiting.of(dirs()).await, [1, 2].map(instance));
        assert_eq!(waiting.of(dirs()[1..].to_vec()).await, [instance(2)]);
        assert_eq!(waiting.0.lock().unwrap().len(), 1, "what is gone is forgotten");
    }
}

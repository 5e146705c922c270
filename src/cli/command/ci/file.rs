//! The files through which a runner hears from a step, and people from a job.

use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::Builder;

use crate::cli::refusal::Refusal;

/// Adds to a file that the runner reads when the step ends: outputs, the step summary. What earlier
/// steps or attempts wrote there stays.
pub(super) fn append(path: &Path, text: &str) -> Result<(), Refusal> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| failed(path, &error))
}

/// Writes a file of hob's own anew: the page of a GitLab job. It lies among the files of the checkout,
/// so a link in its place is replaced, never followed, and nobody reads half a page.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Refusal> {
    let failed = |error| failed(path, &error);
    let beside = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Who collects artifacts may be another user.
    let file = Builder::new().prefix(".hob-").permissions(Permissions::from_mode(0o644)).tempfile_in(beside);
    let mut file = file.map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(path).map(drop).map_err(|kept| failed(kept.error))
}

fn failed(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::failed(format!("cannot write `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runners_file_grows_and_ours_is_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        append(&path, "a\n").unwrap();
        append(&path, "b\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\nb\n");
        replace(&path, "c\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "c\n");
        assert!(append(&dir.path().join("no/such/file"), "x").is_err());
    }

    #[test]
    fn a_link_in_the_place_of_ours_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (theirs, page) = (dir.path().join("theirs"), dir.path().join("hob-summary.md"));
        std::fs::write(&theirs, "theirs").unwrap();
        std::os::unix::fs::symlink(&theirs, &page).unwrap();
        replace(&page, "ours").unwrap();
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
        assert!(std::fs::symlink_metadata(&page).unwrap().is_file());
        assert_eq!(std::fs::read_to_string(&page).unwrap(), "ours");
        assert_eq!(std::fs::metadata(&page).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "something is left beside it");
    }
}

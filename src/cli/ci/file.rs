//! The files through which a runner hears from a step, and people from a job.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::cli::refusal::Refusal;

/// Adds to a file that the runner reads when the step ends: outputs, the step summary. What earlier
/// steps or attempts wrote there stays.
pub(super) fn append(path: &Path, text: &str) -> Result<(), Refusal> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    written(file, path, text)
}

/// Writes a file of hob's own anew: the page of a GitLab job.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Refusal> {
    written(File::create(path), path, text)
}

fn written(file: std::io::Result<File>, path: &Path, text: &str) -> Result<(), Refusal> {
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Refusal::failed(format!("cannot write `{}`: {error}", path.display())))
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
}

//! A directory of hob's own, where everybody on the machine may make directories.

use std::fs::{DirBuilder, symlink_metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use rustix::process::geteuid;

use crate::cli::refusal::Refusal;

/// Makes the directory, or finds the one that this user made before and nobody else can enter.
pub(super) fn directory(path: &Path) -> Result<(), Refusal> {
    let failed = |error: std::io::Error| Refusal::failed(format!("cannot make `{}`: {error}", path.display()));
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => return made.map_err(failed),
    }
    // Not where a link leads to: whoever made the link chose that.
    let there = symlink_metadata(path).map_err(failed)?;
    if there.is_dir() && there.uid() == geteuid().as_raw() && there.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(Refusal::usage(format!(
        "`{}`, where this job would keep its session, is not a directory that only this user can enter: name another \
         one outside of the checkout with HOB_STATE",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, metadata, set_permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_directory_is_made_once_and_is_nobody_elses() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("hob-job-1");
        directory(&path).unwrap();
        assert_eq!(metadata(&path).unwrap().mode() & 0o777, 0o700);
        directory(&path).unwrap();

        set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        assert!(directory(&path).is_err());

        let (theirs, link) = (temporary.path().join("theirs"), temporary.path().join("hob-job-2"));
        create_dir(&theirs).unwrap();
        set_permissions(&theirs, Permissions::from_mode(0o700)).unwrap();
        symlink(&theirs, &link).unwrap();
        assert!(directory(&link).is_err());
        assert!(directory(&temporary.path().join("no/such")).is_err());
    }
}

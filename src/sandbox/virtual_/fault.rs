//! Why something cannot be done to a tree. Both travel inside an [`io::Error`], which is what the
//! shell understands.

use std::io::{self, ErrorKind};

/// What stands in the way of a path, in the words of the systems that scripts know.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("No such file or directory")]
    NotFound,
    #[error("Not a directory")]
    NotADirectory,
    #[error("Is a directory")]
    IsADirectory,
    #[error("Directory not empty")]
    DirectoryNotEmpty,
    #[error("File exists")]
    AlreadyExists,
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        let kind = match fault {
            Fault::NotFound => ErrorKind::NotFound,
            Fault::NotADirectory => ErrorKind::NotADirectory,
            Fault::IsADirectory => ErrorKind::IsADirectory,
            Fault::DirectoryNotEmpty => ErrorKind::DirectoryNotEmpty,
            Fault::AlreadyExists => ErrorKind::AlreadyExists,
        };
        Self::new(kind, fault)
    }
}

/// Why the sandbox itself, and not the host, says no; inside an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(pub(super) &'static str);

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        Self::new(ErrorKind::PermissionDenied, refused)
    }
}

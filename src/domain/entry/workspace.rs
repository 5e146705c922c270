//! Files of a contained sandbox that changed, as the log tells it.

use serde::{Deserialize, Serialize};

/// See [`Body::WorkspaceDelta`](super::Body::WorkspaceDelta).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceDelta {
    /// In the order to do them: sorted by path, and a directory that took the place of something
    /// else stands twice, first as gone.
    pub changes: Vec<FileChange>,
}

/// One file that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Absolute path inside the sandbox.
    pub path: String,
    /// What is there now.
    pub now: FileNow,
}

/// What stands at a path after a change. Where it is no directory, nothing stands beneath it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileNow {
    /// Bytes, in the blob of this digest.
    File {
        /// SHA-256, lower-case hex.
        blob: String,
        /// Permission bits.
        mode: u32,
    },
    /// A directory; one that stood there keeps what it holds.
    Directory,
    /// A symbolic link.
    Link {
        /// Where it points.
        target: String,
    },
    /// Nothing any more.
    Gone,
}

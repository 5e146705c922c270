//! For tests: a real directory as a sandbox, and tools called as the loop calls them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::dispatch::{self, Step};
use super::{Reply, Toolbox, files_and_shell};
use crate::domain::message::Call;
use crate::domain::name::ToolKind;
use crate::sandbox::{Capabilities, Change, DirEntry, End, Error, Exec, FileKind, Output, Sandbox, Stat};

/// A fresh directory with these files, and every file and shell tool over it.
pub(super) struct Scene {
    pub(super) directory: tempfile::TempDir,
    toolbox: Toolbox,
}

impl Scene {
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let root = fs::canonicalize(directory.path()).unwrap();
        let folder: Arc<dyn Sandbox> = Arc::new(Folder { workspace: root.display().to_string() });
        Self { directory, toolbox: Toolbox::new(files_and_shell(&folder, ToolKind::ALL)) }
    }

    pub(super) async fn call(&self, name: &str, arguments: Value) -> Reply {
        let call = Call { id: "1".into(), name: name.into(), arguments: arguments.to_string() };
        let step = Step { call: &call, repeated: false };
        let deadline = Instant::now() + Duration::from_secs(3600);
        dispatch::run(&self.toolbox, step, &CancellationToken::new(), deadline).await
    }

    /// What the model reads after each call, errors marked.
    pub(super) async fn read_aloud(&self, calls: &[(&str, Value)]) -> String {
        let mut said = String::new();
        for (name, arguments) in calls {
            let reply = self.call(name, arguments.clone()).await;
            let mark = if reply.is_error { "!" } else { ">" };
            let content = reply.content.trim_end().replace('\n', "\n  ");
            said.push_str(&format!("{name} {arguments}\n{mark} {content}\n"));
        }
        said
    }

    pub(super) fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    pub(super) fn file(&self, path: &str) -> Vec<u8> {
        fs::read(self.directory.path().join(path)).unwrap()
    }
}

struct Folder {
    workspace: String,
}

impl Folder {
    fn real(&self, path: &str) -> PathBuf {
        PathBuf::from(&self.workspace).join(path)
    }
}

fn stat_of(found: &fs::Metadata) -> Stat {
    let kind = match found.file_type() {
        kind if kind.is_symlink() => FileKind::Link,
        kind if kind.is_dir() => FileKind::Directory,
        kind if kind.is_file() => FileKind::File,
        _ => FileKind::Other,
    };
    Stat { kind, size: found.len(), mode: 0o644 }
}

fn explain(path: &str, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound(path.to_owned()),
        std::io::ErrorKind::IsADirectory => Error::IsDirectory(path.to_owned()),
        std::io::ErrorKind::NotADirectory => Error::NotDirectory(path.to_owned()),
        _ => Error::Io { path: path.to_owned(), source: error },
    }
}

impl Sandbox for Folder {
    fn capabilities(&self) -> Capabilities {
        Capabilities { kind: "folder", confinement: "none".to_owned(), contained: false }
    }

    fn workspace(&self) -> &str {
        &self.workspace
    }

    /// Prints what it was asked, so that what becomes of it can be read.
    fn exec(&self, exec: Exec) -> BoxFuture<'_, Result<Output, Error>> {
        let said = format!("{} for {} s\n", exec.command, exec.timeout.as_secs());
        let output = Output {
            exit: 0,
            end: End::Exited,
            bytes: said.len() as u64,
            tail: said.into(),
            spill: None,
            notes: Vec::new(),
        };
        async { Ok(output) }.boxed()
    }

    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Bytes, Error>> {
        async move { fs::read(self.real(path)).map(Bytes::from).map_err(|error| explain(path, error)) }.boxed()
    }

    fn write<'a>(&'a self, path: &'a str, content: &'a [u8]) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let real = self.real(path);
            real.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| explain(path, error))?;
            fs::write(real, content).map_err(|error| explain(path, error))
        }
        .boxed()
    }

    fn list<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<DirEntry>, Error>> {
        async move {
            let mut entries = Vec::new();
            for entry in fs::read_dir(self.real(path)).map_err(|error| explain(path, error))? {
                let entry = entry.map_err(|error| explain(path, error))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                entries
                    .push(DirEntry { name, stat: stat_of(&entry.metadata().map_err(|error| explain(path, error))?) });
            }
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        }
        .boxed()
    }

    fn stat<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Stat, Error>> {
        async move {
            let found = fs::symlink_metadata(self.real(path)).map_err(|error| explain(path, error))?;
            Ok(stat_of(&found))
        }
        .boxed()
    }

    fn remove<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move { fs::remove_file(self.real(path)).map_err(|error| explain(path, error)) }.boxed()
    }

    fn take_changes(&self) -> Vec<Change> {
        Vec::new()
    }

    fn restore(&self, _: Vec<Change>) -> Result<(), Error> {
        Ok(())
    }
}

//! For tests: the same files in every kind of sandbox, and tools called as the loop calls them.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::dispatch::{self, Step};
use super::{Place, Reply, Toolbox, files_and_shell};
use crate::domain::message::Call;
use crate::domain::name::ToolKind;
use crate::sandbox::{Sandbox, local};

/// Fresh directories with these files, a sandbox over each, and every file and shell tool over it.
pub(super) struct Scene {
    sandboxes: Vec<(Arc<dyn Sandbox>, Toolbox)>,
    _directories: Vec<TempDir>,
}

impl Scene {
    /// In every kind of sandbox.
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let scene = Self::local(files);
        #[cfg(feature = "virtual")]
        let scene = scene.and_virtual(files);
        scene
    }

    #[cfg(feature = "virtual")]
    fn and_virtual(mut self, files: &[(&str, &[u8])]) -> Self {
        use crate::sandbox::virtual_;
        let directory = filled(files);
        let clock = crate::domain::clock::Clock::new(|| jiff::Timestamp::UNIX_EPOCH);
        let options = virtual_::Options { seed: Some(directory.path().to_owned()), clock, threads: Default::default() };
        self.add(Arc::new(virtual_::Virtual::new(options).unwrap()));
        self._directories.push(directory);
        self
    }

    /// In memory only, where the number of files is bounded.
    #[cfg(feature = "virtual")]
    pub(super) fn in_memory(files: &[(&str, &[u8])]) -> Self {
        Self { sandboxes: Vec::new(), _directories: Vec::new() }.and_virtual(files)
    }

    /// On this machine only, where ignored files exist.
    pub(super) fn local(files: &[(&str, &[u8])]) -> Self {
        let (directory, temporary) = (filled(files), tempfile::tempdir().unwrap());
        let local = local::Local::new(local::Options {
            workspace: directory.path().to_owned(),
            env: Vec::new(),
            temporary: temporary.path().to_owned(),
            forbidden: Vec::new(),
        });
        let mut scene = Self { sandboxes: Vec::new(), _directories: vec![directory, temporary] };
        scene.add(Arc::new(local.unwrap()));
        scene
    }

    fn add(&mut self, sandbox: Arc<dyn Sandbox>) {
        let tools = files_and_shell(&Place::new(&sandbox), ToolKind::ALL);
        self.sandboxes.push((sandbox, Toolbox::new(tools)));
    }

    /// The reply, which must be the same in every kind of sandbox.
    pub(super) async fn call(&self, name: &str, arguments: Value) -> Reply {
        let call = Call { id: "1".into(), name: name.into(), arguments: arguments.to_string() };
        let step = Step { call: &call, repeated: false };
        let deadline = Instant::now() + Duration::from_secs(3600);
        let mut reply: Option<Reply> = None;
        for (_, toolbox) in &self.sandboxes {
            let next =
                dispatch::run(toolbox, step, &CancellationToken::new(), deadline, crate::domain::image::Sight::FULL)
                    .await;
            if let Some(first) = &reply {
                assert_eq!((&next.content, next.is_error), (&first.content, first.is_error), "{name} {arguments}");
                assert_eq!(next.images, first.images, "{name} {arguments}");
            }
            reply = Some(next);
        }
        reply.unwrap()
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
        &self.sandboxes[0].1
    }

    /// All of them.
    pub(super) fn each(&self) -> impl Iterator<Item = &(Arc<dyn Sandbox>, Toolbox)> {
        self.sandboxes.iter()
    }

    /// The content of a file, which must be the same in every kind of sandbox.
    pub(super) async fn file(&self, path: &str) -> Vec<u8> {
        let mut content: Option<Vec<u8>> = None;
        for (sandbox, _) in &self.sandboxes {
            let next = sandbox.read(path).await.unwrap().to_vec();
            assert!(content.is_none_or(|first| first == next), "{path}");
            content = Some(next);
        }
        content.unwrap()
    }
}

/// A directory with these files, and a symlink that must not be followed.
fn filled(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    std::os::unix::fs::symlink(".", directory.path().join("link")).unwrap();
    directory
}

//! The promises of a sandbox, asked of every kind. What only one kind can be asked is in its file.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod both;
#[cfg(feature = "virtual")]
mod folds;
mod local;
#[cfg(feature = "virtual")]
mod virtual_;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "virtual")]
use hob::domain::clock::Clock;
use hob::sandbox::{End, Exec, Options, Output, Sandbox};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Time enough for anything that should end by itself.
const LONG: Duration = Duration::from_secs(30);

/// A working directory of the host, with a secret beside it.
struct Host {
    dir: TempDir,
}

impl Host {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        for (path, content) in [
            ("secret", "s3cret"),
            ("work/README.md", "# read me\n"),
            ("work/src/main.rs", "fn main() {}\n"),
            ("work/.git/config", "[core]\n"),
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        Self { dir }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn local(&self) -> Arc<dyn Sandbox> {
        let options = local_on(self.path("work"), self.path("tmp"), self.path("store"));
        hob::sandbox::open(Options::Local(options)).unwrap()
    }

    #[cfg(feature = "virtual")]
    fn virtual_(&self) -> Arc<dyn Sandbox> {
        virtual_on(Some(self.path("work")))
    }

    /// One of each kind.
    fn all(&self) -> Vec<Arc<dyn Sandbox>> {
        vec![
            self.local(),
            #[cfg(feature = "virtual")]
            self.virtual_(),
        ]
    }
}

fn local_on(workspace: PathBuf, temporary: PathBuf, store: PathBuf) -> hob::sandbox::local::Options {
    let given = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("EXPOSED", "yes")];
    let env = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    hob::sandbox::local::Options { workspace, env, temporary, forbidden: vec![store] }
}

#[cfg(feature = "virtual")]
fn virtual_on(seed: Option<PathBuf>) -> Arc<dyn Sandbox> {
    let clock = Clock::new(|| "2026-01-02T03:04:05Z".parse().unwrap());
    hob::sandbox::open(Options::Virtual(hob::sandbox::virtual_::Options { seed, clock, threads: Default::default() }))
        .unwrap()
}

fn exec(command: &str) -> Exec {
    Exec {
        command: command.into(),
        cwd: None,
        env: Vec::new(),
        timeout: LONG,
        stdin: Default::default(),
        cancel: CancellationToken::new(),
    }
}

async fn run(sandbox: &dyn Sandbox, command: &str) -> Output {
    sandbox.exec(exec(command)).await.unwrap()
}

/// What a command that ends well prints.
async fn printed(sandbox: &dyn Sandbox, command: &str) -> String {
    let output = run(sandbox, command).await;
    assert_eq!((output.exit, output.end), (0, End::Exited), "{}: {}", command, output.tail.escape_ascii());
    String::from_utf8(output.tail.to_vec()).unwrap()
}

/// Resolves once `path` exists.
async fn appears(path: &Path) {
    while !path.exists() {
        tokio::task::yield_now().await;
    }
}

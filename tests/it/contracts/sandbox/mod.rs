//! The promises of a sandbox, asked of every kind. What only one kind can be asked is in its file.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod both;
mod local;
#[cfg(feature = "virtual")]
mod virtual_;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hob::domain::clock::Clock;
use hob::sandbox::{End, Exec, Output, Sandbox};
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

    fn local(&self) -> hob::sandbox::local::Local {
        hob::sandbox::local::Local::new(hob::sandbox::local::Options {
            workspace: self.path("work"),
            env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()), ("EXPOSED".into(), "yes".into())],
            temporary: self.path("tmp"),
            forbidden: vec![self.path("store")],
        })
        .unwrap()
    }

    #[cfg(feature = "virtual")]
    fn virtual_(&self) -> hob::sandbox::virtual_::Virtual {
        virtual_on(Some(self.path("work")))
    }

    /// One of each kind.
    fn all(&self) -> Vec<Box<dyn Sandbox>> {
        vec![
            Box::new(self.local()),
            #[cfg(feature = "virtual")]
            Box::new(self.virtual_()),
        ]
    }
}

#[cfg(feature = "virtual")]
fn virtual_on(seed: Option<PathBuf>) -> hob::sandbox::virtual_::Virtual {
    let clock = Clock::new(|| "2026-01-02T03:04:05Z".parse().unwrap());
    hob::sandbox::virtual_::Virtual::new(hob::sandbox::virtual_::Options { seed, clock }).unwrap()
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

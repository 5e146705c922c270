//! The stage every test speaks through: a workspace, a store outside of it, and the real binary.

pub(crate) mod emulate;
pub(crate) mod http;
#[cfg(feature = "virtual")]
pub(crate) mod later;
pub(crate) mod model_server;
pub(crate) mod png;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
pub(crate) mod running;
pub(crate) mod tape;
pub(crate) mod terminal;
pub(crate) mod tool;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder of this project's fixtures.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// A machine with an empty home, one checkout and one store.
pub(crate) struct Scene {
    root: TempDir,
}

impl Scene {
    /// A checkout with nothing in it.
    pub(crate) fn empty() -> Self {
        let scene = Self { root: TempDir::new().expect("a temporary directory") };
        for folder in [scene.workspace(), scene.root.path().join("home")] {
            std::fs::create_dir(folder).expect("a new folder");
        }
        scene
    }

    /// A checkout that holds the repository of the GitHub fixtures.
    pub(crate) fn new() -> Self {
        let readme = std::fs::read_to_string(fixture("hello-world/README.md")).expect("the fixture is there");
        Self::empty().file("tests/fixtures/hello-world/README.md", &readme)
    }

    /// Puts a file into the checkout.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let path = self.workspace().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, text).expect("a file");
        self
    }

    /// The checkout.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// Where sessions are kept.
    pub(crate) fn store(&self) -> PathBuf {
        self.root.path().join("state")
    }

    /// A path beside checkout and store.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The binary in the checkout, with an environment of its own.
    #[expect(clippy::disallowed_methods, reason = "tests start the real program, and tell it where commands are")]
    pub(crate) fn command<A: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hob"));
        command
            .args(args)
            .current_dir(self.workspace())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.path().join("home"))
            .env("HOB_STATE", self.store())
            .stdin(std::process::Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn hob<A: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        self.end(self.command(args))
    }

    /// Runs a command made by [`Scene::command`] to its end.
    pub(crate) fn end(&self, mut command: Command) -> Ran {
        let output = command.output().expect("the binary starts");
        Ran { output, root: self.root.path().to_owned() }
    }

    /// The bundle of the only instance in the store.
    pub(crate) fn bundle(&self) -> PathBuf {
        let instances: Vec<PathBuf> = std::fs::read_dir(self.store())
            .expect("a store")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_dir())
            .collect();
        let [instance] = instances.as_slice() else { panic!("not one instance: {instances:?}") };
        instance.clone()
    }

    /// The log of the only instance in the store, a JSON object a line.
    pub(crate) fn log(&self) -> Vec<serde_json::Value> {
        let log = std::fs::read_to_string(self.bundle().join("log.jsonl")).expect("a log");
        log.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
    }
}

/// What a run of the binary left.
pub(crate) struct Ran {
    output: Output,
    root: PathBuf,
}

impl Ran {
    /// What a binary left that a test ran in this scene by itself.
    pub(crate) fn of(output: Output, scene: &Scene) -> Self {
        Self { output, root: scene.root.path().to_owned() }
    }

    /// Exit code; `None` after a signal.
    pub(crate) fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// Standard output, with the scene's folder as `[SCENE]`.
    pub(crate) fn stdout(&self) -> String {
        self.plain(&self.output.stdout)
    }

    /// Standard error, with the scene's folder as `[SCENE]`.
    pub(crate) fn stderr(&self) -> String {
        self.plain(&self.output.stderr)
    }

    /// Both streams as they came, one after the other.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.output.stdout.as_slice(), self.output.stderr.as_slice()].concat()
    }

    /// Everything a person at the terminal sees, and the exit code.
    pub(crate) fn transcript(&self) -> String {
        let code = self.code().map_or("killed".to_owned(), |code| code.to_string());
        format!("exit {code}\n--- stdout\n{}--- stderr\n{}", self.stdout(), self.stderr())
    }

    fn plain(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).replace(&*self.root.to_string_lossy(), "[SCENE]");
        text.replace(env!("CARGO_MANIFEST_DIR"), "[HOB]")
    }
}

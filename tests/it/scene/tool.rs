//! Programs of other people that tests use when they are there. `.ci/run` has them all, and sets
//! `HOB_TEST_REQUIRE=1`: then a test fails that would be skipped without one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where programs are looked for.
#[expect(clippy::disallowed_methods, reason = "where programs are is the machine's to say")]
pub(crate) fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// The program of this name; where there is none, a line says how to get it.
pub(crate) fn find(name: &str, how: &str) -> Option<PathBuf> {
    let mut files = std::env::split_paths(&path()).map(|dir| dir.join(name)).collect::<Vec<_>>().into_iter();
    let found = files.find(|file| file.is_file());
    if found.is_none() {
        missing(&format!("no `{name}` on the PATH; get it with `{how}`"));
    }
    found
}

/// The Node that `node24` actions run on.
pub(crate) fn node24() -> Option<PathBuf> {
    const HOW: &str = "npm install node@24";
    let node = find("node", HOW)?;
    let version = version(&node);
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < 24) {
        missing(&format!("`{}` is Node {version}; get Node 24 with `{HOW}`", node.display()));
        return None;
    }
    Some(node)
}

#[expect(clippy::disallowed_methods, reason = "tests ask what this machine has")]
fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Says why a test is skipped, which is a failure where none may be.
#[expect(clippy::disallowed_methods, reason = "whether a test may be skipped is for who runs it to say")]
pub(crate) fn missing(reason: &str) {
    let required = std::env::var_os("HOB_TEST_REQUIRE").is_some_and(|value| value == "1");
    assert!(!required, "{reason}: HOB_TEST_REQUIRE asks for every test");
    println!("skipped: {reason}");
}

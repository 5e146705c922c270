//! The programs under `examples/`, run as their readers run them.

use std::path::PathBuf;
use std::process::Command;

use crate::scene::tool;

/// What an example prints; `None`, with a line that says so, where it is not built.
#[expect(clippy::disallowed_methods, reason = "tests start the real program")]
fn printed(name: &str, arguments: &[&str]) -> Option<String> {
    // Beside the directory that this test itself is in.
    let program: PathBuf = std::env::current_exe().unwrap().parent()?.parent()?.join("examples").join(name);
    if !program.is_file() {
        tool::missing(&format!("`{}` is not built; build it with `cargo build --examples`", program.display()));
        return None;
    }
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn each_example_does_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let all = ["hello", "weather", "watch", "triage"].map(|name| (name, Vec::new()));
    let twice = ["resume", "resume"].map(|name| (name, vec![state.to_str().unwrap()]));
    let mut page = String::new();
    for (name, arguments) in all.into_iter().chain(twice) {
        let Some(printed) = printed(name, &arguments) else { return };
        page.push_str(&format!("$ {name}\n{printed}"));
    }
    insta::assert_snapshot!(page);
}

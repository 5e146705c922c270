//! Files whose path matches.

use globset::{GlobBuilder, GlobMatcher};
use schemars::JsonSchema;
use serde::Deserialize;

use super::files::{Place, failed};
use super::typed::Typed;
use super::{Nature, Reply, Scope, output, walk};
use crate::sandbox::path::plain;

/// Paths shown at most.
const PATHS_MAX: usize = 1000;

/// Bytes of one path that are shown: as much as an operating system takes.
pub(super) const PATH_MAX: usize = 4096;

/// Files whose path matches.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Glob {
    /// Matched against the whole path below `path`: `*` stays within a directory, `**` crosses directories, as in
    /// `src/**/*.rs`. Also `?`, `[a-z]` and `{a,b}`.
    #[schemars(length(min = 1, max = 1000))]
    pattern: String,
    /// The directory to look in; the workspace when absent.
    path: Option<String>,
}

impl Typed for Glob {
    const NAME: &'static str = "glob";
    const DESCRIPTION: &'static str =
        "Lists the files whose path matches a glob, sorted, at most 1000. Leaves out what .gitignore names.";
    type Shared = Place;

    fn nature(_: &Place) -> Nature {
        Nature::ReadOnly
    }

    async fn run(self, place: &Place, scope: &Scope) -> Reply {
        let Self { pattern, path } = self;
        let sandbox = &*place.sandbox;
        let path = path.as_deref().unwrap_or(".");
        let root = plain(sandbox.workspace(), path);
        let below = pattern.strip_prefix(&root).unwrap_or(&pattern).trim_start_matches("./").trim_start_matches('/');
        let matcher = match compile(below) {
            Ok(matcher) => matcher,
            Err(reply) => return reply,
        };
        let walked = match walk::files(sandbox, path, &scope.cancel).await {
            Ok(walked) => walked,
            Err(error) => return failed(sandbox, &error),
        };
        let matches: Vec<&str> = walked
            .files
            .iter()
            .filter(|file| matcher.is_match(&file.below))
            .map(|file| walk::shown(sandbox.workspace(), &file.path))
            .collect();
        show(&pattern, &matches, walked.notes)
    }
}

fn show(pattern: &str, paths: &[&str], mut notes: Vec<String>) -> Reply {
    if paths.is_empty() {
        let hint = if pattern.contains('/') {
            String::new()
        } else {
            format!(" `*` stays within a directory; for every directory use `**/{pattern}`.")
        };
        notes.insert(0, format!("No file matches `{pattern}`.{hint}"));
        return Reply::ok(notes.join("\n"));
    }
    let mut text = String::new();
    let mut shown = 0;
    for path in paths.iter().take(PATHS_MAX) {
        let line = output::one_line(path, PATH_MAX);
        if text.len() + line.len() >= output::BYTES_MAX {
            break;
        }
        text.push_str(&line);
        text.push('\n');
        shown += 1;
    }
    if shown < paths.len() {
        notes.insert(0, format!("{shown} of {} files are shown; narrow the pattern or the path", paths.len()));
    }
    text.truncate(text.trim_end_matches('\n').len());
    Reply::ok(output::with_notes(text, &output::bracketed(&notes)))
}

/// A glob in which `*` does not cross directories.
pub(super) fn compile(pattern: &str) -> Result<GlobMatcher, Reply> {
    GlobBuilder::new(pattern).literal_separator(true).build().map(|glob| glob.compile_matcher()).map_err(|error| {
        let pattern = output::one_line(pattern, 200);
        Reply::error(format!("`{pattern}` is not a glob: {}.", error.kind()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::scene::Scene;

    #[tokio::test]
    async fn what_the_model_reads_of_a_glob() {
        let scene = Scene::new(&[
            (".gitignore", b"gen/\n"),
            ("Cargo.toml", b""),
            ("src/a/b/deep.rs", b""),
            ("src/gen/x.rs", b""),
            ("src/main.rs", b""),
            ("we\nird.rs", b""),
        ]);
        let said = scene
            .read_aloud(&[
                ("glob", json!({"pattern": "**/*.rs"})),
                ("glob", json!({"pattern": "*.toml"})),
                ("glob", json!({"pattern": "main.rs"})),
                ("glob", json!({"pattern": "*.rs", "path": "src"})),
                ("glob", json!({"pattern": "./src/{main,lib}.rs"})),
                ("glob", json!({"pattern": "src/[b"})),
                ("glob", json!({"pattern": "*", "path": "gone"})),
            ])
            .await;
        insta::assert_snapshot!(said, @r#"
        glob {"pattern":"**/*.rs"}
        > src/a/b/deep.rs
          src/main.rs
          we ird.rs
        glob {"pattern":"*.toml"}
        > Cargo.toml
        glob {"pattern":"main.rs"}
        > No file matches `main.rs`. `*` stays within a directory; for every directory use `**/main.rs`.
        glob {"path":"src","pattern":"*.rs"}
        > src/main.rs
        glob {"pattern":"./src/{main,lib}.rs"}
        > src/main.rs
        glob {"pattern":"src/[b"}
        ! `src/[b` is not a glob: unclosed character class; missing ']'.
        glob {"path":"gone","pattern":"*"}
        ! `gone` does not exist.
        "#);
    }

    #[tokio::test]
    async fn a_thousand_paths_are_shown_in_order() {
        let names: Vec<String> = (0..1100).map(|n| format!("f{n:04}")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
        let shown = Scene::new(&files).call("glob", json!({"pattern": "*"})).await.content;
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[999]), (1001, "f0000", "f0999"));
        assert_eq!(lines[1000], "[1000 of 1100 files are shown; narrow the pattern or the path]");
    }
}

//! Lines that match, found by ripgrep's own libraries in what the sandbox reads.

use globset::GlobMatcher;
use grep_matcher::{LineTerminator, Matcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{SearcherBuilder, sinks};
use schemars::JsonSchema;
use serde::Deserialize;

use super::files::{Place, failed};
use super::glob::{PATH_MAX, compile};
use super::typed::Typed;
use super::walk::Found;
use super::{Nature, Reply, Scope, output, walk};
use crate::sandbox::Sandbox;

/// Lines shown at most.
const MATCHES_MAX: usize = 100;

/// Characters shown of one line.
const LINE_CHARS: usize = 500;

/// Characters shown before a match that stands far into its line.
const CHARS_BEFORE: usize = 100;

/// Largest file that is searched when a directory is.
const FILE_MAX: u64 = 16 << 20;

/// Bytes read in one search.
const BYTES_MAX: u64 = 256 << 20;

/// Bytes that a compiled pattern may take.
const PATTERN_MAX: usize = 8 << 20;

/// Lines that match.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Grep {
    /// A regular expression in Rust's syntax, matched line by line.
    #[schemars(length(min = 1, max = 2000))]
    pattern: String,
    /// The file or directory to search; the workspace when absent.
    path: Option<String>,
    /// Only files that match this glob: `*.rs` in every directory, `src/**/*.rs` below `path`.
    #[schemars(length(min = 1, max = 1000))]
    include: Option<String>,
    /// Take the pattern as plain text.
    literal: Option<bool>,
    /// Take upper and lower case as the same.
    ignore_case: Option<bool>,
}

impl Typed for Grep {
    const NAME: &'static str = "grep";
    const DESCRIPTION: &'static str = "\
        Searches files for lines that match and shows them as path:line:text, at most 100. Leaves out binary files \
        and what .gitignore names.";
    type Shared = Place;

    fn nature(_: &Place) -> Nature {
        Nature::ReadOnly
    }

    async fn run(self, place: &Place, scope: &Scope) -> Reply {
        let sandbox = &*place.sandbox;
        let search = match Search::new(&self) {
            Ok(search) => search,
            Err(reply) => return reply,
        };
        let mut walked = match walk::files(sandbox, self.path.as_deref().unwrap_or("."), &scope.cancel).await {
            Ok(walked) => walked,
            Err(error) => return failed(sandbox, &error),
        };
        if let (Some(include), false) = (&search.include, walked.single) {
            walked.files.retain(|file| include.lets(file));
        }
        let mut hits = Hits { notes: walked.notes, ..Hits::default() };
        for file in &walked.files {
            if scope.cancel.is_cancelled() {
                hits.notes.push("stopped early because the run was stopped".to_owned());
                break;
            }
            if let Err(error) = search.file(sandbox, file, walked.single, &mut hits).await {
                return error;
            }
            if hits.full {
                break;
            }
            tokio::task::yield_now().await;
        }
        show(&self.pattern, hits)
    }
}

/// A pattern and where to look for it.
struct Search {
    matcher: RegexMatcher,
    include: Option<Include>,
}

struct Include {
    glob: GlobMatcher,
    names_only: bool,
}

impl Include {
    fn lets(&self, file: &Found) -> bool {
        let name = if self.names_only { file.below.rsplit('/').next().unwrap_or_default() } else { &file.below };
        self.glob.is_match(name)
    }
}

/// What a search has found so far.
#[derive(Default)]
struct Hits {
    lines: Vec<String>,
    /// There are more than are shown.
    full: bool,
    bytes: u64,
    too_large: usize,
    unread: usize,
    notes: Vec<String>,
}

impl Search {
    fn new(asked: &Grep) -> Result<Self, Reply> {
        let matcher = RegexMatcherBuilder::new()
            .case_insensitive(asked.ignore_case.unwrap_or(false))
            .fixed_strings(asked.literal.unwrap_or(false))
            .line_terminator(Some(b'\n'))
            .crlf(true)
            .size_limit(PATTERN_MAX)
            .dfa_size_limit(PATTERN_MAX)
            .build(&asked.pattern)
            .map_err(|error| unusable(&asked.pattern, &error))?;
        let include = match asked.include.as_deref().map(|glob| glob.trim_start_matches("./")) {
            Some(glob) => Some(Include { glob: compile(glob)?, names_only: !glob.contains('/') }),
            None => None,
        };
        Ok(Self { matcher, include })
    }

    /// Adds the lines of one file. `named` says that the model asked for this very file.
    async fn file(&self, sandbox: &dyn Sandbox, file: &Found, named: bool, hits: &mut Hits) -> Result<(), Reply> {
        if file.size > FILE_MAX && !named {
            hits.too_large += 1;
            return Ok(());
        }
        if hits.bytes.saturating_add(file.size) > BYTES_MAX {
            hits.notes.push(format!("stopped after {} MiB; narrow the path or include", BYTES_MAX >> 20));
            hits.full = true;
            return Ok(());
        }
        let bytes = match sandbox.read(&file.path).await {
            Ok(bytes) => bytes,
            Err(error) if named => return Err(failed(sandbox, &error)),
            Err(_) => {
                hits.unread += 1;
                return Ok(());
            }
        };
        hits.bytes += bytes.len() as u64;
        if bytes.contains(&0) {
            if named {
                hits.notes.push("the file is binary and was not searched".to_owned());
            }
            return Ok(());
        }
        let path = output::one_line(walk::shown(sandbox.workspace(), &file.path), PATH_MAX);
        let mut size: usize = hits.lines.iter().map(String::len).sum();
        let found = sinks::Bytes(|number, line| {
            let shown = format!("{path}:{number}:{}", self.shorten(line));
            size += shown.len() + 1;
            if hits.lines.len() == MATCHES_MAX || size > output::BYTES_MAX {
                hits.full = true;
                hits.notes.push(format!(
                    "only the first {} matches are shown; narrow the pattern, path or include",
                    hits.lines.len()
                ));
                return Ok(false);
            }
            hits.lines.push(shown);
            Ok(true)
        });
        SearcherBuilder::new()
            .line_number(true)
            .line_terminator(LineTerminator::crlf())
            .build()
            .search_slice(&self.matcher, &bytes, found)
            .map_err(|error| Reply::error(format!("The search failed: {error}.")))
    }

    /// The line, or the part of it around its first match.
    fn shorten(&self, line: &[u8]) -> String {
        let at = match self.matcher.find(line) {
            Ok(Some(found)) => found.start(),
            _ => 0,
        };
        let before = output::of_file(&line[..at]).text;
        let line = output::of_file(line).text;
        let line = line.trim_end_matches(['\r', '\n']);
        let skip = match before.chars().count() {
            far if far + CHARS_BEFORE > LINE_CHARS && line.chars().count() > LINE_CHARS => far - CHARS_BEFORE.min(far),
            _ => 0,
        };
        let mut shown = if skip > 0 { "…".to_owned() } else { String::new() };
        let mut rest = line.chars().skip(skip);
        shown.extend(rest.by_ref().take(LINE_CHARS));
        if rest.next().is_some() {
            shown.push('…');
        }
        shown
    }
}

fn unusable(pattern: &str, error: &grep_regex::Error) -> Reply {
    let next = if pattern.contains('\n') || pattern.contains("\\n") {
        "A match stays within one line; search for a part of one."
    } else {
        "Set literal to search for plain text."
    };
    Reply::error(format!("The pattern cannot be used: {error}\n{next}"))
}

fn show(pattern: &str, hits: Hits) -> Reply {
    let Hits { lines, too_large, unread, mut notes, .. } = hits;
    if too_large > 0 {
        notes.push(format!("files over {} MiB that were not searched: {too_large}", FILE_MAX >> 20));
    }
    if unread > 0 {
        notes.push(format!("files that could not be read: {unread}"));
    }
    let text = if lines.is_empty() {
        format!("No line matches `{}`.", output::one_line(pattern, 200))
    } else {
        lines.join("\n")
    };
    Reply::ok(output::with_notes(text, &output::bracketed(&notes)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::scene::Scene;

    #[tokio::test]
    async fn what_the_model_reads_of_a_search() {
        let scene = Scene::new(&[
            (".git/config", b"needle"),
            (".gitignore", b"target/\n*.log\n!keep.log\n"),
            (".github/ci.yml", b"run: needle\n"),
            ("a.log", b"needle\n"),
            ("bin", b"needle\0"),
            ("keep.log", b"needle kept\r\n"),
            ("src/.gitignore", b"/gen\n"),
            ("src/gen/x.rs", b"needle"),
            ("src/lib.rs", b"// a Needle\nfn needle(a: u8) {}\n\n// needle.*\n"),
            ("src/latin1.rs", b"// caf\xe9 needle\n"),
            ("target/debug/x", b"needle"),
        ]);
        let said = scene
            .read_aloud(&[
                ("grep", json!({"pattern": "needle"})),
                ("grep", json!({"pattern": "NEEDLE.", "ignore_case": true, "include": "*.rs"})),
                ("grep", json!({"pattern": "needle.*", "literal": true, "path": "src"})),
                ("grep", json!({"pattern": "^needle", "include": "src/**"})),
                ("grep", json!({"pattern": "needle", "path": "bin"})),
                ("grep", json!({"pattern": "fn needle("})),
                ("grep", json!({"pattern": "a\nb"})),
                ("grep", json!({"pattern": "x", "include": "a[b"})),
                ("grep", json!({"pattern": "x", "path": "gone"})),
            ])
            .await;
        insta::assert_snapshot!(said, @r#"
        grep {"pattern":"needle"}
        > .github/ci.yml:1:run: needle
          keep.log:1:needle kept
          src/latin1.rs:1:// caf� needle
          src/lib.rs:2:fn needle(a: u8) {}
          src/lib.rs:4:// needle.*
        grep {"ignore_case":true,"include":"*.rs","pattern":"NEEDLE."}
        > src/lib.rs:2:fn needle(a: u8) {}
          src/lib.rs:4:// needle.*
        grep {"literal":true,"path":"src","pattern":"needle.*"}
        > src/lib.rs:4:// needle.*
        grep {"include":"src/**","pattern":"^needle"}
        > No line matches `^needle`.
        grep {"path":"bin","pattern":"needle"}
        > No line matches `needle`.
          [the file is binary and was not searched]
        grep {"pattern":"fn needle("}
        ! The pattern cannot be used: regex parse error:
              (?:fn needle()
              ^
          error: unclosed group
          Set literal to search for plain text.
        grep {"pattern":"a\nb"}
        ! The pattern cannot be used: the literal "\n" is not allowed in a regex
          A match stays within one line; search for a part of one.
        grep {"include":"a[b","pattern":"x"}
        ! `a[b` is not a glob: unclosed character class; missing ']'.
        grep {"path":"gone","pattern":"x"}
        ! `gone` does not exist.
        "#);
    }

    #[tokio::test]
    async fn an_ignored_file_that_is_named_is_searched() {
        let scene =
            Scene::local(&[(".gitignore", b"target/\n*.log\n"), ("a.log", b"needle\n"), ("target/x", b"needle")]);
        let said = scene
            .read_aloud(&[
                ("grep", json!({"pattern": "needle"})),
                ("grep", json!({"pattern": "needle", "path": "a.log"})),
                ("grep", json!({"pattern": "needle", "path": "target"})),
                ("glob", json!({"pattern": "**", "path": "target"})),
            ])
            .await;
        insta::assert_snapshot!(said, @r#"
        grep {"pattern":"needle"}
        > No line matches `needle`.
        grep {"path":"a.log","pattern":"needle"}
        > a.log:1:needle
        grep {"path":"target","pattern":"needle"}
        > target/x:1:needle
        glob {"path":"target","pattern":"**"}
        > target/x
        "#);
    }

    #[tokio::test]
    async fn matches_and_lines_are_bounded() {
        let wide = format!("{}needle{}\n", "ä".repeat(600), "b".repeat(600));
        let scene = Scene::new(&[("many", "needle\n".repeat(300).as_bytes()), ("wide", wide.as_bytes())]);
        let many = scene.call("grep", json!({"pattern": "needle", "path": "many"})).await.content;
        assert_eq!(many.lines().count(), 101);
        let note = many.lines().last().unwrap();
        assert_eq!(note, "[only the first 100 matches are shown; narrow the pattern, path or include]");
        let wide = scene.call("grep", json!({"pattern": "needle", "path": "wide"})).await.content;
        let expected = format!("wide:1:…{}needle{}…", "ä".repeat(100), "b".repeat(394));
        assert_eq!(wide, expected);
    }
}

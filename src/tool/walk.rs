//! The files below a directory of a sandbox, without those that git ignores.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use tokio_util::sync::CancellationToken;

use crate::sandbox::path::plain;
use crate::sandbox::{DirEntry, Error, FileKind, Sandbox};

/// Directory members looked at.
const ENTRIES_MAX: usize = 100_000;

/// Directories below each other.
const DEPTH_MAX: usize = 64;

/// Bytes of one `.gitignore` that is obeyed; a larger one is passed over.
const GITIGNORE_MAX: u64 = 64 << 10;

/// `.gitignore` files obeyed in one walk.
const GITIGNORES_MAX: usize = 500;

/// A regular file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Absolute, inside the sandbox.
    pub(super) path: String,
    /// Below the directory that was asked for.
    pub(super) below: String,
    pub(super) size: u64,
}

/// What a walk came back with.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Sorted by path.
    pub(super) files: Vec<Found>,
    /// What was left out, in words for the model.
    pub(super) notes: Vec<String>,
    /// The path was a file, not a directory.
    pub(super) single: bool,
}

/// A path as the model would write it: relative, when it is below the workspace.
pub(super) fn shown<'a>(workspace: &str, path: &'a str) -> &'a str {
    let workspace = workspace.trim_end_matches('/');
    path.strip_prefix(workspace).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path)
}

/// All regular files below the directory that was asked for. Symlinks are not followed, `.git` is
/// not entered, hidden files count.
pub(super) async fn files(sandbox: &dyn Sandbox, asked: &str, cancel: &CancellationToken) -> Result<Walked, Error> {
    let mut walked = Walked::default();
    let root = plain(sandbox.workspace(), asked);
    let first = match sandbox.list(asked).await {
        Ok(entries) => entries,
        Err(Error::NotDirectory(_)) => {
            let size = sandbox.stat(asked).await?.size;
            let below = root.rsplit('/').next().unwrap_or(&root).to_owned();
            return Ok(Walked { files: vec![Found { path: root, below, size }], single: true, ..walked });
        }
        Err(error) => return Err(error),
    };
    let mut obeyed = 0;
    let mut above = None;
    for directory in ancestors(sandbox.workspace(), &root) {
        if let Ok(stat) = sandbox.stat(&join(&directory, ".gitignore")).await {
            let file = DirEntry { name: ".gitignore".to_owned(), stat };
            above = rules(sandbox, &directory, &[file], above, &mut obeyed).await;
        }
    }
    let mut queue = VecDeque::from([(root.clone(), 0, first, above)]);
    let (mut seen, mut unread, mut deep) = (0, 0, 0);
    'walk: while let Some((directory, depth, entries, above)) = queue.pop_front() {
        let rules = rules(sandbox, &directory, &entries, above, &mut obeyed).await;
        for entry in entries {
            if cancel.is_cancelled() {
                walked.notes.push("stopped early because the run was stopped".to_owned());
                break 'walk;
            }
            if seen == ENTRIES_MAX {
                walked.notes.push(format!("only the first {ENTRIES_MAX} directory members were looked at"));
                break 'walk;
            }
            seen += 1;
            let path = join(&directory, &entry.name);
            let is_directory = entry.stat.kind == FileKind::Directory;
            if entry.name == ".git" || rules.as_deref().is_some_and(|rules| rules.ignore(&path, is_directory)) {
                continue;
            }
            match entry.stat.kind {
                FileKind::Directory if depth == DEPTH_MAX => deep += 1,
                FileKind::Directory => match sandbox.list(&path).await {
                    Ok(entries) => queue.push_back((path, depth + 1, entries, rules.clone())),
                    Err(_) => unread += 1,
                },
                FileKind::File => {
                    let below = path.strip_prefix(&root).unwrap_or(&path).trim_start_matches('/').to_owned();
                    walked.files.push(Found { path, below, size: entry.stat.size });
                }
                FileKind::Link | FileKind::Other => {}
            }
        }
        tokio::task::yield_now().await;
    }
    for (count, what) in [(unread, "could not be read"), (deep, "are too deep and were not entered")] {
        if count > 0 {
            walked.notes.push(format!("directories that {what}: {count}"));
        }
    }
    walked.notes.extend(sandbox.left_out());
    walked.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(walked)
}

fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}

/// The directories from the workspace down to the one above `root`.
fn ancestors(workspace: &str, root: &str) -> Vec<String> {
    let workspace = plain("/", workspace);
    let Ok(below) = Path::new(root).strip_prefix(&workspace) else { return Vec::new() };
    let mut directory = workspace;
    let mut all = Vec::new();
    for part in below.iter() {
        all.push(directory.clone());
        directory = join(&directory, &part.to_string_lossy());
    }
    all
}

/// What one directory's `.gitignore` says, and those above it.
struct Rules {
    here: Gitignore,
    above: Option<Arc<Rules>>,
}

impl Rules {
    /// The innermost file that says anything decides.
    fn ignore(&self, path: &str, is_directory: bool) -> bool {
        let mut rules = Some(self);
        while let Some(level) = rules {
            let says = level.here.matched(path, is_directory);
            if !says.is_none() {
                return says.is_ignore();
            }
            rules = level.above.as_deref();
        }
        false
    }
}

async fn rules(
    sandbox: &dyn Sandbox,
    directory: &str,
    entries: &[DirEntry],
    above: Option<Arc<Rules>>,
    obeyed: &mut usize,
) -> Option<Arc<Rules>> {
    let file = entries.iter().find(|entry| entry.name == ".gitignore" && entry.stat.kind == FileKind::File);
    if file.is_none_or(|file| file.stat.size > GITIGNORE_MAX) || *obeyed == GITIGNORES_MAX {
        return above;
    }
    let Ok(bytes) = sandbox.read(&join(directory, ".gitignore")).await else { return above };
    *obeyed += 1;
    let mut builder = GitignoreBuilder::new(directory);
    for line in String::from_utf8_lossy(&bytes).lines() {
        // As in git, a line that is no pattern says nothing.
        let _ = builder.add_line(None, line);
    }
    match builder.build() {
        Ok(here) => Some(Arc::new(Rules { here, above })),
        Err(_) => above,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_relative_to_the_workspace() {
        assert_eq!(shown("/w", "/w/a/b"), "a/b");
        assert_eq!(shown("/w", "/words/a"), "/words/a");
        assert_eq!(ancestors("/w", "/w/a/b"), ["/w", "/w/a"]);
        assert_eq!(ancestors("/w", "/w"), [] as [&str; 0]);
        assert_eq!(ancestors("/w", "/tmp/x"), [] as [&str; 0]);
    }

    #[cfg(feature = "virtual")]
    #[tokio::test]
    async fn files_that_a_sandbox_does_not_show_are_said_to_be_there() {
        use serde_json::json;

        let names: Vec<String> = (0..2_000).map(|n| format!("many/{n}")).collect();
        let many = names.iter().map(|name| (name.as_str(), b"".as_slice()));
        let files: Vec<(&str, &[u8])> = many.chain([("first", b"".as_slice())]).collect();
        let scene = super::super::scene::Scene::in_memory(&files);
        let said = scene
            .read_aloud(&[
                ("read", json!({"path": "gone"})),
                ("glob", json!({"pattern": "*.rs", "path": "many"})),
                ("glob", json!({"pattern": "first"})),
                ("grep", json!({"pattern": "word"})),
                ("grep", json!({"pattern": "word", "path": "gone"})),
                ("read", json!({"path": "gone"})),
                ("edit", json!({"path": "gone", "old_text": "a", "new_text": "b"})),
                ("read", json!({"path": "many"})),
            ])
            .await;
        insta::assert_snapshot!(said, @r#"
        read {"path":"gone"}
        ! `gone` does not exist.
        glob {"path":"many","pattern":"*.rs"}
        > No file matches `*.rs`. `*` stays within a directory; for every directory use `**/*.rs`.
          the workspace has more than 2000 files; the rest of them is not visible here
        glob {"pattern":"first"}
        > first
          [the workspace has more than 2000 files; the rest of them is not visible here]
        grep {"pattern":"word"}
        > No line matches `word`.
          [the workspace has more than 2000 files; the rest of them is not visible here]
        grep {"path":"gone","pattern":"word"}
        ! `gone` does not exist.
          [the workspace has more than 2000 files; the rest of them is not visible here]
        read {"path":"gone"}
        ! `gone` does not exist.
          [the workspace has more than 2000 files; the rest of them is not visible here]
        edit {"new_text":"b","old_text":"a","path":"gone"}
        ! `gone` does not exist.
          [the workspace has more than 2000 files; the rest of them is not visible here]
        read {"path":"many"}
        ! `many` is a directory. Use `glob` to see the files in it.
        "#);
    }
}

//! Which commit is checked out. Agents and skills are files of the checkout, so it must be the commit
//! that the runner trusts with the event: on a comment, a workflow that checks out a stranger's branch
//! would let the stranger say what runs with the job's secrets.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cli::refusal::Refusal;

/// Longest file of Git's that is read; a list of all refs is the longest.
const FILE_MAX: u64 = 16 << 20;

/// Refuses a checkout of another commit than the runner's, and one whose commit cannot be read. A
/// workspace without a checkout has no files to distrust.
pub(super) fn trusted(workspace: &Path, commit: Option<&str>) -> Result<(), Refusal> {
    let Some(commit) = commit else { return Ok(()) };
    // What the repository says to every agent is read up to its root.
    let is_root = |dir: &&Path| std::fs::symlink_metadata(dir.join(".git")).is_ok();
    let Some(root) = workspace.ancestors().find(is_root) else { return Ok(()) };
    let at = match head(root) {
        Some(head) if head == commit => return Ok(()),
        Some(head) => format!("the checkout is at {head}"),
        None => "nobody can tell at which commit the checkout is".to_owned(),
    };
    Err(Refusal::usage(format!(
        "{at}, and this job's event is trusted with {commit}: agents and skills of another commit have no say here; \
         check out without `ref:`, or put the other commit into a directory of its own (`path:`)"
    )))
}

/// The commit of a working tree; `None` where there is none, no commit yet, or a way of keeping it that
/// is not known here.
fn head(workspace: &Path) -> Option<String> {
    let git = git_dir(workspace)?;
    let head = read(&git.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return commit(&head) };
    // Refs of a linked working tree are those of its main one.
    let shared = read(&git.join("commondir")).map_or_else(|| git.clone(), |path| git.join(path.trim()));
    let loose = [&git, &shared].into_iter().find_map(|dir| commit(&read(&dir.join(name))?));
    loose.or_else(|| {
        let packed = read(&shared.join("packed-refs"))?;
        packed.lines().find_map(|line| commit(line.strip_suffix(name)?.strip_suffix(' ')?))
    })
}

/// `.git` is a directory, or a file that says where it is.
fn git_dir(workspace: &Path) -> Option<PathBuf> {
    let git = workspace.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let file = read(&git)?;
    Some(workspace.join(file.trim().strip_prefix("gitdir: ")?))
}

fn commit(text: &str) -> Option<String> {
    let text = text.trim();
    let is_hash = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(FILE_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = tree.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        tree
    }

    #[test]
    fn the_commit_is_found_however_git_keeps_it() {
        for (what, files, expected) in [
            ("no checkout", vec![], None),
            ("detached", vec![(".git/HEAD", format!("{ONE}\n"))], Some(ONE)),
            (
                "a branch",
                vec![(".git/HEAD", "ref: refs/heads/main\n".into()), (".git/refs/heads/main", format!("{ONE}\n"))],
                Some(ONE),
            ),
            (
                "packed",
                vec![
                    (".git/HEAD", "ref: refs/heads/main\n".into()),
                    (
                        ".git/packed-refs",
                        format!("# pack-refs\n{TWO} refs/heads/x/refs/heads/main\n{ONE} refs/heads/main\n"),
                    ),
                ],
                Some(ONE),
            ),
            ("no commit yet", vec![(".git/HEAD", "ref: refs/heads/main\n".into())], None),
            (
                "a linked tree",
                vec![
                    (".git", "gitdir: ../main/.git/worktrees/x\n".replace("../main", "main")),
                    ("main/.git/worktrees/x/HEAD", "ref: refs/heads/y\n".into()),
                    ("main/.git/worktrees/x/commondir", "../..\n".into()),
                    ("main/.git/refs/heads/y", format!("{TWO}\n")),
                ],
                Some(TWO),
            ),
        ] {
            let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
            assert_eq!(head(tree(&files).path()).as_deref(), expected, "{what}");
        }
    }

    #[test]
    fn another_commit_than_the_runners_is_refused() {
        let tree = tree(&[(".git/HEAD", ONE)]);
        assert!(trusted(tree.path(), Some(ONE)).is_ok() && trusted(tree.path(), None).is_ok());
        let odd = self::tree(&[(".git/HEAD", "ref: refs/heads/.invalid\n")]);
        let unread = trusted(odd.path(), Some(TWO)).unwrap_err().plain();
        assert!(unread.starts_with("nobody can tell at which commit the checkout is, and "), "{unread}");
        assert!(trusted(self::tree(&[("README", "")]).path(), Some(TWO)).is_ok());
        let refused = trusted(tree.path(), Some(TWO)).unwrap_err().plain();
        insta::assert_snapshot!(refused, @"the checkout is at 1111111111111111111111111111111111111111, and this job's event is trusted with 2222222222222222222222222222222222222222: agents and skills of another commit have no say here; check out without `ref:`, or put the other commit into a directory of its own (`path:`)");
    }
}

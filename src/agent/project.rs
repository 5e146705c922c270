//! What a repository says to every agent that works in it: `AGENTS.md`, or else `CLAUDE.md`, of the
//! working directory and of those above it, up to the root of the repository.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::domain::invisible::without_invisible;

/// In the order they are looked for; the first one of a directory counts.
const FILES: [&str; 2] = ["AGENTS.md", "CLAUDE.md"];

/// Bytes of one file that an agent reads.
const MOST: usize = 32 << 10;

/// Bytes of all of them.
const ALL: usize = 96 << 10;

/// How many directories are looked at.
const DEEP: usize = 32;

/// One file's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notes {
    /// Where they stand, from the root of the repository.
    pub path: String,
    /// What a reader of the file sees, cut where it is too long.
    pub text: String,
}

/// All that are there, those of the root first. Only regular files are read: a link could lead anywhere.
pub fn notes(workspace: &Path) -> Vec<Notes> {
    let above: Vec<&Path> = workspace.ancestors().take(DEEP).collect();
    // Outside of a repository nobody says where it ends.
    let owner = |path: &Path| fs::symlink_metadata(path).ok().map(|meta| meta.uid());
    let is_root = |dir: &&Path| fs::symlink_metadata(dir.join(".git")).is_ok();
    // As for Git, one of somebody else is none.
    let root =
        above.iter().position(is_root).filter(|at| owner(&above[*at].join(".git")) == owner(workspace)).unwrap_or(0);
    let root_dir = above.get(root).copied().unwrap_or(workspace);
    let read = |dir: &&Path| {
        FILES.iter().find_map(|file| {
            let path = dir.join(file);
            let text = read(&path)?;
            let path = path.strip_prefix(root_dir).unwrap_or(&path).to_string_lossy().into_owned();
            Some(Notes { path: without_invisible(&path).0, text })
        })
    };
    let mut left = ALL;
    let fits = |notes: &Notes| {
        left = left.saturating_sub(notes.text.len());
        left > 0
    };
    above.iter().take(root + 1).rev().filter_map(read).take_while(fits).collect()
}

/// A file's words; `None` where there is none that says something.
fn read(path: &Path) -> Option<String> {
    if !fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file()) {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(MOST as u64 + 1).read_to_end(&mut bytes).ok()?;
    let is_cut = bytes.len() > MOST;
    let text = String::from_utf8_lossy(&bytes);
    let shown = &text[..text.floor_char_boundary(if is_cut { MOST } else { text.len() })];
    let (mut shown, _) = without_invisible(&shown.replace("\r\n", "\n"));
    if is_cut {
        shown.push_str("\n[cut: the file is longer]");
    }
    let shown = shown.trim().to_owned();
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with these files; a path that ends in `/` is a directory, `a -> b` a link.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match text.strip_prefix("-> ") {
                Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
                None => fs::write(path, text).unwrap(),
            }
        }
        dir
    }

    fn told(files: &[(&str, &str)], workspace: &str) -> Vec<String> {
        let dir = tree(files);
        notes(&dir.path().join(workspace)).into_iter().map(|notes| format!("{}: {}", notes.path, notes.text)).collect()
    }

    #[test]
    fn the_root_speaks_first_and_one_file_of_each_directory() {
        let files = [
            (".git/HEAD", "ref"),
            ("AGENTS.md", "Of the root.\n"),
            ("CLAUDE.md", "Not read."),
            ("crates/one/CLAUDE.md", "Of one.\r\nIts second line."),
            ("crates/other/AGENTS.md", "Of another."),
            ("crates/AGENTS.md", " \n"),
        ];
        let one = "crates/one/CLAUDE.md: Of one.\nIts second line.";
        assert_eq!(told(&files, "crates/one"), ["AGENTS.md: Of the root.", one]);
        assert_eq!(told(&files, ""), ["AGENTS.md: Of the root."]);
    }

    #[test]
    fn nothing_above_a_repository_or_behind_a_link_is_read() {
        let files = [
            ("AGENTS.md", "Above."),
            ("repo/.git/HEAD", "ref"),
            ("repo/CLAUDE.md", "-> ../AGENTS.md"),
            ("repo/sub/AGENTS.md/not", "a directory"),
        ];
        assert_eq!(told(&files, "repo/sub"), Vec::<String>::new());
        // Without a repository there is the directory alone.
        assert_eq!(told(&[("AGENTS.md", "Above."), ("sub/x", "")], "sub"), Vec::<String>::new());
    }

    #[test]
    fn what_a_reader_does_not_see_and_what_is_too_long_is_left_out() {
        let hidden = "Be kind.\u{200b}\u{e0041}\u{202e} Really.";
        assert_eq!(told(&[("AGENTS.md", hidden)], ""), ["AGENTS.md: Be kind. Really."]);
        let long = "é".repeat(MOST);
        let told = told(&[("AGENTS.md", &long)], "");
        assert!(told[0].ends_with("\n[cut: the file is longer]") && told[0].len() < MOST + 100);
    }
}

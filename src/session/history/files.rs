//! The files of a contained sandbox, as the log says they changed: the fold of every workspace delta
//! in the order of the log, and the way back into a fresh sandbox.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::domain::entry::{FileChange, FileNow};
use crate::sandbox::{Change, Now, Sandbox};
use crate::session::Error;
use crate::session::journal::Journal;
use crate::store::{self, Peek};

/// Every path that changed, as it stands now. What is not named stands as the checkout has it.
#[derive(Clone, Debug, Default)]
pub struct Files(BTreeMap<String, Standing>);

#[derive(Clone, Debug)]
struct Standing {
    now: FileNow,
    /// A directory that took the place of something else: what the checkout has in it is gone too.
    anew: bool,
}

/// Where content is found by its digest.
pub trait Contents: Send {
    /// Content, verified.
    fn content<'a>(&'a mut self, digest: &'a str) -> BoxFuture<'a, Result<Bytes, store::Error>>;
}

impl Contents for Journal {
    fn content<'a>(&'a mut self, digest: &'a str) -> BoxFuture<'a, Result<Bytes, store::Error>> {
        self.blob(digest).boxed()
    }
}

impl Contents for Peek {
    fn content<'a>(&'a mut self, digest: &'a str) -> BoxFuture<'a, Result<Bytes, store::Error>> {
        self.blob(digest).boxed()
    }
}

/// So many bytes of content are put into a sandbox at once.
const FEW_BYTES: usize = 4 << 20;

/// What is done first where a directory is anew.
static GONE: FileNow = FileNow::Gone;

impl Files {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes up the next change of the log.
    pub(super) fn add(&mut self, change: &FileChange) {
        let before = self.0.get(&change.path).map(|standing| &standing.now);
        let anew = match (before, &change.now) {
            (Some(FileNow::Directory), FileNow::Directory) => return,
            (before, FileNow::Directory) => before.is_some(),
            _ => {
                self.drop_beneath(&change.path);
                false
            }
        };
        self.0.insert(change.path.clone(), Standing { now: change.now.clone(), anew });
    }

    /// Puts the files into a sandbox that shows the checkout, a few at a time: no more than that is in
    /// memory beside what the sandbox itself holds.
    ///
    /// # Errors
    /// When content is missing, or the sandbox does not take a file.
    pub async fn restore(&self, sandbox: &dyn Sandbox, contents: &mut dyn Contents) -> Result<(), Error> {
        let mut few = Vec::new();
        let mut size = 0;
        for (path, now) in self.steps() {
            let now = match now {
                FileNow::File { blob: digest, mode } => {
                    let content = contents.content(digest).await?;
                    size += content.len();
                    Now::File { content, mode: *mode }
                }
                FileNow::Directory => Now::Directory,
                FileNow::Link { target } => Now::Link { target: target.clone() },
                FileNow::Gone => Now::Gone,
            };
            few.push(Change { path: path.to_owned(), now });
            if size >= FEW_BYTES {
                sandbox.restore(&mut few.drain(..))?;
                size = 0;
            }
        }
        Ok(sandbox.restore(&mut few.into_iter())?)
    }

    /// The fewest changes that make these files, in the order to do them.
    fn steps(&self) -> impl Iterator<Item = (&str, &FileNow)> {
        self.0.iter().flat_map(|(path, standing)| {
            let first = standing.anew.then_some((path.as_str(), &GONE));
            first.into_iter().chain([(path.as_str(), &standing.now)])
        })
    }

    /// Where no directory stands any more, nothing stands beneath it.
    fn drop_beneath(&mut self, path: &str) {
        // `0` is the character after `/`.
        let beneath = self.0.range(format!("{path}/")..format!("{path}0"));
        let beneath: Vec<String> = beneath.map(|(path, _)| path.clone()).collect();
        for path in beneath {
            self.0.remove(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Folds words like `+d` (a directory), `d/x` (a file), `l>` (a link), `-d` (gone).
    fn folded(words: &str) -> String {
        let mut files = Files::default();
        for word in words.split_whitespace() {
            let (path, now) = match (word.strip_prefix('+'), word.strip_prefix('-'), word.strip_suffix('>')) {
                (Some(path), ..) => (path, FileNow::Directory),
                (_, Some(path), _) => (path, FileNow::Gone),
                (.., Some(path)) => (path, FileNow::Link { target: "t".into() }),
                _ => (word, FileNow::File { blob: "b".into(), mode: 0o644 }),
            };
            files.add(&FileChange { path: path.into(), now });
        }
        let step = |(path, now): (&str, &FileNow)| match now {
            FileNow::Directory => format!("+{path}"),
            FileNow::Gone => format!("-{path}"),
            FileNow::Link { .. } => format!("{path}>"),
            FileNow::File { .. } => path.to_owned(),
        };
        files.steps().map(step).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn changes_fold_in_the_order_of_the_log() {
        for (words, expected) in [
            ("", ""),
            ("a a", "a"),
            ("+d d/x", "+d d/x"),
            ("+d d/x -d", "-d"),
            ("+d d/x d", "d"),
            ("+d d/x d>", "d>"),
            // A neighbour whose name only begins alike is no part of it.
            ("+d d/x d-x d.y d0 -d", "-d d-x d.y d0"),
            ("+a a/x -a +c c/x", "-a +c c/x"),
            // What the checkout has there must go before the directory is anew.
            ("-src +src", "-src +src"),
            ("-src +src src/b +src", "-src +src src/b"),
            ("src +src src/b", "-src +src src/b"),
            ("+d d/x -d +d d/y", "-d +d d/y"),
            // A directory that only became known keeps what is beneath it.
            ("d/x +d", "+d d/x"),
        ] {
            assert_eq!(folded(words), expected, "after `{words}`");
        }
    }
}

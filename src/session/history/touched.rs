//! Files that an agent looked at and changed, for summaries.

use std::collections::BTreeSet;

use crate::domain::message::{Answer, Block, Call};

/// Most paths that are remembered of each kind.
const MOST: usize = 500;

/// Longest path that is remembered, in bytes.
const LONGEST: usize = 300;

/// Paths as the agent, or the sandbox, wrote them.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    read: BTreeSet<String>,
    changed: BTreeSet<String>,
}

impl Touched {
    /// Those that were looked at and not changed.
    pub fn read(&self) -> impl Iterator<Item = &str> {
        self.read.difference(&self.changed).map(String::as_str)
    }

    /// Those that were changed, by a tool for files or by a command.
    pub fn changed(&self) -> impl Iterator<Item = &str> {
        self.changed.iter().map(String::as_str)
    }

    /// What an answer asks for.
    pub(super) fn call(&mut self, answer: &Answer) {
        for block in &answer.blocks {
            let Block::Call(call) = block else { continue };
            match call.name.as_str() {
                "read" => remember(&mut self.read, path(call)),
                "write" | "edit" => remember(&mut self.changed, path(call)),
                _ => {}
            }
        }
    }

    /// What stands in the sandbox as other than before.
    pub(super) fn change(&mut self, path: &str) {
        remember(&mut self.changed, Some(path.to_owned()));
    }
}

fn path(call: &Call) -> Option<String> {
    Some(call.arguments().ok()?.get("path")?.as_str()?.to_owned())
}

fn remember(paths: &mut BTreeSet<String>, path: Option<String>) {
    let fits = |path: &String| path.len() <= LONGEST && !path.chars().any(char::is_control);
    if paths.len() < MOST {
        paths.extend(path.filter(fits));
    }
}

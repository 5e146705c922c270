//! Follows the links in a path. Where `..` would lead above the top it stays there, so nothing leads
//! out.

use std::io;

use super::tree::{Node, Tree};
use crate::sandbox::path::plain;

/// Links followed in one path before it counts as a loop, as on Linux.
const HOPS_MAX: usize = 40;

/// `path` with the links on the way followed, and at its end too when `last`. What does not exist
/// is kept as it is written.
pub(super) fn follow(tree: &Tree, path: &str, last: bool) -> io::Result<String> {
    let mut path = plain("/", path);
    for _ in 0..HOPS_MAX {
        let Some(next) = follow_first(tree, &path, last) else { return Ok(path) };
        path = next;
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "too many levels of symbolic links"))
}

/// `path` with its first link replaced by where that points; nothing when it has none.
fn follow_first(tree: &Tree, path: &str, last: bool) -> Option<String> {
    let mut directory = tree.root();
    let mut end = 0;
    while end < path.len() {
        let start = end + 1;
        end = path[start..].find('/').map_or(path.len(), |at| start + at);
        let is_last = end == path.len();
        match directory.children().get(&path[start..end])? {
            Node::Directory(next) => directory = next,
            Node::Link(link) if !is_last || last => {
                let target = plain(&path[..start], &link.target);
                return Some(plain("/", &format!("{target}{}", &path[end..])));
            }
            Node::Link(_) | Node::File(_) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;
    use crate::sandbox::virtual_::tree::Link;

    #[test]
    fn links_are_followed_inside_the_tree_only() {
        let mut tree = Tree::new(None, SystemTime::UNIX_EPOCH);
        for (path, target) in [
            ("/workspace/up", "../../../../tmp"),
            ("/workspace/here", "."),
            ("/workspace/absolute", "/tmp/home"),
            ("/workspace/twice", "absolute/x"),
            ("/workspace/loop", "loop"),
        ] {
            let link = Link { target: target.into(), modified: SystemTime::UNIX_EPOCH };
            tree.put(path, Node::Link(Arc::new(link))).unwrap();
        }
        for (path, last, expected) in [
            ("/workspace/up", true, "/tmp"),
            ("/workspace/up", false, "/workspace/up"),
            ("/workspace/up/a", false, "/tmp/a"),
            ("/workspace/here/here/here/up/b", true, "/tmp/b"),
            ("/workspace/twice", true, "/tmp/home/x"),
            ("/workspace/nothing/at/all", true, "/workspace/nothing/at/all"),
        ] {
            assert_eq!(follow(&tree, path, last).unwrap(), expected, "`{path}`");
        }
        assert!(follow(&tree, "/workspace/loop", true).is_err());
    }
}

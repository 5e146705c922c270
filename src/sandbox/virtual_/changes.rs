//! What differs between two trees, and putting it back. Parts that two trees share are not looked
//! at, so the cost is that of what changed.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::SystemTime;

use super::fault::Fault;
use super::tree::{Content, Directory, File, Link, Node, Tree, split, writable};
use crate::sandbox::path::plain;
use crate::sandbox::{Change, Now};

/// What has to be done to `before` so that it looks like `after`, in the order to do it: sorted by
/// path, and a directory that took the place of something else stands twice, first as gone.
pub(super) fn between(before: &Tree, after: &Tree) -> Vec<Change> {
    let mut changes = Vec::new();
    if !before.same(after) {
        directory("", before.root(), after.root(), &mut changes);
    }
    // Stable: what is gone stays before what came in its place.
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// Does one change to `tree`; what stands in its way makes way.
pub(super) fn apply(tree: &mut Tree, change: Change, now: SystemTime) -> io::Result<()> {
    let path = change.path;
    if plain("/", &path) != path {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a plain absolute path"));
    }
    writable(&path)?;
    let node = match change.now {
        Now::Gone => {
            return match tree.take(&path) {
                Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Err(error),
                _ => Ok(()),
            };
        }
        Now::Directory if matches!(tree.get(&path), Ok(Node::Directory(_))) => return Ok(()),
        Now::Directory => Node::Directory(Arc::new(Directory::empty(0o755, now))),
        Now::File { content, mode } => Node::File(Arc::new(File::own(content.into(), mode & 0o777, now))),
        Now::Link { target } => Node::Link(Arc::new(Link { target, modified: now })),
    };
    clear_way(tree, &path, now)?;
    tree.put(&path, node)
}

/// Makes directories of all that is above `path`, whatever stands there.
fn clear_way(tree: &mut Tree, path: &str, now: SystemTime) -> io::Result<()> {
    let Some((above, _)) = split(path) else { return Ok(()) };
    if matches!(tree.get(above), Ok(Node::Directory(_))) {
        return Ok(());
    }
    clear_way(tree, above, now)?;
    tree.put(above, Node::Directory(Arc::new(Directory::empty(0o755, now))))
}

/// Makes the directories above `path` that are missing.
pub(super) fn make_way(tree: &mut Tree, path: &str, now: SystemTime) -> io::Result<()> {
    let Some((above, _)) = split(path) else { return Ok(()) };
    match tree.get(above) {
        Ok(Node::Directory(_)) => Ok(()),
        Ok(Node::File(_) | Node::Link(_)) => Err(Fault::NotADirectory.into()),
        Err(_) => {
            writable(above)?;
            make_way(tree, above, now)?;
            tree.put(above, Node::Directory(Arc::new(Directory::empty(0o755, now))))
        }
    }
}

fn directory(path: &str, before: &Directory, after: &Directory, changes: &mut Vec<Change>) {
    let (before, after) = (before.children(), after.children());
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        changes.push(Change { path: format!("{path}/{name}"), now: Now::Gone });
    }
    for (name, node) in after {
        let path = format!("{path}/{name}");
        match (before.get(name), node) {
            // A directory of the host that is not the host's any more hides what the host has there.
            (Some(Node::Directory(old)), Node::Directory(new)) if old.is_seeded() == new.is_seeded() => {
                if !Arc::ptr_eq(old, new) {
                    directory(&path, old, new, changes);
                }
            }
            (old, new) => {
                if old.is_some_and(|old| alike(old, new)) {
                    continue;
                }
                if old.is_some() && matches!(new, Node::Directory(_)) {
                    changes.push(Change { path: path.clone(), now: Now::Gone });
                }
                whole(path, new, changes);
            }
        }
    }
}

/// Everything at and beneath `path` is new.
fn whole(path: String, node: &Node, changes: &mut Vec<Change>) {
    let now = match node {
        Node::Directory(new) => {
            changes.push(Change { path: path.clone(), now: Now::Directory });
            let nothing = Directory::empty(new.mode, new.modified);
            return directory(&path, &nothing, new, changes);
        }
        // A file that came on the host meanwhile and cannot be read is as good as not there.
        Node::File(file) => match file.read() {
            Ok(content) => Now::File { content, mode: file.mode },
            Err(_) => return,
        },
        Node::Link(link) => Now::Link { target: link.target.clone() },
    };
    changes.push(Change { path, now });
}

fn alike(old: &Node, new: &Node) -> bool {
    match (old, new) {
        (Node::File(old), Node::File(new)) => {
            Arc::ptr_eq(old, new) || (old.mode == new.mode && same_content(&old.content, &new.content))
        }
        (Node::Link(old), Node::Link(new)) => old.target == new.target,
        _ => false,
    }
}

/// A file of the host that was written counts as changed, also when the bytes are the same: what
/// the host has next time is not known.
fn same_content(old: &Content, new: &Content) -> bool {
    match (old, new) {
        (Content::Own(old), Content::Own(new)) => old == new,
        (Content::Seed(old), Content::Seed(new)) => old.is(new),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn listing(changes: Vec<Change>) -> String {
        let show = |now| match now {
            Now::Gone => "gone".to_owned(),
            Now::Directory => "directory".to_owned(),
            Now::Link { target } => format!("-> {target}"),
            Now::File { content, mode } => format!("{mode:o} {}", content.escape_ascii()),
        };
        changes.into_iter().map(|change| format!("{}: {}\n", change.path, show(change.now))).collect()
    }

    fn write(tree: &mut Tree, path: &str, content: &str) {
        make_way(tree, path, NOW).unwrap();
        tree.put(path, Node::File(Arc::new(File::own(content.into(), 0o644, NOW)))).unwrap();
    }

    #[test]
    fn a_difference_put_back_makes_the_trees_alike() {
        let mut before = Tree::new(None, NOW);
        write(&mut before, "/workspace/kept", "k");
        write(&mut before, "/workspace/gone/deep/file", "g");
        write(&mut before, "/workspace/file-then-directory", "f");
        write(&mut before, "/workspace/directory-then-file/x", "x");
        let mut after = before.clone();
        write(&mut after, "/tmp/new/a", "a");
        write(&mut after, "/workspace/kept", "k");
        after.take("/workspace/gone").unwrap();
        after.take("/workspace/file-then-directory").unwrap();
        write(&mut after, "/workspace/file-then-directory/y", "y");
        after.take("/workspace/directory-then-file").unwrap();
        write(&mut after, "/workspace/directory-then-file", "z");
        after.put("/workspace/l", Node::Link(Arc::new(Link { target: "kept".into(), modified: NOW }))).unwrap();

        let changes = between(&before, &after);
        insta::assert_snapshot!(listing(changes.clone()), @"
        /tmp/new: directory
        /tmp/new/a: 644 a
        /workspace/directory-then-file: 644 z
        /workspace/file-then-directory: gone
        /workspace/file-then-directory: directory
        /workspace/file-then-directory/y: 644 y
        /workspace/gone: gone
        /workspace/l: -> kept
        ");
        let mut again = before.clone();
        for change in changes {
            apply(&mut again, change, NOW).unwrap();
        }
        assert_eq!(between(&after, &again), []);
        assert_eq!(between(&before, &before.clone()), []);
    }

    #[test]
    fn a_change_that_leads_elsewhere_is_refused() {
        let mut tree = Tree::new(None, NOW);
        for path in
            ["/etc/passwd", "/workspace/../etc", "workspace/a", "/workspace", "/", "", "/workspace//a", "/tmp/."]
        {
            for now in [Now::Gone, Now::Directory, Now::File { content: "x".into(), mode: 0o4777 }] {
                let change = Change { path: path.into(), now };
                assert!(apply(&mut tree, change, NOW).is_err(), "`{path}` was accepted");
            }
        }
        assert_eq!(between(&Tree::new(None, NOW), &tree), []);
    }

    proptest::proptest! {
        #[test]
        fn any_two_trees_differ_by_what_makes_them_alike(
            first in proptest::collection::vec((0..4_u8, "(/[ab]){1,3}", "[xy]"), 0..12),
            second in proptest::collection::vec((0..4_u8, "(/[ab]){1,3}", "[xy]"), 0..12),
        ) {
            let act = |tree: &mut Tree, (what, path, content): (u8, String, String)| {
                let path = format!("/workspace{path}");
                // What cannot be done to this tree is left undone.
                let _ = match what {
                    0 => tree.take(&path).map(drop),
                    1 => make_way(tree, &path, NOW),
                    2 => tree.put(&path, Node::Link(Arc::new(Link { target: content, modified: NOW }))),
                    _ => tree.put(&path, Node::File(Arc::new(File::own(content.into(), 0o644, NOW)))),
                };
            };
            let mut before = Tree::new(None, NOW);
            first.into_iter().for_each(|step| act(&mut before, step));
            let mut after = before.clone();
            second.into_iter().for_each(|step| act(&mut after, step));
            let mut again = before.clone();
            for change in between(&before, &after) {
                apply(&mut again, change, NOW).unwrap();
            }
            proptest::prop_assert_eq!(between(&after, &again), []);
            proptest::prop_assert_eq!(between(&again, &after), []);
        }
    }
}

//! Paths inside a sandbox, by their words alone: nothing is looked up.

/// `path` in its one plain form, absolute and without `.`, `..` and `//`; a relative one is seen
/// from `directory`. `..` at the top stays at the top, so nothing leads out.
pub fn plain(directory: &str, path: &str) -> String {
    let from = if path.starts_with('/') { "" } else { directory };
    let mut done: Vec<&str> = Vec::new();
    for name in from.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => drop(done.pop()),
            name => done.push(name),
        }
    }
    format!("/{}", done.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_has_one_plain_form() {
        for (path, expected) in [
            ("", "/workspace"),
            (".", "/workspace"),
            ("a//b/./c/", "/workspace/a/b/c"),
            ("a/../b", "/workspace/b"),
            ("../tmp", "/tmp"),
            ("../../../../etc", "/etc"),
            ("/", "/"),
            ("/..", "/"),
            ("/tmp/../workspace", "/workspace"),
        ] {
            assert_eq!(plain("/workspace", path), expected, "`{path}`");
        }
    }
}

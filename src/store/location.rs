//! Where `--store` points.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

#[cfg(feature = "postgres")]
use super::postgres;

/// A place that holds instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A directory of bundles.
    Bundles(PathBuf),
    /// An SQLite file.
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::Address>),
}

/// A text that names no store, or one that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidLocation {
    /// Nothing was given.
    #[error("the store is named by an empty text; give a directory")]
    Empty,
    /// An SQLite file without its name.
    #[error("`sqlite:` names no file; give one: `sqlite:FILE`")]
    NoFile,
    /// A kind of store that a later version brings.
    #[error("`{0}:` stores are not there yet; give a directory")]
    NotYet(String),
    /// A kind of store that was left out of this build.
    #[cfg(not(all(feature = "postgres", feature = "sqlite")))]
    #[error("this hob was built without `{0}:` stores; build it with that feature, or give a directory")]
    NotBuilt(String),
    /// A database that is not named well.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Database(#[from] postgres::InvalidAddress),
    /// Another URL.
    #[error("there is no `{0}:` store; give a directory, or `bundle:DIRECTORY`")]
    Unknown(String),
    /// The agent could reach it.
    #[error(
        "the store `{}` is inside the workspace `{}`, where the agent could read and change it; \
         name a directory outside with `--store` or HOB_STATE",
        store.display(), workspace.display()
    )]
    Inside {
        /// Where the store really is.
        store: PathBuf,
        /// Where the workspace really is.
        workspace: PathBuf,
    },
    /// A path that cannot be followed.
    #[error("cannot find out where `{}` is: {source}; give another directory with `--store` or HOB_STATE", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl FromStr for Location {
    type Err = InvalidLocation;

    /// A directory, `bundle:` and a directory, `sqlite:` and a file, or the URL of a PostgreSQL database.
    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                (scheme, rest)
            }
            _ => ("bundle", text),
        };
        match scheme {
            "bundle" if rest.is_empty() => Err(InvalidLocation::Empty),
            "bundle" => Ok(Self::Bundles(rest.into())),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Ok(Self::Postgres(Box::new(text.parse()?))),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => Err(InvalidLocation::NotBuilt(scheme.to_owned())),
            "sqlite" if rest.is_empty() => Err(InvalidLocation::NoFile),
            #[cfg(feature = "sqlite")]
            "sqlite" => Ok(Self::Sqlite(rest.into())),
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(InvalidLocation::NotBuilt(scheme.to_owned())),
            "memory" => Err(InvalidLocation::NotYet(scheme.to_owned())),
            _ if rest.starts_with("//") => Err(InvalidLocation::Unknown(scheme.to_owned())),
            _ => Ok(Self::Bundles(text.into())),
        }
    }
}

/// Where the store really is, when no path inside the workspace leads there. Either need not
/// exist yet.
///
/// # Errors
/// When the store is the workspace or lies in it, through whatever links.
pub fn outside(store: &Path, workspace: &Path) -> Result<PathBuf, InvalidLocation> {
    let resolve = |path: &Path| resolve(path).map_err(|source| InvalidLocation::Io { path: path.to_owned(), source });
    let (store, workspace) = (resolve(store)?, resolve(workspace)?);
    if store.starts_with(&workspace) { Err(InvalidLocation::Inside { store, workspace }) } else { Ok(store) }
}

/// Links followed before a path counts as a circle; as the kernel does.
const LINKS_MAX: usize = 40;

/// The path without links and dots, also where its end does not exist yet or a link dangles.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut resolved = PathBuf::from("/");
    let mut rest: Vec<PathBuf> = vec![std::path::absolute(path)?];
    let mut links = 0;
    while let Some(path) = rest.pop() {
        let mut components = path.components();
        let Some(component) = components.next() else { continue };
        rest.push(components.as_path().to_owned());
        match component {
            Component::RootDir => resolved = PathBuf::from("/"),
            Component::CurDir | Component::Prefix(_) => {}
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Normal(name) => {
                let next = resolved.join(name);
                match std::fs::read_link(&next) {
                    Ok(target) => {
                        links += 1;
                        if links > LINKS_MAX {
                            return Err(io::Error::other("too many links"));
                        }
                        rest.push(target);
                    }
                    // Not a link, or not there.
                    Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
                        resolved = next;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_store_is_a_directory_and_the_rest_is_not_yet_or_unknown() {
        for (text, expected) in [
            ("/var/hob", Ok("/var/hob")),
            ("state", Ok("state")),
            ("./a:b", Ok("./a:b")),
            ("a:b", Ok("a:b")),
            ("bundle:/var/hob", Ok("/var/hob")),
            ("", Err("the store is named by an empty text; give a directory")),
            ("bundle:", Err("the store is named by an empty text; give a directory")),
            ("sqlite:", Err("`sqlite:` names no file; give one: `sqlite:FILE`")),
            ("s3://bucket", Err("there is no `s3:` store; give a directory, or `bundle:DIRECTORY`")),
        ] {
            let location = text.parse::<Location>().map_err(|error| error.to_string());
            assert_eq!(location, expected.map(|p| Location::Bundles(p.into())).map_err(str::to_owned), "`{text}`");
        }
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_store_may_be_an_sqlite_file() {
        for (text, file) in [("sqlite:hob.db", "hob.db"), ("sqlite:/var/hob/hob.db", "/var/hob/hob.db")] {
            assert_eq!(text.parse::<Location>().unwrap(), Location::Sqlite(file.into()), "`{text}`");
        }
    }

    #[test]
    fn a_store_inside_the_workspace_is_found_through_links_and_before_it_exists() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let (workspace, state) = (root.join("work"), root.join("state"));
        std::fs::create_dir_all(workspace.join("sub")).unwrap();
        std::fs::create_dir(&state).unwrap();
        symlink(&workspace, root.join("link")).unwrap();
        symlink("work/later", root.join("dangling")).unwrap();
        symlink(&state, workspace.join("out")).unwrap();
        symlink("circle", root.join("circle")).unwrap();
        for (store, inside) in [
            ("work", true),
            ("work/sub", true),
            ("work/not/yet", true),
            ("link/not/yet", true),
            ("dangling/x", true),
            ("state/../work/x", true),
            ("workshop", false),
            ("state", false),
            ("state/not/yet", false),
            ("work/out/x", false),
            ("work/../state", false),
        ] {
            let found = outside(&root.join(store), &root.join("link"));
            assert_eq!(found.is_err(), inside, "`{store}`: {found:?}");
        }
        assert!(matches!(outside(&root.join("circle"), &workspace), Err(InvalidLocation::Io { .. })));
        assert_eq!(outside(&root.join("work/out/x"), &workspace).unwrap(), state.join("x"));
    }
}

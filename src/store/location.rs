//! Where `--store` points.

use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use percent_encoding::percent_decode_str;

#[cfg(feature = "postgres")]
use super::postgres;

/// A place that holds instances. Shown to people without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Memory: what is there ends with the process.
    Memory,
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
    /// `memory:` and more.
    #[error("`memory:` is a store without a name; leave out what follows it")]
    NamedMemory,
    /// An SQLite file without its name.
    #[error("`sqlite:` names no file; give one: `sqlite:FILE`")]
    NoFile,
    /// A kind of store that was left out of this build.
    #[cfg(not(all(feature = "postgres", feature = "sqlite")))]
    #[error("this hob was built without `{0}:` stores; build it with that feature, or give a directory")]
    NotBuilt(String),
    /// A database that is not named well.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Database(#[from] postgres::InvalidAddress),
    /// Another URL.
    #[error("there is no `{0}:` store; give a directory, `sqlite:FILE` or `postgres://…`")]
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

    /// `memory:`; a directory, or `bundle:` and one; `sqlite:` and a file; or the URL of a PostgreSQL database.
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
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => Err(InvalidLocation::NamedMemory),
            "sqlite" if rest.is_empty() => Err(InvalidLocation::NoFile),
            #[cfg(feature = "sqlite")]
            "sqlite" => Ok(Self::Sqlite(rest.into())),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Ok(Self::Postgres(Box::new(text.parse()?))),
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(InvalidLocation::NotBuilt(scheme.to_owned())),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => Err(InvalidLocation::NotBuilt(scheme.to_owned())),
            _ if rest.starts_with("//") => Err(InvalidLocation::Unknown(scheme.to_owned())),
            _ => Ok(Self::Bundles(text.into())),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Bundles(dir) => dir.display().fmt(f),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

impl Location {
    /// The directory or file on this machine that it is, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Bundles(path) => Some(path),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => Some(path),
            _ => None,
        }
    }

    /// The same place with its path made plain, when no path inside the workspace leads there. Neither
    /// need exist yet.
    ///
    /// # Errors
    /// When it is the workspace or lies in it, through whatever links.
    pub fn outside(self, workspace: &Path) -> Result<Self, InvalidLocation> {
        Ok(match self {
            Self::Bundles(dir) => Self::Bundles(outside(&dir, workspace)?),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => Self::Sqlite(outside(&file, workspace)?),
            elsewhere => elsewhere,
        })
    }
}

/// The password in the URL of a store, as it is written there and as it is meant.
pub fn passwords(text: &str) -> Vec<String> {
    let who = text.split_once("://").and_then(|(_, rest)| Some(rest.rsplit_once('@')?.0));
    let written = who.and_then(|who| who.split_once(':')).map_or("", |(_, password)| password);
    let mut passwords = vec![written.to_owned(), percent_decode_str(written).decode_utf8_lossy().into_owned()];
    passwords.dedup();
    passwords.retain(|password| !password.is_empty());
    passwords
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
    fn a_store_is_a_directory_or_a_url_and_shows_no_password() {
        for (text, expected) in [
            ("/var/hob", Ok("/var/hob")),
            ("memory:", Ok("memory:")),
            ("memory:x", Err("`memory:` is a store without a name; leave out what follows it")),
            ("state", Ok("state")),
            ("./a:b", Ok("./a:b")),
            ("a:b", Ok("a:b")),
            ("bundle:/var/hob", Ok("/var/hob")),
            ("", Err("the store is named by an empty text; give a directory")),
            ("bundle:", Err("the store is named by an empty text; give a directory")),
            ("sqlite:", Err("`sqlite:` names no file; give one: `sqlite:FILE`")),
            #[cfg(feature = "sqlite")]
            ("sqlite:/var/hob.db", Ok("sqlite:/var/hob.db")),
            #[cfg(feature = "postgres")]
            ("postgres://hob:s3cret@db.example/agents?sslmode=require", Ok("postgres://db.example/agents")),
            ("s3://bucket", Err("there is no `s3:` store; give a directory, `sqlite:FILE` or `postgres://…`")),
        ] {
            let location = text.parse::<Location>().map_err(|error| error.to_string());
            let shown = location.map(|location| location.to_string());
            assert_eq!(shown, expected.map(str::to_owned).map_err(str::to_owned), "`{text}`");
        }
    }

    #[test]
    fn the_password_of_a_url_is_known_in_both_spellings() {
        for (text, expected) in [
            ("postgres://hob:s3c%40ret@db/agents", &["s3c%40ret", "s3c@ret"][..]),
            ("postgres://hob:a:b/c@d@db/agents", &["a:b/c@d"]),
            ("postgres://hob@db:5432/agents", &[]),
            ("postgres://hob:@db/agents", &[]),
            ("/var/hob:x@y", &[]),
        ] {
            assert_eq!(passwords(text), expected, "{text}");
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

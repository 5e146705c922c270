//! Finds agents by name: first the working directory's `agents/`, then those shipped with hob.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{Agent, Known};
use crate::domain::front_matter;
use crate::domain::name::Name;
use crate::domain::problem::{Problem, Report, nearest};

/// The agents that come with hob: name, file.
pub const SHIPPED: &[(&str, &str)] =
    &[("assist", include_str!("../../agents/assist.md")), ("triage", include_str!("../../agents/triage.md"))];

/// A search path for agents.
#[derive(Clone, Debug)]
pub struct Library {
    roots: Vec<PathBuf>,
}

/// Where an agent's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On disk.
    File(PathBuf),
    /// Inside the binary.
    Shipped,
}

/// A checked agent, and what is worth knowing about its file.
#[derive(Debug)]
pub struct Found {
    /// The agent.
    pub agent: Agent,
    /// Warnings only.
    pub report: Report,
    /// A file of the project stands in front of a different one of the same name that ships with hob.
    pub hides_shipped: bool,
}

/// The agents that have a file, as against those that are only shipped.
#[derive(Debug, Default)]
pub struct Filed {
    /// Those that can be used, by name.
    pub found: Vec<Found>,
    /// Why the others cannot.
    pub faulty: Vec<Error>,
}

/// Why there is no agent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No file of this name anywhere on the path.
    #[error("there is no agent `{name}`: {hint}")]
    NotFound {
        /// As asked for.
        name: String,
        /// The next move.
        hint: String,
    },
    /// The file is there and cannot be used.
    #[error("the agent in `{}` has errors; `hob check` lists them", .0.path)]
    Faulty(Report),
    /// The file is there and cannot be read.
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why, with the next move.
        reason: String,
    },
}

impl Library {
    /// Looks into `agents/` of each of these directories, in order, then at the shipped ones.
    pub fn new(roots: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { roots: roots.into_iter().collect() }
    }

    /// Every name on the path with its place; of two of one name, the first on the path.
    pub fn list(&self) -> BTreeMap<Name, Origin> {
        let mut found = BTreeMap::new();
        for root in &self.roots {
            let Ok(entries) = fs::read_dir(root.join("agents")) else { continue };
            for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
                let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".md")?.parse::<Name>().ok());
                if let Some(name) = name {
                    found.entry(name).or_insert(Origin::File(path));
                }
            }
        }
        for name in SHIPPED.iter().filter_map(|(name, _)| name.parse::<Name>().ok()) {
            found.entry(name).or_insert(Origin::Shipped);
        }
        found
    }

    /// Finds and checks one agent.
    pub fn find(&self, name: &str, known: &Known<'_>) -> Result<Found, Error> {
        let listed = self.list();
        let Some((name, origin)) = name.parse::<Name>().ok().and_then(|name| listed.get_key_value(&name)) else {
            let near = nearest(name, listed.keys().map(Name::as_str));
            let hint = near.map_or_else(
                || format!("known are {}", listed.keys().map(Name::as_str).collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Error::NotFound { name: name.chars().take(80).collect(), hint });
        };
        let path = match origin {
            Origin::File(path) => path.display().to_string(),
            Origin::Shipped => format!("agents/{name}.md (shipped)"),
        };
        let source = self.source_of(name, origin)?;
        let hides_shipped = *origin != Origin::Shipped && shipped(name).is_some_and(|shipped| shipped != source);
        let checked = self.check(name.as_str(), &source, known);
        let report = Report { path, source, problems: checked.problems };
        match checked.agent {
            Some(agent) => Ok(Found { agent, report, hides_shipped }),
            None => Err(Error::Faulty(report)),
        }
    }

    /// Finds and checks every agent that has a file: those that events start by themselves. One that is
    /// only shipped must be named: what a project did not ask for never starts in it.
    pub fn filed(&self, known: &Known<'_>) -> Filed {
        let mut filed = Filed::default();
        for (name, _) in self.list().iter().filter(|(_, origin)| **origin != Origin::Shipped) {
            match self.find(name.as_str(), known) {
                Ok(found) => filed.found.push(found),
                Err(error) => filed.faulty.push(error),
            }
        }
        filed
    }

    /// What stands in the file of a listed agent.
    pub(super) fn source_of(&self, name: &Name, origin: &Origin) -> Result<String, Error> {
        match origin {
            Origin::File(path) => self.source(path),
            Origin::Shipped => Ok(shipped(name).unwrap_or_default().to_owned()),
        }
    }

    fn source(&self, path: &Path) -> Result<String, Error> {
        let unreadable = |reason: String| Error::Unreadable { path: path.display().to_string(), reason };
        let real = path.canonicalize().map_err(|error| unreadable(error.to_string()))?;
        if !self.roots.iter().any(|root| root.canonicalize().is_ok_and(|root| real.starts_with(root))) {
            return Err(unreadable(
                "it is a link that leads out of the directory; put the file itself there".to_owned(),
            ));
        }
        match read(path) {
            Ok(Ok(source)) => Ok(source),
            Ok(Err(problem)) => Err(Error::Faulty(Report {
                path: path.display().to_string(),
                source: String::new(),
                problems: vec![problem],
            })),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }
}

fn shipped(name: &Name) -> Option<&'static str> {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name.as_str()).map(|(_, source)| *source)
}

/// Reads a file that a person wrote: regular, bounded, UTF-8.
pub fn read(path: &Path) -> std::io::Result<Result<String, Problem>> {
    // Asked before opening: opening a pipe would wait for its other end.
    if !fs::metadata(path)?.is_file() {
        return Ok(Err(Problem::error("not-a-file", "this is not a regular file")));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(front_matter::FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(front_matter::source(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_agents_with_a_file_start_by_themselves_and_a_faulty_one_stops_no_other() {
        let project = tempfile::tempdir().unwrap();
        let agents = project.path().join("agents");
        fs::create_dir(&agents).unwrap();
        let filed = || Library::new([project.path().to_owned()]).filed(&Known::default());
        assert!(filed().found.is_empty() && filed().faulty.is_empty());

        fs::write(agents.join("mine.md"), "---\ndescription: x\n---\nDo it.\n").unwrap();
        fs::write(agents.join("odd.md"), "---\ndescripton: x\n---\n").unwrap();
        fs::write(agents.join("README"), "no agent").unwrap();
        let names = filed().found.iter().map(|found| found.agent.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names, ["mine"]);
        assert!(matches!(filed().faulty.as_slice(), [Error::Faulty(report)] if report.path.ends_with("odd.md")));
    }
}

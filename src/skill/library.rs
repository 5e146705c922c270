//! Finds skills by name, and reads their heads; bodies are read when a skill is activated.
//!
//! Of two skills of one name the first in this order counts: `skills/`, `.agents/skills/`,
//! `.claude/skills/` of the working directory, then those shipped with hob. A skill with errors
//! still hides the later ones: falling back in silence would run something else than what stands
//! there.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use super::{Skill, check};
use crate::domain::front_matter;
use crate::domain::name::Name;
use crate::domain::problem::{Problem, Report, nearest};

/// Where skills are looked for, below the working directory.
pub const PLACES: [&str; 3] = ["skills", ".agents/skills", ".claude/skills"];

/// The file that makes a directory a skill.
pub const SKILL_FILE: &str = "SKILL.md";

/// Most directories of one place that are looked at.
const SKILLS_MAX: usize = 500;

/// The files of a skill inside the binary: path, content. The first is its `SKILL.md`.
type Embedded = &'static [(&'static str, &'static str)];

/// The skills that come with hob.
pub const SHIPPED: &[(&str, Embedded)] = &[
    ("answer", &[(SKILL_FILE, include_str!("../../skills/answer/SKILL.md"))]),
    (
        "triage",
        &[
            (SKILL_FILE, include_str!("../../skills/triage/SKILL.md")),
            ("references/labels.md", include_str!("../../skills/triage/references/labels.md")),
        ],
    ),
];

/// Their heads.
static SHIPPED_READ: LazyLock<Vec<(Name, Arc<Shelved>)>> = LazyLock::new(|| {
    let read = |(name, files): &(&str, Embedded)| {
        let name = name.parse().ok()?;
        let shelved = Arc::new(Shelved::new(&name, Home::Shipped(files)));
        Some((name, shelved))
    };
    SHIPPED.iter().filter_map(read).collect()
});

/// The skills around one working directory.
#[derive(Clone, Debug)]
pub struct Library {
    shelf: BTreeMap<Name, Arc<Shelved>>,
}

#[derive(Clone, Debug)]
pub(super) struct Shelved {
    pub(super) home: Home,
    read: Result<Skill, Report>,
}

/// Where the files of a skill are.
#[derive(Clone, Debug)]
pub(super) enum Home {
    /// A directory beneath the working directory.
    Directory {
        /// The real one: no link leads out of it.
        real: PathBuf,
        /// As seen from the working directory.
        shown: String,
    },
    /// Inside the binary.
    Shipped(Embedded),
}

/// Why there is no skill.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No directory of this name anywhere.
    #[error("there is no skill `{name}`: {hint}")]
    NotFound {
        /// As asked for.
        name: String,
        /// The next move.
        hint: String,
    },
    /// It is there and cannot be used.
    #[error("the skill in `{}` has errors; `hob check` lists them", .0.path)]
    Faulty(Box<Report>),
}

impl Library {
    /// Reads the head of every skill around `root`, the working directory.
    pub fn open(root: &Path) -> Self {
        let mut shelf = BTreeMap::new();
        for (name, home) in PLACES.iter().flat_map(|place| directories(root, place)) {
            shelf.entry(name.clone()).or_insert_with(|| Arc::new(Shelved::new(&name, home)));
        }
        for (name, shelved) in SHIPPED_READ.iter() {
            shelf.entry(name.clone()).or_insert_with(|| Arc::clone(shelved));
        }
        Self { shelf }
    }

    /// Every name, also of skills with errors.
    pub fn names(&self) -> Vec<Name> {
        self.shelf.keys().cloned().collect()
    }

    /// The head of a skill.
    pub fn get(&self, name: &str) -> Result<&Skill, Error> {
        self.shelved(name)?.read.as_ref().map_err(|report| Error::Faulty(Box::new(report.clone())))
    }

    pub(super) fn shelved(&self, name: &str) -> Result<&Shelved, Error> {
        let found = name.parse::<Name>().ok().and_then(|name| self.shelf.get(&name)).map(|shelved| &**shelved);
        found.ok_or_else(|| {
            let near = nearest(name, self.shelf.keys().map(Name::as_str));
            let hint = near.map_or_else(
                || format!("known are {}", self.shelf.keys().map(Name::as_str).collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            Error::NotFound { name: name.chars().take(80).collect(), hint }
        })
    }
}

impl Shelved {
    fn new(name: &Name, home: Home) -> Self {
        let (path, source) = match &home {
            Home::Directory { real, shown } => (format!("{shown}/{SKILL_FILE}"), read(&real.join(SKILL_FILE))),
            Home::Shipped(files) => (
                format!("skills/{name}/{SKILL_FILE} (shipped)"),
                Ok(Ok(files.first().map_or_else(String::new, |(_, content)| (*content).to_owned()))),
            ),
        };
        let (source, checked) = match source {
            Ok(Ok(source)) => {
                let checked = check(name.as_str(), &source);
                (source, checked.skill.ok_or(checked.problems))
            }
            Ok(Err(problem)) => (String::new(), Err(vec![problem])),
            Err(error) => (String::new(), Err(vec![Problem::error("not-a-file", error.to_string())])),
        };
        Self { home, read: checked.map_err(|problems| Report { path, source, problems }) }
    }
}

/// The skills of one place, as far as they are really beneath the working directory.
fn directories(root: &Path, place: &str) -> Vec<(Name, Home)> {
    let (Ok(root), Ok(entries)) = (root.canonicalize(), fs::read_dir(root.join(place))) else { return Vec::new() };
    let home = |path: PathBuf| {
        let name: Name = path.file_name()?.to_str()?.parse().ok()?;
        let real = path.canonicalize().ok().filter(|real| real.starts_with(&root))?;
        let shown = format!("{place}/{name}");
        real.join(SKILL_FILE).is_file().then_some((name, Home::Directory { real, shown }))
    };
    entries.take(SKILLS_MAX).filter_map(|entry| home(entry.ok()?.path())).collect()
}

/// Reads a `SKILL.md`: regular, bounded, UTF-8.
pub fn read(path: &Path) -> io::Result<Result<String, Problem>> {
    // Asked before opening: opening a pipe would wait for its other end.
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(Err(Problem::error("not-a-file", "this is not a regular file; links are not followed")));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(front_matter::FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(front_matter::source(bytes))
}

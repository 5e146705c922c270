//! `hob check`: reads agents and skills, and tells everything that is wrong with them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::agent;
use crate::cli::output::Paint;
use crate::cli::problem;
use crate::domain::problem::{Problem, Report, Severity};
use crate::skill;
use crate::skill::library::{Library, PLACES, SKILL_FILE};

/// Check agents and skills
///
/// Reads them strictly and prints every problem with its place and the next move. Exits with 2 when
/// there is an error; warnings do not count.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A project, a directory of agents or skills, or one file
    #[arg(value_name = "PATH", default_value = ".")]
    pub path: PathBuf,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Agent files.
    pub agents: usize,
    /// Skills.
    pub skills: usize,
    /// Problems that refuse a file.
    pub errors: usize,
    /// Problems that do not.
    pub warnings: usize,
    /// Files with problems.
    pub faulty: usize,
}

/// Why nothing was checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The path leads nowhere.
    #[error("`{path}` cannot be read: {source}")]
    Path {
        /// As given.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is neither agent nor skill.
    #[error("there is nothing to check in `{0}`: agents are in `agents/<name>.md`, skills in `skills/<name>/SKILL.md`")]
    Nothing(String),
    /// The output is closed.
    #[error("the problems cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Checks what is at the path, and writes problems and a summary to `out`. `providers` are what may
/// stand before the `/` of a model; `is_uncounted` is whether nobody counts what several runs cost together.
pub(super) fn run(
    args: &Args,
    providers: &[&str],
    is_uncounted: bool,
    paint: Paint,
    out: &mut dyn Write,
) -> Result<Counts, Error> {
    let shown = args.path.display().to_string();
    let unreadable = |source| Error::Path { path: shown.clone(), source };
    let real = args.path.canonicalize().map_err(unreadable)?;
    let files = if real.is_dir() { below(&args.path, &real) } else { vec![only(&args.path, &real)] };
    if files.is_empty() {
        return Err(Error::Nothing(shown));
    }
    let skills = Library::open(project(&real)).names();
    let known = agent::Known { skills: &skills, providers, is_uncounted };
    let agents = agent::library::Library::new([project(&real).to_owned()]);
    let mut counts = Counts::default();
    for file in files {
        let report = file.check(&agents, &known);
        counts.add(&file, &report);
        out.write_all(problem::render(&report, paint).as_bytes())?;
    }
    writeln!(out, "{counts}")?;
    Ok(counts)
}

/// A file and what it should be.
#[derive(Debug)]
enum File {
    Agent(PathBuf),
    Skill { path: PathBuf, name: String },
}

impl File {
    fn check(&self, agents: &agent::library::Library, known: &agent::Known<'_>) -> Report {
        let (Self::Agent(path) | Self::Skill { path, .. }) = self;
        let read = match self {
            Self::Agent(path) => agent::library::read(path),
            Self::Skill { path, .. } => skill::library::read(path),
        };
        let (source, problems) = match read {
            Ok(Ok(source)) => {
                let problems = match self {
                    Self::Agent(path) => agents.check(&stem(path), &source, known).problems,
                    Self::Skill { name, .. } => skill::check(name, &source).problems,
                };
                (source, problems)
            }
            Ok(Err(problem)) => (String::new(), vec![problem]),
            Err(error) => (String::new(), vec![Problem::error("not-a-file", error.to_string())]),
        };
        let shown = path.strip_prefix(".").unwrap_or(path);
        Report { path: shown.display().to_string(), source, problems }
    }
}

/// One file: a skill by its name, else an agent.
fn only(path: &Path, real: &Path) -> File {
    let name = real.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    match name {
        Some(name) if real.file_name().is_some_and(|file| file == SKILL_FILE) => {
            File::Skill { path: path.to_owned(), name }
        }
        _ => File::Agent(path.to_owned()),
    }
}

/// What a directory holds: it may be a project, `agents`, `skills`, or a skill.
fn below(path: &Path, real: &Path) -> Vec<File> {
    if real.join(SKILL_FILE).is_file() {
        return vec![only(&path.join(SKILL_FILE), &real.join(SKILL_FILE))];
    }
    let named = |name: &str| real.file_name().is_some_and(|own| own == name);
    let mut files = agents(&if named("agents") { path.to_owned() } else { path.join("agents") });
    if named("skills") {
        files.extend(skills(path));
    }
    files.extend(PLACES.iter().flat_map(|place| skills(&path.join(place))));
    files
}

fn agents(directory: &Path) -> Vec<File> {
    let is_agent = |path: &PathBuf| path.extension().is_some_and(|end| end == "md") && !path.ends_with("README.md");
    sorted(directory).into_iter().filter(is_agent).map(File::Agent).collect()
}

fn skills(directory: &Path) -> Vec<File> {
    let skill = |directory: PathBuf| {
        let name = directory.file_name()?.to_string_lossy().into_owned();
        let path = directory.join(SKILL_FILE);
        path.is_file().then_some(File::Skill { path, name })
    };
    sorted(directory).into_iter().filter_map(skill).collect()
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

/// The directory whose skills an agent at this path may name.
fn project(real: &Path) -> &Path {
    let of_project =
        |path: &&Path| path.join("agents").is_dir() || PLACES.iter().any(|place| path.join(place).is_dir());
    real.ancestors().take(5).find(of_project).unwrap_or(real)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

impl Counts {
    fn add(&mut self, file: &File, report: &Report) {
        match file {
            File::Agent(_) => self.agents += 1,
            File::Skill { .. } => self.skills += 1,
        }
        let errors = report.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        self.errors += errors;
        self.warnings += report.problems.len() - errors;
        self.faulty += usize::from(!report.problems.is_empty());
    }

    /// Whether a run of one of these agents would be refused.
    pub(super) fn is_fatal(&self) -> bool {
        self.errors > 0
    }
}

/// `2 errors, 1 warning in 3 files`, or `3 agents, 2 skills: no problems`.
impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let several = |count: usize, word: &str| match count {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{count} {word}s")),
        };
        let list = |parts: [Option<String>; 2]| parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        if self.faulty == 0 {
            return write!(f, "{}: no problems", list([several(self.agents, "agent"), several(self.skills, "skill")]));
        }
        let found = list([several(self.errors, "error"), several(self.warnings, "warning")]);
        write!(f, "{found} in {}", several(self.faulty, "file").unwrap_or_default())
    }
}

//! What the stores take, beside the figures they must keep: `cargo bench --bench stores`, on a machine
//! that has nothing else to do and on the disk that temporary files are on.
//!
//! What a disk takes is measured in the same minute as what stands beside it, because disks differ. A
//! PostgreSQL server is started from the programs of this machine, with its flushes to the disk on;
//! `HOB_TEST_POSTGRES=postgres://…` names another one.

#![expect(clippy::print_stdout, reason = "prints a table")]

mod claim;
mod disk;
mod long;
mod place;
#[path = "../../tests/it/scene/postgres.rs"]
#[expect(dead_code, reason = "the tests ask more of it")]
mod postgres;
#[path = "../../tests/it/scene/tool.rs"]
#[expect(dead_code, reason = "the tests ask more of it")]
mod tool;
mod writers;

use std::process::ExitCode;

use place::{Failed, Stores};

/// One line of the table.
struct Figure {
    name: String,
    measured: f64,
    goal: Goal,
    unit: &'static str,
}

/// What a figure must keep.
#[derive(Clone, Copy)]
enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// Stands beside another one.
    None,
}

impl Figure {
    fn new(name: impl Into<String>, measured: f64, goal: Goal, unit: &'static str) -> Self {
        Self { name: name.into(), measured, goal, unit }
    }

    fn is_kept(&self) -> bool {
        match self.goal {
            Goal::AtMost(most) => self.measured <= most,
            Goal::AtLeast(least) => self.measured >= least,
            Goal::None => true,
        }
    }

    fn print(&self) {
        let goal = match self.goal {
            Goal::AtMost(most) => format!("≤ {most:.1}"),
            Goal::AtLeast(least) => format!("≥ {least:.1}"),
            Goal::None => String::new(),
        };
        let missed = if self.is_kept() { "" } else { "  MISSED" };
        println!("{:<52} {:>10.2} {goal:>8} {}{missed}", self.name, self.measured, self.unit);
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` only wants to know that it runs.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    // A word names the part that is measured.
    let part = arguments.iter().find(|argument| !argument.starts_with('-'));
    let is_asked = |name: &str| part.is_none_or(|part| part == name);
    match measure(&is_asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; whether every goal was kept.
fn measure(is_asked: &dyn Fn(&str) -> bool) -> Result<bool, Failed> {
    let stores = Stores::new()?;
    println!("{:<52} {:>10} {:>8}", "figure", "measured", "goal");
    type Part = fn(&Stores) -> Result<Vec<Figure>, Failed>;
    let parts: [(&str, Part); 4] =
        [("writers", writers::all), ("claim", claim::all), ("append", long::append), ("open", long::open)];
    let mut all_kept = true;
    for (_, part) in parts.iter().filter(|(name, _)| is_asked(name)) {
        for figure in part(&stores)? {
            figure.print();
            all_kept &= figure.is_kept();
        }
    }
    Ok(all_kept)
}

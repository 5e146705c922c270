//! What a job shows of itself, written where its runner looks: annotations, outputs, the summary.

use std::path::PathBuf;

use super::ending::{Ending, WithoutRun};
use super::log::{Fold, Runner};
use super::{annotations, file, outputs, summary};
use crate::cli::env::Ci;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::embed::machine::{clock, fresh};

/// The page of a GitLab job, in the checkout, where an artifact takes it from.
const PAGE: &str = "hob-summary.md";

/// Where the runner of this job looks.
pub(super) struct Face {
    runner: Runner,
    /// `GITHUB_OUTPUT`.
    outputs: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`.
    summary: Option<PathBuf>,
}

impl Face {
    /// Of the job with these variables.
    pub(super) fn new(runner: Runner, ci: &Ci) -> Self {
        let path = |name| ci.job(name).map(PathBuf::from);
        Self { runner, outputs: path("GITHUB_OUTPUT"), summary: path("GITHUB_STEP_SUMMARY") }
    }

    /// A part of the log that folds up while `work` is done; between its two ends the runner obeys
    /// nothing.
    pub(super) async fn folded<T>(&self, name: &'static str, title: &str, work: impl Future<Output = T>) -> T {
        let (fold, begin) = Fold::open(self.runner, name, title, clock().now(), fresh());
        output::steer(&begin);
        let done = work.await;
        output::steer(&fold.close(clock().now()));
        done
    }

    /// Tells how a run ended.
    pub(super) fn show(&self, ending: &Ending<'_>) -> Result<(), Refusal> {
        if self.runner == Runner::Github {
            output::steer(&annotations::render(ending));
        }
        self.write(&outputs::render(&outputs::values(ending), fresh()), &summary::render(ending))
    }

    /// Tells why no run was brought to its end.
    pub(super) fn without_run(&self, outcome: WithoutRun, reason: &str) -> Result<(), Refusal> {
        if self.runner == Runner::Github {
            output::steer(&[annotations::without_run(outcome, reason)]);
        }
        self.write(&outputs::render(&outputs::without_run(outcome), fresh()), &summary::without_run(outcome, reason))
    }

    /// Tells that the job was told to stop before it did anything; how its process ends.
    pub(super) fn nothing_done(&self, signal: Exit) -> Result<Exit, Refusal> {
        let reason = "interrupted before anything was done: run the job again";
        output::tell(reason);
        self.without_run(WithoutRun::Interrupted, reason)?;
        Ok(signal)
    }

    fn write(&self, outputs: &str, summary: &str) -> Result<(), Refusal> {
        match self.runner {
            Runner::Github => {
                self.outputs.iter().try_for_each(|path| file::append(path, outputs))?;
                self.summary.iter().try_for_each(|path| file::append(path, summary))
            }
            Runner::Gitlab => file::replace(PAGE.as_ref(), summary),
        }
    }
}

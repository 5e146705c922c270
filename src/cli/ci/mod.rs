//! `hob ci`: a job of GitHub Actions or GitLab CI.

mod annotations;
mod ending;
mod file;
mod log;
mod markdown;
mod outputs;
#[cfg(test)]
mod runner;
#[cfg(test)]
mod script;
mod summary;

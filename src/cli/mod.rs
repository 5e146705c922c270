//! The door: arguments, environment, files in; text and exit codes out.

pub mod check;
pub mod problem;

//! The door: arguments, environment, files in; text and exit codes out.

pub mod check;
pub mod env;
pub mod live;
pub mod output;
pub mod plan;
pub mod problem;

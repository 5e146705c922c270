//! Everything that is tested from outside, in one binary.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop anywhere, and say why")]

mod scene;

mod agent_files;
mod contracts;
mod crash;
mod environment;
mod floors;
mod golden;
mod manners;
mod path;
mod readme;
mod terminal;

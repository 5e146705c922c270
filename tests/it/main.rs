//! Everything that is tested from outside, in one binary.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop anywhere, and say why")]

mod agent_files;
mod floors;
mod scene;

mod contracts;
mod environment;
mod terminal;

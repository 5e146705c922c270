//! Everything that is tested from outside, in one binary.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop anywhere, and say why")]

mod floors;
mod agent_files;
mod scene;

mod contracts;
mod environment;
mod terminal;

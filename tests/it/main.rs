//! Everything that is tested from outside, in one binary.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop anywhere, and say why")]

#![expect(clippy::unwrap_used, reason = "a stage that cannot be set up fails its test")]

mod scene;

mod contracts;
mod environment;
mod terminal;

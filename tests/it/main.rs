//! Everything that is tested from outside, in one binary.

mod agent_files;
mod scene;

mod contracts;

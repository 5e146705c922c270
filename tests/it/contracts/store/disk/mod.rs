//! The disk under a store fails: a sync says that what was written is lost, no room is left, or a
//! process stops in the middle. What is tried are processes, whose system calls others can meddle with.

mod hob;
mod small;
mod strace;

pub(super) use small::{fill, on_small_disk, small_disk};
pub(super) use strace::Strace;

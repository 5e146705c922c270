//! The stage every test speaks through.

pub(crate) mod terminal;

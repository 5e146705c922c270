//! The stage every test speaks through.

pub(crate) mod terminal;
pub(crate) mod model_server;

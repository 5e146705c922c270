//! What only bundles promise: about files, their locks and their damage, and bytes that never change.

mod crash;
mod damage;
mod files;
pub(super) mod golden;
mod golden_effects;
mod rows;

use std::path::{Path, PathBuf};

use hob::telemetry::failpoint::Failpoints;

use super::*;

fn dir(root: &Path) -> PathBuf {
    root.join(instance().external())
}

fn place(root: &Path) -> Place {
    Place::bundles_in(root, Failpoints::default())
}

fn open(root: &Path) -> Result<(Writer, Vec<String>), Error> {
    place(root).try_open()
}

//! The dictionary: what things are called and what may be written down.
//!
//! Pure data. No I/O, no wall clock, no async; stored types carry a version and change only by
//! walking the table of old and new readers against old and new data.

pub mod budget;
pub mod clock;
pub mod command;
pub mod effect;
pub mod entry;
pub mod event;
pub mod front_matter;
pub mod id;
pub mod image;
pub mod invisible;
pub mod message;
pub mod name;
pub mod outcome;
pub mod problem;
pub mod run;
pub mod secret;

//! One conversation of an instance: opened, prompted, journalled, resumed.

pub mod journal;

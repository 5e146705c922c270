//! Who may start what, and how untrusted text is quoted.

pub mod frame;

//! Agent Skills: parse, find, activate.

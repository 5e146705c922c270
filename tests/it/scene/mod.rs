//! The stage every test speaks through.

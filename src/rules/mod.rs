//! What an effect may be: pure, used when proposing and when applying.
//!
//! A write passes [`policy`] (is this kind declared, is there room for one more, are its labels
//! allowed), its text passes [`neutralise`] (nobody is called, nothing is triggered), and what is
//! posted carries a [`marker`] by which it is found again.

pub mod marker;
pub mod neutralise;
pub mod policy;

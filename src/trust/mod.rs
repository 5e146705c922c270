//! Who is trusted with what: who may start a run, which saved state may be used again, and how
//! untrusted text is quoted. All of it is pure; what the forge must be asked is an argument.

pub mod authority;
pub mod frame;
pub mod provenance;

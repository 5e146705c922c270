//! How untrusted text is quoted. (Who may start what comes with the jobs and the server that must ask.)

pub mod frame;

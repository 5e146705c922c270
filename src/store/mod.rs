//! Where the log and the rows of an instance live.

//! One suite per seam, run over every implementation.

mod channel;
mod sandbox;
mod store;

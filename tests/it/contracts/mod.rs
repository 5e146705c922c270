//! One suite per seam, run over every implementation.

mod channel;
mod provider;
mod sandbox;
mod store;

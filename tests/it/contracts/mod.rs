//! One suite per seam, run over every implementation.

mod channel;
mod forge;
mod provider;
mod sandbox;
mod store;

#![doc = include_str!("../ARCHITECTURE.md")]

// words
pub mod domain;
pub mod telemetry;
// outside, and the pure rules
pub mod forge;
pub mod provider;
pub mod rules;
pub mod sandbox;
pub mod store;
// parts
pub mod agent;
pub mod queue;
pub mod skill;
pub mod tool;
pub mod trust;
// work
pub mod channel;
pub mod effect;
pub mod session;
// assembly
pub mod harness;
// service
pub mod worker;
// doors
pub mod cli;
pub mod embed;

#![doc = include_str!("../ARCHITECTURE.md")]

// 0 words
pub mod domain;
pub mod telemetry;
// 1 outside, and the pure rules
pub mod forge;
pub mod provider;
pub mod rules;
pub mod sandbox;
pub mod store;
// 2 parts
pub mod agent;
pub mod queue;
pub mod skill;
pub mod tool;
pub mod trust;
// 3 work
pub mod channel;
pub mod effect;
pub mod session;
// 4 assembly
pub mod harness;
// 5 service
pub mod worker;
// 6 door
pub mod cli;

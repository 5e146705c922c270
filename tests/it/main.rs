//! Everything that is tested from outside, in one binary.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop anywhere, and say why")]

mod scene;

mod act;
mod action;
mod agent_files;
mod bad_input;
mod budgets;
mod ci;
mod command_line;
mod commands;
mod compaction;
mod contracts;
#[cfg(feature = "virtual")]
mod crash;
mod delegation;
mod effects;
mod embed;
mod emulate;
mod environment;
mod examples;
mod faults;
mod floors;
mod foreign_text;
mod forge_github;
mod forge_gitlab;
mod gitlab_ci_local;
mod golden;
#[cfg(feature = "virtual")]
mod images;
mod live_view;
mod manners;
mod models;
mod path;
mod prefix;
mod proxies;
mod readme;
mod recovery;
mod secrets;
mod signals;
mod terminal;
#[cfg(feature = "virtual")]
mod tools_page;
mod worker;
mod worst_model;

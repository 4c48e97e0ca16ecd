//! The parts of the executable, as a library, so that end-to-end tests start the same server in their own process.

pub mod accounts;
pub mod cli;
pub mod demo;
pub mod face;
pub mod media;
pub mod migrate;
pub mod node;
pub mod ops;
pub mod schemas;
pub mod serve;
pub mod ties;

use anyhow::Context;

/// The runtime that everything runs on.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

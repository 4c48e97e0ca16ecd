//! The projectors: pure views over the log's events, the one loop that keeps them, reactors, and rebuilds by the same loop.
//!
//! Entry points: [`views`] for what an event changes, `run.rs` for the loop, `group.rs` and `step.rs` for how records become committed
//! rows, `service.rs` and `partition.rs` for what a process starts.

mod again;
mod batch;
mod error;
mod group;
mod letters;
mod partition;
mod reactors;
mod rebuild;
mod release;
pub mod rows;
mod run;
mod search;
mod service;
mod step;
#[cfg(test)]
mod testing;
mod touches;
mod verify;
pub mod views;

pub use batch::{Fact, FactReader};
pub use error::ProjectError;
pub use letters::{LetterInfo, list as list_dead_letters};
pub use reactors::MailDesk;
pub use rebuild::{Done, RebuildPorts, Report, Target, rebuild};
pub use release::{Release, Released, release};
pub use service::{ProjectorOptions, ProjectorPorts, Projectors};
pub use touches::touches;
pub use verify::{DIFFERENCES_TOLD_MAX, Difference, Fault, Verified, compare_rows, verify, verify_search};

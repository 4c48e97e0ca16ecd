//! The projectors: pure views over the log's events, the one loop that keeps them, reactors, and rebuilds by the same loop.
//!
//! Entry points: [`views`] for what an event changes, `run.rs` for how records become committed rows.

pub mod rows;
pub mod views;

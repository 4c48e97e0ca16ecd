//! The parts of the executable, as a library, so that end-to-end tests start the same server in their own process.

pub mod cli;
pub mod demo;
pub mod face;
pub mod media;

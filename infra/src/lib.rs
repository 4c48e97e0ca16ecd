//! Everything outside the process: one port (trait) per need, beside its adapters and its one contract suite.

pub mod log;
pub mod timelines;
pub mod views;

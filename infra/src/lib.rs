//! Everything outside the process: one port (trait) per need, beside its adapters and its one contract suite.

pub mod backoff;
pub mod blobs;
pub mod bus;
pub mod cache;
pub mod clock;
pub mod config;
pub mod connect;
#[cfg(feature = "cql")]
pub mod cql;
pub mod http;
pub mod keys;
pub mod log;
#[cfg(any(feature = "elastic", feature = "registry"))]
mod login;
pub mod mail;
pub mod membership;
pub mod notices;
pub mod peers;
mod priority;
pub mod progress;
pub mod readside;
pub mod schema_registry;
pub mod search;
pub mod telemetry;
pub mod timelines;
pub mod views;
mod worker;

//! What the adapters of CQL stores share: the address, the session with its retries, and migrations. See docs/decisions/0010.
//!
//! Works with ScyllaDB and Cassandra: plain reads and upserts, all of them idempotent, consistent by quorum within the datacenter.

mod address;
mod client;
mod failure;
mod migrate;

pub use address::{BadCqlUrl, CqlUrl, Replication};
pub use client::CqlClient;
pub(crate) use client::{Place, Work, all, done, prepared_once};
pub use failure::CqlFailure;
pub use migrate::{Migrated, check, migrate};

//! The view store port: rows in versions of views, each commit with its checkpoint.
//!
//! Ordering: commits of one (view, version, partition) take effect in call order. Atomicity: all rows of a batch and its checkpoints are
//! seen together (embedded), or rows first and checkpoints last (CQL): replaying from a checkpoint changes nothing. Durability: a commit
//! may be lost with the machine's power, then with its checkpoint: the log is the truth. Reads see every commit that returned.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
#[cfg(feature = "cql")]
pub mod cql;
pub mod faulty;
pub mod fjall;
pub mod memory;
pub(crate) mod registry;
pub mod watched;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use schemas::PartitionId;
use schemas::rows::{Checkpoint, KeyPart, RowKey, RowWrite, Table, View};

/// Which version of a view a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// The one that serves.
    Live,
    /// A numbered one, also one under construction.
    Number(u32),
}

/// One atomic step of one partition's projection.
#[derive(Debug, Clone, Default)]
pub struct ViewBatch {
    /// Row changes; a later one of the same key wins.
    pub writes: Vec<RowWrite>,
    /// The new checkpoint of each view that the step advances.
    pub checkpoints: Vec<(View, PartitionId, Checkpoint)>,
}

/// A range of one partition key's rows; bounds are exclusive.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The table.
    pub table: Table,
    /// The partition key.
    pub pk: KeyPart,
    /// Only sort keys above this one.
    pub above: Option<KeyPart>,
    /// Only sort keys below this one.
    pub below: Option<KeyPart>,
    /// From the highest sort key down.
    pub descending: bool,
    /// Rows at the most.
    pub limit: usize,
}

/// A row as read: its sort key and its bytes.
pub type ScannedRow = (KeyPart, Bytes);

/// The versions of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The one that serves.
    pub live: u32,
    /// The one under construction.
    pub building: Option<u32>,
    /// The one that served before, kept for a rollback.
    pub previous: Option<u32>,
}

/// Why the view store could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The same call may succeed later.
    #[error("view store is not available: {0}")]
    Retryable(String),
    /// No such version: it was dropped, or never begun.
    #[error("view {view} has no version {version}", view = .0.name(), version = .1)]
    NoVersion(View, u32),
    /// Another process holds the store.
    #[error("view store is in use by another process: {0}")]
    Locked(String),
    /// Terminal for this process.
    #[error("view store failed: {0}")]
    Fatal(String),
}

/// The store of all views.
#[async_trait]
pub trait ViewStore: Send + Sync + 'static {
    /// The rows of the keys, in their order.
    async fn get(&self, version: Version, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, ViewError>;

    /// The rows of a range, in order.
    async fn scan(&self, version: Version, scan: Scan) -> Result<Vec<ScannedRow>, ViewError>;

    /// Every row of a table after a key (exclusive), at most `limit`: for verification; any fixed order.
    async fn dump(&self, version: Version, table: Table, after: Option<RowKey>, limit: usize) -> Result<Vec<(RowKey, Bytes)>, ViewError>;

    /// Applies a step. All its views are written in the given version.
    async fn commit(&self, version: Version, batch: ViewBatch) -> Result<(), ViewError>;

    /// How far a view has come.
    async fn checkpoint(&self, version: Version, view: View, partition: PartitionId) -> Result<Option<Checkpoint>, ViewError>;

    /// The versions of a view; a fresh store has version 1 live.
    async fn versions(&self, view: View) -> Result<Versions, ViewError>;

    /// Begins an empty version beside the live one; an unfinished earlier one is dropped.
    async fn begin(&self, view: View) -> Result<u32, ViewError>;

    /// Swaps the version under construction in, at once for all readers; the former live one stays as the previous one.
    async fn promote(&self, view: View) -> Result<(), ViewError>;

    /// Drops a version that does not serve.
    async fn drop_version(&self, view: View, version: u32) -> Result<(), ViewError>;

    /// Makes what was committed safe to leave.
    async fn flush(&self) -> Result<(), ViewError>;

    /// For how long the store has been known not to answer: nobody should wait for what it must take first. Nothing while it answers, and
    /// of a store that nobody watches (see [`watched::WatchedViews`]).
    fn away(&self) -> Option<Duration> {
        None
    }
}

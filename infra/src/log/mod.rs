//! The log port: the only truth, in partitions, each with one writer.
//!
//! ```text
//!  partition 3    ┌────┬────┬────┬────┬────┬────┐
//!                 │ 17 │ 18 │ 19 │ 20 │ 21 │ 22 │  <- append, by the owner of the epoch
//!                 └────┴────┴────┴────┴────┴────┘
//!                   ^                        ^    ^
//!                   bounds().start           │    bounds().end: the next offset; wait_past(22) sleeps until it moves
//!                   (retention)              last durable record
//! ```
//!
//! Ordering: offsets of a partition are dense and never reused. Durability: what a reader sees and what an append acknowledged survives
//! the process and the machine's loss of power. Errors say whether the same call may succeed later.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod embedded;
mod import;
#[cfg(feature = "kafka")]
pub mod kafka;
// The rule of acknowledgement is checked in every build, whether it has a client of Kafka or not.
#[cfg(all(test, not(feature = "kafka")))]
#[path = "kafka/acks/mod.rs"]
mod kafka_acks;
pub mod memory;
pub mod place;
mod recent;
mod stamp;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use schemas::PartitionId;
use schemas::log::record::HEADER_BYTES;
use schemas::log::{NewRecord, Offset, StoredRecord, WriterId};

pub use import::LogImport;

/// How the log is cut: fixed for a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLayout {
    /// The generation, from 1.
    pub generation: u32,
    /// Partitions in it, 1..=256.
    pub partitions: u16,
}

impl LogLayout {
    /// All partitions, in order.
    pub fn partition_ids(self) -> impl Iterator<Item = PartitionId> {
        (0..self.partitions).map(PartitionId)
    }
}

/// Bytes of the largest record, header and body: below the default `message.max.bytes` of Kafka, so that a log can move there.
pub const RECORD_BYTES_MAX: usize = 1_000_000;

/// What one read may bring into memory: it ends at the first limit reached, but always brings one record where there is one.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// Records at the most.
    pub records: usize,
    /// Bytes of headers and bodies at the most.
    pub bytes: usize,
}

impl ReadLimits {
    /// Starts a read: nothing is in it yet.
    pub(crate) fn start(self) -> Room {
        Room { left: self, empty: true }
    }
}

/// How much more one read may bring.
pub(crate) struct Room {
    left: ReadLimits,
    empty: bool,
}

impl Room {
    /// Counts a record with a body of `body_bytes` in, or answers that the read ends before it.
    pub(crate) fn admits(&mut self, body_bytes: usize) -> bool {
        let bytes = HEADER_BYTES + body_bytes;
        let fits = self.left.records > 0 && bytes <= self.left.bytes;
        let admitted = fits || std::mem::take(&mut self.empty);
        self.empty = false;
        self.left.records = self.left.records.saturating_sub(1);
        self.left.bytes = self.left.bytes.saturating_sub(bytes);
        admitted
    }
}

/// Why the log could not serve.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The same call may succeed later.
    #[error("log is not available: {0}")]
    Retryable(String),
    /// This process no longer owns the partition; nothing of the append counts.
    #[error("partition {partition} is owned by another writer")]
    Superseded {
        /// The partition lost.
        partition: PartitionId,
    },
    /// Whether the append counts is not known; the same command id, sent again, tells.
    #[error("outcome of the append to partition {partition} is unknown")]
    Unknown {
        /// The partition written to.
        partition: PartitionId,
    },
    /// Records before the tail are damaged: restore this partition from a backup or a replica.
    #[error("log is damaged in partition {partition} at offset {offset}: {cause}")]
    Damaged {
        /// Where.
        partition: PartitionId,
        /// The first offset that cannot be read.
        offset: Offset,
        /// What is wrong with it, with file and byte.
        cause: String,
    },
    /// Another process holds the log.
    #[error("log is in use by another process: {0}")]
    Locked(String),
    /// The partition does not exist in this generation, or the offset has been removed by retention.
    #[error("partition {partition} has no offset {offset}")]
    OutOfRange {
        /// The partition asked for.
        partition: PartitionId,
        /// The offset asked for.
        offset: Offset,
    },
    /// A record over the limit.
    #[error("record of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// The record's size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// No space is left to write to: nothing of the append was written, reads go on, and it may succeed once there is space and the
    /// writer was opened again.
    #[error("log has no space left: {0}")]
    Full(String),
    /// Terminal for this process.
    #[error("log failed: {0}")]
    Fatal(String),
}

impl LogError {
    /// What a closed log answers.
    pub(crate) fn closed() -> Self {
        Self::Fatal("it is closed".into())
    }
}

/// The whole log of a deployment.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// The cut of the current generation.
    fn layout(&self) -> LogLayout;

    /// Becomes the partition's writer: appends `WriterStarted` with the next epoch and `address`, and returns once it is known to have
    /// come first. Earlier writers of the partition are superseded.
    async fn open_writer(&self, partition: PartitionId, address: &str) -> Result<Arc<dyn PartitionWriter>, LogError>;

    /// Records from `from` on, void ones included, in order, without a gap; empty at the end of the log. Past the end, and before the
    /// oldest record kept: [`LogError::OutOfRange`]. A closed log may still be read.
    async fn read(&self, partition: PartitionId, from: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError>;

    /// The readable offsets: from the oldest kept to the next to be written.
    async fn bounds(&self, partition: PartitionId) -> Result<Range<Offset>, LogError>;

    /// Returns once `offset` is readable: tailing without a polling delay. Fails when the log is closed before.
    async fn wait_for(&self, partition: PartitionId, offset: Offset) -> Result<(), LogError>;

    /// Makes everything acknowledged so far safe to leave and stops the writers; later appends fail.
    async fn close(&self) -> Result<(), LogError>;
}

/// The right to append to one partition.
pub trait PartitionWriter: Send + Sync {
    /// The epoch that this writer opened.
    fn epoch(&self) -> u32;

    /// The run that this writer is.
    fn writer(&self) -> WriterId;

    /// The offset after this writer's `WriterStarted`: its decision state must cover all before it.
    fn start(&self) -> Offset;

    /// Appends the records in order and resolves, with the first one's offset, when all are durable and known to be valid.
    ///
    /// Records are put in line when this is called, not when the future is first polled, so calls in order need not wait for one
    /// another: whoever waits shares the next flush. The records of one call get consecutive offsets. On an error none of them is to be
    /// taken as done; [`LogError::Unknown`] says that they may be. What is put in line behind a failed call fails as well, until the
    /// partition's writer is opened again: it may rest on what failed. Only when too much waits in line, the answer is
    /// [`LogError::Retryable`] at once, and later calls may succeed. Without records it resolves when all that was put in line before is durable.
    fn append(&self, records: Vec<NewRecord>) -> BoxFuture<'static, Result<Offset, LogError>>;
}

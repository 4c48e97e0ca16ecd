//! Writes what changed to the view `decisions`, behind the log and beside the loop.
//!
//! A snapshot is taken between two batches and holds exactly the records decided so far. It is written once the last of them is durable,
//! with the checkpoint that stands right there: the view is never ahead of the log, and never torn.

use std::sync::Arc;

use infra::views::{Scan, Version, ViewBatch, ViewError, ViewStore};
use schemas::PartitionId;
use schemas::log::Offset;
use schemas::rows::{RowWrite, Table, View, codec};
use tokio::task::JoinHandle;

use super::owner::Owner;
use crate::state::{ledger_row, receipts};

/// Rows of forgotten receipts removed with each write at the most.
const SWEPT_ROWS_MAX: usize = 16_384;

/// A write in progress; gives the bucket that it left empty, if it swept one.
type Written = JoinHandle<Result<Option<u64>, ViewError>>;

/// See the module.
#[derive(Default)]
pub(super) enum Flusher {
    /// Nothing is under way.
    #[default]
    Idle,
    /// A snapshot waits for the landing of so many flights.
    Taken { rows: Vec<RowWrite>, after: u64 },
    /// A snapshot is being written, up to this offset.
    Writing(Written, Offset),
}

impl Flusher {
    /// Waits for the write in progress; forever if there is none. May be dropped and called again.
    pub(super) async fn written(&mut self) -> (Result<Option<u64>, ViewError>, Offset) {
        let Self::Writing(write, next) = self else { return std::future::pending().await };
        let result = write.await.unwrap_or_else(|panic| Err(ViewError::Fatal(panic.to_string())));
        let next = *next;
        *self = Self::Idle;
        (result, next)
    }
}

impl Owner {
    /// Changed rows that the view does not have.
    pub(super) fn unflushed(&self) -> usize {
        self.state.pinned() + self.receipts.len()
    }

    /// Takes a snapshot, unless one is under way or nothing changed.
    pub(super) fn snapshot(&mut self) {
        self.meters.unflushed.set(self.unflushed() as f64);
        if !matches!(self.flusher, Flusher::Idle) || !(self.receipts.has_fresh() || self.state.pinned() > 0) {
            return;
        }
        let mut rows = self.state.snapshot();
        self.receipts.snapshot();
        rows.push(RowWrite { key: ledger_row(self.partition), value: Some(codec::encode(&self.ledger)), offset: 0 });
        self.flusher = Flusher::Taken { rows, after: self.flights.launched() };
        self.write_snapshot();
    }

    /// Starts to write the snapshot, if there is one and all of it is durable.
    pub(super) fn write_snapshot(&mut self) {
        let landed = self.flights.landed();
        match std::mem::take(&mut self.flusher) {
            Flusher::Taken { mut rows, after } if landed == after => {
                for row in &mut rows {
                    row.offset = self.durable.next.saturating_sub(1);
                }
                rows.extend(self.receipts.rows(self.partition));
                self.meters.rows_flushed.increment(rows.len() as u64);
                let batch = ViewBatch { writes: rows, checkpoints: vec![(View::Decisions, self.partition, self.durable)] };
                let (views, partition, forgotten) = (Arc::clone(&self.ports.views), self.partition, self.ledger.forgotten());
                let write = tokio::spawn(async move { write(views.as_ref(), partition, batch, forgotten).await });
                self.flusher = Flusher::Writing(write, self.durable.next);
            }
            other => self.flusher = other,
        }
    }

    /// The snapshot is in the view, or is not: then what it held belongs to the next one. True if it is.
    pub(super) fn flushed(&mut self, result: Result<Option<u64>, ViewError>) -> bool {
        let written = result.is_ok();
        self.state.flushed(written);
        self.receipts.flushed(written);
        match result {
            Ok(Some(emptied)) => self.ledger.oldest_bucket = self.ledger.oldest_bucket.max(emptied + 1),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, partition = self.partition.0, "the view store did not take the decision state, later"),
        }
        written
    }

    /// Writes the checkpoint alone: rows did not change since the last write, but the log went on.
    pub(super) async fn write_checkpoint(&mut self) -> bool {
        let batch = ViewBatch { writes: Vec::new(), checkpoints: vec![(View::Decisions, self.partition, self.durable)] };
        let committed = self.ports.views.commit(Version::Live, batch).await;
        if let Err(error) = &committed {
            tracing::warn!(%error, partition = self.partition.0, "the view store did not take the checkpoint");
        }
        committed.is_ok()
    }

    /// Writes all that is durable, and waits. For when nothing is in flight.
    pub(super) async fn flush(&mut self) -> bool {
        debug_assert!(self.flights.is_empty(), "nothing is in flight");
        // What was under way first, then the rest.
        let mut written = true;
        for _ in 0..2 {
            if matches!(self.flusher, Flusher::Idle) {
                self.snapshot();
            }
            self.write_snapshot();
            if matches!(self.flusher, Flusher::Writing(..)) {
                let (result, _) = self.flusher.written().await;
                written = self.flushed(result);
            }
        }
        written
    }
}

async fn write(views: &dyn ViewStore, partition: PartitionId, batch: ViewBatch, forgotten: Option<u64>) -> Result<Option<u64>, ViewError> {
    views.commit(Version::Live, batch).await?;
    let Some(bucket) = forgotten else { return Ok(None) };
    let pk = receipts(partition, bucket).done();
    let scan = Scan { table: Table::Decision, pk: pk.clone(), above: None, below: None, descending: false, limit: SWEPT_ROWS_MAX };
    let rows = views.scan(Version::Live, scan).await?;
    let emptied = (rows.len() < SWEPT_ROWS_MAX).then_some(bucket);
    let remove = |sk| RowWrite { key: schemas::rows::RowKey::new(Table::Decision, pk.clone(), sk), value: None, offset: Offset::MAX };
    let writes = rows.into_iter().map(|(sk, _)| remove(sk)).collect();
    views.commit(Version::Live, ViewBatch { writes, checkpoints: Vec::new() }).await?;
    Ok(emptied)
}

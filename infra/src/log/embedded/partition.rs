//! What the writer thread and the readers of a partition share.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::RwLock;
use schemas::PartitionId;
use schemas::log::{Offset, StoredRecord};
use tokio::sync::watch;

use super::queue::Queue;
use super::segment::Segment;
use crate::log::LogError;
use crate::log::recent::Recent;

/// How far a partition is.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// The offset after the last durable record.
    pub(super) end: Offset,
    /// Why it will not move any more.
    pub(super) over: Option<String>,
}

pub(super) struct Partition {
    pub(super) id: PartitionId,
    pub(super) queue: Queue,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) recent: RwLock<Recent>,
    /// In order, the active one last; never empty.
    segments: RwLock<Vec<Arc<Segment>>>,
}

impl Partition {
    pub(super) fn new(id: PartitionId, end: Offset, segments: Vec<Arc<Segment>>, queue: Queue, recent: Recent) -> Self {
        let progress = watch::Sender::new(Progress { end, over: None });
        Self { id, queue, progress, recent: RwLock::new(recent), segments: RwLock::new(segments) }
    }

    /// The readable offsets.
    pub(super) fn bounds(&self) -> Range<Offset> {
        let start = self.segments.read().first().map_or(0, |first| first.base);
        start..self.progress.borrow().end
    }

    /// The segment that holds `offset`, and the offset after the last one that it may hold of a log that ends at `end`.
    pub(super) fn segment_of(&self, offset: Offset, end: Offset) -> Option<(Arc<Segment>, Offset)> {
        let segments = self.segments.read();
        let after = segments.partition_point(|segment| segment.base <= offset);
        let segment = segments.get(after.checked_sub(1)?)?;
        Some((Arc::clone(segment), segments.get(after).map_or(end, |next| next.base.min(end))))
    }

    /// Adds the segment that is written to from now on.
    pub(super) fn roll_to(&self, segment: Arc<Segment>) {
        self.segments.write().push(segment);
    }

    /// Shows durable records to readers.
    pub(super) fn publish(&self, records: impl Iterator<Item = StoredRecord>, end: Offset) {
        self.recent.write().extend(records);
        self.progress.send_modify(|progress| progress.end = end);
    }

    /// Tells readers that wait that nothing more will come.
    pub(super) fn end_here(&self, cause: &str) {
        self.progress.send_modify(|progress| {
            progress.over.get_or_insert_with(|| cause.to_owned());
        });
    }

    /// Returns once `offset` is readable.
    pub(super) async fn wait_for(&self, offset: Offset) -> Result<(), LogError> {
        let mut progress = self.progress.subscribe();
        let reached = progress.wait_for(|progress| progress.end > offset || progress.over.is_some()).await;
        let reached = reached.map_err(|_| LogError::closed())?;
        match &reached.over {
            Some(cause) if reached.end <= offset => Err(LogError::Fatal(cause.clone())),
            _ => Ok(()),
        }
    }
}

//! The queues before the write loops: one for each partition that is decided here, at the moment.

use parking_lot::RwLock;
use schemas::PartitionId;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::Request;

/// See the module. Indexed by partition.
pub(super) struct Lines {
    lines: Vec<RwLock<Option<mpsc::Sender<Request>>>>,
}

/// Why a request was not put in line.
pub(super) enum NotTaken {
    /// Its line is full.
    Full,
    /// Its partition is not decided here: the request, as it came.
    NotHere(Box<Request>),
}

impl Lines {
    pub(super) fn new(partitions: u16) -> Self {
        Self { lines: (0..partitions).map(|_| RwLock::new(None)).collect() }
    }

    /// Opens the line of a partition.
    pub(super) fn open(&self, partition: PartitionId, line: mpsc::Sender<Request>) {
        if let Some(slot) = self.lines.get(usize::from(partition.0)) {
            *slot.write() = Some(line);
        }
    }

    /// Closes the line of a partition; what is in it is still answered.
    pub(super) fn close(&self, partition: PartitionId) {
        if let Some(slot) = self.lines.get(usize::from(partition.0)) {
            *slot.write() = None;
        }
    }

    /// Whether the partition is decided here.
    pub(super) fn is_open(&self, partition: PartitionId) -> bool {
        self.lines.get(usize::from(partition.0)).is_some_and(|slot| slot.read().is_some())
    }

    /// Puts a request in line, without waiting.
    pub(super) fn push(&self, partition: PartitionId, request: Request) -> Result<(), NotTaken> {
        let slot = self.lines.get(usize::from(partition.0)).expect("partitions of commands lie within the layout");
        let line = slot.read();
        let Some(line) = &*line else { return Err(NotTaken::NotHere(Box::new(request))) };
        line.try_send(request).map_err(|refused| match refused {
            TrySendError::Full(_) => NotTaken::Full,
            TrySendError::Closed(request) => NotTaken::NotHere(Box::new(request)),
        })
    }
}

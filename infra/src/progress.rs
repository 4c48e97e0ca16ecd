//! How far the live views of this process have come, so that a reader can wait for a position.
//!
//! The projection loop publishes after each commit; readers wait without polling. One number per (partition): the least `next` offset of
//! all live views, search excepted (it has its own delay and nobody's writes wait for it).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use schemas::PartitionId;
use schemas::log::{Offset, Position};
use tokio::sync::watch;

use crate::notices::Publisher;

/// The watermarks of one log generation.
#[derive(Debug)]
pub struct Progress {
    generation: u32,
    next: Vec<watch::Sender<Offset>>,
    teller: OnceLock<Arc<Publisher>>,
}

impl Progress {
    /// Starts with nothing projected.
    pub fn new(generation: u32, partitions: u16) -> Self {
        Self { generation, next: (0..partitions).map(|_| watch::Sender::new(0)).collect(), teller: OnceLock::new() }
    }

    /// Has what this process commits told to others, from now on.
    pub fn tell(&self, publisher: Arc<Publisher>) {
        // Told once: a process has one feed.
        let _ = self.teller.set(publisher);
    }

    /// Says that this process has read anew how far a partition's views are: it works on it from now on, or goes on after a failure. Whoever
    /// did before may have been killed between a commit and its notice, and a store may have made a step whole that had failed: so others
    /// are told to trust nothing that they keep.
    pub fn begin(&self) {
        if let Some(publisher) = self.teller.get() {
            publisher.moved_all();
        }
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u16 {
        self.next.len() as u16
    }

    /// Says that all below `next` is in the live views, by this process's own work.
    pub fn publish(&self, partition: PartitionId, next: Offset) {
        self.heard(partition, next);
        if let Some(publisher) = self.teller.get() {
            publisher.passed(partition, next);
        }
    }

    /// Says that all below `next` is in the live views, as another process told.
    pub fn heard(&self, partition: PartitionId, next: Offset) {
        if let Some(sender) = self.next.get(usize::from(partition.0)) {
            sender.send_if_modified(|known| {
                let moved = next > *known;
                *known = (*known).max(next);
                moved
            });
        }
    }

    /// The next offset to be projected.
    pub fn next(&self, partition: PartitionId) -> Offset {
        self.next.get(usize::from(partition.0)).map_or(0, |sender| *sender.borrow())
    }

    /// Waits until all the positions are in the views; false when `patience` ran out first, or a position is of another generation.
    pub async fn wait(&self, positions: &[Position], patience: Duration) -> bool {
        let all = async {
            for position in positions {
                let Some(sender) = self.next.get(usize::from(position.partition.0)) else { return false };
                if position.generation != self.generation {
                    return false;
                }
                if sender.subscribe().wait_for(|next| *next > position.offset).await.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(patience, all).await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::memory::MemoryNotices;
    use crate::notices::{Heard, Notice, Notices};

    #[tokio::test(start_paused = true)]
    async fn waits_for_all_positions_or_gives_up() {
        let progress = Progress::new(1, 2);
        let at = |partition, offset| Position { generation: 1, partition: PartitionId(partition), offset };
        let patience = Duration::from_millis(50);
        assert!(!progress.wait(&[at(0, 0)], patience).await);
        progress.publish(PartitionId(0), 1);
        assert!(progress.wait(&[at(0, 0)], patience).await);
        assert!(!progress.wait(&[at(0, 0), at(1, 4)], patience).await);
        progress.publish(PartitionId(1), 5);
        assert!(progress.wait(&[at(0, 0), at(1, 4)], patience).await);
        assert!(!progress.wait(&[Position { generation: 2, ..at(0, 0) }], patience).await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_over_tells_that_nothing_kept_is_trusted() {
        let feed = Arc::new(MemoryNotices::default());
        let mut heard = feed.subscribe().await.expect("memory is there");
        let progress = Progress::new(1, 2);
        progress.begin();
        progress.tell(Arc::new(Publisher::start(feed)));
        progress.begin();
        progress.publish(PartitionId(1), 5);
        let notice = Notice { slots: None, next: vec![(PartitionId(1), 5)] };
        assert_eq!(heard.hear().await.expect("told"), Heard::Notice(notice));
    }
}

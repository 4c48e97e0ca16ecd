//! Collects what a process commits, and publishes it: one notice on its way at a time, all that came meanwhile in the next one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use schemas::PartitionId;
use schemas::log::Offset;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{Notice, Notices, SLOTS_MAX};

/// How often something is published, even if nothing was committed: silence means that the feed is broken.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2);
/// The pause after a failure, before jitter.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
struct Pending {
    all: bool,
    slots: Vec<u32>,
    next: BTreeMap<PartitionId, Offset>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        !self.all && self.slots.is_empty() && self.next.is_empty()
    }

    fn add(&mut self, slots: &[u32]) {
        if self.all {
            return;
        }
        self.slots.extend_from_slice(slots);
        if self.slots.len() > SLOTS_MAX {
            self.slots.sort_unstable();
            self.slots.dedup();
        }
        if self.slots.len() > SLOTS_MAX {
            self.add_all();
        }
    }

    fn add_all(&mut self) {
        self.all = true;
        self.slots.clear();
    }

    fn take(&mut self) -> Notice {
        let taken = std::mem::take(self);
        Notice { slots: (!taken.all).then_some(taken.slots), next: taken.next.into_iter().collect() }
    }

    /// Puts back what could not be published; what came since is newer.
    fn put_back(&mut self, notice: Notice) {
        match notice.slots {
            Some(slots) => self.add(&slots),
            None => self.add_all(),
        }
        for (partition, next) in notice.next {
            let known = self.next.entry(partition).or_default();
            *known = (*known).max(next);
        }
    }
}

/// See the module. Dropped, it stops.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<Pending>,
    wake: Notify,
}

impl Publisher {
    /// Starts to publish. Needs a tokio runtime with time.
    pub fn start(feed: Arc<dyn Notices>) -> Self {
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(publish(feed, shared.clone()));
        Self { shared, task }
    }

    /// Tells that stamps moved, which stand for rows that are committed.
    pub(crate) fn moved(&self, slots: &[u32]) {
        self.shared.pending.lock().add(slots);
        self.shared.wake.notify_one();
    }

    /// Tells that all stamps moved.
    pub(crate) fn moved_all(&self) {
        self.shared.pending.lock().add_all();
        self.shared.wake.notify_one();
    }

    /// Tells how far the live views of a partition are. What was told before goes out before, or with it.
    pub(crate) fn passed(&self, partition: PartitionId, next: Offset) {
        self.shared.pending.lock().next.insert(partition, next);
        self.shared.wake.notify_one();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn publish(feed: Arc<dyn Notices>, shared: Arc<Shared>) {
    loop {
        if shared.pending.lock().is_empty() {
            // An error: nothing was committed in all that time; an empty notice says so.
            let _ = tokio::time::timeout(HEARTBEAT, shared.wake.notified()).await;
        }
        let notice = shared.pending.lock().take();
        if let Err(error) = feed.publish(notice.clone()).await {
            tracing::warn!(%error, "what was committed could not be told: other processes trail");
            shared.pending.lock().put_back(notice);
            tokio::time::sleep(PAUSE.mul_f64(rand::random_range(0.5..1.5))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::Heard;
    use crate::notices::memory::MemoryNotices;

    #[test]
    fn too_many_slots_become_all() {
        let mut pending = Pending::default();
        pending.add(&[1; SLOTS_MAX + 1]);
        assert_eq!(pending.take().slots, Some(vec![1]), "the same one, however often, is one");
        pending.add(&(0..=SLOTS_MAX as u32).collect::<Vec<_>>());
        assert_eq!(pending.take().slots, None);
    }

    #[test]
    fn what_was_not_published_comes_with_the_next_notice() {
        let mut pending = Pending::default();
        let (one, two) = (PartitionId(1), PartitionId(2));
        pending.add(&[3]);
        pending.next.insert(one, 5);
        let failed = pending.take();
        pending.add(&[4]);
        pending.next.insert(one, 7);
        pending.next.insert(two, 1);
        pending.put_back(failed);
        assert_eq!(pending.take(), Notice { slots: Some(vec![4, 3]), next: vec![(one, 7), (two, 1)] });
        assert!(pending.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn commits_are_told_and_silence_is_broken() {
        let feed = Arc::new(MemoryNotices::default());
        let mut heard = crate::notices::Notices::subscribe(&*feed).await.unwrap();
        let publisher = Publisher::start(feed);
        publisher.moved(&[9]);
        publisher.passed(PartitionId(0), 12);
        let notice = Notice { slots: Some(vec![9]), next: vec![(PartitionId(0), 12)] };
        assert_eq!(heard.hear().await.unwrap(), Heard::Notice(notice));
        assert_eq!(heard.hear().await.unwrap(), Heard::Notice(Notice { slots: Some(vec![]), next: vec![] }), "a heartbeat");
    }
}

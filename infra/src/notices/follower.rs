//! Follows the feed for a process that caches rows and waits for positions.

use std::sync::Arc;
use std::time::Duration;

use schemas::PartitionId;
use schemas::rows::View;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::publisher::HEARTBEAT;
use super::{Heard, NoticeError, Notices};
use crate::cache::Stamps;
use crate::progress::Progress;
use crate::views::{Version, ViewStore};

/// How long the feed may be silent before nothing cached is trusted any more.
const SILENCE_MAX: Duration = HEARTBEAT.saturating_mul(3);
/// How long what is cached is trusted while the feed is silent.
const TRUST_IN_SILENCE: Duration = Duration::from_secs(1);
/// The pause after a failure, before jitter.
const PAUSE: Duration = Duration::from_millis(500);

/// Keeps stamps and progress up to what other processes commit. Dropped, it stops.
#[derive(Debug)]
pub struct Follower {
    current: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Follower {
    /// Starts to follow the feed. Needs a tokio runtime with time.
    pub fn start(feed: Arc<dyn Notices>, views: Arc<dyn ViewStore>, stamps: Arc<Stamps>, progress: Arc<Progress>) -> Self {
        let (told, current) = watch::channel(false);
        Self { current, task: tokio::spawn(Following { feed, views, stamps, progress, told }.follow()) }
    }

    /// Whether all that was committed until a few seconds ago was heard of.
    pub fn is_current(&self) -> bool {
        *self.current.borrow()
    }

    /// Waits until the feed is followed.
    pub async fn wait_until_current(&self) {
        // An error: it was stopped, and nobody should wait for it.
        let _ = self.current.clone().wait_for(|current| *current).await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Following {
    feed: Arc<dyn Notices>,
    views: Arc<dyn ViewStore>,
    stamps: Arc<Stamps>,
    progress: Arc<Progress>,
    told: watch::Sender<bool>,
}

impl Following {
    async fn follow(self) {
        loop {
            if let Err(error) = self.follow_once().await {
                tracing::warn!(%error, "what other processes commit cannot be followed: nothing cached is trusted");
            }
            self.told.send_replace(false);
            // Until it is followed again, only what was read since counts.
            self.stamps.touch_all();
            tokio::time::sleep(PAUSE.mul_f64(rand::random_range(0.5..1.5))).await;
        }
    }

    async fn follow_once(&self) -> Result<(), NoticeError> {
        let mut place = self.feed.subscribe().await?;
        // After subscribing: what is committed from now on is heard, all before is in the checkpoints.
        self.stamps.touch_all();
        catch_up(&*self.views, &self.progress).await?;
        self.told.send_replace(true);
        loop {
            let mut patience = SILENCE_MAX;
            let heard = loop {
                match tokio::time::timeout(patience, place.hear()).await {
                    Ok(heard) => break heard?,
                    Err(_) => {
                        self.told.send_replace(false);
                        self.stamps.touch_all();
                        patience = TRUST_IN_SILENCE;
                    }
                }
            };
            match heard {
                Heard::Missed => return Ok(()),
                Heard::Notice(notice) => {
                    match &notice.slots {
                        Some(slots) => slots.iter().for_each(|slot| self.stamps.touch_slot(*slot)),
                        None => self.stamps.touch_all(),
                    }
                    notice.next.iter().for_each(|(partition, next)| self.progress.heard(*partition, *next));
                }
            }
            self.told.send_if_modified(|current| !std::mem::replace(current, true));
        }
    }
}

/// Reads from the checkpoints how far the live views are.
async fn catch_up(views: &dyn ViewStore, progress: &Progress) -> Result<(), NoticeError> {
    for partition in (0..progress.partitions()).map(PartitionId) {
        let mut least = None;
        for view in View::PROJECTED {
            let at = views.checkpoint(Version::Live, view, partition).await.map_err(|error| NoticeError(error.to_string()))?;
            let next = at.map_or(0, |at| at.next);
            least = Some(least.map_or(next, |least: u64| least.min(next)));
        }
        progress.heard(partition, least.unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use schemas::log::Position;
    use schemas::rows::Table;

    use super::*;
    use crate::cache::StampedViews;
    use crate::notices::Publisher;
    use crate::notices::memory::MemoryNotices;
    use crate::views::memory::MemoryViews;
    use crate::views::{ViewBatch, contract};

    /// Two processes over one store: what one commits, the other never reads older than the position that it waited for.
    #[tokio::test]
    async fn who_waited_for_a_position_trusts_nothing_cached_before_it() {
        let (store, feed) = (Arc::new(MemoryViews::new()), Arc::new(MemoryNotices::default()));
        let writer = {
            let (stamps, progress) = (Arc::new(Stamps::new()), Progress::new(1, 2));
            let publisher = Arc::new(Publisher::start(feed.clone()));
            stamps.tell(publisher.clone());
            progress.tell(publisher);
            (StampedViews::new(store.clone(), stamps), progress)
        };
        let (stamps, progress) = (Arc::new(Stamps::new()), Arc::new(Progress::new(1, 2)));
        let follower = Follower::start(feed, store, stamps.clone(), progress.clone());
        follower.wait_until_current().await;
        for round in 0..200_u64 {
            let key = contract::key(Table::Account, &format!("account {}", round % 7), "");
            let before = stamps.stamp(Table::Account, &key.pk);
            let write = contract::put(Table::Account, &format!("account {}", round % 7), "", &round.to_string());
            writer.0.commit(Version::Live, ViewBatch { writes: vec![write], checkpoints: Vec::new() }).await.unwrap();
            writer.1.publish(PartitionId(1), round + 1);
            let position = Position { generation: 1, partition: PartitionId(1), offset: round };
            assert!(progress.wait(&[position], Duration::from_secs(5)).await, "round {round}");
            assert_ne!(stamps.stamp(Table::Account, &key.pk), before, "round {round}");
        }
        assert!(follower.is_current());
    }
}

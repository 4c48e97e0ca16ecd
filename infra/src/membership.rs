//! The membership port: which partitions this process is to work on.
//!
//! A hint, never a right: while it changes, two processes may both have a partition, or none. Who writes is decided by the epoch in the
//! log, and projecting twice changes nothing.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod memory;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use schemas::PartitionId;
use tokio::sync::watch;

use crate::log::LogError;

/// A set of partitions.
pub type Partitions = Arc<BTreeSet<PartitionId>>;

/// The partitions of a process: the set at the moment, and every change of it.
///
/// Whoever works on them compares the set with what it does: a change that came and went unseen needs nothing.
#[derive(Debug, Clone)]
pub struct Membership {
    given: watch::Receiver<Partitions>,
    /// What gives them, kept alive; nothing where they are given for ever.
    giver: Option<Arc<dyn Giver>>,
}

/// Whatever gives a process its partitions; dropped with the last [`Membership`], it gives them back.
#[async_trait]
pub trait Giver: Send + Sync + std::fmt::Debug {
    /// Gives them back now, so that others are given them at once.
    async fn leave(&self);
}

/// The groups of processes that share out the partitions of one log among themselves: one group for each kind of work.
#[async_trait]
pub trait Groups: Send + Sync + 'static {
    /// Joins a group. Its name is persisted: two that call it the same share the work out.
    ///
    /// Errors: as the log's.
    async fn join(&self, group: &str) -> Result<Membership, LogError>;
}

impl Membership {
    /// All partitions of a log, for ever: for a process that is alone.
    pub fn alone(partitions: impl IntoIterator<Item = PartitionId>) -> Self {
        let all: BTreeSet<_> = partitions.into_iter().collect();
        Self { given: watch::Sender::new(Arc::new(all)).subscribe(), giver: None }
    }

    /// What a giver shows in `given`.
    pub fn of(given: watch::Receiver<Partitions>, giver: Arc<dyn Giver>) -> Self {
        Self { given, giver: Some(giver) }
    }

    /// The partitions at the moment; a later [`Self::changed`] waits for another set.
    pub fn now(&mut self) -> Partitions {
        self.given.borrow_and_update().clone()
    }

    /// Whether the partition is among them at the moment.
    pub fn has(&self, partition: PartitionId) -> bool {
        self.given.borrow().contains(&partition)
    }

    /// Whether it is given all of `partitions` for the moment.
    pub fn has_all(&self, partitions: impl IntoIterator<Item = PartitionId>) -> bool {
        let given = self.given.borrow();
        partitions.into_iter().all(|partition| given.contains(&partition))
    }

    /// Gives the partitions back, where somebody else could take them. Nothing is given afterwards.
    pub async fn leave(&self) {
        if let Some(giver) = &self.giver {
            giver.leave().await;
        }
    }

    /// Waits for another set than the last one that was looked at; for ever where none will come.
    pub async fn changed(&mut self) {
        if self.given.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Hand(watch::Sender<Partitions>);
    #[async_trait]
    impl Giver for Hand {
        async fn leave(&self) {
            self.0.send_replace(Partitions::default());
        }
    }

    fn set(partitions: &[u16]) -> Partitions {
        Arc::new(partitions.iter().map(|partition| PartitionId(*partition)).collect())
    }

    #[tokio::test]
    async fn who_is_alone_has_all_for_ever() {
        let mut alone = Membership::alone((0..3).map(PartitionId));
        assert_eq!(alone.now(), set(&[0, 1, 2]));
        assert!(alone.has(PartitionId(2)) && !alone.has(PartitionId(3)));
        assert!(futures_util::FutureExt::now_or_never(alone.changed()).is_none());
    }

    #[tokio::test]
    async fn changes_are_seen_once() {
        let sender = watch::Sender::new(set(&[]));
        let mut member = Membership::of(sender.subscribe(), Arc::new(Hand(sender.clone())));
        assert_eq!(member.now(), set(&[]));
        sender.send_replace(set(&[1]));
        sender.send_replace(set(&[1, 4]));
        member.changed().await;
        assert_eq!(member.now(), set(&[1, 4]));
        assert!(futures_util::FutureExt::now_or_never(member.changed()).is_none());
        member.leave().await;
        assert_eq!(member.now(), set(&[]));
    }
}

//! Which partitions this process should write: what a consumer group hints at.
//!
//! A hint and nothing more: two processes that both believe to own a partition are sorted out by the epochs in the log. The group's members
//! read no records; they are only counted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use schemas::PartitionId;
use tokio::sync::watch;

use super::context::{blocking, failed, log, refused};
use super::options::{client, topic_of};
use super::url::KafkaUrl;
use crate::log::LogError;
use crate::membership::{Giver, Groups, Membership, Partitions};

/// How long the thread sleeps before it looks whether it is to end.
const NAP: Duration = Duration::from_millis(200);
/// A member that is not heard of for so long has lost its partitions.
const SESSION_MS: &str = "10000";
const HEARTBEAT_MS: &str = "2000";

/// The groups of a log's generation: a consumer group for each kind of work.
#[derive(Debug, Clone)]
pub struct KafkaGroups {
    url: KafkaUrl,
    generation: u32,
}

impl KafkaGroups {
    /// The groups of a generation; nothing is asked of the cluster yet.
    pub fn new(url: KafkaUrl, generation: u32) -> Self {
        Self { url, generation }
    }
}

#[async_trait]
impl Groups for KafkaGroups {
    async fn join(&self, group: &str) -> Result<Membership, LogError> {
        let member = Ownership::join(&self.url, self.generation, group).await?;
        Ok(Membership::of(member.owned(), Arc::new(member)))
    }
}

/// A member of a group that shares out a log's partitions. Dropped, it leaves, and the others take its partitions over.
struct Ownership {
    owned: watch::Receiver<Partitions>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Ownership {
    /// Joins the group of the owners of a generation, as one that may own partitions of the log's topic. `role` tells groups apart that
    /// share out the same partitions among themselves: `owners` for those who write, another for projectors.
    ///
    /// Errors: [`LogError::Fatal`] when a property is wrong; [`LogError::Retryable`] when the group cannot be asked to join.
    async fn join(url: &KafkaUrl, generation: u32, role: &str) -> Result<Self, LogError> {
        let topic = topic_of(url, generation);
        let (owned, receiver) = watch::channel(Partitions::default());
        let mut config = client(url);
        for (name, value) in [("session.timeout.ms", SESSION_MS), ("heartbeat.interval.ms", HEARTBEAT_MS)] {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        config.set("group.id", format!("{topic}.{role}"));
        config.set("partition.assignment.strategy", "cooperative-sticky");
        config.set("enable.auto.commit", "false");
        // Nothing is read: the partitions are paused before their first fetch brings anything.
        config.set("auto.offset.reset", "latest");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let member: BaseConsumer<Member> = blocking(move || {
            let member: BaseConsumer<Member> = config.create_with_context(Member { owned }).map_err(refused)?;
            member.subscribe(&[&topic]).map_err(failed)?;
            Ok(member)
        })
        .await?;
        let run = move || {
            while !stopped.load(Ordering::Acquire) {
                if let Some(Err(error)) = member.poll(NAP) {
                    tracing::debug!(%error, "the group of owners reports");
                }
            }
            // Dropping it leaves the group.
        };
        let thread = std::thread::Builder::new().name("kafka-owner".into()).spawn(run);
        let thread = thread.map_err(|error| LogError::Fatal(format!("cannot start the group's thread: {error}")))?;
        Ok(Self { owned: receiver, stop, thread: Mutex::new(Some(thread)) })
    }

    /// The partitions that this process should own, and each change of them: open those that appear, leave those that go. The sender is
    /// gone once the group was left.
    fn owned(&self) -> watch::Receiver<Partitions> {
        self.owned.clone()
    }
}

impl std::fmt::Debug for Ownership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ownership").field("owned", &self.owned).finish_non_exhaustive()
    }
}

#[async_trait]
impl Giver for Ownership {
    async fn leave(&self) {
        self.stop.store(true, Ordering::Release);
        let thread = self.thread.lock().take();
        // A thread that panicked has left as well.
        let _ = tokio::task::spawn_blocking(move || thread.map(std::thread::JoinHandle::join)).await;
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

struct Member {
    owned: watch::Sender<Partitions>,
}

impl Member {
    fn change(&self, list: &TopicPartitionList, change: fn(&mut BTreeSet<PartitionId>, PartitionId) -> bool) {
        self.owned.send_if_modified(|owned| {
            let elements = list.elements();
            let (mut changed, own) = (false, Arc::make_mut(owned));
            for partition in elements.iter().filter_map(|element| u16::try_from(element.partition()).ok()) {
                changed |= change(own, PartitionId(partition));
            }
            changed
        });
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka group");
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(list) => self.change(list, |owned, partition| owned.remove(&partition)),
            Rebalance::Error(error) => tracing::warn!(%error, "the group of owners cannot be shared out"),
            Rebalance::Assign(_) => {}
        }
    }

    fn post_rebalance(&self, member: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            if let Err(error) = member.pause(list) {
                tracing::warn!(%error, "partitions that nobody reads cannot be paused");
            }
            self.change(list, BTreeSet::insert);
        }
    }
}

//! Notices in a topic of one partition: a producer for each process that publishes, a consumer without a group for each that follows.
//!
//! ```text
//!  publish ──> producer ──acks=all──> PREFIX.notices ──> consumer's thread ──> place (bounded) ──> hear
//! ```
//!
//! Published means: in all replicas in sync. Offsets of the topic are dense (no transactions, no compaction), so a follower that gets
//! another offset than the next one, an offset that is gone, or bytes that are no notice, has missed something and is told so. See
//! docs/decisions/0011-roles-in-processes.md, "Notices on Kafka".

mod place;

use async_trait::async_trait;
use parking_lot::RwLock;
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use super::{Notice, NoticeError, Notices, Subscription, encode};
use crate::log::LogError;
use crate::log::kafka::KafkaUrl;
use crate::log::kafka::cluster::drop_behind;
use crate::log::kafka::context::{Context, blocking, refused};
use crate::log::kafka::options::{consumer, producer};
use crate::log::kafka::topic::{Wanted, provide};

/// The only partition: one order for all.
const PARTITION: i32 = 0;
/// How long notices are kept: whoever is farther behind reads the checkpoints instead. Milliseconds.
const KEPT_MS: &str = "3600000";
/// Kafka removes whole segments, and never the one that it writes to: these bounds make the hour true. Milliseconds, bytes.
const SEGMENT_MS: &str = "600000";
const SEGMENT_BYTES: &str = "67108864";
/// Notices on their way at the most, and their bytes in units of 1024; beyond them publishing fails.
const UNSENT_MAX: &str = "1024";
const UNSENT_KIB_MAX: &str = "65536";
/// How long a question for what is not there yet stays open, in milliseconds. What comes meanwhile answers it at once.
const WAIT_MS: u32 = 500;

type Client = FutureProducer<Context>;

/// The feed of the deployment whose log is below the same prefix.
pub struct KafkaNotices {
    url: KafkaUrl,
    topic: String,
    /// Made anew when librdkafka declares it dead. `None` only while it is dropped.
    producer: RwLock<Option<Client>>,
}

impl KafkaNotices {
    /// Opens the feed in the topic `PREFIX.notices`, or makes the topic if `create` says so.
    ///
    /// Errors: [`LogError::Fatal`] when there is no such topic and none is to be made, when it has more than one partition, or when a
    /// property is wrong; [`LogError::Retryable`] while the cluster cannot be reached.
    pub async fn open(url: &KafkaUrl, create: bool) -> Result<Self, LogError> {
        let topic = format!("{}.notices", url.prefix);
        let settings = [("retention.ms", KEPT_MS), ("segment.ms", SEGMENT_MS), ("segment.bytes", SEGMENT_BYTES)];
        let partitions = provide(&Wanted { url, name: &topic, partitions: 1, settings: &settings }, create).await?;
        if partitions != 1 {
            return Err(LogError::Fatal(format!("topic {topic} has {partitions} partitions, not 1: notices have one order")));
        }
        let producer = RwLock::new(Some(make_producer(url).await?));
        Ok(Self { url: url.clone(), topic, producer })
    }

    async fn deliver(&self, bytes: &[u8]) -> Result<(), KafkaError> {
        let sent = {
            let producer = self.producer.read();
            let record: FutureRecord<'_, (), [u8]> = FutureRecord::to(&self.topic).partition(PARTITION).payload(bytes);
            producer.as_ref().ok_or(KafkaError::Canceled)?.send_result(record).map_err(|(error, _)| error)?
        };
        let delivered = sent.await.map_err(|_| KafkaError::Canceled)?;
        delivered.map(drop).map_err(|(error, _)| error)
    }

    /// An idempotent producer that cannot keep its promise any more fails for ever: it is exchanged.
    async fn renew_if_dead(&self) {
        let is_dead = |producer: &Option<Client>| producer.as_ref().is_some_and(|producer| producer.client().fatal_error().is_some());
        if !is_dead(&self.producer.read()) {
            return;
        }
        match make_producer(&self.url).await {
            Ok(new) => {
                let mut producer = self.producer.write();
                if is_dead(&producer) {
                    tracing::warn!(topic = self.topic, "the producer of notices is made anew");
                    drop_behind(producer.replace(new));
                }
            }
            Err(error) => tracing::error!(topic = self.topic, %error, "the producer of notices cannot be made anew"),
        }
    }
}

impl Drop for KafkaNotices {
    fn drop(&mut self) {
        drop_behind(self.producer.get_mut().take());
    }
}

async fn make_producer(url: &KafkaUrl) -> Result<Client, LogError> {
    let mut config = producer(url);
    config.set("queue.buffering.max.messages", UNSENT_MAX).set("queue.buffering.max.kbytes", UNSENT_KIB_MAX);
    blocking(move || config.create_with_context(Context).map_err(refused)).await
}

#[async_trait]
impl Notices for KafkaNotices {
    async fn publish(&self, notice: Notice) -> Result<(), NoticeError> {
        let delivered = self.deliver(&encode(&notice)).await;
        if delivered.is_err() {
            self.renew_if_dead().await;
        }
        delivered.map_err(|error| NoticeError(error.to_string()))
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, NoticeError> {
        let config = consumer(&self.url, &format!("{}.followers", self.topic), WAIT_MS);
        let topic = self.topic.clone();
        let place = blocking(move || place::take(config.create_with_context(Context).map_err(refused)?, topic)).await;
        Ok(Box::new(place.map_err(|error| NoticeError(error.to_string()))?))
    }
}

//! What the log on Kafka can be told, and the settings of its clients.

use std::time::Duration;

use rdkafka::ClientConfig;

use super::url::KafkaUrl;
use crate::log::LogLayout;

const MIB: usize = 1 << 20;

/// Bytes of the largest message: what a broker takes by default, above the largest record with its framing.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1_048_588;
/// How long one question to the cluster may take.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a delivery may take; see docs/decisions/0009-kafka-log.md, "Time-outs".
const DELIVERY_MS: &str = "20000";
/// How old what a client knows of topics and their leaders may be, in milliseconds.
const METADATA_AGE_MS: &str = "5000";
/// How long the tail's question for new records stays open, in milliseconds; see [`consumer`].
pub(super) const TAIL_WAIT_MS: u32 = 100;
/// The same for readers behind the tail, who mostly ask for what is there.
pub(super) const LANE_WAIT_MS: u32 = 20;
/// Bytes that a consumer reads ahead in each partition, in units of 1024.
const READ_AHEAD_KIB: &str = "4096";

/// How a log on Kafka is opened.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// Where it is.
    pub url: KafkaUrl,
    /// The cut; of an existing topic it must be the one that it was made with.
    pub layout: LogLayout,
    /// Whether the topic is made when it is absent.
    pub create: bool,
    /// Bytes of newest records kept in memory for the readers of each partition that is waited for.
    pub recent_bytes: usize,
    /// Records that may wait for the cluster in each partition.
    pub queue_records: usize,
    /// Bytes that may wait for the cluster in each partition.
    pub queue_bytes: usize,
}

impl KafkaOptions {
    /// The defaults.
    pub fn new(url: KafkaUrl, layout: LogLayout) -> Self {
        Self { url, layout, create: true, recent_bytes: 4 * MIB, queue_records: 65_536, queue_bytes: 32 * MIB }
    }
}

/// The topic of a generation.
pub(super) fn topic_of(url: &KafkaUrl, generation: u32) -> String {
    format!("{}.log.g{generation}", url.prefix)
}

/// What every client is told.
pub(crate) fn client(url: &KafkaUrl) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", "roost");
    config.set("topic.metadata.propagation.max.ms", "5000");
    // A broker that has just come back may not know the topic yet and say so; a client that asked it believes that until it asks again.
    config.set("topic.metadata.refresh.interval.ms", METADATA_AGE_MS);
    config.set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "1000");
    for (name, value) in url.properties() {
        config.set(name, value);
    }
    config.set("bootstrap.servers", url.brokers.join(","));
    config
}

/// A writer's producer: its settings are the ground of the acknowledgement rule.
pub(crate) fn producer(url: &KafkaUrl) -> ClientConfig {
    let mut config = client(url);
    let default = |config: &mut ClientConfig, name: &str, value: &str| {
        if config.get(name).is_none() {
            config.set(name, value);
        }
    };
    default(&mut config, "message.timeout.ms", DELIVERY_MS);
    default(&mut config, "linger.ms", "0");
    default(&mut config, "batch.num.messages", "100000");
    default(&mut config, "batch.size", "1000000");
    // One that the broker works on and one on its way: it works on one of a connection at a time. What is beyond them waits and grows.
    default(&mut config, "max.in.flight.requests.per.connection", "2");
    default(&mut config, "socket.nagle.disable", "true");
    default(&mut config, "retry.backoff.ms", "50");
    config.set("acks", "all");
    config.set("enable.idempotence", "true");
    config.set("message.max.bytes", MESSAGE_BYTES_MAX.to_string());
    // Above the bounds of the line, so that the producer never refuses the second half of a call.
    config.set("queue.buffering.max.messages", "0");
    config.set("queue.buffering.max.kbytes", "2000000");
    config
}

/// A consumer that is told its positions, and never joins the group that it commits to. A question for records that are not there yet
/// stays open for `wait_ms`, and for so long a position that is added to the consumer may have to wait for its first records.
pub(crate) fn consumer(url: &KafkaUrl, group: &str, wait_ms: u32) -> ClientConfig {
    let mut config = client(url);
    config.set("fetch.wait.max.ms", wait_ms.to_string());
    // A full queue is looked at again soon: the default of a second would make fast readers wait.
    for (name, value) in [("fetch.queue.backoff.ms", "2"), ("queued.max.messages.kbytes", READ_AHEAD_KIB)] {
        if config.get(name).is_none() {
            config.set(name, value);
        }
    }
    config.set("group.id", group);
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    // Where an offset does not exist, the reader is to be told, not moved.
    config.set("auto.offset.reset", "error");
    config.set("isolation.level", "read_uncommitted");
    config.set("check.crcs", "true");
    config
}

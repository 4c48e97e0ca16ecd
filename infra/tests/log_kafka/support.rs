//! A log with a name of its own on the broker of the environment, and a way to write to it as nobody may.

use std::sync::Arc;
use std::time::Duration;

use infra::log::contract::record;
use infra::log::kafka::{KafkaLog, KafkaOptions, KafkaUrl};
use infra::log::{EventLog, LogLayout, PartitionWriter};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use schemas::PartitionId;
use schemas::log::RecordHeader;

pub(crate) const P0: PartitionId = PartitionId(0);
pub(crate) const LAYOUT: LogLayout = LogLayout { generation: 1, partitions: 2 };

/// The broker.
pub(crate) fn broker() -> String {
    std::env::var("ROOST_TEST_KAFKA").expect("ROOST_TEST_KAFKA=host:port names the broker of these tests: see this file's head")
}

/// A place where nothing is.
pub(crate) fn new_place() -> KafkaUrl {
    let text = format!("kafka://{}/test-{:016x}?rf=1", broker(), rand::random::<u64>());
    text.parse().expect("the variable is host:port")
}

pub(crate) async fn open(place: &KafkaUrl) -> Arc<dyn EventLog> {
    KafkaLog::open(KafkaOptions::new(place.clone(), LAYOUT)).await.expect("the log opens")
}

pub(crate) async fn own(log: &Arc<dyn EventLog>) -> Arc<dyn PartitionWriter> {
    log.open_writer(P0, "test").await.expect("a writer")
}

/// Appends records with these command ids, one call each, all at once, and gives back their offsets.
pub(crate) async fn append_each(writer: &Arc<dyn PartitionWriter>, ids: std::ops::Range<u64>) -> Vec<u64> {
    let calls: Vec<_> = ids.map(|id| writer.append(vec![record(id, 300)])).collect();
    let done = futures_util::future::join_all(calls).await;
    done.into_iter().map(|offset| offset.expect("the append succeeds")).collect()
}

/// Writes a record with a header of the caller's making, as a zombie does.
pub(crate) fn inject(place: &KafkaUrl, header: &RecordHeader) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", place.brokers.join(",")).create().expect("a producer");
    let topic = format!("{}.log.g1", place.prefix);
    let headers = OwnedHeaders::new().insert(Header { key: "roost", value: Some(&header.encode()) });
    let message = BaseRecord::<(), [u8]>::to(&topic).partition(0).payload(b"late").headers(headers);
    producer.send(message).map_err(|(error, _)| error).expect("there is room");
    producer.flush(Duration::from_secs(10)).expect("it is delivered");
}

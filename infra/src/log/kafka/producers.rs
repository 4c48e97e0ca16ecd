//! The producers of a log's handle: each sends for several partitions, and tells each delivery to the writer that it belongs to.
//!
//! librdkafka looks at a partition again and again, without a pause, while a batch of it is under way and more waits behind; unless a request of
//! another partition is in line for the same connection. So a producer for each partition burns as many threads as there are partitions,
//! and one for several has them wait for one another, and their batches grow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::RwLock;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, ProducerContext, ThreadedProducer};
use schemas::PartitionId;
use schemas::log::{Offset, RecordHeader};

use super::cluster::drop_behind;
use super::context::{blocking, log, refused};
use super::options::producer;
use super::url::KafkaUrl;
use super::wire;
use super::writer::Shared;
use crate::log::LogError;

/// Writers that share a producer, at the most: their requests to one broker follow one another on one connection.
const WRITERS_MAX: usize = 8;
/// Bits of a message's opaque word that hold the sequence; above them is the seat.
const SEQUENCE_BITS: u32 = 48;
/// Seats that a producer ever gives out: none twice, for what its last holder sent may still be delivered.
const SEATS_MAX: usize = 1 << (usize::BITS - SEQUENCE_BITS);

type Client = ThreadedProducer<Deliveries>;

/// The producers that take writers, the newest last.
#[derive(Default)]
pub(super) struct Producers(tokio::sync::Mutex<Vec<Weak<Producer>>>);

impl Producers {
    /// A seat for a writer: with a producer that has room and never failed, else with a new one.
    ///
    /// Errors: [`LogError::Fatal`] when a property is wrong.
    pub(super) async fn seat(&self, url: &KafkaUrl, writer: &Arc<Shared>) -> Result<Seat, LogError> {
        let mut producers = self.0.lock().await;
        producers.retain(|producer| producer.strong_count() > 0);
        if let Some(seat) = producers.iter().filter_map(Weak::upgrade).find_map(|producer| producer.seat(writer)) {
            return Ok(seat);
        }
        let producer = Producer::new(url).await?;
        producers.push(Arc::downgrade(&producer));
        producer.seat(writer).ok_or_else(|| LogError::Retryable("a new producer takes no writer".into()))
    }
}

/// One of them; it lives for as long as a writer has a seat.
struct Producer {
    /// Nothing once it is dropped.
    client: Option<Client>,
    seats: Arc<Seats>,
}

/// Who sends by one producer.
#[derive(Default)]
struct Seats {
    holders: RwLock<Vec<Option<Arc<Shared>>>>,
    /// Whether something was not delivered: nobody sits down any more. What is still in its queue may be far behind.
    failed: AtomicBool,
}

/// The producer's way to tell of deliveries.
struct Deliveries(Arc<Seats>);

impl Producer {
    /// Makes one; it connects behind.
    async fn new(url: &KafkaUrl) -> Result<Arc<Self>, LogError> {
        let (seats, config) = (Arc::<Seats>::default(), producer(url));
        let context = Deliveries(Arc::clone(&seats));
        let client = blocking(move || config.create_with_context(context).map_err(refused)).await?;
        Ok(Arc::new(Self { client: Some(client), seats }))
    }

    /// A seat, if there is one.
    fn seat(self: Arc<Self>, writer: &Arc<Shared>) -> Option<Seat> {
        let mut holders = self.seats.holders.write();
        let taken = holders.iter().flatten().count();
        if taken >= WRITERS_MAX || holders.len() >= SEATS_MAX || self.seats.failed.load(Ordering::Acquire) {
            return None;
        }
        let number = holders.len();
        holders.push(Some(Arc::clone(writer)));
        drop(holders);
        Some(Seat { producer: self, number })
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // What is still in its queue nobody waits for: it goes with it.
        if let Some(client) = self.client.take() {
            drop_behind(client);
        }
    }
}

/// A writer's place at a producer.
pub(super) struct Seat {
    producer: Arc<Producer>,
    number: usize,
}

impl Seat {
    /// Sends a record, whose delivery is told to the writer under its sequence.
    ///
    /// Errors: [`LogError::Retryable`] when the producer takes nothing more.
    pub(super) fn send(
        &self,
        topic: &str,
        partition: PartitionId,
        header: &RecordHeader,
        body: &[u8],
        sequence: u64,
    ) -> Result<(), LogError> {
        let client = self.producer.client.as_ref().expect("a producer has its client until it is dropped");
        let opaque = self.number << SEQUENCE_BITS | sequence as usize;
        let record: BaseRecord<'_, (), [u8], usize> = BaseRecord::with_opaque_to(topic, opaque);
        let record = record.partition(i32::from(partition.0)).payload(body).headers(wire::headers(header));
        client.send(record).map_err(|(error, _)| {
            self.producer.seats.failed.store(true, Ordering::Release);
            LogError::Retryable(error.to_string())
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(holder) = self.producer.seats.holders.write().get_mut(self.number) {
            *holder = None;
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.0.failed.store(true, Ordering::Release);
        }
        tracing::warn!(%error, reason, "kafka producer");
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, delivery: &DeliveryResult<'_>, opaque: usize) {
        // A success without an offset tells no more than a failure: the broker no longer knows where a repetition stands.
        let delivered = match delivery {
            Ok(message) => Offset::try_from(message.offset()).map_err(|_| "delivered, nobody knows where".to_owned()),
            Err((error, _)) => Err(error.to_string()),
        };
        if delivered.is_err() {
            self.0.failed.store(true, Ordering::Release);
        }
        let holder = self.0.holders.read().get(opaque >> SEQUENCE_BITS).cloned().flatten();
        // Who is gone waits for nothing.
        if let Some(writer) = holder {
            writer.delivered((opaque & ((1 << SEQUENCE_BITS) - 1)) as u64, delivered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogLayout;
    use crate::log::kafka::cluster::Cluster;
    use crate::log::kafka::options::KafkaOptions;

    /// What is sent here arrives nowhere: nobody listens.
    fn nowhere() -> Arc<Cluster> {
        let url: KafkaUrl = "kafka://127.0.0.1:1/test".parse().expect("a URL");
        let options = KafkaOptions::new(url, LogLayout { generation: 1, partitions: 16 });
        Arc::new(Cluster::new(options).expect("clients connect behind"))
    }

    async fn sit(cluster: &Arc<Cluster>, partition: u16) -> Seat {
        let part = cluster.part(PartitionId(partition)).expect("one of the partitions");
        let (writer, _) = Shared::new(cluster, part);
        cluster.producers.seat(&cluster.options.url, &writer).await.expect("a seat")
    }

    fn together(one: &Seat, other: &Seat) -> bool {
        Arc::ptr_eq(&one.producer, &other.producer)
    }

    #[tokio::test]
    async fn so_many_writers_share_a_producer() {
        let cluster = nowhere();
        let mut seats = Vec::new();
        for partition in 0..=WRITERS_MAX as u16 {
            seats.push(sit(&cluster, partition).await);
        }
        let ninth = seats.pop().expect("it was just pushed");
        assert!(seats.iter().all(|seat| together(seat, &seats[0])) && !together(&ninth, &seats[0]));
        drop(seats.remove(3));
        let next = sit(&cluster, 3).await;
        assert!(together(&next, &seats[0]), "there is room again");
        assert_eq!(next.number, WRITERS_MAX, "a seat is never given out twice");
    }

    #[tokio::test]
    async fn nobody_sits_down_where_something_was_not_delivered() {
        let cluster = nowhere();
        let (first, second) = (sit(&cluster, 0).await, sit(&cluster, 1).await);
        assert!(together(&first, &second));
        first.producer.seats.failed.store(true, Ordering::Release);
        let third = sit(&cluster, 0).await;
        assert!(!together(&first, &third));
        assert!(together(&third, &sit(&cluster, 2).await));
    }
}

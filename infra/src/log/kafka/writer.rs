//! One partition's writer: a producer of its own, a line of what it sent, and a reading back when the log has a gap.

use std::sync::{Arc, Weak};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::CommitMode;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use schemas::log::record::HEADER_BYTES;
use schemas::log::{NewRecord, Offset, RecordHeader, WriterId};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use super::acks::Step;
use super::cluster::{Cluster, drop_behind};
use super::context::{blocking, log, refused};
use super::line::{Appended, Call, Line};
use super::options::producer;
use super::part::{Known, Part};
use super::{hints, wire};
use crate::log::stamp::{check_size, stamped};
use crate::log::{LogError, PartitionWriter, ReadLimits};

/// A hint is left each time so many records were acknowledged.
const HINT_RECORDS: u64 = 20_000;
/// What one step of reading back brings into memory.
const READ_BACK: ReadLimits = ReadLimits { records: 4_096, bytes: 4 << 20 };

/// What the producer's thread, the callers and a reading back share.
pub(super) struct Shared {
    cluster: Arc<Cluster>,
    part: Arc<Part>,
    state: Mutex<State>,
    /// Told when the line is empty.
    drained: Notify,
    runtime: Handle,
}

/// A writer begins as one that waits for its start to be delivered.
enum State {
    Starting(Option<oneshot::Sender<Result<Offset, String>>>),
    Serving(Line),
}

/// The producer's way to tell of deliveries. The opaque word of each message is its sequence; that of the start is zero.
pub(super) struct Deliveries(Arc<Shared>);

pub(super) type Client = ThreadedProducer<Deliveries>;

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(partition = self.0.part.id.0, %error, reason, "kafka producer");
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, delivery: &DeliveryResult<'_>, sequence: usize) {
        // A success without an offset tells no more than a failure: the broker no longer knows where a repetition stands.
        let delivered = match delivery {
            Ok(message) => Offset::try_from(message.offset()).map_err(|_| "delivered, nobody knows where".to_owned()),
            Err((error, _)) => Err(error.to_string()),
        };
        self.0.delivered(sequence as u64, delivered);
    }
}

impl Shared {
    pub(super) fn new(cluster: &Arc<Cluster>, part: &Arc<Part>) -> (Arc<Self>, oneshot::Receiver<Result<Offset, String>>) {
        let (started, starts) = oneshot::channel();
        let state = Mutex::new(State::Starting(Some(started)));
        let (cluster, part) = (Arc::clone(cluster), Arc::clone(part));
        (Arc::new(Self { cluster, part, state, drained: Notify::new(), runtime: Handle::current() }), starts)
    }

    fn delivered(self: &Arc<Self>, sequence: u64, delivered: Result<Offset, String>) {
        let mut state = self.state.lock();
        let line = match &mut *state {
            State::Starting(started) => {
                if let Some(started) = started.take() {
                    drop(started.send(delivered));
                }
                return;
            }
            State::Serving(line) => line,
        };
        let was = line.known;
        let step = match delivered {
            Ok(offset) => line.delivered(sequence, offset),
            Err(cause) => {
                if line.acks.over().is_none() {
                    tracing::warn!(partition = self.part.id.0, sequence, cause, "a record is not delivered: the writer ends");
                }
                line.fail();
                Step::Wait
            }
        };
        let (known, drained) = (line.known, line.is_empty());
        drop(state);
        self.moved(was, known);
        if drained {
            self.drained.notify_waiters();
        }
        if let Step::ReadBack(to) = step {
            let shared = Arc::clone(self);
            self.runtime.spawn(async move { shared.read_back(to).await });
        }
    }

    /// Shows what was acknowledged to the readers of this process, and leaves a hint now and then.
    fn moved(&self, was: Known, known: Known) {
        if was.next == known.next {
            return;
        }
        self.part.advance(known.next);
        if was.state.sequence / HINT_RECORDS != known.state.sequence / HINT_RECORDS {
            self.part.remember(known);
            hints::leave(&self.cluster, &self.part, known, CommitMode::Async);
        }
    }

    /// Reads what stands between the last record known and the one delivered, and on until all that was delivered is known.
    async fn read_back(self: Arc<Self>, mut to: Offset) {
        metrics::counter!("roost_kafka_read_backs_total").increment(1);
        tracing::info!(partition = self.part.id.0, to, "something intervened: reading back");
        self.part.advance(to + 1);
        loop {
            let Some(from) = self.with_line(|line| line.acks.next()) else { return };
            let records = if from <= to { self.cluster.read(&self.part, from, READ_BACK).await } else { Ok(Vec::new()) };
            let step = self.with_line(|line| {
                let was = line.known;
                let step = match &records {
                    Err(error) => {
                        tracing::warn!(partition = self.part.id.0, from, %error, "the log cannot be read back: the writer ends");
                        line.fail();
                        Step::Wait
                    }
                    Ok(records) if records.is_empty() && from <= to => {
                        line.fail();
                        Step::Wait
                    }
                    Ok(records) => {
                        records.iter().filter(|record| record.offset <= to).for_each(|record| line.read(&record.header));
                        if line.acks.next() > to || line.acks.over().is_some() { line.read_to() } else { Step::ReadBack(to) }
                    }
                };
                (step, was, line.known, line.is_empty())
            });
            let Some((step, was, known, drained)) = step else { return };
            self.moved(was, known);
            if drained {
                self.drained.notify_waiters();
            }
            match step {
                Step::ReadBack(further) => to = further,
                Step::Acknowledge(_) | Step::Wait | Step::Over(_) => return,
            }
        }
    }

    fn with_line<T>(&self, work: impl FnOnce(&mut Line) -> T) -> Option<T> {
        match &mut *self.state.lock() {
            State::Serving(line) => Some(work(line)),
            State::Starting(_) => None,
        }
    }

    /// From now on the writer serves.
    pub(super) fn serve(&self, line: Line) {
        *self.state.lock() = State::Serving(line);
    }
}

/// See the module.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Nothing once the writer is closed.
    client: Mutex<Option<Client>>,
}

impl Writer {
    /// Makes the producer; it connects behind.
    pub(super) async fn new(shared: Arc<Shared>) -> Result<Self, LogError> {
        let context = Deliveries(Arc::clone(&shared));
        let config = producer(&shared.cluster.options.url);
        let client = blocking(move || config.create_with_context(context).map_err(refused)).await?;
        Ok(Self { shared, client: Mutex::new(Some(client)) })
    }

    /// Sends the record that makes it a writer.
    pub(super) fn send_start(&self, header: &RecordHeader, address: &str) -> Result<(), LogError> {
        match &*self.client.lock() {
            Some(client) => self.send(client, 0, header, address.as_bytes()),
            None => Err(LogError::closed()),
        }
    }

    fn send(&self, client: &Client, sequence: u64, header: &RecordHeader, body: &[u8]) -> Result<(), LogError> {
        let record: BaseRecord<'_, (), [u8], usize> = BaseRecord::with_opaque_to(&self.shared.cluster.topic, sequence as usize);
        let record = record.partition(i32::from(self.shared.part.id.0)).payload(body).headers(wire::headers(header));
        client.send(record).map_err(|(error, _)| LogError::Retryable(error.to_string()))
    }

    /// Sends the records of one call, or answers it.
    fn put_in_line(&self, records: &[NewRecord], reply: oneshot::Sender<Appended>) {
        let bytes = records.iter().map(|record| HEADER_BYTES + record.body.len()).sum();
        let client = self.client.lock();
        let mut state = self.shared.state.lock();
        let (State::Serving(line), Some(client)) = (&mut *state, &*client) else {
            drop(reply.send(Err(LogError::closed())));
            return;
        };
        if let Err(error) = line.admits(records.len(), bytes) {
            drop(reply.send(Err(error)));
            return;
        }
        let mut stamp = line.acks.state();
        let first = line.sequence + 1;
        line.sequence += records.len() as u64;
        line.push(Call { first, count: records.len() as u64, bytes, offset: 0, since: Instant::now(), reply });
        for (record, sequence) in records.iter().zip(first..) {
            stamp.sequence = sequence - 1;
            if let Err(error) = self.send(client, sequence, &stamped(record, &stamp), &record.body) {
                // The producer's own bounds are above the line's, so this is its end.
                tracing::error!(partition = self.shared.part.id.0, %error, "the producer takes nothing more: the writer ends");
                line.fail();
                return;
            }
        }
    }

    /// Takes no more calls, waits until all are answered, leaves a hint and ends the producer.
    pub(super) async fn close(&self) {
        self.shared.with_line(|line| line.closed = true);
        loop {
            let mut drained = std::pin::pin!(self.shared.drained.notified());
            drained.as_mut().enable();
            if self.shared.with_line(|line| line.is_empty()).unwrap_or(true) {
                break;
            }
            drained.await;
        }
        let client = self.client.lock().take();
        let shared = Arc::clone(&self.shared);
        // Nothing is left to fail: what is in line was answered, and the hint may be lost.
        let _ = blocking(move || {
            drop(client);
            if let Some(known) = shared.with_line(|line| line.known) {
                shared.part.remember(known);
                hints::leave(&shared.cluster, &shared.part, known, CommitMode::Sync);
            }
            Ok(())
        })
        .await;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(client) = self.client.lock().take() {
            client.purge(PurgeConfig::default().queue());
            drop_behind(client);
        }
    }
}

/// The handle that the port gives out.
pub(super) struct KafkaWriter {
    pub(super) writer: Arc<Writer>,
    pub(super) epoch: u32,
    pub(super) id: WriterId,
    pub(super) start: Offset,
}

impl KafkaWriter {
    /// To be found when the log closes.
    pub(super) fn weak(&self) -> Weak<Writer> {
        Arc::downgrade(&self.writer)
    }
}

impl PartitionWriter for KafkaWriter {
    fn epoch(&self) -> u32 {
        self.epoch
    }

    fn writer(&self) -> WriterId {
        self.id
    }

    fn start(&self) -> Offset {
        self.start
    }

    fn append(&self, records: Vec<NewRecord>) -> BoxFuture<'static, Result<Offset, LogError>> {
        if let Err(error) = check_size(&records) {
            return std::future::ready(Err(error)).boxed();
        }
        let (reply, appended) = oneshot::channel();
        self.writer.put_in_line(&records, reply);
        // The producer lives for as long as someone waits for it.
        let writer = Arc::clone(&self.writer);
        async move {
            let partition = writer.shared.part.id;
            appended.await.map_err(|_| LogError::Unknown { partition })?
        }
        .boxed()
    }
}

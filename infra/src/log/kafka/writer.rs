//! One partition's writer: a seat at a producer, a line of what it sent, and a reading back when the log has a gap.

use std::sync::{Arc, Weak};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rdkafka::consumer::CommitMode;
use schemas::log::record::HEADER_BYTES;
use schemas::log::{NewRecord, Offset, RecordHeader, Validity, WriterId};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use super::acks::Step;
use super::cluster::Cluster;
use super::context::blocking;
use super::hints;
use super::line::{Appended, Call, Line};
use super::part::{Known, Part};
use super::producers::Seat;
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
    Serving(Box<Line>),
}

impl Shared {
    pub(super) fn new(cluster: &Arc<Cluster>, part: &Arc<Part>) -> (Arc<Self>, oneshot::Receiver<Result<Offset, String>>) {
        let (started, starts) = oneshot::channel();
        let state = Mutex::new(State::Starting(Some(started)));
        let (cluster, part) = (Arc::clone(cluster), Arc::clone(part));
        (Arc::new(Self { cluster, part, state, drained: Notify::new(), runtime: Handle::current() }), starts)
    }

    /// The record with a sequence was delivered, or was not; that of the start is zero.
    pub(super) fn delivered(self: &Arc<Self>, sequence: u64, delivered: Result<Offset, String>) {
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
        let (news, drained) = (line.news(), line.is_drained());
        drop(state);
        self.tell(news, drained);
        if let Step::ReadBack(to) = step {
            let shared = Arc::clone(self);
            self.runtime.spawn(async move { shared.read_back(to).await });
        }
    }

    /// Shows what was acknowledged to the readers of this process, and leaves a hint now and then.
    fn tell(&self, news: Option<(Known, Known)>, drained: bool) {
        if drained {
            self.drained.notify_waiters();
        }
        let Some((was, known)) = news else { return };
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
                (step, line.news(), line.is_drained())
            });
            let Some((step, news, drained)) = step else { return };
            self.tell(news, drained);
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
        *self.state.lock() = State::Serving(Box::new(line));
    }
}

/// See the module.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Nothing once the writer is closed. Held while records are sent, so that they go in the order of their sequences.
    seat: Mutex<Option<Seat>>,
}

impl Writer {
    /// Sits down at a producer.
    pub(super) async fn new(shared: Arc<Shared>) -> Result<Self, LogError> {
        let seat = shared.cluster.producers.seat(&shared.cluster.options.url, &shared).await?;
        Ok(Self { shared, seat: Mutex::new(Some(seat)) })
    }

    /// Sends the record that makes it a writer.
    pub(super) fn send_start(&self, header: &RecordHeader, address: &str) -> Result<(), LogError> {
        match &*self.seat.lock() {
            Some(seat) => self.send(seat, 0, header, address.as_bytes()),
            None => Err(LogError::closed()),
        }
    }

    fn send(&self, seat: &Seat, sequence: u64, header: &RecordHeader, body: &[u8]) -> Result<(), LogError> {
        seat.send(&self.shared.cluster.topic, self.shared.part.id, header, body, sequence)
    }

    /// Sends the records of one call, or answers it.
    fn put_in_line(&self, records: &[NewRecord], reply: oneshot::Sender<Appended>) {
        let seat = self.seat.lock();
        let Some(seat) = &*seat else { return drop(reply.send(Err(LogError::closed()))) };
        let Some(mut stamp) = self.admit(records, reply) else { return };
        for record in records {
            let header = stamped(record, &stamp);
            stamp.sequence = header.sequence;
            if let Err(error) = self.send(seat, header.sequence, &header, &record.body) {
                // The producer's own bounds are above the line's, so this is its end.
                tracing::error!(partition = self.shared.part.id.0, %error, "the producer takes nothing more: the writer ends");
                self.shared.with_line(Line::fail);
                self.shared.drained.notify_waiters();
                return;
            }
        }
    }

    /// Puts a call in line; the validity rule's state before its first record. A call that finds no room is answered.
    fn admit(&self, records: &[NewRecord], reply: oneshot::Sender<Appended>) -> Option<Validity> {
        let bytes = records.iter().map(|record| HEADER_BYTES + record.body.len()).sum();
        let mut state = self.shared.state.lock();
        let State::Serving(line) = &mut *state else {
            drop(reply.send(Err(LogError::closed())));
            return None;
        };
        if let Err(error) = line.admits(records.len(), bytes) {
            drop(reply.send(Err(error)));
            return None;
        }
        let stamp = Validity { sequence: line.sequence, ..line.acks.state() };
        line.sequence += records.len() as u64;
        let call = Call { first: stamp.sequence + 1, count: records.len() as u64, bytes, offset: 0, since: Instant::now(), reply };
        line.push(call);
        Some(stamp)
    }

    /// Takes no more calls, waits until all are answered, leaves a hint and its seat.
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
        drop(self.seat.lock().take());
        let shared = Arc::clone(&self.shared);
        // Nothing is left to fail: what is in line was answered, and the hint may be lost.
        let _ = blocking(move || {
            if let Some(known) = shared.with_line(|line| line.known) {
                shared.part.remember(known);
                hints::leave(&shared.cluster, &shared.part, known, CommitMode::Sync);
            }
            Ok(())
        })
        .await;
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

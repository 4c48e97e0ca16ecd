//! Readers that are behind the tail: a consumer with one position, and one queue of what was read ahead, for each partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset as KafkaOffset;
use schemas::PartitionId;
use schemas::log::{Offset, StoredRecord};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};
use tokio::time::timeout;

use super::context::{Context, Plain, failed};
use super::wire;
use crate::log::{LogError, ReadLimits};

/// How long records that are known to be there may take until the consumer counts as stalled.
const STALL: Duration = Duration::from_secs(10);
/// How long a reader sleeps at the most before it looks at its queue again, should a wake-up get lost.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// No position.
const NOWHERE: u64 = u64::MAX;

/// One consumer and its position in each partition.
pub(super) struct Lane {
    topic: String,
    consumer: Arc<Plain>,
    slots: Vec<Slot>,
    stalled: AtomicBool,
    since: Instant,
}

struct Slot {
    cursor: Arc<Mutex<Cursor>>,
    /// Where the cursor stands, to be looked at without its lock.
    next: AtomicU64,
    used_ms: AtomicU64,
}

/// A position in one partition.
#[derive(Default)]
pub(super) struct Cursor {
    /// There is one while the partition is assigned.
    queue: Option<PartitionQueue<Context>>,
    arrived: Arc<Notify>,
    /// The offset of the next record to hand out.
    next: Offset,
    /// A record that did not fit into the last read.
    held: Option<StoredRecord>,
}

impl Lane {
    pub(super) fn new(topic: &str, consumer: Plain, partitions: u16) -> Self {
        let slot = |_| Slot { cursor: Arc::default(), next: AtomicU64::new(NOWHERE), used_ms: AtomicU64::new(0) };
        Self {
            topic: topic.to_owned(),
            consumer: Arc::new(consumer),
            slots: (0..partitions).map(slot).collect(),
            stalled: AtomicBool::new(false),
            since: Instant::now(),
        }
    }

    /// Whether it is to be thrown away.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }

    /// Where its position in a partition is; nothing where it has none.
    pub(super) fn position(&self, id: PartitionId) -> Option<Offset> {
        let slot = self.slots.get(usize::from(id.0))?;
        Some(slot.next.load(Ordering::Acquire)).filter(|next| *next != NOWHERE)
    }

    /// For how long its position in a partition has not been used.
    pub(super) fn idle(&self, id: PartitionId) -> Duration {
        let used_ms = self.slots.get(usize::from(id.0)).map_or(0, |slot| slot.used_ms.load(Ordering::Acquire));
        self.since.elapsed().saturating_sub(Duration::from_millis(used_ms))
    }

    /// Takes the position in a partition, if nobody else has it.
    pub(super) fn try_take(&self, id: PartitionId) -> Option<OwnedMutexGuard<Cursor>> {
        Arc::clone(&self.slots.get(usize::from(id.0))?.cursor).try_lock_owned().ok()
    }

    /// Takes the position in a partition when those before are done with it.
    pub(super) async fn take(&self, id: PartitionId) -> Result<OwnedMutexGuard<Cursor>, LogError> {
        let slot = self.slots.get(usize::from(id.0)).ok_or(LogError::OutOfRange { partition: id, offset: 0 })?;
        Ok(Arc::clone(&slot.cursor).lock_owned().await)
    }

    /// Reads records that are known to be there: from `from` on, to before `end` or until the limits are reached.
    pub(super) async fn read(
        &self,
        id: PartitionId,
        mut cursor: OwnedMutexGuard<Cursor>,
        from: Offset,
        end: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<StoredRecord>, LogError> {
        self.place(id, &mut cursor, from)?;
        let read = self.fill(id, &mut cursor, end, limits).await;
        if let Some(slot) = self.slots.get(usize::from(id.0)) {
            slot.used_ms.store(self.since.elapsed().as_millis() as u64, Ordering::Release);
            slot.next.store(if read.is_ok() { cursor.next } else { NOWHERE }, Ordering::Release);
        }
        if read.is_err() {
            self.leave(id, &mut cursor);
        }
        read
    }

    async fn fill(&self, id: PartitionId, cursor: &mut Cursor, end: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError> {
        let mut room = limits.start();
        let mut records = Vec::with_capacity(limits.records.min(end.saturating_sub(cursor.next) as usize).min(8_192));
        while cursor.next < end {
            let record = match cursor.held.take() {
                Some(record) => record,
                None => self.receive(id, cursor).await?,
            };
            if !room.admits(record.body.len()) {
                cursor.held = Some(record);
                break;
            }
            cursor.next = record.offset + 1;
            records.push(record);
        }
        Ok(records)
    }

    /// The next record.
    async fn receive(&self, id: PartitionId, cursor: &mut Cursor) -> Result<StoredRecord, LogError> {
        let Cursor { queue: Some(queue), arrived, next, .. } = cursor else {
            return Err(LogError::Retryable(format!("partition {id} is not being read")));
        };
        let mut waited_since: Option<Instant> = None;
        loop {
            match queue.poll(Duration::ZERO) {
                Some(Ok(message)) if message_offset(&message) < *next => {}
                Some(Ok(message)) => {
                    let damaged = |cause| LogError::Damaged { partition: id, offset: *next, cause };
                    let record = wire::record(&message).map_err(damaged)?;
                    if record.offset > *next {
                        return Err(damaged(format!("the offsets up to {} are missing in topic {}", record.offset, self.topic)));
                    }
                    return Ok(record);
                }
                Some(Err(error)) => return Err(self.refusal(id, *next, error)),
                None => {
                    let since = *waited_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > STALL {
                        self.stalled.store(true, Ordering::Release);
                        return Err(LogError::Retryable(format!("partition {id} brings nothing at offset {next}")));
                    }
                    // Woken or not, the queue is looked at again.
                    let _ = timeout(LOOK_AGAIN, arrived.notified()).await;
                }
            }
        }
    }

    fn refusal(&self, id: PartitionId, offset: Offset, error: KafkaError) -> LogError {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset) => LogError::OutOfRange { partition: id, offset },
            Some(RDKafkaErrorCode::BadMessage | RDKafkaErrorCode::InvalidMessage) => {
                LogError::Damaged { partition: id, offset, cause: error.to_string() }
            }
            _ => failed(error),
        }
    }

    /// Puts the position at an offset.
    fn place(&self, id: PartitionId, cursor: &mut Cursor, at: Offset) -> Result<(), LogError> {
        if cursor.queue.is_some() && cursor.next == at {
            return Ok(());
        }
        self.leave(id, cursor);
        let gone = || LogError::Retryable(format!("partition {id} cannot be read now"));
        // The queue is split off before the partition is assigned, so that none of its messages goes elsewhere.
        let mut queue = self.consumer.split_partition_queue(&self.topic, i32::from(id.0)).ok_or_else(gone)?;
        let arrived = Arc::clone(&cursor.arrived);
        queue.set_nonempty_callback(move || arrived.notify_one());
        self.consumer.incremental_assign(&assignment(&self.topic, id, at)?).map_err(failed)?;
        cursor.queue = Some(queue);
        cursor.next = at;
        Ok(())
    }

    /// Gives the position up, with what was read ahead.
    fn leave(&self, id: PartitionId, cursor: &mut Cursor) {
        cursor.held = None;
        if cursor.queue.take().is_some() {
            let mut list = TopicPartitionList::new();
            list.add_partition(&self.topic, i32::from(id.0));
            if let Err(error) = self.consumer.incremental_unassign(&list) {
                tracing::debug!(partition = id.0, %error, "a position cannot be given up");
                self.stalled.store(true, Ordering::Release);
            }
        }
    }

    /// Gives up the positions that nobody used for so long, and lets the consumer report.
    pub(super) fn tidy(&self, idle: Duration) {
        while self.consumer.poll(Duration::ZERO).is_some() {}
        for (slot, id) in self.slots.iter().zip((0..).map(PartitionId)) {
            if slot.next.load(Ordering::Acquire) == NOWHERE || self.idle(id) < idle {
                continue;
            }
            if let Ok(mut cursor) = slot.cursor.try_lock() {
                slot.next.store(NOWHERE, Ordering::Release);
                self.leave(id, &mut cursor);
            }
        }
    }
}

fn message_offset(message: &rdkafka::message::BorrowedMessage<'_>) -> Offset {
    rdkafka::Message::offset(message).max(0) as Offset
}

/// One partition at one offset.
pub(super) fn assignment(topic: &str, id: PartitionId, at: Offset) -> Result<TopicPartitionList, LogError> {
    let at = i64::try_from(at).map_err(|_| LogError::OutOfRange { partition: id, offset: at })?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, i32::from(id.0), KafkaOffset::Offset(at)).map_err(failed)?;
    Ok(list)
}

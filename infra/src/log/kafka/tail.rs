//! The tail: one thread that brings the newest records of the partitions that someone waits for, and keeps the consumers in order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, TopicPartitionList};
use schemas::log::{Offset, StoredRecord};

use super::cluster::{Cluster, drop_behind};
use super::options::ASK_TIMEOUT;
use super::part::Part;
use super::wire;
use crate::log::LogError;

/// How long the thread sleeps without a message before it looks around.
const NAP: Duration = Duration::from_millis(100);
/// How often the consumers are kept in order.
const ROUND: Duration = Duration::from_secs(1);
/// A tail that nobody asks for so long stops.
const TAIL_IDLE_MS: u64 = 60_000;
/// A tail that has not moved for so long is compared with the cluster's offsets.
const STALL: Duration = Duration::from_secs(10);
/// Records taken from the consumer before they are shown to readers.
const BATCH_RECORDS: usize = 1_024;

/// Starts the thread; it ends once nobody else has the cluster. A closed log may still be read, so it goes on until then.
pub(super) fn start(cluster: &Arc<Cluster>) -> Result<(), LogError> {
    let weak = Arc::downgrade(cluster);
    let stalls = cluster.parts.iter().map(|part| Seen { filled: part.progress.borrow().filled, since: Instant::now() }).collect();
    let mut tail = Tail { batches: cluster.parts.iter().map(|_| Vec::new()).collect(), stalls, rounded: Instant::now() };
    let run = move || {
        while let Some(cluster) = weak.upgrade() {
            tail.step(&cluster);
        }
    };
    let thread = std::thread::Builder::new().name("kafka-tail".into()).spawn(run);
    thread.map(drop).map_err(|error| LogError::Fatal(format!("cannot start the log's thread: {error}")))
}

struct Tail {
    batches: Vec<Vec<StoredRecord>>,
    stalls: Vec<Seen>,
    rounded: Instant,
}

/// When a tail was last seen to move.
struct Seen {
    filled: Offset,
    since: Instant,
}

impl Tail {
    fn step(&mut self, cluster: &Cluster) {
        let consumer = cluster.tail();
        let mut message = consumer.poll(NAP);
        let mut taken = 0;
        while let Some(arrived) = message {
            match arrived {
                Ok(message) => self.sort(cluster, &message),
                Err(error) => tracing::debug!(%error, "the tail's consumer reports"),
            }
            taken += 1;
            message = if taken < BATCH_RECORDS { consumer.poll(Duration::ZERO) } else { None };
        }
        for (batch, part) in self.batches.iter_mut().zip(&cluster.parts) {
            if !batch.is_empty() {
                show(part, batch);
            }
        }
        if self.rounded.elapsed() >= ROUND {
            self.rounded = Instant::now();
            cluster.tidy();
            self.stop_idle(cluster);
            self.watch(cluster);
        }
    }

    /// Puts a message to the batch of its partition, if it is the next one there.
    fn sort(&mut self, cluster: &Cluster, message: &BorrowedMessage<'_>) {
        let at = usize::try_from(message.partition()).unwrap_or(usize::MAX);
        let (Some(part), Some(batch)) = (cluster.parts.get(at), self.batches.get_mut(at)) else { return };
        let progress = part.progress.borrow().clone();
        let next = batch.last().map_or(progress.filled, |record| record.offset + 1);
        let offset = message.offset().max(0) as Offset;
        if !progress.tailed || offset < next {
            return;
        }
        match wire::record(message) {
            Ok(record) if record.offset == next => batch.push(record),
            // Readers meet what is wrong there themselves, and say so.
            wrong => {
                let cause = wrong.err().unwrap_or_else(|| "the offsets before it are missing".into());
                tracing::error!(partition = part.id.0, offset, cause, "the tail cannot go on here");
                show(part, batch);
                part.advance(offset + 1);
                stop(cluster, part);
            }
        }
    }

    fn stop_idle(&self, cluster: &Cluster) {
        for part in &cluster.parts {
            let tailed = part.progress.borrow().tailed;
            if tailed && part.idle_ms() > TAIL_IDLE_MS && part.starting.try_lock().is_ok() {
                stop(cluster, part);
            }
        }
    }

    /// Compares tails that do not move with the cluster, and makes the consumer anew if it stalled.
    fn watch(&mut self, cluster: &Cluster) {
        for (seen, part) in self.stalls.iter_mut().zip(&cluster.parts) {
            let progress = part.progress.borrow().clone();
            if !progress.tailed || progress.filled != seen.filled || cluster.closed.load(Ordering::Acquire) {
                *seen = Seen { filled: progress.filled, since: Instant::now() };
                continue;
            }
            if seen.since.elapsed() < STALL {
                continue;
            }
            seen.since = Instant::now();
            let asked = cluster.tail().fetch_watermarks(&cluster.topic, i32::from(part.id.0), ASK_TIMEOUT);
            // What cannot be asked cannot be compared: the cluster is away, and its consumers find it again by themselves.
            let Ok((start, end)) = asked else { continue };
            part.bounds_are(&(start.max(0) as Offset..end.max(0) as Offset));
            if end.max(0) as Offset <= part.progress.borrow().filled {
                continue;
            }
            metrics::counter!("roost_kafka_stalls_total", "consumer" => "tail").increment(1);
            tracing::warn!(partition = part.id.0, at = progress.filled, end, "the tail brings nothing: its consumer is made anew");
            match cluster.renew_tail() {
                Ok(old) => drop_behind(old),
                Err(error) => tracing::error!(%error, "the tail's consumer cannot be made anew"),
            }
            return;
        }
    }
}

/// Shows records to readers.
fn show(part: &Part, batch: &mut Vec<StoredRecord>) {
    let Some(end) = batch.last().map(|record| record.offset + 1) else { return };
    part.recent.write().extend(batch.drain(..));
    part.progress.send_modify(|progress| {
        progress.filled = end;
        progress.end = progress.end.max(end);
    });
}

fn stop(cluster: &Cluster, part: &Part) {
    part.unfollow();
    let mut list = TopicPartitionList::new();
    list.add_partition(&cluster.topic, i32::from(part.id.0));
    if let Err(error) = cluster.tail().incremental_unassign(&list) {
        tracing::debug!(partition = part.id.0, %error, "a tail cannot be stopped");
    }
}

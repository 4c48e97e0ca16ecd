//! One handle's view of the log's topic: its partitions, its offsets, and reading from wherever it is fastest.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rdkafka::consumer::Consumer;
use schemas::PartitionId;
use schemas::log::{Offset, StoredRecord};
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use super::context::{Context, Plain, blocking, failed, refused};
use super::lane::{Cursor, Lane, assignment};
use super::options::{ASK_TIMEOUT, KafkaOptions, LANE_WAIT_MS, TAIL_WAIT_MS, consumer, topic_of};
use super::part::Part;
use super::producers::Producers;
use crate::log::{LogError, ReadLimits};

/// Consumers for readers that are behind the tail, at the most.
const LANES_MAX: usize = 4;
/// A position unused for so long may be taken by another reader.
pub(super) const POSITION_IDLE: Duration = Duration::from_secs(5);
/// How long the ring may take to get what is known to be in the log.
const RING_PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Cluster {
    pub(super) options: KafkaOptions,
    pub(super) topic: String,
    pub(super) parts: Vec<Arc<Part>>,
    /// The consumer of the tail, which also asks for offsets; made anew when it stalls.
    tail: RwLock<Arc<Plain>>,
    lanes: Mutex<Vec<Arc<Lane>>>,
    pub(super) producers: Producers,
    pub(super) closed: AtomicBool,
}

impl Cluster {
    pub(super) fn new(options: KafkaOptions) -> Result<Self, LogError> {
        let topic = topic_of(&options.url, options.layout.generation);
        let parts = options.layout.partition_ids().map(|id| Arc::new(Part::new(id, options.recent_bytes))).collect();
        let tail = RwLock::new(Arc::new(make_consumer(&options, &topic, TAIL_WAIT_MS)?));
        let (lanes, producers, closed) = (Mutex::default(), Producers::default(), AtomicBool::new(false));
        Ok(Self { options, topic, parts, tail, lanes, producers, closed })
    }

    pub(super) fn part(&self, id: PartitionId) -> Result<&Arc<Part>, LogError> {
        self.parts.get(usize::from(id.0)).ok_or(LogError::OutOfRange { partition: id, offset: 0 })
    }

    pub(super) fn check_open(&self) -> Result<(), LogError> {
        if self.closed.load(Ordering::Acquire) { Err(LogError::closed()) } else { Ok(()) }
    }

    /// The consumer of the tail.
    pub(super) fn tail(&self) -> Arc<Plain> {
        Arc::clone(&self.tail.read())
    }

    /// Makes the tail's consumer anew, at the end of each ring; gives back the old one, which takes its time to drop.
    pub(super) fn renew_tail(&self) -> Result<Arc<Plain>, LogError> {
        let new = Arc::new(make_consumer(&self.options, &self.topic, TAIL_WAIT_MS)?);
        let mut tail = self.tail.write();
        for part in &self.parts {
            let progress = part.progress.borrow().clone();
            if progress.tailed {
                new.incremental_assign(&assignment(&self.topic, part.id, progress.filled)?).map_err(failed)?;
            }
        }
        Ok(std::mem::replace(&mut tail, new))
    }

    /// Asks the cluster for the offsets of a partition.
    pub(super) async fn ask_bounds(&self, part: &Part) -> Result<Range<Offset>, LogError> {
        let (tail, topic, id) = (self.tail(), self.topic.clone(), part.id);
        let asked = blocking(move || tail.fetch_watermarks(&topic, i32::from(id.0), ASK_TIMEOUT).map_err(failed)).await?;
        let (Ok(start), Ok(end)) = (Offset::try_from(asked.0), Offset::try_from(asked.1)) else {
            return Err(LogError::Retryable(format!("partition {id} says that its offsets are {asked:?}")));
        };
        Ok(part.bounds_are(&(start..end)))
    }

    /// The offsets, as the tail knows them, or asked for.
    pub(super) async fn bounds(&self, part: &Part) -> Result<Range<Offset>, LogError> {
        let progress = part.progress.borrow().clone();
        if progress.tailed { Ok(progress.start..progress.end) } else { self.ask_bounds(part).await }
    }

    /// Sees to it that the tail follows a partition.
    pub(super) async fn follow(&self, part: &Part) -> Result<(), LogError> {
        part.touch();
        let _starting = part.starting.lock().await;
        if part.progress.borrow().tailed {
            return Ok(());
        }
        let end = self.ask_bounds(part).await?.end;
        // Held, so that the consumer is not exchanged in between.
        let tail = self.tail.read();
        part.follow_from(end);
        tail.incremental_assign(&assignment(&self.topic, part.id, end)?).map_err(|error| {
            part.unfollow();
            failed(error)
        })
    }

    /// See [`crate::log::EventLog::read`].
    pub(super) async fn read(&self, part: &Part, from: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError> {
        part.touch();
        let recent = part.recent.read().read(from, limits);
        if let Some(records) = recent {
            return Ok(records);
        }
        let mut progress = part.progress.borrow().clone();
        if from > progress.end || from == progress.end && !progress.tailed {
            Range { start: progress.start, end: progress.end } = self.ask_bounds(part).await?;
        }
        if from < progress.start || from > progress.end {
            return Err(part.out_of_range(from));
        }
        if from == progress.end {
            return Ok(Vec::new());
        }
        if progress.tailed && from >= progress.filled {
            // A writer of this process knows it to be there before the tail has brought it.
            let mut moved = part.progress.subscribe();
            let arrived = timeout(RING_PATIENCE, moved.wait_for(|progress| progress.filled > from || !progress.tailed)).await.is_ok();
            let recent = part.recent.read().read(from, limits);
            if let Some(records) = recent.filter(|_| arrived) {
                return Ok(records);
            }
        }
        let (lane, cursor) = self.lane(part.id, from).await?;
        let read = lane.read(part.id, cursor, from, progress.end, limits).await;
        if lane.is_stalled() {
            metrics::counter!("roost_kafka_stalls_total", "consumer" => "lane").increment(1);
            tracing::warn!(partition = part.id.0, offset = from, "a consumer brings nothing: it is made anew");
            self.lanes.lock().retain(|other| !Arc::ptr_eq(other, &lane));
            drop_behind(lane);
        }
        read
    }

    /// A position to read from: the one that stands there, else an unused one, else a new one, else the one unused for longest.
    async fn lane(&self, id: PartitionId, from: Offset) -> Result<(Arc<Lane>, OwnedMutexGuard<Cursor>), LogError> {
        let lanes = self.lanes.lock().clone();
        let suits: [&dyn Fn(&Lane) -> bool; 3] =
            [&|lane| lane.position(id) == Some(from), &|lane| lane.position(id).is_none(), &|lane| lane.idle(id) >= POSITION_IDLE];
        for suits in suits {
            let mut free = lanes.iter().filter(|lane| suits(lane)).filter_map(|lane| Some((Arc::clone(lane), lane.try_take(id)?)));
            if let Some(taken) = free.next() {
                return Ok(taken);
            }
        }
        let lane = if lanes.len() < LANES_MAX {
            let (options, topic) = (self.options.clone(), self.topic.clone());
            let consumer = blocking(move || make_consumer(&options, &topic, LANE_WAIT_MS)).await?;
            let lane = Arc::new(Lane::new(&self.topic, consumer, self.options.layout.partitions));
            self.lanes.lock().push(Arc::clone(&lane));
            lane
        } else {
            let least = lanes.into_iter().max_by_key(|lane| lane.idle(id));
            least.ok_or_else(|| LogError::Retryable("no consumer is free".into()))?
        };
        let cursor = lane.take(id).await?;
        Ok((lane, cursor))
    }

    /// Gives up positions that nobody uses.
    pub(super) fn tidy(&self) {
        let lanes = self.lanes.lock().clone();
        for lane in lanes {
            lane.tidy(POSITION_IDLE);
        }
    }
}

fn make_consumer(options: &KafkaOptions, topic: &str, wait_ms: u32) -> Result<Plain, LogError> {
    consumer(&options.url, &format!("{topic}.hints"), wait_ms).create_with_context(Context).map_err(refused)
}

/// Drops what takes its time, beside the runtime.
pub(crate) fn drop_behind<T: Send + 'static>(value: T) {
    // Without a thread, it is dropped here.
    let _ = std::thread::Builder::new().name("kafka-drop".into()).spawn(move || drop(value));
}

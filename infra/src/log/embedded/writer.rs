//! The writer thread of a partition: group commit without a timer.
//!
//! It takes all that waits, writes it at once, syncs, answers everyone, and looks again: whoever arrives meanwhile shares the next sync.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use schemas::log::{RecordHeader, StoredRecord, Validity, WriterId};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::files::is_full;
use super::folder::FolderLock;
use super::format::{Link, PREFIX_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::metrics::Metrics;
use super::options::EmbeddedOptions;
use super::partition::Partition;
use super::queue::{Appended, Batch, Job, Next, Started};
use super::recovery::Head;
use super::seal::{Index, Seal};
use super::segment::{Segment, create};
use crate::log::LogError;
use crate::log::import::check_import;
use crate::log::stamp::{now_ms, stamped, writer_started};

/// Space reserved ahead of the writes, bytes: as much again as the segment holds, within these bounds.
const ALLOCATE_BYTES_MIN: u64 = 1 << 20;
const ALLOCATE_BYTES_MAX: u64 = 16 << 20;

/// A buffer that one large group grew beyond this is given back.
const BUFFER_BYTES_MAX: usize = 4 << 20;

/// A sync that takes longer is told of.
const SLOW_SYNC: Duration = Duration::from_millis(500);

/// From so many on, answers are given by the runtime.
const ANSWERS_MANY: usize = 16;

/// All that the writer thread owns.
pub(super) struct Writer {
    partition: Arc<Partition>,
    options: Arc<EmbeddedOptions>,
    metrics: Metrics,
    folder: PathBuf,
    file: File,
    header: SegmentHeader,
    segment: Arc<Segment>,
    /// Where the next frame goes in the file.
    position: u64,
    /// Up to where space is reserved.
    allocated: u64,
    link: Link,
    validity: Validity,
    /// The writer that an append was refused: what it put in line behind may rest on that, so it gets nothing in any more.
    refused: Option<WriterId>,
    /// Whether a durable group is the last thing in the segment.
    unmarked: bool,
    buffer: Vec<u8>,
    group: Vec<StoredRecord>,
    answers: Vec<Answer>,
    /// Where those who append wait, as far as is known.
    runtime: Option<Handle>,
    /// Held as long as anything may be written.
    _lock: Arc<FolderLock>,
}

/// What someone is told once the group is durable.
enum Answer {
    Append { reply: oneshot::Sender<Appended>, result: Appended, since: Instant },
    Open { reply: oneshot::Sender<Result<Started, LogError>>, result: Result<Started, LogError> },
}

impl Writer {
    pub(super) fn new(
        partition: Arc<Partition>,
        options: Arc<EmbeddedOptions>,
        folder: PathBuf,
        head: Head,
        segment: Arc<Segment>,
        lock: Arc<FolderLock>,
    ) -> Self {
        Self {
            partition,
            options,
            metrics: Metrics::new(),
            folder,
            file: head.file,
            header: head.header,
            segment,
            position: head.position,
            allocated: head.position,
            link: head.link,
            validity: head.validity,
            refused: None,
            unmarked: false,
            buffer: Vec::new(),
            group: Vec::new(),
            answers: Vec::new(),
            runtime: None,
            _lock: lock,
        }
    }

    /// Serves the partition's queue to its end; `runtime` is where those who append wait.
    pub(super) fn run(mut self, runtime: Option<Handle>) {
        self.runtime = runtime;
        let guard = PanicGuard { partition: Arc::clone(&self.partition), options: Arc::clone(&self.options) };
        let mut spent = Batch::default();
        let outcome = loop {
            let done = match self.partition.queue.next(std::mem::take(&mut spent)) {
                Next::Write(batch) => self.write(batch).map(|batch| spent = batch),
                Next::Idle => self.write_mark(),
                Next::Finish => break self.cut(),
            };
            if done.is_err() {
                break done;
            }
        };
        drop(guard);
        if let Err(error) = outcome {
            let cause = format!("a write of partition {} failed: {error}", self.partition.id);
            let unknown: Vec<_> = self.answers.drain(..).collect();
            fail(&self.partition, &self.options, cause);
            unknown.into_iter().for_each(|answer| answer.not_known(&self.partition));
        }
    }

    /// Makes a batch durable and answers it. An error is of the disk and final.
    fn write(&mut self, mut batch: Batch) -> io::Result<Batch> {
        self.metrics.group_records.record(batch.records as f64);
        if let Err(error) = self.make_room(batch.bytes as u64) {
            if !is_full(&error) {
                batch.jobs.into_iter().for_each(|job| self.encode(job, self.link.offset));
                return Err(error);
            }
            tracing::error!(%error, partition = self.partition.id.0, "no space left for the log: appends are refused");
            self.refused = Some(self.validity.writer);
            batch.jobs.drain(..).for_each(|job| job.refuse(LogError::Full(error.to_string())));
            return Ok(Batch { jobs: batch.jobs, ..Batch::default() });
        }
        let durable = self.link.offset;
        for job in batch.jobs.drain(..) {
            self.encode(job, durable);
        }
        if !self.buffer.is_empty() {
            self.options.files.write_at(&self.file, &self.buffer, self.position)?;
            self.sync()?;
            self.position += self.buffer.len() as u64;
            self.metrics.bytes.increment(self.buffer.len() as u64);
            self.buffer.clear();
            self.buffer.shrink_to(BUFFER_BYTES_MAX);
            self.unmarked = true;
            self.partition.publish(self.group.drain(..), self.link.offset);
        }
        self.answer_all();
        Ok(Batch { jobs: batch.jobs, ..Batch::default() })
    }

    /// Tells everyone in the group. Many are told by the runtime that they wait in: waking a task from inside costs less than from here,
    /// and the next group need not wait for it.
    fn answer_all(&mut self) {
        let answers = Answers { all: std::mem::take(&mut self.answers), durable_at: Instant::now(), metrics: self.metrics.clone() };
        if let Some(runtime) = self.runtime.as_ref().filter(|_| answers.all.len() >= ANSWERS_MANY) {
            runtime.spawn(async { drop(answers) });
        }
    }

    /// Puts the frames of a job's records into the group, stamped if they are new.
    fn encode(&mut self, job: Job, durable: u64) {
        let result = match job {
            Job::Append { epoch, writer, records, since, reply } => {
                let result = if (epoch, writer) != (self.validity.epoch, self.validity.writer) {
                    Err(LogError::Superseded { partition: self.partition.id })
                } else if self.refused == Some(writer) {
                    Err(LogError::Full("an earlier append was refused, open the writer again".to_owned()))
                } else {
                    Ok(self.link.offset)
                };
                for record in records.into_iter().filter(|_| result.is_ok()) {
                    let header = stamped(&record, &self.validity);
                    self.put(header, record.body, durable);
                }
                Answer::Append { reply, result, since }
            }
            Job::Import { records, since, reply } => {
                let result = check_import(self.partition.id, self.link.offset, &records).map(|()| self.link.offset);
                for record in records.into_iter().filter(|_| result.is_ok()) {
                    self.put(record.header, record.body, durable);
                }
                Answer::Append { reply, result, since }
            }
            Job::Open { address, reply } => {
                let result = writer_started(&self.validity).map(|header| {
                    self.put(header, Bytes::from(address), durable);
                    Started { epoch: header.epoch, writer: header.writer, start: self.link.offset }
                });
                Answer::Open { reply, result }
            }
        };
        self.answers.push(result);
    }

    fn put(&mut self, header: RecordHeader, body: Bytes, durable: u64) {
        let offset = self.link.offset;
        self.segment.index.write().note(offset - self.segment.base, self.position + self.buffer.len() as u64);
        self.link.put_record(&mut self.buffer, durable, &header.encode(), &body);
        self.validity.admit(&header);
        self.group.push(StoredRecord { offset, header, body });
    }

    /// Leaves a mark behind a durable group. It is not synced: it only has to outlive the process.
    fn write_mark(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.unmarked) {
            return Ok(());
        }
        let (mut link, mut mark) = (self.link, Vec::with_capacity(PREFIX_BYTES));
        link.put_mark(&mut mark);
        match self.options.files.write_at(&self.file, &mark, self.position) {
            Ok(()) => {
                self.link = link;
                self.position += mark.len() as u64;
                Ok(())
            }
            // It has room set aside, but for a segment that was cut when there was none for the next one.
            Err(error) if is_full(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let start = Instant::now();
        self.options.files.sync(&self.file)?;
        let took = start.elapsed();
        self.metrics.fsync_seconds.record(took.as_secs_f64());
        if took > SLOW_SYNC {
            tracing::warn!(
                partition = self.header.partition.0,
                ms = took.as_millis() as u64,
                "the disk took long to sync the log: commands waited for it"
            );
        }
        Ok(())
    }

    /// Sees to it that `bytes` of frames, and a mark behind them, have their place. Nothing of them is written yet: a full disk loses nothing.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let holds_records = self.link.offset > self.header.base;
        let old = now_ms().saturating_sub(self.header.created_ms) > self.options.segment_age.as_millis() as u64;
        if holds_records && (old || self.position + bytes > self.options.segment_bytes) {
            self.roll()?;
        }
        let needed = self.position + bytes + PREFIX_BYTES as u64;
        if needed > self.allocated {
            let ahead = (needed - self.allocated).max(self.position.clamp(ALLOCATE_BYTES_MIN, ALLOCATE_BYTES_MAX));
            let allocate = |bytes| self.options.files.allocate(&self.file, self.allocated, bytes).map(|()| bytes);
            let got = allocate(ahead).or_else(|error| if is_full(&error) { allocate(needed - self.allocated) } else { Err(error) })?;
            self.allocated += got;
        }
        Ok(())
    }

    /// Completes the segment and starts the next one.
    fn roll(&mut self) -> io::Result<()> {
        self.cut()?;
        let header = SegmentHeader {
            base: self.link.offset,
            created_ms: now_ms(),
            validity: self.validity,
            previous: self.link.previous,
            salt: rand::random(),
            ..self.header
        };
        let (file, segment) = create(&self.folder, &header)?;
        let segment = Arc::new(segment);
        let complete = std::mem::replace(&mut self.segment, Arc::clone(&segment));
        let seal = Seal {
            generation: self.header.generation,
            partition: self.header.partition,
            base: self.header.base,
            end: self.link.offset,
            length: self.position,
            seed: self.link.seed,
            last: self.link.previous,
            validity: self.validity,
            index: Index::clone(&complete.index.read()),
        };
        self.link = Link { seed: segment.seed, previous: segment.seed, offset: self.link.offset };
        (self.file, self.header) = (file, header);
        (self.position, self.allocated) = (SEGMENT_HEADER_BYTES as u64, SEGMENT_HEADER_BYTES as u64);
        self.unmarked = false;
        self.partition.roll_to(segment);
        match seal.write(&complete.path) {
            // The next start reads the segment in full and seals it then.
            Err(error) if is_full(&error) => tracing::warn!(%error, "no space left to seal a segment of the log"),
            sealed => sealed?,
        }
        Ok(())
    }

    /// Cuts the file to its last frame, durably.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.position)?;
        self.allocated = self.position;
        self.options.files.sync(&self.file)
    }
}

/// The answers of a durable group: dropping them gives them, so that they reach everyone also when the runtime ends first.
struct Answers {
    all: Vec<Answer>,
    durable_at: Instant,
    metrics: Metrics,
}

impl Drop for Answers {
    fn drop(&mut self) {
        for answer in self.all.drain(..) {
            answer.give(self.durable_at, &self.metrics);
        }
    }
}

impl Answer {
    fn give(self, durable_at: Instant, metrics: &Metrics) {
        // Who no longer waits has no use for the answer.
        match self {
            Self::Append { reply, result, since } => {
                metrics.append_seconds.record(durable_at.duration_since(since).as_secs_f64());
                drop(reply.send(result));
            }
            Self::Open { reply, result } => drop(reply.send(result)),
        }
    }

    fn not_known(self, partition: &Partition) {
        let error = LogError::Unknown { partition: partition.id };
        match self {
            Self::Append { reply, .. } => drop(reply.send(Err(error))),
            Self::Open { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

/// Ends the partition for good: readers keep what is durable, writers are told, and so is the process.
pub(super) fn fail(partition: &Partition, options: &EmbeddedOptions, cause: String) {
    let left = partition.queue.abandon(&cause);
    partition.end_here(&cause);
    (options.on_fatal)(&LogError::Fatal(cause.clone()));
    left.into_iter().for_each(|job| job.refuse(LogError::Fatal(cause.clone())));
}

/// A writer thread that panics must not leave its queue open.
struct PanicGuard {
    partition: Arc<Partition>,
    options: Arc<EmbeddedOptions>,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            fail(&self.partition, &self.options, format!("the writer of partition {} panicked", self.partition.id));
        }
    }
}

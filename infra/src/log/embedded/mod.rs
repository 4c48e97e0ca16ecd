//! The embedded log: segment files of checksummed records, group commit, nothing acknowledged before it is on the disk.
//!
//! ```text
//!  append ──> queue ──> writer thread ──write, sync──> segment files <── reader (who is far behind)
//!             (bounded)      │
//!                            └──> recent records <──────────────────── reader (right behind the writer)
//! ```
//!
//! Format and recovery: docs/decisions/0001-log-format.md. One process holds a log for writing; offline tools open it read-only.

mod files;
mod folder;
mod format;
mod metrics;
mod options;
mod partition;
mod queue;
mod reader;
mod recovery;
mod scan;
mod seal;
mod segment;
mod start;
mod tail;
mod verifier;
mod writer;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use schemas::PartitionId;
use schemas::log::{NewRecord, Offset, StoredRecord, WriterId};
use tokio::sync::oneshot;

pub use self::files::{FileLayer, OsFiles};
pub use self::options::{EmbeddedOptions, OnFatal};

use self::folder::FolderLock;
use self::partition::Partition;
use self::queue::{Job, Started};
use self::verifier::Verifier;
use self::writer::Writer;
use super::stamp::check_size;
use super::{EventLog, LogError, LogImport, LogLayout, PartitionWriter, ReadLimits};

/// Why a log that was closed in good order takes nothing more.
const CLOSED: &str = "it is closed";

/// A log in a folder of this machine.
pub struct EmbeddedLog {
    layout: LogLayout,
    slots: Vec<Slot>,
    /// Held until the log is closed.
    lock: Mutex<Option<Arc<FolderLock>>>,
    verifier: Mutex<Option<Verifier>>,
}

/// One partition and its writer, which gets a thread when it is first needed.
struct Slot {
    partition: Arc<Partition>,
    idle: Mutex<Option<Writer>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl EmbeddedLog {
    /// Opens the log in the folder `path` for writing, or makes it. Blocks for as long as recovery takes.
    ///
    /// Errors: [`LogError::Locked`] when a process has it open; [`LogError::Damaged`] when a record that was durable is not as it was
    /// written; [`LogError::Fatal`] when the log has another layout than the options, or the operating system fails.
    pub fn open(path: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Arc<Self>, LogError> {
        start::open(path.as_ref(), options).map(Arc::new)
    }

    /// Opens the log in the folder `path` for offline tools: beside other readers, but not beside a writer, and without changing
    /// a byte; a torn tail is left out. Writers cannot be opened.
    ///
    /// Errors: as [`Self::open`], and [`LogError::Fatal`] when there is no log.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Arc<Self>, LogError> {
        start::open_read_only(path.as_ref()).map(Arc::new)
    }

    /// The layout that the log in the folder `path` was made with; nothing, if there is none.
    ///
    /// Errors: [`LogError::Fatal`] when its meta file cannot be read.
    pub fn layout_of(path: impl AsRef<Path>) -> Result<Option<LogLayout>, LogError> {
        folder::read_meta(path.as_ref())
    }

    fn slot(&self, id: PartitionId) -> Result<&Slot, LogError> {
        self.slots.get(usize::from(id.0)).ok_or(LogError::OutOfRange { partition: id, offset: 0 })
    }

    /// Takes no more appends, ends the threads, gives the folder free; gives back their threads to be joined.
    fn begin_close(&self) -> Closing {
        let verifier = self.verifier.lock().take();
        let mut threads = Vec::new();
        for slot in &self.slots {
            slot.partition.queue.finish(CLOSED);
            slot.idle.lock().take();
            threads.push((Arc::clone(&slot.partition), slot.thread.lock().take()));
        }
        Closing { verifier, threads, lock: self.lock.lock().take() }
    }
}

/// What remains to be done for a log to be closed: it takes the time of a sync.
struct Closing {
    verifier: Option<Verifier>,
    threads: Vec<(Arc<Partition>, Option<JoinHandle<()>>)>,
    lock: Option<Arc<FolderLock>>,
}

impl Closing {
    fn finish(self) -> Result<(), LogError> {
        drop(self.verifier);
        let mut outcome = Ok(());
        for (partition, thread) in self.threads {
            // A writer that panicked has said so through its partition.
            let _ = thread.map(JoinHandle::join);
            partition.end_here(CLOSED);
            if let Some(cause) = partition.progress.borrow().over.as_ref().filter(|cause| *cause != CLOSED) {
                outcome = Err(LogError::Fatal(cause.clone()));
            }
        }
        drop(self.lock);
        outcome
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        // Who drops a log without closing it does not ask for the outcome.
        drop(self.begin_close().finish());
    }
}

#[async_trait]
impl EventLog for EmbeddedLog {
    fn layout(&self) -> LogLayout {
        self.layout
    }

    async fn open_writer(&self, id: PartitionId, address: &str) -> Result<Arc<dyn PartitionWriter>, LogError> {
        let slot = self.slot(id)?;
        slot.start_thread()?;
        let (reply, started) = oneshot::channel();
        slot.partition.queue.push(Job::Open { address: address.to_owned(), reply });
        let started = started.await.map_err(|_| LogError::Unknown { partition: id })??;
        Ok(Arc::new(EmbeddedWriter { partition: Arc::clone(&slot.partition), started }))
    }

    async fn read(&self, id: PartitionId, from: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError> {
        let partition = &self.slot(id)?.partition;
        let Range { start, end } = partition.bounds();
        if from < start || from > end {
            return Err(LogError::OutOfRange { partition: id, offset: from });
        }
        if from == end {
            return Ok(Vec::new());
        }
        // The newest records lie there a moment before the log's end has moved behind them: nobody may read past it.
        let below_end = usize::try_from(end - from).unwrap_or(usize::MAX);
        let recent = partition.recent.read().read(from, ReadLimits { records: limits.records.min(below_end), ..limits });
        if let Some(records) = recent {
            return Ok(records);
        }
        let partition = Arc::clone(partition);
        let read = tokio::task::spawn_blocking(move || reader::read(&partition, from, end, limits));
        read.await.map_err(|error| LogError::Retryable(format!("the read was given up: {error}")))?
    }

    async fn bounds(&self, id: PartitionId) -> Result<Range<Offset>, LogError> {
        Ok(self.slot(id)?.partition.bounds())
    }

    async fn wait_for(&self, id: PartitionId, offset: Offset) -> Result<(), LogError> {
        self.slot(id)?.partition.wait_for(offset).await
    }

    async fn close(&self) -> Result<(), LogError> {
        let closing = self.begin_close();
        let done = tokio::task::spawn_blocking(move || closing.finish());
        done.await.map_err(|error| LogError::Fatal(format!("closing it was given up: {error}")))?
    }
}

#[async_trait]
impl LogImport for EmbeddedLog {
    async fn import(&self, id: PartitionId, records: Vec<StoredRecord>) -> Result<(), LogError> {
        let slot = self.slot(id)?;
        slot.start_thread()?;
        let (reply, imported) = oneshot::channel();
        slot.partition.queue.push(Job::Import { records, since: Instant::now(), reply });
        imported.await.map_err(|_| LogError::Unknown { partition: id })?.map(drop)
    }
}

impl Slot {
    fn start_thread(&self) -> Result<(), LogError> {
        if let Some(writer) = self.idle.lock().take() {
            let builder = std::thread::Builder::new().name(format!("log-{}", self.partition.id));
            let runtime = tokio::runtime::Handle::try_current().ok();
            let thread = builder.spawn(move || writer.run(runtime));
            *self.thread.lock() = Some(thread.map_err(|error| LogError::Fatal(format!("cannot start its thread: {error}")))?);
        }
        Ok(())
    }
}

struct EmbeddedWriter {
    partition: Arc<Partition>,
    started: Started,
}

impl PartitionWriter for EmbeddedWriter {
    fn epoch(&self) -> u32 {
        self.started.epoch
    }

    fn writer(&self) -> WriterId {
        self.started.writer
    }

    fn start(&self) -> Offset {
        self.started.start
    }

    fn append(&self, records: Vec<NewRecord>) -> BoxFuture<'static, Result<Offset, LogError>> {
        if let Err(error) = check_size(&records) {
            return std::future::ready(Err(error)).boxed();
        }
        let partition = self.partition.id;
        let (reply, appended) = oneshot::channel();
        let Started { epoch, writer, .. } = self.started;
        self.partition.queue.push(Job::Append { epoch, writer, records, since: Instant::now(), reply });
        async move { appended.await.map_err(|_| LogError::Unknown { partition })? }.boxed()
    }
}

#[cfg(test)]
mod tests;

//! The line in which appends of a partition wait for its writer thread: bounded, and emptied as a whole.

use parking_lot::{Condvar, Mutex};
use schemas::log::{NewRecord, Offset, StoredRecord, WriterId};
use std::time::Instant;
use tokio::sync::oneshot;

use super::format::frame_bytes;
use crate::log::LogError;

/// What an append is told in the end.
pub(super) type Appended = Result<Offset, LogError>;

/// What a new writer is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Started {
    pub(super) epoch: u32,
    pub(super) writer: WriterId,
    /// The offset after its `WriterStarted`.
    pub(super) start: Offset,
}

/// One request to the writer thread.
pub(super) enum Job {
    Append { epoch: u32, writer: WriterId, records: Vec<NewRecord>, since: Instant, reply: oneshot::Sender<Appended> },
    Import { records: Vec<StoredRecord>, since: Instant, reply: oneshot::Sender<Appended> },
    Open { address: String, reply: oneshot::Sender<Result<Started, LogError>> },
}

impl Job {
    fn records(&self) -> usize {
        match self {
            Self::Append { records, .. } => records.len(),
            Self::Import { records, .. } => records.len(),
            Self::Open { .. } => 1,
        }
    }

    /// Bytes of the frames that the job asks for.
    fn bytes(&self) -> usize {
        match self {
            Self::Append { records, .. } => records.iter().map(|record| frame_bytes(record.body.len())).sum(),
            Self::Import { records, .. } => records.iter().map(|record| frame_bytes(record.body.len())).sum(),
            Self::Open { address, .. } => frame_bytes(address.len()),
        }
    }

    /// Answers with an error.
    pub(super) fn refuse(self, error: LogError) {
        // Who no longer waits has no use for the answer.
        match self {
            Self::Append { reply, .. } | Self::Import { reply, .. } => drop(reply.send(Err(error))),
            Self::Open { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

/// All jobs that waited at one moment.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) jobs: Vec<Job>,
    pub(super) records: usize,
    /// Bytes of the frames that the jobs ask for.
    pub(super) bytes: usize,
}

/// Bounds of a queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

pub(super) struct Queue {
    bounds: Bounds,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Batch,
    /// Why no more jobs are taken.
    over: Option<String>,
    /// Whether something was written since the writer was last told that nothing waits.
    idle: bool,
}

/// What the writer thread is to do next.
pub(super) enum Next {
    /// Write these.
    Write(Batch),
    /// Nothing waits: a moment for what has no hurry, then ask again.
    Idle,
    /// Finish: no job will come any more.
    Finish,
}

impl Queue {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Mutex::default(), wake: Condvar::new() }
    }

    /// Puts a job in line, or answers it with the reason why not. A job that alone exceeds the bounds is taken when nothing else waits.
    pub(super) fn push(&self, job: Job) {
        let (records, bytes) = (job.records(), job.bytes());
        let mut state = self.state.lock();
        if let Some(cause) = &state.over {
            let error = LogError::Fatal(cause.clone());
            drop(state);
            return job.refuse(error);
        }
        let waiting = &mut state.waiting;
        let full = waiting.records + records > self.bounds.records || waiting.bytes + bytes > self.bounds.bytes;
        if full && !waiting.jobs.is_empty() {
            drop(state);
            return job.refuse(LogError::Retryable("too many appends wait for the disk".into()));
        }
        waiting.jobs.push(job);
        waiting.records += records;
        waiting.bytes += bytes;
        drop(state);
        self.wake.notify_one();
    }

    /// Waits for something to do. `spent` is an emptied batch whose room is used again.
    pub(super) fn next(&self, spent: Batch) -> Next {
        let mut state = self.state.lock();
        while state.waiting.jobs.is_empty() {
            if std::mem::take(&mut state.idle) {
                return Next::Idle;
            }
            if state.over.is_some() {
                return Next::Finish;
            }
            self.wake.wait(&mut state);
        }
        state.idle = true;
        Next::Write(std::mem::replace(&mut state.waiting, spent))
    }

    /// Takes no more jobs; those in line are still written.
    pub(super) fn finish(&self, cause: &str) {
        self.state.lock().over.get_or_insert_with(|| cause.to_owned());
        self.wake.notify_all();
    }

    /// Takes no more jobs and gives back those in line, which nobody will write.
    pub(super) fn abandon(&self, cause: &str) -> Vec<Job> {
        let mut state = self.state.lock();
        state.over = Some(cause.to_owned());
        std::mem::take(&mut state.waiting).jobs
    }
}

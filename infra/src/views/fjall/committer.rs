//! Commits in groups: one thread takes all that wait and writes them as one batch of the store; whoever comes meanwhile is in the next.
//!
//! Partitions commit at the same time, each little, and the store takes one writer at a time anyway. A group costs one record of its
//! journal, and no caller's thread waits for another's commit, nor for the store where that holds writers up.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{Inner, no_thread};
use crate::views::{Version, ViewBatch, ViewError};
use crate::worker::Worker;

/// Rows of a group, beyond which the rest waits for the next; a commit that alone has more is a group of its own.
const GROUP_ROWS_MAX: usize = 16_384;

/// A commit on its way.
struct Job {
    version: Version,
    batch: ViewBatch,
    reply: oneshot::Sender<Result<(), ViewError>>,
}

#[derive(Default)]
struct State {
    /// One for each caller that waits: callers bound it.
    waiting: Vec<Job>,
    over: bool,
}

#[derive(Default)]
struct Line {
    state: Mutex<State>,
    wake: Condvar,
}

/// See the module. Dropping it lets what waits be committed and ends the thread.
pub(super) struct Committer {
    line: Arc<Line>,
    _thread: Worker,
}

/// Answers whoever waits when the thread ends, however it does.
struct Ending(Arc<Line>);

impl Drop for Ending {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.over = true;
        state.waiting.clear();
    }
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(inner: Arc<Inner>) -> Result<Self, ViewError> {
        let line = Arc::new(Line::default());
        let of_thread = line.clone();
        let thread = Worker::start("views-commit", move || {
            let ending = Ending(of_thread);
            while let Some(group) = ending.0.next() {
                commit(&inner, group);
            }
        });
        Ok(Self { line, _thread: thread.map_err(no_thread)? })
    }

    /// Commits a batch. It is committed even where the caller does not wait for the answer.
    pub(super) async fn commit(&self, version: Version, batch: ViewBatch) -> Result<(), ViewError> {
        let (reply, answer) = oneshot::channel();
        self.line.push(Job { version, batch, reply });
        answer.await.unwrap_or_else(|_| Err(ViewError::Fatal("the thread that commits to the view store has ended".to_owned())))
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.line.state.lock().over = true;
        self.line.wake.notify_one();
    }
}

impl Line {
    fn push(&self, job: Job) {
        let mut state = self.state.lock();
        if state.over {
            // Dropping the job tells its caller.
            return;
        }
        state.waiting.push(job);
        self.wake.notify_one();
    }

    /// The next group; nothing at the end.
    fn next(&self) -> Option<Vec<Job>> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.over {
                return None;
            }
            self.wake.wait(&mut state);
        }
        let mut rows = 0;
        let fits = state.waiting.iter().position(|job| {
            rows += job.batch.writes.len();
            rows > GROUP_ROWS_MAX
        });
        let jobs = fits.unwrap_or(state.waiting.len()).max(1);
        let rest = state.waiting.split_off(jobs);
        Some(std::mem::replace(&mut state.waiting, rest))
    }
}

/// Commits a group, and answers each of it.
fn commit(inner: &Inner, group: Vec<Job>) {
    let together = inner.commit(group.iter().map(|job| (job.version, &job.batch)));
    for job in group {
        // One that names a version which is gone must not take the others with it. Committing again what was committed changes nothing.
        let outcome = if together.is_ok() { Ok(()) } else { inner.commit([(job.version, &job.batch)]) };
        // Who no longer waits has no use for the answer.
        drop(job.reply.send(outcome));
    }
}

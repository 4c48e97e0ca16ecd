//! The projection loop: a stretch of records -> whatever a sink makes of them, committed with its checkpoint -> the next stretch.
//!
//! One task per partition and sink; partitions are independent. Views, the search index and the reactors are sinks; rebuilds and
//! `verify` drive the same step without waiting. A sink's commit is idempotent, so any step may be repeated: what is retryable is tried
//! again with a growing, jittered pause, what is fatal ends the task loudly, and a restart goes on from the checkpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use infra::log::{EventLog, ReadLimits};
use schemas::PartitionId;
use schemas::log::Offset;
use schemas::rows::Checkpoint;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, watch};

use crate::batch::{self, Batch};
use crate::error::{ProjectError, Trouble};

/// The first pause before a retry.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause before a retry, before jitter.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a step under way may take once the process is told to stop. One that waits for more is dropped: it is repeated after the
/// next start.
const GRACE: Duration = Duration::from_secs(1);
/// How long a sink that nobody waits for leaves records to gather: each step has its price whatever it holds.
pub(crate) const LINGER: Duration = Duration::from_millis(50);
/// Attempts at one step before the partition stops: about half an hour of a store that is away.
const ATTEMPTS_MAX: u32 = 400;

/// Takes the records of one partition.
#[async_trait]
pub(crate) trait Sink: Send + Sync {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Reads anew how far it has come.
    async fn load(&mut self) -> Result<Checkpoint, Trouble>;

    /// Takes a stretch and commits it with its checkpoint; repeating it changes nothing.
    async fn take(&mut self, batch: &Batch) -> Result<(), Trouble>;

    /// How long it pauses after a stretch that took all there was. Zero where readers wait for it.
    fn linger(&self) -> Duration {
        Duration::ZERO
    }
}

/// Reads one partition for a sink.
pub(crate) struct Tail {
    log: Arc<dyn EventLog>,
    partition: PartitionId,
    limits: ReadLimits,
    at: Option<Checkpoint>,
    /// Counts the records taken.
    done: Option<Arc<AtomicU64>>,
}

impl Tail {
    pub(crate) fn new(log: Arc<dyn EventLog>, partition: PartitionId, limits: ReadLimits) -> Self {
        Self { log, partition, limits, at: None, done: None }
    }

    /// Has the records taken counted, for whoever shows how far the work is.
    pub(crate) fn counting(self, done: Arc<AtomicU64>) -> Self {
        Self { done: Some(done), ..self }
    }

    /// Where the sink stands, read from it if that is not known.
    pub(crate) async fn at(&mut self, sink: &mut dyn Sink) -> Result<Checkpoint, Trouble> {
        let at = match self.at {
            Some(at) => at,
            None => sink.load().await?,
        };
        let expected = self.log.layout().generation;
        if at.generation != expected {
            let error = ProjectError::Generation { what: sink.name().to_owned(), found: at.generation, expected };
            return Err(Trouble::Fatal(error));
        }
        Ok(*self.at.insert(at))
    }

    /// Takes one stretch, up to `until` (exclusive) if given; says how many records it had.
    pub(crate) async fn step(&mut self, sink: &mut dyn Sink, until: Option<Offset>) -> Result<u64, Trouble> {
        let at = self.at(sink).await?;
        let room = until.map_or(u64::MAX, |until| until.saturating_sub(at.next));
        let limits = ReadLimits { records: self.limits.records.min(usize::try_from(room).unwrap_or(usize::MAX)), ..self.limits };
        if limits.records == 0 {
            return Ok(0);
        }
        let batch = batch::read(&*self.log, self.partition, &at, limits).await?;
        if batch.records() > 0 {
            sink.take(&batch).await?;
            self.at = Some(batch.end);
            if let Some(done) = &self.done {
                done.fetch_add(batch.records(), Ordering::Relaxed);
            }
        }
        Ok(batch.records())
    }

    /// Goes on until `until`, without waiting for records.
    pub(crate) async fn catch_up(&mut self, sink: &mut dyn Sink, until: Offset) -> Result<(), ProjectError> {
        let mut pause = Pause::default();
        loop {
            match self.step(sink, Some(until)).await {
                Ok(0) => return Ok(()),
                Ok(_) => pause = Pause::default(),
                Err(trouble) => {
                    self.at = None;
                    tokio::time::sleep(pause.after(trouble)?).await;
                }
            }
        }
    }

    /// Follows the log until shutdown.
    pub(crate) async fn follow(
        mut self,
        sink: &mut dyn Sink,
        gate: &Gate,
        mut shutdown: watch::Receiver<bool>,
    ) -> Result<(), ProjectError> {
        let mut pause = Pause::default();
        let mut reloads = None;
        let mut stopped = shutdown.clone();
        while !*shutdown.borrow_and_update() {
            let outcome = {
                let (_open, current) = gate.enter().await;
                if reloads.replace(current) != Some(current) {
                    self.at = None;
                }
                tokio::select! {
                    outcome = self.step(sink, None) => outcome,
                    () = out_of_grace(&mut stopped) => return Ok(()),
                }
            };
            let wait = match outcome {
                Ok(0) => self.more(sink).await.map(Idle::Record),
                Ok(records) => {
                    pause = Pause::default();
                    if sink.linger().is_zero() || records >= self.limits.records as u64 {
                        continue;
                    }
                    Ok(Idle::Pause(sink.linger()))
                }
                Err(trouble) => Err(trouble),
            };
            let idle = match wait {
                Ok(idle) => idle,
                Err(trouble) => {
                    self.at = None;
                    Idle::Pause(pause.after(trouble)?)
                }
            };
            let log = Arc::clone(&self.log);
            tokio::select! {
                // A change of the flag, or the end of whoever holds it: either way the loop's head decides.
                changed = shutdown.changed() => if changed.is_err() { return Ok(()) },
                () = gate.reloaded(reloads) => {}
                ended = idle.over(&*log, self.partition) => if let Err(trouble) = ended {
                    tokio::time::sleep(pause.after(trouble)?).await;
                },
            }
        }
        Ok(())
    }

    async fn more(&mut self, sink: &mut dyn Sink) -> Result<Offset, Trouble> {
        Ok(self.at(sink).await?.next)
    }
}

/// Returns some time after the process is told to stop.
pub(crate) async fn out_of_grace(stopped: &mut watch::Receiver<bool>) {
    // An error: whoever could tell is gone, which says the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
    tokio::time::sleep(GRACE).await;
}

/// What a loop without work waits for.
enum Idle {
    Record(Offset),
    Pause(Duration),
}

impl Idle {
    async fn over(self, log: &dyn EventLog, partition: PartitionId) -> Result<(), Trouble> {
        match self {
            Self::Record(next) => Ok(log.wait_for(partition, next).await?),
            Self::Pause(pause) => {
                tokio::time::sleep(pause).await;
                Ok(())
            }
        }
    }
}

/// The pauses between attempts at one step.
#[derive(Debug, Default)]
struct Pause {
    attempts: u32,
}

impl Pause {
    /// How long to wait after this failure, or that it is final.
    fn after(&mut self, trouble: Trouble) -> Result<Duration, ProjectError> {
        let cause = match trouble {
            Trouble::Fatal(error) => return Err(error),
            Trouble::Reload => return Ok(PAUSE_MIN),
            Trouble::Retryable(cause) => cause,
        };
        self.attempts += 1;
        if self.attempts >= ATTEMPTS_MAX {
            return Err(ProjectError::GaveUp { attempts: self.attempts, cause });
        }
        metrics::counter!("roost_projection_retries_total").increment(1);
        let pause = PAUSE_MIN.saturating_mul(1 << self.attempts.min(10)).min(PAUSE_MAX);
        tracing::warn!(attempt = self.attempts, cause, "a projection step is tried again");
        Ok(pause.mul_f64(rand::random_range(0.5..1.0)))
    }
}

/// Lets a swap of versions stand between the steps of all partitions.
#[derive(Debug)]
pub(crate) struct Gate {
    lock: RwLock<()>,
    /// Counts the swaps: a loop that sees it move reads its checkpoints anew.
    reloads: AtomicU64,
    moved: watch::Sender<u64>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { lock: RwLock::new(()), reloads: AtomicU64::new(0), moved: watch::Sender::new(0) }
    }
}

impl Gate {
    async fn enter(&self) -> (RwLockReadGuard<'_, ()>, u64) {
        let open = self.lock.read().await;
        (open, self.reloads.load(Ordering::Acquire))
    }

    /// Waits for all steps to end, and keeps new ones from beginning.
    pub(crate) async fn close(&self) -> Closed<'_> {
        Closed { gate: self, _alone: self.lock.write().await }
    }

    /// The same, for one who changes nothing: the loops go on afterwards as if nothing had been.
    pub(crate) async fn still(&self) -> RwLockWriteGuard<'_, ()> {
        self.lock.write().await
    }

    async fn reloaded(&self, seen: Option<u64>) {
        let mut moved = self.moved.subscribe();
        let _ = moved.wait_for(|count| Some(*count) != seen).await;
    }
}

/// The gate while closed; the loops read their checkpoints anew once it is dropped.
pub(crate) struct Closed<'a> {
    gate: &'a Gate,
    _alone: RwLockWriteGuard<'a, ()>,
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        let count = self.gate.reloads.fetch_add(1, Ordering::AcqRel) + 1;
        self.gate.moved.send_replace(count);
    }
}

#[cfg(test)]
mod tests;

//! The life of one partition's loop: serve, and when the log refuses, begin anew from what it holds.

use std::sync::Arc;
use std::time::Duration;

use infra::log::LogError;
use schemas::PartitionId;
use schemas::commands::CommandError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::flush::Flusher;
use super::lines::Lines;
use super::open::open;
use super::owner::Owner;
use super::{Ports, Request};

/// How long the loop waits before it becomes the writer again, at first and at the most.
const REOPEN_MS_MIN: u64 = 50;
const REOPEN_MS_MAX: u64 = 5_000;
/// How long a loop that lost its partition waits before it takes it again, if it still is to.
const LOST_PAUSE: Duration = Duration::from_secs(5);

/// Why the loop stopped serving.
enum Ended {
    /// It was told to, and everything is settled.
    Stopped,
    /// The log refused a batch.
    Refused(LogError),
}

pub(super) type Queue = mpsc::Receiver<Request>;
pub(super) type Stop = watch::Receiver<bool>;

/// A defect in deciding must not leave a partition that nobody serves in a process that looks alive: the state is the log, a restart is
/// the way out.
struct PanicGuard(PartitionId);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(partition = self.0.0, "a write loop panicked: stopping the process");
            std::process::abort();
        }
    }
}

/// A partition that this process is to decide.
pub(super) struct Line {
    pub(super) ports: Ports,
    pub(super) partition: PartitionId,
    pub(super) lines: Arc<Lines>,
    /// Whether other processes may take it over.
    pub(super) shared: bool,
}

impl Line {
    /// Opens the queue before the loop.
    pub(super) fn open(&self) -> Queue {
        let (sender, queue) = mpsc::channel(self.ports.options.queue_commands);
        self.lines.open(self.partition, sender);
        queue
    }

    /// Serves the partition until it is told to stop, beginning with `first` if the partition is open already.
    pub(super) async fn tend(self, first: Option<(Owner, Queue)>, mut stop: Stop) {
        let _guard = PanicGuard(self.partition);
        let mut served = first;
        loop {
            let (owner, mut queue) = match served.take() {
                Some(both) => both,
                None => match self.become_owner(&mut stop).await {
                    Some(owner) => (owner, self.open()),
                    None => return,
                },
            };
            let lost = self.run(owner, &mut queue, &mut stop).await;
            self.lines.close(self.partition);
            let Some(answer) = lost else { return };
            refuse_rest(&answer, queue);
            // Another process decides here now. Taking over again at once would only take turns with it.
            if pause(LOST_PAUSE, &mut stop).await {
                return;
            }
        }
    }

    /// Serves until it is told to stop (then nothing is left to do), or until the partition is another's: what to answer then.
    async fn run(&self, owner: Owner, queue: &mut Queue, stop: &mut Stop) -> Option<CommandError> {
        let (ports, partition) = (&self.ports, self.partition);
        let mut owner = Some(owner);
        loop {
            let mut served = owner.take()?;
            let error = match serve(&mut served, queue, stop).await {
                Ended::Stopped => return None,
                Ended::Refused(error) => error,
            };
            tracing::error!(%error, partition = partition.0, "the log refused a batch: the decision state is dropped");
            give_up(&mut served).await;
            drop(served);
            let answer = match error {
                LogError::Superseded { .. } if self.shared => return Some(CommandError::Retry(error.to_string())),
                LogError::Superseded { .. } => CommandError::Retry(error.to_string()),
                LogError::Retryable(_) | LogError::Full(_) | LogError::Unknown { .. } => {
                    owner = reopen(ports, partition, queue, stop).await;
                    continue;
                }
                LogError::Damaged { .. }
                | LogError::Locked(_)
                | LogError::OutOfRange { .. }
                | LogError::TooLarge { .. }
                | LogError::Fatal(_) => CommandError::Failed(error.to_string()),
            };
            refuse_until(&answer, None, queue, stop).await;
            return None;
        }
    }

    /// Becomes the writer, however long it takes; nothing once it is told to stop.
    async fn become_owner(&self, stop: &mut Stop) -> Option<Owner> {
        let mut wait_ms = REOPEN_MS_MIN;
        loop {
            if *stop.borrow_and_update() {
                return None;
            }
            match open(&self.ports, self.partition).await {
                Ok(owner) => {
                    tracing::info!(partition = self.partition.0, "this process decides the partition now");
                    return Some(owner);
                }
                Err(error) => tracing::warn!(%error, partition = self.partition.0, "not the writer yet"),
            }
            if pause(Duration::from_millis(wait_ms), stop).await {
                return None;
            }
            wait_ms = (wait_ms * 2).min(REOPEN_MS_MAX);
        }
    }
}

/// Waits so long; true if told to stop before.
async fn pause(so_long: Duration, stop: &mut Stop) -> bool {
    tokio::time::timeout(so_long, told_to_stop(stop)).await.is_ok()
}

/// Answers so what waits in a queue that takes nothing more.
fn refuse_rest(answer: &CommandError, mut queue: Queue) {
    queue.close();
    while let Ok(request) = queue.try_recv() {
        // Who no longer waits has no use for the answer.
        drop(request.reply.send(Err(answer.clone())));
    }
}

async fn serve(owner: &mut Owner, queue: &mut Queue, stop: &mut Stop) -> Ended {
    let options = Arc::clone(&owner.ports.options);
    let mut ticks = interval(options.flush_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut requests = Vec::with_capacity(options.batch_commands);
    let (mut closing, mut drained, mut refused) = (false, false, false);
    loop {
        if drained && owner.flights.is_empty() {
            if !settle(owner).await {
                tracing::warn!(
                    partition = owner.partition.0,
                    "the decision state is not complete in the view: the next start folds the rest"
                );
            }
            return Ended::Stopped;
        }
        let has_room = owner.flights.len() < options.flights_max && owner.unflushed() < options.unflushed_rows_max;
        tokio::select! {
            biased;
            (flight, result) = owner.flights.land(), if !owner.flights.is_empty() => {
                if let Err(error) = owner.landed(flight, result) {
                    return Ended::Refused(error);
                }
                owner.write_snapshot();
            }
            (result, _) = owner.flusher.written(), if matches!(owner.flusher, Flusher::Writing(..)) => {
                // After a failure the next tick tries again.
                if owner.flushed(result) && owner.unflushed() >= options.flush_rows {
                    owner.snapshot();
                }
            }
            _ = ticks.tick() => owner.snapshot(),
            () = told_to_stop(stop), if !closing => {
                closing = true;
                queue.close();
            }
            count = queue.recv_many(&mut requests, options.batch_commands), if has_room && !drained && !refused => {
                drained = count == 0;
                // Nothing may be put in line behind what the log refused.
                refused = count > 0 && !owner.take(&mut requests, queue.len()).await;
                if owner.unflushed() >= options.flush_rows {
                    owner.snapshot();
                }
            }
        }
    }
}

/// Waits until the loop is told to stop, or nobody is left to tell it.
async fn told_to_stop(stop: &mut Stop) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Leaves the view complete up to the end of the log, also when only its checkpoint lags.
async fn settle(owner: &mut Owner) -> bool {
    owner.flush().await && owner.write_checkpoint().await
}

/// Answers all that is in flight, each as the log answers it, and lets a write to the view end: what it holds is durable.
async fn give_up(owner: &mut Owner) {
    while !owner.flights.is_empty() {
        let (flight, result) = owner.flights.land().await;
        // The first refusal was reported; here each caller is told its own.
        drop(owner.landed(flight, result));
    }
    if matches!(owner.flusher, Flusher::Writing(..)) {
        let (result, _) = owner.flusher.written().await;
        owner.flushed(result);
    }
}

/// Becomes the writer again, however long it takes; commands that come in between are told to retry.
async fn reopen(ports: &Ports, partition: PartitionId, queue: &mut Queue, stop: &mut Stop) -> Option<Owner> {
    let answer = CommandError::Retry(format!("partition {partition} is recovering"));
    let mut wait_ms = REOPEN_MS_MIN;
    loop {
        let until = Instant::now() + Duration::from_millis(wait_ms);
        if refuse_until(&answer, Some(until), queue, stop).await {
            return None;
        }
        match open(ports, partition).await {
            Ok(owner) => {
                tracing::info!(partition = partition.0, "the partition decides again");
                return Some(owner);
            }
            Err(error) if error.is_retryable() => tracing::warn!(%error, partition = partition.0, "not the writer yet"),
            Err(error) => {
                tracing::error!(%error, partition = partition.0, "the partition cannot decide any more");
                refuse_until(&CommandError::Failed(error.to_string()), None, queue, stop).await;
                return None;
            }
        }
        wait_ms = (wait_ms * 2).min(REOPEN_MS_MAX);
    }
}

/// Answers every command so until then, or until the end. True at the end.
async fn refuse_until(answer: &CommandError, until: Option<Instant>, queue: &mut Queue, stop: &mut Stop) -> bool {
    let later = Instant::now() + Duration::from_hours(24 * 365);
    let mut closing = false;
    loop {
        tokio::select! {
            () = sleep_until(until.unwrap_or(later)), if until.is_some() => return false,
            () = told_to_stop(stop), if !closing => {
                closing = true;
                queue.close();
            }
            request = queue.recv() => match request {
                Some(request) => drop(request.reply.send(Err(answer.clone()))),
                None => return true,
            },
        }
    }
}

//! Reactors: what the log causes elsewhere. They issue commands and mail, never rows of a projected view, and never during a rebuild.
//!
//! Behind the log at a checkpoint of their own, they make good what a crash may have cut off: the write side runs follow-ups right after
//! its acknowledgement, under the same command ids, so each takes effect once whoever comes first. What needs views to be decided
//! (reblogs of deleted posts, claims that lapse) is theirs alone.

mod claims;
mod outbox;
mod reblogs;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join, join_all};
use infra::bus::CommandBus;
use infra::clock::Clock;
use infra::log::EventLog;
use infra::progress::Progress;
use infra::views::{Version, ViewBatch, ViewStore};
use rustc_hash::FxHashSet;
use schemas::commands::{Command, CommandError, Envelope, follow_ups};
use schemas::log::{CommandId, Position, TraceContext};
use schemas::rows::{Checkpoint, View};
use schemas::{AccountId, PartitionId};
use tokio::sync::Notify;

use crate::batch::{self, Batch, Fact};
use crate::error::Trouble;
use crate::run::{LINGER, Sink};
use crate::touches;

pub(crate) use claims::tend_claims;
pub use outbox::MailDesk;
pub(crate) use outbox::Outbox;

/// Records whose follow-ups run at once; they are about different things.
const AT_ONCE: usize = 512;
/// How long a step waits for views before it is tried again.
const PATIENCE: Duration = Duration::from_secs(5);

/// What reactors read and where they send.
#[derive(Clone)]
pub(crate) struct ReactorPorts {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) views: Arc<dyn ViewStore>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) bus: Arc<dyn CommandBus>,
    pub(crate) clock: Clock,
}

/// The reactors of one partition.
pub(crate) struct Reactors {
    pub(crate) ports: ReactorPorts,
    pub(crate) partition: PartitionId,
    /// Told when something is put into the outbox. Whether anybody sends it from here is not the reactors' concern.
    pub(crate) outbox: Arc<Notify>,
}

impl ReactorPorts {
    /// Waits until the live views have passed an offset of a partition.
    async fn wait(&self, partition: PartitionId, offset: u64) -> Result<(), Trouble> {
        let position = Position { generation: self.log.layout().generation, partition, offset };
        match self.progress.wait(&[position], PATIENCE).await {
            true => Ok(()),
            false => Err(Trouble::Retryable(format!("the views have not passed {position}"))),
        }
    }

    /// Waits until the live views have passed all that a partition's log holds now.
    async fn wait_for_end(&self, partition: PartitionId) -> Result<(), Trouble> {
        match self.log.bounds(partition).await?.end.checked_sub(1) {
            Some(last) => self.wait(partition, last).await,
            None => Ok(()),
        }
    }

    /// Sends a command under an id that every repetition has.
    async fn send(&self, envelope: Envelope) -> Result<(), Trouble> {
        match self.bus.execute(envelope).await {
            Ok(_) => Ok(()),
            // Final, and no surprise: what it answers to has gone on meanwhile.
            Err(CommandError::Rejected(rejection)) => {
                tracing::debug!(%rejection, "a follow-up was refused");
                metrics::counter!("roost_follow_ups_refused_total").increment(1);
                Ok(())
            }
            Err(error) => Err(Trouble::Retryable(error.to_string())),
        }
    }
}

/// What a follow-up is about: both ends of a relation, or a handle. Those about the same are sent in the log's order.
fn about(command: &Command) -> (u64, u64) {
    let relation = |one: AccountId, other: AccountId| (one.0.min(other.0), one.0.max(other.0));
    match command {
        Command::AnswerFollow(c) | Command::DropFollower(c) => relation(c.account, c.follower),
        Command::ConfirmFollow(c) | Command::EndFollow(c) => relation(c.account, c.target),
        Command::ConfirmHandle(c) => (touches::handle(&c.handle), 0),
        Command::HoldHandle(c) => (touches::handle(&c.handle), 0),
        _ => (0, 0),
    }
}

/// A command of the system's own, named by what it is about.
fn named(scope: &str, key: &str, causation: CommandId, trace: TraceContext, command: Command) -> Envelope {
    let actor = AccountId(0);
    Envelope { id: CommandId::from_key(actor, scope, key), maybe_repeated: true, actor, causation, trace, command }
}

impl Reactors {
    /// Sends the follow-ups of records: those of one in order, those of many at once where they are about different things.
    async fn follow_up(&self, facts: &[Fact]) -> Result<(), Trouble> {
        let (mut waiting, mut busy) = (Vec::new(), FxHashSet::default());
        for fact in facts {
            let header = &fact.header;
            let of_record = follow_ups(header.command_id, header.actor, header.trace, header.time_ms, fact.events());
            if of_record.is_empty() {
                continue;
            }
            if waiting.len() >= AT_ONCE || of_record.iter().any(|envelope| busy.contains(&about(&envelope.command))) {
                self.send_all(&mut waiting).await?;
                busy.clear();
            }
            busy.extend(of_record.iter().map(|envelope| about(&envelope.command)));
            waiting.push(of_record);
        }
        self.send_all(&mut waiting).await
    }

    /// Sends what waits; an error is the answer after all have ended.
    async fn send_all(&self, waiting: &mut Vec<Vec<Envelope>>) -> Result<(), Trouble> {
        let in_order = async |of_record: Vec<Envelope>| {
            for envelope in of_record {
                self.ports.send(envelope).await?;
            }
            Ok(())
        };
        join_all(waiting.drain(..).map(in_order)).await.into_iter().collect()
    }
}

#[async_trait]
impl Sink for Reactors {
    fn name(&self) -> &'static str {
        "reactors"
    }

    fn linger(&self) -> Duration {
        LINGER
    }

    async fn load(&mut self) -> Result<Checkpoint, Trouble> {
        let at = self.ports.views.checkpoint(Version::Live, View::Reactors, self.partition).await?;
        Ok(at.unwrap_or(batch::beginning(self.ports.log.layout().generation)))
    }

    async fn take(&mut self, batch: &Batch) -> Result<(), Trouble> {
        // Each waits for others: commands for the disk, reblogs for the views.
        let (sent, looked_after) = join(self.follow_up(&batch.facts), reblogs::react(&self.ports, self.partition, &batch.facts)).await;
        sent.and(looked_after)?;
        let checkpoints = vec![(View::Reactors, self.partition, batch.end)];
        let writes: Vec<_> = batch.facts.iter().flat_map(|fact| outbox::of_record(self.partition, fact)).collect();
        let fresh = !writes.is_empty();
        self.ports.views.commit(Version::Live, ViewBatch { writes, checkpoints }).await?;
        if fresh {
            self.outbox.notify_one();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

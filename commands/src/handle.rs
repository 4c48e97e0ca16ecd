//! The write side at work: one loop for each partition, and the command bus before them.
//!
//! ```text
//!  execute ──> queue of the partition ──> loop: load keys, decide, put in line ──> log
//!     ^          (bounded: 503 beyond)      │   └── rows and checkpoint, behind ──> view `decisions`
//!     └── receipt, once durable <───────────┘
//!  then the follow-ups of what happened, each on its own partition
//! ```
//!
//! A loop decides ahead of the disk: what is in line counts for the next decision, and **nothing is answered before all that it rests on
//! is durable**, rejections included. When the log refuses something, all that was decided ahead is dropped and folded anew.

mod flights;
mod flush;
mod keeper;
mod lines;
mod many;
mod metrics;
mod open;
mod options;
mod owner;
mod partition;
mod recall;
mod receipts;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use infra::bus::CommandBus;
use infra::clock::Clock;
use infra::log::{EventLog, LogLayout, ReadLimits};
use infra::membership::Membership;
use infra::views::ViewStore;
use parking_lot::Mutex;
use schemas::commands::{CommandError, Envelope, Receipt, follow_ups};
use schemas::log::{CommandId, Offset, StoredRecord, body};
use schemas::{PartitionId, Position, PositionToken};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use self::keeper::Keeper;
use self::lines::{Lines, NotTaken};
pub use open::{StartError, owner_of};
pub use options::WriteOptions;

/// What all loops share.
#[derive(Clone)]
struct Ports {
    log: Arc<dyn EventLog>,
    views: Arc<dyn ViewStore>,
    clock: Clock,
    options: Arc<WriteOptions>,
}

/// A command on its way to its loop.
struct Request {
    envelope: Envelope,
    reply: oneshot::Sender<Answer>,
    since: Instant,
}

/// What a loop answers.
type Answer = Result<Done, CommandError>;

/// What was done on one partition.
#[derive(Debug)]
struct Done {
    offset: Offset,
    id: u64,
    repeated: bool,
    follow_ups: Vec<Envelope>,
}

/// The write loops of the partitions that this process decides. Dropped without [`Self::shutdown`], it stops as a killed process does:
/// nothing acknowledged is lost, and the next start folds the tail.
pub struct WriteSide {
    layout: LogLayout,
    log: Arc<dyn EventLog>,
    lines: Arc<Lines>,
    /// Where commands of other partitions go, if other processes decide those.
    elsewhere: Option<Arc<dyn CommandBus>>,
    stop: watch::Sender<bool>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// Why a command was not decided by this process.
#[derive(Debug)]
enum NotHere {
    /// Its partition is not this process's: the command, unspent.
    Elsewhere(Box<Envelope>),
    Failed(CommandError),
}

impl WriteSide {
    /// Becomes the writer of every partition, folds what the view `decisions` lacks, and serves. Needs a tokio runtime with time.
    ///
    /// Errors: the log's or the view store's, and a record or row that this build cannot read: nothing is decided on half a state.
    pub async fn start(
        log: Arc<dyn EventLog>,
        views: Arc<dyn ViewStore>,
        clock: Clock,
        options: WriteOptions,
    ) -> Result<Arc<Self>, StartError> {
        let alone = Membership::alone(log.layout().partition_ids());
        Self::start_among(log, views, clock, options, alone, None).await
    }

    /// The same for the partitions that the membership gives, as it gives and takes them; commands of others go to `elsewhere`.
    pub async fn start_among(
        log: Arc<dyn EventLog>,
        views: Arc<dyn ViewStore>,
        clock: Clock,
        options: WriteOptions,
        membership: Membership,
        elsewhere: Option<Arc<dyn CommandBus>>,
    ) -> Result<Arc<Self>, StartError> {
        let layout = log.layout();
        let ports = Ports { log, views, clock, options: Arc::new(options.of_each(layout.partitions)) };
        let (stop, stopped) = watch::channel(false);
        let (lines, log) = (Arc::new(Lines::new(layout.partitions)), ports.log.clone());
        let shared = elsewhere.is_some();
        let keeper = Keeper::start(ports, membership, lines.clone(), shared, stopped).await?;
        let keeper = Mutex::new(Some(tokio::spawn(keeper.run())));
        Ok(Arc::new(Self { layout, log, lines, elsewhere, stop, keeper }))
    }

    /// Whether this process decides the partition at the moment.
    pub fn is_open(&self, partition: PartitionId) -> bool {
        self.lines.is_open(partition)
    }

    /// Takes no more commands, answers those that wait, and leaves the view `decisions` and its checkpoints complete. The log stays open.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let keeper = self.keeper.lock().take();
        if let Some(keeper) = keeper
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the keeper of the write loops ended badly");
        }
    }

    /// Executes a command that another process passed on: nothing if its partition is not this process's (any more). Its follow-ups
    /// go wherever they belong.
    pub async fn execute_here(&self, envelope: Envelope) -> Option<Result<Receipt, CommandError>> {
        match self.decided(envelope).await {
            Ok(receipt) => Some(Ok(receipt)),
            Err(NotHere::Elsewhere(_)) => None,
            Err(NotHere::Failed(error)) => Some(Err(error)),
        }
    }

    /// The follow-ups of the command recorded there, as its first call ran them. What cannot be read is left to the reactor.
    async fn follow_ups_at(&self, partition: PartitionId, offset: Offset) -> Vec<Envelope> {
        let records = match self.log.read(partition, offset, ReadLimits { records: 1, bytes: 0 }).await {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(partition = partition.0, offset, %error, "the record of a repeated command cannot be read");
                Vec::new()
            }
        };
        let Some(StoredRecord { header, body, .. }) = records.into_iter().next() else { return Vec::new() };
        let events = body::decode(&body).unwrap_or_default();
        follow_ups(header.command_id, header.actor, header.trace, header.time_ms, &events)
    }

    /// Puts a command in the line of its partition, without waiting. Commands of a partition are decided in the order of these calls.
    fn put_in_line(&self, partition: PartitionId, envelope: Envelope) -> Result<oneshot::Receiver<Answer>, NotHere> {
        let (reply, answer) = oneshot::channel();
        self.lines.push(partition, Request { envelope, reply, since: Instant::now() }).map_err(|refused| match refused {
            NotTaken::Full => NotHere::Failed(CommandError::Overloaded),
            NotTaken::NotHere(request) => NotHere::Elsewhere(Box::new(request.envelope)),
        })?;
        Ok(answer)
    }

    /// Decides one command and waits until the outcome is durable.
    async fn decide(&self, envelope: Envelope) -> Result<Done, NotHere> {
        let partition = envelope.command.partition(self.layout.partitions);
        answered(self.put_in_line(partition, envelope)?).await.map_err(NotHere::Failed)
    }

    /// The receipt of what was done on a partition, as yet without the follow-ups that are to be run.
    async fn receipt(&self, partition: PartitionId, done: Done) -> (Receipt, Vec<Envelope>) {
        let position = Position { generation: self.layout.generation, partition, offset: done.offset };
        // A repetition may overtake the first call's follow-ups (the reactor is such a repeater): its answer must cover them as well.
        let follow_ups = if done.repeated { self.follow_ups_at(partition, done.offset).await } else { done.follow_ups };
        (Receipt { positions: PositionToken(vec![position]), id: done.id, repeated: done.repeated }, follow_ups)
    }

    /// Decides the command if it belongs here, and runs its follow-ups.
    async fn decided(&self, envelope: Envelope) -> Result<Receipt, NotHere> {
        let partition = envelope.command.partition(self.layout.partitions);
        let done = self.decide(envelope).await?;
        let (mut receipt, follow_ups) = self.receipt(partition, done).await;
        for follow_up in follow_ups {
            let (kind, id) = (follow_up.command.kind(), follow_up.id);
            match self.execute(follow_up).await {
                Ok(done) => done.positions.0.into_iter().for_each(|position| receipt.positions.add(position)),
                Err(error) => {
                    log_left(kind, id, &error);
                    // The command itself stands; the reactor sends its follow-ups again, in order.
                    if !matches!(error, CommandError::Rejected(_)) {
                        break;
                    }
                }
            }
        }
        Ok(receipt)
    }
}

/// What a loop answers, once it does.
async fn answered(answer: oneshot::Receiver<Answer>) -> Answer {
    answer.await.unwrap_or_else(|_| Err(CommandError::Unknown("the write loop ended".to_owned())))
}

/// What a command is told that nobody was found to decide.
fn not_here() -> CommandError {
    CommandError::Retry("the write side is shutting down".to_owned())
}

fn log_left(kind: &str, id: CommandId, error: &CommandError) {
    match error {
        CommandError::Rejected(rejection) => tracing::warn!(kind, id = id.0, %rejection, "a follow-up was rejected"),
        error => tracing::warn!(kind, id = id.0, %error, "follow-ups are left to the reactor"),
    }
}

#[async_trait]
impl CommandBus for WriteSide {
    async fn execute(&self, envelope: Envelope) -> Result<Receipt, CommandError> {
        match (self.decided(envelope).await, &self.elsewhere) {
            (Ok(receipt), _) => Ok(receipt),
            (Err(NotHere::Failed(error)), _) => Err(error),
            (Err(NotHere::Elsewhere(envelope)), Some(elsewhere)) => elsewhere.execute(*envelope).await,
            (Err(NotHere::Elsewhere(_)), None) => Err(not_here()),
        }
    }

    async fn execute_all(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, CommandError>> {
        self.decided_all(envelopes).await
    }
}

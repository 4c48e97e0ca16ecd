//! Commands of partitions that other processes decide: sent to the owner that the decision view names, again until it is found.
//!
//! A command keeps its id however often it is sent, so sending again takes effect once. Nothing that was passed on is passed on again: the
//! receiver answers that the partition is not its own, and the sender looks the owner up anew. See docs/decisions/0011-roles-in-processes.md.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use infra::bus::CommandBus;
use infra::clock::Clock;
use infra::peers::{PeerError, Peers};
use infra::views::{ViewError, ViewStore};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use schemas::PartitionId;
use schemas::commands::wire::{self, Answer};
use schemas::commands::{CommandError, Envelope, Receipt};
use tokio::time::Instant;

use crate::handle::owner_of;

/// The path of the owners' resource.
pub const COMMANDS_PATH: &str = "/internal/commands";
/// How often a command is sent at the most.
const ATTEMPTS_MAX: u32 = 8;
/// How long all attempts may take together.
const TIME_MAX: Duration = Duration::from_secs(10);
/// How long one attempt may take.
const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(5);
/// The pause after the first attempt, before jitter; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// Passes commands on to their owners.
pub struct Forwarder {
    views: Arc<dyn ViewStore>,
    peers: Peers,
    partitions: u16,
    clock: Clock,
    /// Where the owners were last found.
    known: RwLock<FxHashMap<PartitionId, Owner>>,
}

/// Where an owner was found.
#[derive(Clone)]
struct Owner {
    address: Arc<str>,
    /// Whether to ask the view once more before the next attempt: what was sent there was not done.
    doubted: bool,
}

/// What became of one attempt.
enum Attempt {
    Answered(Result<Receipt, CommandError>),
    /// Worth another; what to answer if it is the last.
    Again(CommandError),
}

impl Forwarder {
    /// Makes one; `views` holds the decision view that owners note their addresses in.
    pub fn new(views: Arc<dyn ViewStore>, peers: Peers, partitions: u16, clock: Clock) -> Self {
        Self { views, peers, partitions, clock, known: RwLock::default() }
    }

    /// Where the partition's owner is reached, if anybody has ever owned it.
    async fn address(&self, partition: PartitionId) -> Result<Option<Arc<str>>, ViewError> {
        let known = self.known.read().get(&partition).cloned();
        if let Some(Owner { address, doubted: false }) = known {
            return Ok(Some(address));
        }
        let found = match (owner_of(&*self.views, partition).await, known) {
            (Ok(found), _) => found.map(|owner| Arc::from(owner.address)),
            // Without the view, the last one known is most likely still the one; if not, it says so.
            (Err(ViewError::Retryable(_)), Some(known)) => return Ok(Some(known.address)),
            (Err(error), _) => return Err(error),
        };
        if let Some(address) = &found {
            self.known.write().insert(partition, Owner { address: Arc::clone(address), doubted: false });
        }
        Ok(found)
    }

    fn doubt(&self, partition: PartitionId) {
        if let Some(owner) = self.known.write().get_mut(&partition) {
            owner.doubted = true;
        }
    }

    async fn attempt(&self, partition: PartitionId, envelope: &Envelope) -> Attempt {
        let address = match self.address(partition).await {
            Ok(Some(address)) => address,
            Ok(None) => return Attempt::Again(CommandError::Retry(format!("nobody decides partition {partition} yet"))),
            Err(error) => return Attempt::Again(CommandError::Retry(format!("the owner of partition {partition} is not known: {error}"))),
        };
        let body = wire::encode_envelope(envelope);
        let called = self.peers.call(&address, COMMANDS_PATH, body, (self.clock)(), ATTEMPT_TIME_MAX).await;
        let error = match called.map(|answer| wire::decode_answer(&answer)) {
            // Over capacity is said at once; who is to wait is the client.
            Ok(Ok(Answer::Decided(Err(CommandError::Retry(why))))) => CommandError::Retry(why),
            Ok(Ok(Answer::Decided(Err(CommandError::Unknown(why))))) => CommandError::Unknown(why),
            Ok(Ok(Answer::Decided(decided))) => return Attempt::Answered(decided),
            Ok(Ok(Answer::NotHere)) => CommandError::Retry(format!("partition {partition} is changing hands")),
            Ok(Err(error)) => CommandError::Unknown(error.to_string()),
            Err(error @ (PeerError::NotReached { .. } | PeerError::Refused { .. })) => CommandError::Retry(error.to_string()),
            Err(error @ PeerError::NoAnswer { .. }) => CommandError::Unknown(error.to_string()),
        };
        self.doubt(partition);
        Attempt::Again(error)
    }
}

#[async_trait]
impl CommandBus for Forwarder {
    async fn execute(&self, mut envelope: Envelope) -> Result<Receipt, CommandError> {
        let partition = envelope.command.partition(self.partitions);
        let until = Instant::now() + TIME_MAX;
        let (mut pause, mut unknown, mut attempts) = (PAUSE_MIN, None, 0);
        loop {
            attempts += 1;
            let error = match self.attempt(partition, &envelope).await {
                Attempt::Answered(answer) => {
                    metrics::counter!("roost_commands_forwarded_total", "outcome" => "answered").increment(1);
                    return answer;
                }
                Attempt::Again(error) => error,
            };
            // What may have been done once stays unknown, whatever a later attempt met.
            if matches!(error, CommandError::Unknown(_)) {
                envelope.maybe_repeated = true;
                unknown = Some(error.clone());
            }
            if attempts >= ATTEMPTS_MAX || Instant::now() + pause > until {
                metrics::counter!("roost_commands_forwarded_total", "outcome" => "given_up").increment(1);
                return Err(unknown.unwrap_or(error));
            }
            tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
            pause *= 2;
        }
    }
}

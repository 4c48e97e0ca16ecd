//! Commands of partitions that other processes decide: sent to the owner that the decision view names, again until it is found.
//!
//! Many commands of a partition go in one call, in order; from the first that was not done on they go again, if nothing behind it was.
//!
//! A command keeps its id however often it is sent, so sending again takes effect once. Nothing that was passed on is passed on again: the
//! receiver answers that the partition is not its own, and the sender looks the owner up anew. See docs/decisions/0011-roles-in-processes.md.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use infra::bus::CommandBus;
use infra::clock::Clock;
use infra::peers::{CALL_BYTES_MAX, PeerError, Peers};
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
/// The path of the owners' resource for many commands of one partition.
pub const MANY_COMMANDS_PATH: &str = "/internal/commands/many";
/// Commands of one call at the most.
const SENT_AT_ONCE_MAX: usize = 128;
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

/// A result for each command, in order.
type Results = Vec<Result<Receipt, CommandError>>;

/// What became of one attempt.
struct Attempt {
    /// How many commands went.
    sent: usize,
    /// What the first of them came to.
    settled: Results,
    /// Why those after them are worth another; what to answer if it was the last.
    again: Option<CommandError>,
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

    /// Sends commands to the owner of their partition, as many as one call holds.
    async fn attempt(&self, partition: PartitionId, envelopes: &[Envelope]) -> Attempt {
        let again = |why: String| Attempt { sent: 0, settled: Vec::new(), again: Some(CommandError::Retry(why)) };
        let address = match self.address(partition).await {
            Ok(Some(address)) => address,
            Ok(None) => return again(format!("nobody decides partition {partition} yet")),
            Err(error) => return again(format!("the owner of partition {partition} is not known: {error}")),
        };
        let (sent, body) = fitting(envelopes);
        let (settled, again) = match self.ask(&address, sent, body).await {
            Ok(answers) => settle(partition, answers),
            Err(error) => (Vec::new(), Some(error)),
        };
        if again.is_some() {
            self.doubt(partition);
        }
        Attempt { sent, settled, again }
    }

    /// One call: an answer for each of so many commands.
    async fn ask(&self, address: &str, sent: usize, body: Bytes) -> Result<Vec<Answer>, CommandError> {
        let called = self.peers.call(address, path_of(sent), body, (self.clock)(), ATTEMPT_TIME_MAX).await;
        let answer = called.map_err(|error| match error {
            PeerError::NotReached { .. } | PeerError::Refused { .. } => CommandError::Retry(error.to_string()),
            PeerError::NoAnswer { .. } => CommandError::Unknown(error.to_string()),
        })?;
        let answers = match sent {
            1 => wire::decode_answer(&answer).map(|one| vec![one]),
            _ => wire::decode_answers(&answer),
        };
        match answers {
            Ok(answers) if answers.len() == sent => Ok(answers),
            Ok(answers) => Err(CommandError::Unknown(format!("{sent} commands got {} answers", answers.len()))),
            Err(error) => Err(CommandError::Unknown(error.to_string())),
        }
    }

    /// Sends commands of one partition until each has its answer, or for as long as is worth it: a result for each, in order.
    async fn in_order(&self, partition: PartitionId, mut envelopes: Vec<Envelope>) -> Results {
        let mut results = Vec::with_capacity(envelopes.len());
        let mut course = Course::new();
        while !envelopes.is_empty() {
            let Attempt { sent, settled, again } = self.attempt(partition, &envelopes).await;
            metrics::counter!("roost_commands_forwarded_total", "outcome" => "answered").increment(settled.len() as u64);
            if !settled.is_empty() {
                course = Course::new();
            }
            let left = sent - settled.len();
            envelopes.drain(..settled.len());
            results.extend(settled);
            let Some(error) = again else { continue };
            if matches!(error, CommandError::Unknown(_)) {
                envelopes.iter_mut().take(left).for_each(|envelope| envelope.maybe_repeated = true);
            }
            if let Err(error) = course.pause(error).await {
                metrics::counter!("roost_commands_forwarded_total", "outcome" => "given_up").increment(envelopes.len() as u64);
                results.extend(envelopes.drain(..).map(|_| Err(error.clone())));
            }
        }
        results
    }
}

/// As many of the commands as one call holds, and their bytes.
fn fitting(envelopes: &[Envelope]) -> (usize, Bytes) {
    let mut count = envelopes.len().min(SENT_AT_ONCE_MAX);
    loop {
        let body = match envelopes.get(..count).unwrap_or_default() {
            [one] => return (1, wire::encode_envelope(one)),
            many => wire::encode_envelopes(many),
        };
        if body.len() <= CALL_BYTES_MAX {
            return (count, body);
        }
        count = count.div_ceil(2);
    }
}

fn path_of(sent: usize) -> &'static str {
    if sent == 1 { COMMANDS_PATH } else { MANY_COMMANDS_PATH }
}

/// What is settled by the answers of one call, and why those after it are to be sent again. Sent again are only the last ones: what was
/// not done although something behind it was is answered so, or it would take effect behind what it was sent before.
fn settle(partition: PartitionId, mut answers: Vec<Answer>) -> (Results, Option<CommandError>) {
    let is_open =
        |answer: &Answer| matches!(answer, Answer::NotHere | Answer::Decided(Err(CommandError::Retry(_) | CommandError::Unknown(_))));
    let settled = answers.iter().rposition(|answer| !is_open(answer)).map_or(0, |last| last + 1);
    // Over capacity is said at once; who is to wait is the client.
    let result = |answer| match answer {
        Answer::Decided(result) => result,
        Answer::NotHere => Err(CommandError::Retry(format!("partition {partition} is changing hands"))),
    };
    let open: Vec<CommandError> = answers.split_off(settled).into_iter().filter_map(|answer| result(answer).err()).collect();
    let unknown = open.iter().find(|error| matches!(error, CommandError::Unknown(_)));
    let again = unknown.or(open.first()).cloned();
    (answers.into_iter().map(result).collect(), again)
}

/// The attempts at commands that are not answered yet.
struct Course {
    until: Instant,
    pause: Duration,
    attempts: u32,
    /// What may have been done once stays unknown, whatever a later attempt meets.
    unknown: Option<CommandError>,
}

impl Course {
    fn new() -> Self {
        Self { until: Instant::now() + TIME_MAX, pause: PAUSE_MIN, attempts: 0, unknown: None }
    }

    /// Waits until it is time for another attempt; what to answer if there is to be none.
    async fn pause(&mut self, error: CommandError) -> Result<(), CommandError> {
        self.attempts += 1;
        if matches!(error, CommandError::Unknown(_)) {
            self.unknown = Some(error.clone());
        }
        if self.attempts >= ATTEMPTS_MAX || Instant::now() + self.pause > self.until {
            return Err(self.unknown.take().unwrap_or(error));
        }
        tokio::time::sleep(self.pause.mul_f64(rand::random_range(0.5..1.0))).await;
        self.pause *= 2;
        Ok(())
    }
}

#[async_trait]
impl CommandBus for Forwarder {
    async fn execute(&self, envelope: Envelope) -> Result<Receipt, CommandError> {
        let partition = envelope.command.partition(self.partitions);
        self.in_order(partition, vec![envelope]).await.pop().expect("a command has a result")
    }

    async fn execute_all(&self, envelopes: Vec<Envelope>) -> Results {
        let mut of_partitions: BTreeMap<PartitionId, (Vec<usize>, Vec<Envelope>)> = BTreeMap::new();
        for (number, envelope) in envelopes.into_iter().enumerate() {
            let (numbers, own) = of_partitions.entry(envelope.command.partition(self.partitions)).or_default();
            numbers.push(number);
            own.push(envelope);
        }
        let calls = of_partitions.into_iter().map(|(partition, (numbers, own))| async move {
            numbers.into_iter().zip(self.in_order(partition, own).await).collect::<Vec<_>>()
        });
        let mut results: Vec<_> = join_all(calls).await.into_iter().flatten().collect();
        results.sort_unstable_by_key(|(number, _)| *number);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests {
    use schemas::commands::{Command, Content, PublishPost, Rejection};
    use schemas::events::Visibility;
    use schemas::log::{CommandId, PositionToken, TraceContext};
    use schemas::{AccountId, AppId};

    use super::*;

    fn done(id: u64) -> Answer {
        Answer::Decided(Ok(Receipt { positions: PositionToken::default(), id, repeated: false }))
    }

    fn refused() -> Answer {
        Answer::Decided(Err(CommandError::Rejected(Rejection::FollowCap { limit: 1 })))
    }

    fn retry() -> Answer {
        Answer::Decided(Err(CommandError::Retry("later".into())))
    }

    fn unknown() -> Answer {
        Answer::Decided(Err(CommandError::Unknown("cut off".into())))
    }

    #[test]
    fn only_what_has_nothing_done_behind_it_is_sent_again() {
        let check = |answers: &[Answer], settled: usize, again: Option<&str>| {
            let (results, error) = settle(PartitionId(3), answers.to_vec());
            assert_eq!(results.len(), settled, "{answers:?}");
            assert_eq!(error.map(|error| format!("{error:?}")).as_deref(), again, "{answers:?}");
        };
        let (later, cut, away) = (r#"Retry("later")"#, r#"Unknown("cut off")"#, r#"Retry("partition 3 is changing hands")"#);
        check(&[done(1), refused(), done(2)], 3, None);
        check(&[done(1), Answer::NotHere, Answer::NotHere], 1, Some(away));
        check(&[Answer::NotHere], 0, Some(away));
        check(&[retry(), done(1), retry()], 2, Some(later));
        check(&[retry(), refused()], 2, None);
        check(&[done(1), retry(), unknown(), Answer::NotHere], 1, Some(cut));
    }

    #[test]
    fn a_call_takes_what_it_holds() {
        let envelope = |bytes: usize| {
            let content = Content { text: "x".repeat(bytes), ..Content::default() };
            let post = PublishPost { account: AccountId(1), content, visibility: Visibility::Public, in_reply_to: None, app: AppId(0) };
            let (id, trace, command) = (CommandId(1), TraceContext::default(), Command::PublishPost(post));
            Envelope { id, maybe_repeated: false, actor: AccountId(1), causation: CommandId(0), trace, command }
        };
        let check = |count: usize, bytes: usize, expected: usize| {
            let envelopes = vec![envelope(bytes); count];
            let (sent, body) = fitting(&envelopes);
            assert_eq!(sent, expected, "{count} of {bytes} bytes");
            assert!(body.len() <= CALL_BYTES_MAX);
            let decoded = if sent == 1 { wire::decode_envelope(&body).map(|one| vec![one]) } else { wire::decode_envelopes(&body) };
            assert_eq!(decoded, Ok(envelopes[..sent].to_vec()));
        };
        check(1, 10, 1);
        check(300, 10, SENT_AT_ONCE_MAX);
        check(128, 32 << 10, 32);
        check(2, 1 << 20, 1);
    }
}

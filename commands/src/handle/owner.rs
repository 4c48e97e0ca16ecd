//! The owner of one partition: loads, decides, puts in line, answers.

use std::sync::Arc;
use std::time::Instant;

use infra::log::{LogError, PartitionWriter};
use infra::views::{Version, ViewError};
use rustc_hash::FxHashMap;
use schemas::PartitionId;
use schemas::commands::{CommandError, Envelope, follow_ups};
use schemas::events::Event;
use schemas::ids::IdMaker;
use schemas::log::{CommandId, NewRecord, Offset, body};
use schemas::rows::{Checkpoint, RowKey, codec};

use super::flights::{Flight, Flights, Outcome, Reply};
use super::flush::Flusher;
use super::metrics::Meters;
use super::recall::Recall;
use super::receipts::Receipts;
use super::{Done, Ports, Request};
use crate::domain::{Ctx, decide, evolve, keys_of, reads};
use crate::state::{FirstReceipt, Ledger, State, StateKey, receipt_row};

/// See the module.
pub(super) struct Owner {
    pub(super) ports: Ports,
    pub(super) partition: PartitionId,
    pub(super) writer: Arc<dyn PartitionWriter>,
    pub(super) state: State,
    pub(super) ledger: Ledger,
    pub(super) ids: IdMaker,
    pub(super) receipts: Receipts,
    pub(super) recall: Recall,
    pub(super) flights: Flights,
    pub(super) flusher: Flusher,
    pub(super) meters: Meters,
    /// What is durable: the next offset, and the validity rule's state there.
    pub(super) durable: Checkpoint,
    /// The sequence of the last record put in line.
    pub(super) sequence: u64,
}

/// What the view knows of commands that may be repeated.
type Known = FxHashMap<CommandId, FirstReceipt>;

impl Owner {
    /// Decides a batch on all that was decided before, and puts its records in line. False if the log refuses them.
    pub(super) async fn take(&mut self, requests: &mut Vec<Request>, waiting: usize) -> bool {
        self.meters.batch_commands.record(requests.len() as f64);
        self.meters.queue_depth.set(waiting as f64);
        self.state.make_room();
        let known = self.load_for(requests).await;
        let now_ms = (self.ports.clock)().max(self.ledger.time_ms);
        let first = self.sequence + 1;
        let mut records = Vec::with_capacity(requests.len());
        let (mut replies, mut at_once) = (Vec::with_capacity(requests.len()), Vec::new());
        for Request { envelope, reply, since } in requests.drain(..) {
            let kind = envelope.command.kind();
            let outcome = self.decide(envelope, now_ms, &known, &mut records);
            self.meters.command(kind, outcome.name());
            let of_it = if self.is_durable(&outcome) { &mut at_once } else { &mut replies };
            of_it.push(Reply { to: reply, outcome, kind, since });
        }
        self.answer(at_once);
        self.launch(first, records, replies)
    }

    /// Whether an outcome rests on nothing that is still on its way to the disk: of repetitions, as reactors send them, most do.
    fn is_durable(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Repeated { sequence, .. } => *sequence <= self.durable.validity.sequence,
            Outcome::Known(_) => true,
            Outcome::Recorded { .. } | Outcome::Unchanged { .. } | Outcome::Refused(_) => false,
        }
    }

    fn launch(&mut self, first: u64, records: Vec<NewRecord>, replies: Vec<Reply>) -> bool {
        if !records.is_empty() {
            let count = records.len() as u64;
            return self.flights.launch(self.writer.append(records), first, count, replies);
        }
        // Nothing to append; what was decided may rest on what is not durable yet.
        match self.flights.newest() {
            Some(flight) => flight.replies.extend(replies),
            None => self.answer(replies),
        }
        true
    }

    fn decide(&mut self, envelope: Envelope, now_ms: u64, known: &Result<Known, ViewError>, records: &mut Vec<NewRecord>) -> Outcome {
        let Envelope { id: command_id, actor, causation, trace, command, maybe_repeated } = envelope;
        if let Some(first) = self.receipts.get(command_id) {
            return Outcome::Repeated { sequence: first.sequence, id: first.id };
        }
        match known {
            Ok(known) if maybe_repeated => {
                if let Some(first) = known.get(&command_id) {
                    return Outcome::Known(*first);
                }
            }
            Ok(_) => {}
            // Without the view, only what is in memory can be decided on.
            Err(error) => {
                let mut keys = Vec::new();
                reads(&command, &mut keys);
                if self.may_be_known(maybe_repeated, command_id) || !keys.iter().all(|key| self.state.is_loaded(key)) {
                    return Outcome::Refused(match error {
                        ViewError::Retryable(_) => CommandError::Retry(error.to_string()),
                        ViewError::NoVersion(..) | ViewError::Locked(_) | ViewError::Fatal(_) => CommandError::Failed(error.to_string()),
                    });
                }
            }
        }
        let mut ctx = Ctx { now_ms, ids: &mut self.ids, limits: &self.ports.options.limits };
        let decision = match decide(command, &self.state, &mut ctx) {
            Ok(decision) if decision.events.is_empty() => return Outcome::Unchanged { id: decision.id },
            Ok(decision) => decision,
            Err(rejection) => return Outcome::Refused(rejection.into()),
        };
        let body = match body::encode(&decision.events) {
            Ok(body) => body,
            Err(error) => return Outcome::Refused(CommandError::Failed(error.to_string())),
        };
        let follow_ups = follow_ups(command_id, actor, trace, now_ms, &decision.events);
        self.sequence += 1;
        self.happened(command_id, self.sequence, now_ms, &decision.events, decision.id);
        records.push(NewRecord { command_id, actor, time_ms: now_ms, causation, trace, body });
        Outcome::Recorded { sequence: self.sequence, id: decision.id, follow_ups }
    }

    /// Changes the state by a record, decided now or read back.
    pub(super) fn happened(&mut self, command: CommandId, sequence: u64, time_ms: u64, events: &[Event], id: u64) {
        for event in events {
            evolve(&mut self.state, event, time_ms);
        }
        let bucket = self.ledger.note(time_ms, events);
        self.receipts.remember(command, sequence, id, bucket);
        self.recall.note(command, bucket);
    }

    /// Whether only the view can say whether the command was decided before.
    fn may_be_known(&mut self, maybe_repeated: bool, id: CommandId) -> bool {
        maybe_repeated && self.receipts.get(id).is_none() && self.recall.may_hold(id, self.ledger.consulted())
    }

    /// Loads what the commands read, and looks up those that may be repeated, in one call to the view.
    async fn load_for(&mut self, requests: &[Request]) -> Result<Known, ViewError> {
        let mut keys = Vec::with_capacity(requests.len() * 2);
        let mut asked = Vec::new();
        for request in requests {
            reads(&request.envelope.command, &mut keys);
            if self.may_be_known(request.envelope.maybe_repeated, request.envelope.id) {
                asked.push(request.envelope.id);
            }
        }
        self.load(keys, &asked).await
    }

    /// Loads what the events change on the ground of what it holds.
    pub(super) async fn load_of(&mut self, events: impl Iterator<Item = &Event> + Send) -> Result<(), ViewError> {
        let mut keys = Vec::new();
        events.for_each(|event| keys_of(event, &mut keys));
        self.load(keys, &[]).await.map(drop)
    }

    async fn load(&mut self, mut keys: Vec<StateKey>, asked: &[CommandId]) -> Result<Known, ViewError> {
        let named = keys.len();
        keys.retain(|key| !self.state.touch(key));
        self.meters.keys_hit.increment((named - keys.len()) as u64);
        if keys.is_empty() && asked.is_empty() {
            return Ok(Known::default());
        }
        self.meters.keys_missed.increment(keys.len() as u64);
        let buckets = self.ledger.consulted();
        let receipts = asked.iter().flat_map(|id| buckets.map(|bucket| receipt_row(self.partition, bucket, *id)));
        let rows: Vec<RowKey> = keys.iter().map(StateKey::row).chain(receipts).collect();
        let mut values = self.ports.views.get(Version::Live, &rows).await?.into_iter();
        let unreadable = |error: codec::BadRow| ViewError::Fatal(error.to_string());
        for (key, value) in keys.into_iter().zip(values.by_ref()) {
            self.state.load(key, value.as_deref()).map_err(unreadable)?;
        }
        let mut known = Known::default();
        for (id, value) in asked.iter().flat_map(|id| buckets.map(|_| id)).zip(values) {
            if let Some(value) = value {
                known.insert(*id, codec::decode(&value).map_err(unreadable)?);
            }
        }
        Ok(known)
    }

    /// A batch is durable, or is not: then nothing that was decided since counts, and the owner is to be dropped.
    pub(super) fn landed(&mut self, flight: Flight, result: Result<Offset, LogError>) -> Result<(), LogError> {
        match result {
            Ok(offset) => {
                self.receipts.place(flight.first, offset);
                self.durable.next = offset + flight.records;
                self.durable.validity.sequence = flight.first + flight.records - 1;
                self.answer(flight.replies);
                Ok(())
            }
            Err(error) => {
                self.refuse(flight.replies, &error);
                Err(error)
            }
        }
    }

    fn answer(&self, replies: Vec<Reply>) {
        let now = Instant::now();
        for Reply { to, outcome, since, .. } in replies {
            self.meters.command_seconds.record(now.duration_since(since).as_secs_f64());
            let durable = |sequence| self.receipts.offset(sequence).unwrap_or(self.end());
            let answer = match outcome {
                Outcome::Recorded { sequence, id, follow_ups } => Ok(Done { offset: durable(sequence), id, repeated: false, follow_ups }),
                Outcome::Unchanged { id } => Ok(Done { offset: self.end(), id, repeated: false, follow_ups: Vec::new() }),
                Outcome::Repeated { sequence, id } => Ok(Done { offset: durable(sequence), id, repeated: true, follow_ups: Vec::new() }),
                Outcome::Known(FirstReceipt { offset, id }) => Ok(Done { offset, id, repeated: true, follow_ups: Vec::new() }),
                Outcome::Refused(error) => Err(error),
            };
            // Who no longer waits has no use for the answer.
            drop(to.send(answer));
        }
    }

    /// The newest durable record: there is one, for the writer's start is in the log.
    fn end(&self) -> Offset {
        self.durable.next.saturating_sub(1)
    }

    fn refuse(&self, replies: Vec<Reply>, error: &LogError) {
        for Reply { to, outcome, kind, .. } in replies {
            let answer = match outcome {
                Outcome::Recorded { .. } | Outcome::Repeated { .. } => refusal(error),
                Outcome::Known(FirstReceipt { offset, id }) => {
                    drop(to.send(Ok(Done { offset, id, repeated: true, follow_ups: Vec::new() })));
                    continue;
                }
                Outcome::Unchanged { .. } | Outcome::Refused(CommandError::Rejected(_)) => CommandError::Retry(error.to_string()),
                Outcome::Refused(own) => own,
            };
            tracing::debug!(kind, %error, "a command is not done");
            drop(to.send(Err(answer)));
        }
    }
}

/// What a command is told whose record the log did not take.
fn refusal(error: &LogError) -> CommandError {
    match error {
        LogError::Retryable(_) | LogError::Superseded { .. } | LogError::Full(_) => CommandError::Retry(error.to_string()),
        LogError::Unknown { .. } => CommandError::Unknown(error.to_string()),
        LogError::Damaged { .. } | LogError::Locked(_) | LogError::OutOfRange { .. } | LogError::TooLarge { .. } | LogError::Fatal(_) => {
            CommandError::Failed(error.to_string())
        }
    }
}

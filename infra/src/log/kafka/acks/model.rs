//! Every interleaving of two writers of one partition, checked with stateright against the code that acknowledges.
//!
//! The model has what Kafka and librdkafka do and no more: a broker that takes each producer's requests in order and once, requests that it
//! takes late, acknowledgements that are lost and asked for again, a producer that gives up a time-out's doubt by starting a new epoch and
//! sending again, copies of older requests that still arrive before that, deliveries that fail, and writers that go on after another one came.

use std::hash::{Hash, Hasher};

use schemas::AccountId;
use schemas::log::{CommandId, RecordHeader, RecordKind, TraceContext, Validity, Verdict, WriterId};
use stateright::{Checker, HasDiscoveries, Model, Property};

use super::{Acks, End, Placed, Step};

/// Requests of a writer that are under way at once.
const FLYING: usize = 2;
/// Faults of producers and readers in one history.
const FAULTS: u8 = 2;

/// What is left out of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weakness {
    None,
    /// Every delivery is acknowledged, whatever its offset.
    NoLookAtTheOffset,
    /// Readers let records of any epoch and writer count.
    NoEpoch,
    /// Readers let repetitions count.
    NoSequence,
}

struct TwoWriters {
    weakness: Weakness,
    /// Whether the first writer serves from the start; else both open at once.
    serving: bool,
    /// Commands that each writer sends at the most.
    commands: [u64; 2],
}

/// A record of the log: of the writer with this index, in this epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Record {
    start: bool,
    writer: u64,
    epoch: u32,
    sequence: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    /// Has run the rule up to `next`, where its state was this, and sent its `WriterStarted`.
    Starting {
        epoch: u32,
        sequence: u64,
        next: usize,
        /// Where its start stands.
        at: Option<usize>,
    },
    Serving(Acks),
    /// Lost the race, or was told so.
    Gone,
}

impl Hash for Acks {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Validity { epoch, writer, sequence } = self.state;
        (epoch, writer, sequence, self.next, self.reading, self.over).hash(hasher);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Writer {
    phase: Phase,
    epoch: u32,
    /// Of the last command sent.
    sequence: u64,
    sent: u64,
    /// Requests in order: sequence, and where the broker put it, if it has.
    flying: Vec<(u64, Option<u64>)>,
    /// Copies that the producer has given up and that may still arrive, in order.
    ghosts: Vec<u64>,
    /// A reading is under way up to here.
    reading: Option<u64>,
    acknowledged: Vec<Placed>,
    /// Those that were told to be void.
    void: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    log: Vec<Record>,
    writers: [Writer; 2],
    /// How often a producer may still start a new epoch, or a delivery or a reading fail.
    faults: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Open,
    StartArrives,
    StartIsRead,
    Send,
    Arrive(usize),
    GhostArrives,
    Acknowledgement,
    NewProducerEpoch,
    DeliveryFails,
    Read,
    ReadingFails,
}

fn header(record: Record) -> RecordHeader {
    RecordHeader {
        kind: if record.start { RecordKind::WriterStarted } else { RecordKind::Command },
        epoch: record.epoch,
        writer: WriterId(record.writer),
        sequence: record.sequence,
        command_id: CommandId(0),
        actor: AccountId(0),
        time_ms: 0,
        causation: CommandId(0),
        trace: TraceContext::default(),
    }
}

/// The rule's state after these records, as a writer has it.
fn state_after(log: &[Record]) -> Validity {
    let mut state = Validity::default();
    for record in log {
        state.admit(&header(*record));
    }
    state
}

/// The rule as the readers have it.
fn counts(weakness: Weakness, state: &mut Validity, record: Record) -> bool {
    let mut header = header(record);
    match weakness {
        Weakness::NoEpoch if !record.start => (header.epoch, header.writer) = (state.epoch, state.writer),
        Weakness::NoSequence if !record.start => header.sequence = state.sequence + 1,
        _ => {}
    }
    state.admit(&header) == Verdict::Valid
}

/// The commands that count: where, whose, which.
fn valid(model: &TwoWriters, world: &World) -> Vec<(u64, Record)> {
    let mut state = Validity::default();
    let records = world.log.iter().copied().zip(0..);
    records
        .filter_map(|(record, offset)| (counts(model.weakness, &mut state, record) && !record.start).then_some((offset, record)))
        .collect()
}

impl Writer {
    fn new(phase: Phase) -> Self {
        Self {
            phase,
            epoch: 1,
            sequence: 0,
            sent: 0,
            flying: Vec::new(),
            ghosts: Vec::new(),
            reading: None,
            acknowledged: Vec::new(),
            void: Vec::new(),
        }
    }

    fn serves(&self) -> bool {
        matches!(&self.phase, Phase::Serving(acks) if acks.over.is_none())
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Acknowledge(placed) => self.acknowledged.push(placed),
            Step::Wait => {}
            Step::ReadBack(to) => self.reading = Some(to),
            Step::Over(end) => {
                self.reading = None;
                if end == End::Superseded {
                    let known: Vec<u64> = self.acknowledged.iter().map(|placed| placed.sequence).collect();
                    self.void = (1..=self.sequence).filter(|sequence| !known.contains(sequence)).collect();
                }
            }
        }
    }
}

impl World {
    /// A change of one writer, or nothing where it cannot happen.
    fn act(&mut self, model: &TwoWriters, me: usize, act: Act) -> Option<()> {
        let writer = self.writers.get_mut(me)?;
        match act {
            Act::Open => {
                let state = state_after(&self.log);
                writer.epoch = state.epoch + 1;
                writer.phase = Phase::Starting { epoch: state.epoch, sequence: state.sequence, next: self.log.len(), at: None };
            }
            Act::StartArrives => {
                let Phase::Starting { at, sequence, .. } = &mut writer.phase else { return None };
                *at = Some(self.log.len());
                self.log.push(Record { start: true, writer: me as u64, epoch: writer.epoch, sequence: *sequence });
            }
            Act::StartIsRead => {
                let Phase::Starting { at: Some(at), .. } = writer.phase else { return None };
                let state = state_after(self.log.get(..=at)?);
                let first = (state.epoch, state.writer) == (writer.epoch, WriterId(me as u64));
                writer.sequence = state.sequence;
                writer.phase = if first { Phase::Serving(Acks::new(state, at as u64 + 1)) } else { Phase::Gone };
            }
            Act::Send => {
                writer.sequence += 1;
                writer.sent += 1;
                writer.flying.push((writer.sequence, None));
            }
            Act::Arrive(at) => {
                let (sequence, place) = writer.flying.get_mut(at)?;
                *place = Some(self.log.len() as u64);
                self.log.push(Record { start: false, writer: me as u64, epoch: writer.epoch, sequence: *sequence });
                // The broker has seen the new producer epoch: older copies are refused from now on.
                writer.ghosts.clear();
            }
            Act::GhostArrives => {
                let sequence = writer.ghosts.remove(0);
                self.log.push(Record { start: false, writer: me as u64, epoch: writer.epoch, sequence });
            }
            Act::Acknowledgement => {
                let (sequence, place) = writer.flying.remove(0);
                let offset = place?;
                let Phase::Serving(acks) = &mut writer.phase else { return None };
                let step = match model.weakness {
                    Weakness::NoLookAtTheOffset => Step::Acknowledge(Placed { sequence, offset }),
                    _ => acks.delivered(sequence, offset),
                };
                writer.take(step);
            }
            Act::NewProducerEpoch => {
                self.faults -= 1;
                writer.ghosts = writer.flying.iter().filter(|(_, place)| place.is_none()).map(|(sequence, _)| *sequence).collect();
                writer.flying.iter_mut().for_each(|(_, place)| *place = None);
            }
            Act::DeliveryFails => {
                self.faults -= 1;
                writer.ghosts =
                    std::mem::take(&mut writer.flying).into_iter().filter(|(_, place)| place.is_none()).map(|(s, _)| s).collect();
                let Phase::Serving(acks) = &mut writer.phase else { return None };
                let end = acks.fail();
                writer.take(Step::Over(end));
            }
            Act::Read => {
                let Phase::Serving(acks) = &mut writer.phase else { return None };
                let to = writer.reading.take()?;
                while acks.next() <= to && acks.over().is_none() {
                    let record = *self.log.get(acks.next() as usize)?;
                    writer.acknowledged.extend(acks.read(&header(record)));
                }
                let step = acks.read_to();
                writer.take(step);
            }
            Act::ReadingFails => {
                self.faults -= 1;
                let Phase::Serving(acks) = &mut writer.phase else { return None };
                let end = acks.fail();
                writer.take(Step::Over(end));
            }
        }
        Some(())
    }
}

impl Model for TwoWriters {
    type State = World;
    type Action = (usize, Act);

    fn init_states(&self) -> Vec<World> {
        if !self.serving {
            return vec![World { log: Vec::new(), writers: [Writer::new(Phase::Idle), Writer::new(Phase::Idle)], faults: FAULTS }];
        }
        let state = Validity { epoch: 1, writer: WriterId(0), sequence: 0 };
        let first = Writer::new(Phase::Serving(Acks::new(state, 1)));
        let log = vec![Record { start: true, writer: 0, epoch: 1, sequence: 0 }];
        vec![World { log, writers: [first, Writer::new(Phase::Idle)], faults: FAULTS }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<(usize, Act)>) {
        for ((me, writer), commands) in world.writers.iter().enumerate().zip(self.commands) {
            let mut may = |act| actions.push((me, act));
            match writer.phase {
                Phase::Idle => may(Act::Open),
                Phase::Starting { at: None, .. } => may(Act::StartArrives),
                Phase::Starting { at: Some(_), .. } => may(Act::StartIsRead),
                Phase::Serving(_) | Phase::Gone => {}
            }
            if writer.serves() && writer.sent < commands && writer.flying.len() < FLYING {
                may(Act::Send);
            }
            // The idempotent producer's order: a request is taken after those before it.
            if let Some(at) = writer.flying.iter().position(|(_, place)| place.is_none()) {
                may(Act::Arrive(at));
            }
            if !writer.ghosts.is_empty() {
                may(Act::GhostArrives);
            }
            if matches!(writer.flying.first(), Some((_, Some(_)))) {
                may(Act::Acknowledgement);
            }
            if world.faults > 0 && !writer.flying.is_empty() {
                may(Act::NewProducerEpoch);
                if writer.serves() {
                    may(Act::DeliveryFails);
                }
            }
            if writer.reading.is_some() {
                may(Act::Read);
                if world.faults > 0 {
                    may(Act::ReadingFails);
                }
            }
        }
    }

    fn next_state(&self, last: &World, (me, act): (usize, Act)) -> Option<World> {
        let mut world = last.clone();
        world.act(self, me, act)?;
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(COUNTS_ONCE, |model, world: &World| {
                let valid = valid(model, world);
                world.writers.iter().zip(0..).all(|(writer, me)| {
                    writer.acknowledged.iter().all(|placed| {
                        let of_it = |(_, record): &&(u64, Record)| (record.writer, record.sequence) == (me, placed.sequence);
                        valid.iter().filter(of_it).map(|(offset, _)| *offset).eq([placed.offset])
                    })
                })
            }),
            Property::always("what was said to be void never counts", |model, world: &World| {
                let valid = valid(model, world);
                let is_void =
                    |record: &Record| world.writers.get(record.writer as usize).is_some_and(|w| w.void.contains(&record.sequence));
                !valid.iter().any(|(_, record)| is_void(record))
            }),
            Property::sometimes("both writers acknowledge", |_, world: &World| {
                world.writers.iter().all(|writer| !writer.acknowledged.is_empty())
            }),
            Property::sometimes("a writer is told that it was superseded", |_, world: &World| {
                world.writers.iter().any(|writer| !writer.void.is_empty())
            }),
            Property::sometimes("a repetition stands in the log and all is acknowledged", |model, world: &World| {
                let ([writer, _], [sent, _]) = (&world.writers, model.commands);
                let stand = world.log.iter().filter(|record| !record.start && record.writer == 0).count();
                stand > sent as usize && writer.acknowledged.len() == sent as usize
            }),
        ]
    }
}

const COUNTS_ONCE: &str = "what was acknowledged counts once, where it was said to stand";

#[test]
fn nothing_acknowledged_is_lost_repeated_or_void() {
    for (serving, commands) in [(true, [2, 2]), (false, [2, 1])] {
        let checked = TwoWriters { weakness: Weakness::None, serving, commands }.checker().spawn_bfs().join();
        assert!(checked.is_done());
        checked.assert_properties();
        assert!(checked.unique_state_count() > 10_000, "the model explored {} states", checked.unique_state_count());
    }
}

#[test]
fn every_part_of_the_rule_is_needed() {
    for weakness in [Weakness::NoLookAtTheOffset, Weakness::NoEpoch, Weakness::NoSequence] {
        let model = TwoWriters { weakness, serving: true, commands: [2, 2] };
        let checked = model.checker().finish_when(HasDiscoveries::AllOf([COUNTS_ONCE].into())).spawn_bfs().join();
        assert!(checked.discovery(COUNTS_ONCE).is_some(), "without it nothing is lost: {weakness:?}");
    }
}

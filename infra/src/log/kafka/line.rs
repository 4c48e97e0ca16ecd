//! The line of one writer: what was sent and is not answered yet. Deliveries come in by the producer's thread and answer from here.

use std::collections::VecDeque;
use std::time::Instant;

use schemas::PartitionId;
use schemas::log::{Offset, RecordHeader};
use tokio::sync::oneshot;

use super::acks::{Acks, End, Placed, Step};
use super::part::Known;
use crate::log::LogError;

/// What an append is told in the end.
pub(super) type Appended = Result<Offset, LogError>;

/// One call to append.
pub(super) struct Call {
    pub(super) first: u64,
    /// Records; none, for a call that waits for those before it.
    pub(super) count: u64,
    pub(super) bytes: usize,
    /// Where its first record stands, once known.
    pub(super) offset: Offset,
    pub(super) since: Instant,
    pub(super) reply: oneshot::Sender<Appended>,
}

/// Bounds of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

pub(super) struct Line {
    partition: PartitionId,
    pub(super) acks: Acks,
    calls: VecDeque<Call>,
    /// The sequence of the last record put in line.
    pub(super) sequence: u64,
    records: u64,
    bytes: usize,
    bounds: Bounds,
    /// Whether no more calls are taken.
    pub(super) closed: bool,
    /// The newest record of this writer that counts, and the rule's state after it.
    pub(super) known: Known,
    /// What was known when a call was last answered and told of.
    told: Known,
    /// Whether a call was answered since.
    answered: bool,
    metric: metrics::Histogram,
}

impl Line {
    pub(super) fn new(partition: PartitionId, acks: Acks, bounds: Bounds) -> Self {
        let known = Known { next: acks.next(), state: acks.state() };
        let (sequence, calls, metric) = (acks.state().sequence, VecDeque::new(), metrics::histogram!("roost_log_append_seconds"));
        Self { partition, acks, calls, sequence, records: 0, bytes: 0, bounds, closed: false, known, told: known, answered: false, metric }
    }

    /// Whether a call finds room, and a writer that still is one. A call that alone exceeds the bounds is taken when nothing else waits.
    pub(super) fn admits(&self, records: usize, bytes: usize) -> Result<(), LogError> {
        if let Some(end) = self.acks.over() {
            return Err(self.error(end));
        }
        if self.closed {
            return Err(LogError::closed());
        }
        let full = self.records as usize + records > self.bounds.records || self.bytes + bytes > self.bounds.bytes;
        if full && self.records > 0 && records > 0 {
            return Err(LogError::Retryable("too many appends wait for the cluster".into()));
        }
        Ok(())
    }

    /// Puts a call in line, whose records have the next sequences.
    pub(super) fn push(&mut self, call: Call) {
        self.records += call.count;
        self.bytes += call.bytes;
        self.calls.push_back(call);
        self.answer_empty();
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether nothing waits and nothing will.
    pub(super) fn is_drained(&self) -> bool {
        self.closed && self.calls.is_empty()
    }

    /// What was known before the calls that were answered since this was last asked, and what is known now; nothing, if none was.
    pub(super) fn news(&mut self) -> Option<(Known, Known)> {
        std::mem::take(&mut self.answered).then(|| (std::mem::replace(&mut self.told, self.known), self.known))
    }

    /// A record was delivered. What is to be done, if anything: the answers are given.
    pub(super) fn delivered(&mut self, sequence: u64, offset: Offset) -> Step {
        let step = self.acks.delivered(sequence, offset);
        self.follow(step)
    }

    /// The record at [`Acks::next`] was read back.
    pub(super) fn read(&mut self, header: &RecordHeader) {
        if let Some(placed) = self.acks.read(header) {
            self.place(placed);
        }
    }

    /// The reading is done.
    pub(super) fn read_to(&mut self) -> Step {
        let step = self.acks.read_to();
        self.follow(step)
    }

    /// Nothing more will be known: answers all that waits.
    pub(super) fn fail(&mut self) {
        let end = self.acks.fail();
        self.finish(end);
    }

    fn follow(&mut self, step: Step) -> Step {
        match step {
            Step::Acknowledge(placed) => self.place(placed),
            Step::Over(end) => self.finish(end),
            Step::Wait | Step::ReadBack(_) => {}
        }
        // Placing may have ended it.
        self.acks.over().map_or(step, Step::Over)
    }

    /// A record of this writer counts. They come in order, so it belongs to the first call that waits.
    fn place(&mut self, placed: Placed) {
        self.known = Known { next: placed.offset + 1, state: schemas::log::Validity { sequence: placed.sequence, ..self.acks.state() } };
        let Some(call) = self.calls.front_mut() else { return };
        if placed.sequence == call.first {
            call.offset = placed.offset;
        } else if placed.offset != call.offset + (placed.sequence - call.first) {
            // Something stands between the records of one call, whose offsets must be consecutive.
            return self.fail();
        }
        if placed.sequence + 1 < call.first + call.count {
            return;
        }
        if let Some(call) = self.calls.pop_front() {
            self.leave(&call);
            self.answered = true;
            self.metric.record(call.since.elapsed().as_secs_f64());
            // Who no longer waits has no use for the answer.
            drop(call.reply.send(Ok(call.offset)));
        }
        self.answer_empty();
    }

    /// Calls without records wait for those before them only.
    fn answer_empty(&mut self) {
        while self.calls.front().is_some_and(|call| call.count == 0) {
            if let Some(call) = self.calls.pop_front() {
                drop(call.reply.send(Ok(self.acks.next())));
            }
        }
    }

    fn finish(&mut self, end: End) {
        while let Some(call) = self.calls.pop_front() {
            self.leave(&call);
            drop(call.reply.send(Err(self.error(end))));
        }
    }

    fn leave(&mut self, call: &Call) {
        self.records -= call.count;
        self.bytes -= call.bytes;
    }

    fn error(&self, end: End) -> LogError {
        match end {
            End::Superseded => LogError::Superseded { partition: self.partition },
            End::Unknown => LogError::Unknown { partition: self.partition },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::stamp::writer_started;
    use schemas::log::{RecordKind, Validity, WriterId};

    const P: PartitionId = PartitionId(3);

    /// A line that knows the log up to offset 1, where its writer started.
    fn line() -> Line {
        let state = Validity { epoch: 1, writer: WriterId(7), sequence: 0 };
        Line::new(P, Acks::new(state, 1), Bounds { records: 4, bytes: 1_000 })
    }

    /// Puts a call of so many records in line.
    fn call(line: &mut Line, count: u64) -> oneshot::Receiver<Appended> {
        let (reply, answer) = oneshot::channel();
        let first = line.sequence + 1;
        line.sequence += count;
        line.push(Call { first, count, bytes: count as usize * 10, offset: 0, since: Instant::now(), reply });
        answer
    }

    fn check(answer: &mut oneshot::Receiver<Appended>, expected: Result<Offset, &str>) {
        let told = answer.try_recv().expect("it is answered");
        let told = told.map_err(|error| error.to_string());
        assert_eq!(told.as_ref().map_err(String::as_str), expected.as_ref().map_err(|text| *text));
    }

    #[test]
    fn a_call_is_answered_with_its_last_record() {
        let mut line = line();
        let (mut one, mut two) = (call(&mut line, 2), call(&mut line, 1));
        line.delivered(1, 1);
        assert!(one.try_recv().is_err(), "its second record is under way");
        line.delivered(2, 2);
        line.delivered(3, 3);
        check(&mut one, Ok(1));
        check(&mut two, Ok(3));
        assert!(line.is_empty());
        assert_eq!((line.known.next, line.known.state.sequence), (4, 3));
    }

    #[test]
    fn a_call_without_records_waits_for_those_before() {
        let mut line = line();
        let mut at_once = call(&mut line, 0);
        check(&mut at_once, Ok(1));
        let (_one, mut behind) = (call(&mut line, 1), call(&mut line, 0));
        assert!(behind.try_recv().is_err());
        line.delivered(1, 1);
        check(&mut behind, Ok(2));
    }

    #[test]
    fn records_of_one_call_with_something_between_them_are_unknown() {
        let mut line = line();
        let (mut one, mut two) = (call(&mut line, 2), call(&mut line, 1));
        line.delivered(1, 1);
        assert_eq!(line.delivered(2, 3), Step::ReadBack(3));
        let header = |writer, sequence| {
            let base = writer_started(&Validity::default()).expect("a first epoch");
            RecordHeader { kind: RecordKind::Command, epoch: 1, writer: WriterId(writer), sequence, ..base }
        };
        line.read(&header(5, 1));
        line.read(&header(7, 2));
        let unknown = "outcome of the append to partition 3 is unknown";
        check(&mut one, Err(unknown));
        check(&mut two, Err(unknown));
        assert!(matches!(line.admits(1, 1), Err(LogError::Unknown { partition: P })));
    }

    #[test]
    fn what_is_over_the_bounds_may_come_again_later() {
        let mut line = line();
        assert!(line.admits(9, 9_000).is_ok(), "alone, a call may be as large as it likes");
        let _one = call(&mut line, 3);
        assert!(line.admits(1, 10).is_ok());
        assert!(matches!(line.admits(2, 20), Err(LogError::Retryable(_))));
        assert!(matches!(line.admits(1, 980), Err(LogError::Retryable(_))));
        line.delivered(1, 1);
        line.delivered(2, 2);
        line.delivered(3, 3);
        assert!(line.admits(4, 10).is_ok());
        line.closed = true;
        assert!(line.admits(1, 10).is_err());
    }
}

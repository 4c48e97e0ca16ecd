//! When a record may be acknowledged: the rule of docs/decisions/0009-kafka-log.md as a state machine without I/O.
//!
//! A writer knows the whole log up to `next`, and the validity rule's state there. A delivery right at `next` is valid, for nothing
//! intervened; after a gap the log is read back first. `model.rs` checks this code with every interleaving of two writers.

use schemas::log::{Offset, RecordHeader, RecordKind, Validity, Verdict};

/// How a writer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// Another writer came: whatever was not acknowledged is void for ever.
    Superseded,
    /// Whether what was not acknowledged counts is not known.
    Unknown,
}

/// A record that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Placed {
    /// Its sequence.
    pub(super) sequence: u64,
    /// Where it stands.
    pub(super) offset: Offset,
}

/// What a delivery means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// The record is durable and valid.
    Acknowledge(Placed),
    /// Nothing is to be done: it was acknowledged before, or a reading that is under way will tell.
    Wait,
    /// Read the log from [`Acks::next`] on, up to and including the offset, and hand each record to [`Acks::read`].
    ReadBack(Offset),
    /// The writer is finished.
    Over(End),
}

/// What one writer knows of its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acks {
    /// The validity rule's state at `next`.
    state: Validity,
    /// Everything before it is known.
    next: Offset,
    /// While the log is read back: the highest offset, and the highest sequence, that was delivered.
    reading: Option<Placed>,
    over: Option<End>,
}

impl Acks {
    /// A writer whose own `WriterStarted` is the last record before `next`, where the rule's state is `state`.
    pub(super) fn new(state: Validity, next: Offset) -> Self {
        Self { state, next, reading: None, over: None }
    }

    /// The first offset of which nothing is known.
    pub(super) fn next(&self) -> Offset {
        self.next
    }

    /// The rule's state at [`Self::next`].
    pub(super) fn state(&self) -> Validity {
        self.state
    }

    /// The broker has taken the record with `sequence` and put it at `offset`.
    pub(super) fn delivered(&mut self, sequence: u64, offset: Offset) -> Step {
        if let Some(end) = self.over {
            return Step::Over(end);
        }
        if let Some(reading) = &mut self.reading {
            reading.offset = reading.offset.max(offset);
            reading.sequence = reading.sequence.max(sequence);
            return Step::Wait;
        }
        if offset > self.next {
            self.reading = Some(Placed { sequence, offset });
            return Step::ReadBack(offset);
        }
        if sequence <= self.state.sequence {
            // Repeated by the producer and found by an earlier reading: void, but it takes up an offset.
            if offset == self.next {
                self.next += 1;
            }
            return Step::Wait;
        }
        if offset == self.next && sequence == self.state.sequence + 1 {
            self.state.sequence = sequence;
            self.next += 1;
            return Step::Acknowledge(Placed { sequence, offset });
        }
        self.end(End::Unknown)
    }

    /// The record at [`Self::next`], read back. Gives its place if it is one of this writer's that counts.
    pub(super) fn read(&mut self, header: &RecordHeader) -> Option<Placed> {
        if self.over.is_some() {
            return None;
        }
        let offset = self.next;
        let verdict = self.state.admit(header);
        self.next += 1;
        if verdict != Verdict::Valid {
            return None;
        }
        match header.kind {
            RecordKind::WriterStarted => {
                self.over = Some(End::Superseded);
                None
            }
            // The writer in force is still this one.
            RecordKind::Command => Some(Placed { sequence: header.sequence, offset }),
        }
    }

    /// The reading that was asked for is done: serve, read on, or end.
    pub(super) fn read_to(&mut self) -> Step {
        if let Some(end) = self.over {
            return Step::Over(end);
        }
        match self.reading {
            Some(asked) if asked.offset >= self.next => Step::ReadBack(asked.offset),
            // What was delivered must have been found.
            Some(asked) if asked.sequence > self.state.sequence => self.end(End::Unknown),
            _ => {
                self.reading = None;
                Step::Wait
            }
        }
    }

    /// A record was not delivered, or the log cannot be read back.
    pub(super) fn fail(&mut self) -> End {
        *self.over.get_or_insert(End::Unknown)
    }

    /// How the writer ended, if it did.
    pub(super) fn over(&self) -> Option<End> {
        self.over
    }

    fn end(&mut self, end: End) -> Step {
        Step::Over(*self.over.get_or_insert(end))
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::stamp::writer_started;
    use schemas::log::WriterId;

    const ME: u64 = 7;

    /// A record of epoch and writer.
    fn header(kind: RecordKind, epoch: u32, writer: u64, sequence: u64) -> RecordHeader {
        let base = writer_started(&Validity::default()).expect("a first epoch");
        RecordHeader { kind, epoch, writer: WriterId(writer), sequence, ..base }
    }

    fn mine(sequence: u64) -> RecordHeader {
        header(RecordKind::Command, 3, ME, sequence)
    }

    fn zombies(sequence: u64) -> RecordHeader {
        header(RecordKind::Command, 2, 5, sequence)
    }

    /// Started at offset 9 after nine commands: knows the log up to 10.
    fn started() -> Acks {
        Acks::new(Validity { epoch: 3, writer: WriterId(ME), sequence: 8 }, 10)
    }

    fn placed(sequence: u64, offset: Offset) -> Step {
        Step::Acknowledge(Placed { sequence, offset })
    }

    #[test]
    fn what_follows_at_once_is_acknowledged_at_once() {
        let mut acks = started();
        assert_eq!(acks.delivered(9, 10), placed(9, 10));
        assert_eq!(acks.delivered(10, 11), placed(10, 11));
        assert_eq!((acks.next(), acks.state().sequence), (12, 10));
    }

    #[test]
    fn a_zombie_in_between_is_read_and_passed_over() {
        let mut acks = started();
        assert_eq!(acks.delivered(9, 11), Step::ReadBack(11));
        assert_eq!(acks.delivered(10, 12), Step::Wait);
        assert_eq!(acks.read(&zombies(9)), None);
        assert_eq!(acks.read(&mine(9)), Some(Placed { sequence: 9, offset: 11 }));
        assert_eq!(acks.read_to(), Step::ReadBack(12));
        assert_eq!(acks.read(&mine(10)), Some(Placed { sequence: 10, offset: 12 }));
        assert_eq!(acks.read_to(), Step::Wait);
        assert_eq!(acks.delivered(11, 13), placed(11, 13));
    }

    #[test]
    fn a_later_writer_ends_this_one_for_certain() {
        let mut acks = started();
        assert_eq!(acks.delivered(9, 12), Step::ReadBack(12));
        assert_eq!(acks.read(&header(RecordKind::WriterStarted, 4, 8, 8)), None);
        assert_eq!(acks.read(&header(RecordKind::Command, 4, 8, 9)), None);
        assert_eq!(acks.read_to(), Step::Over(End::Superseded));
        assert_eq!(acks.delivered(10, 13), Step::Over(End::Superseded));
        assert_eq!(acks.fail(), End::Superseded);
    }

    #[test]
    fn a_repetition_counts_once_where_it_was_found_first() {
        let mut acks = started();
        assert_eq!(acks.delivered(9, 12), Step::ReadBack(12));
        assert_eq!(acks.read(&mine(9)), Some(Placed { sequence: 9, offset: 10 }));
        assert_eq!(acks.read(&mine(10)), Some(Placed { sequence: 10, offset: 11 }));
        assert_eq!(acks.read(&mine(9)), None);
        assert_eq!(acks.read_to(), Step::Wait);
        assert_eq!(acks.delivered(10, 13), Step::Wait, "the repetition of what was found");
        assert_eq!(acks.delivered(11, 14), placed(11, 14));
    }

    #[test]
    fn what_cannot_be_ends_the_writer() {
        let check = |sequence, offset| {
            let mut acks = started();
            assert_eq!(acks.delivered(sequence, offset), Step::Over(End::Unknown), "{sequence} at {offset}");
            assert_eq!(acks.over(), Some(End::Unknown));
        };
        check(10, 10);
        check(9, 9);
        let mut acks = started();
        assert_eq!(acks.delivered(9, 11), Step::ReadBack(11));
        assert_eq!(acks.read(&zombies(9)), None);
        assert_eq!(acks.read(&zombies(10)), None);
        assert_eq!(acks.read_to(), Step::Over(End::Unknown), "what was delivered is not there");
    }
}

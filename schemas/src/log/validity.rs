//! The validity rule: which records of a partition count. Every reader runs it; its three words rest with every checkpoint.
//!
//! A record counts iff (epoch, writer) are current at its offset and its sequence is the previous one + 1. `WriterStarted` counts iff
//! its epoch is the current one + 1: of two writers that start at once, the first in the log wins. All else is void, for every reader,
//! forever, so a zombie's late write can never take effect.

use serde::{Deserialize, Serialize};

use super::record::{RecordHeader, RecordKind, WriterId};

/// The state of the rule at an offset of one partition; the default stands before the first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Validity {
    /// The epoch in force; 0 before the first writer.
    pub epoch: u32,
    /// The writer in force.
    pub writer: WriterId,
    /// The sequence of the last valid command record; 0 for none.
    pub sequence: u64,
}

/// What the rule says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Valid,
    /// It never happened.
    Void(VoidReason),
}

/// Why a record is void; also the label of the metric that counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoidReason {
    /// Of another epoch or writer than the one in force: a zombie's.
    Superseded,
    /// Of the writer in force, but repeated or with a predecessor missing.
    OutOfSequence,
    /// A `WriterStarted` that lost the race for its epoch.
    LostRace,
}

impl Validity {
    /// Judges the next record of the partition and moves on.
    pub fn admit(&mut self, header: &RecordHeader) -> Verdict {
        match header.kind {
            RecordKind::WriterStarted if Some(header.epoch) == self.epoch.checked_add(1) => {
                self.epoch = header.epoch;
                self.writer = header.writer;
                Verdict::Valid
            }
            RecordKind::WriterStarted => Verdict::Void(VoidReason::LostRace),
            RecordKind::Command if (header.epoch, header.writer) != (self.epoch, self.writer) => Verdict::Void(VoidReason::Superseded),
            RecordKind::Command if Some(header.sequence) != self.sequence.checked_add(1) => Verdict::Void(VoidReason::OutOfSequence),
            RecordKind::Command => {
                self.sequence = header.sequence;
                Verdict::Valid
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Valid, Void};
    use super::VoidReason::{LostRace, OutOfSequence, Superseded};
    use super::*;
    use crate::ids::AccountId;
    use crate::log::record::{CommandId, TraceContext};

    fn header(kind: RecordKind, epoch: u32, writer: u64, sequence: u64) -> RecordHeader {
        RecordHeader {
            kind,
            epoch,
            writer: WriterId(writer),
            sequence,
            command_id: CommandId(0),
            actor: AccountId(0),
            time_ms: 0,
            causation: CommandId(0),
            trace: TraceContext::default(),
        }
    }

    fn check(records: &[(RecordHeader, Verdict)]) {
        let mut state = Validity::default();
        for (index, (header, verdict)) in records.iter().enumerate() {
            assert_eq!(state.admit(header), *verdict, "record {index}");
        }
    }

    fn start(epoch: u32, writer: u64) -> RecordHeader {
        header(RecordKind::WriterStarted, epoch, writer, 0)
    }

    fn command(epoch: u32, writer: u64, sequence: u64) -> RecordHeader {
        header(RecordKind::Command, epoch, writer, sequence)
    }

    #[test]
    fn a_zombies_late_write_is_void() {
        check(&[
            (start(1, 7), Valid),
            (command(1, 7, 1), Valid),
            (start(2, 8), Valid),
            (command(1, 7, 2), Void(Superseded)),
            (command(2, 8, 2), Valid),
            (command(1, 7, 3), Void(Superseded)),
        ]);
    }

    #[test]
    fn the_first_of_two_starters_wins() {
        check(&[(start(1, 7), Valid), (start(1, 8), Void(LostRace)), (command(1, 8, 1), Void(Superseded)), (command(1, 7, 1), Valid)]);
    }

    #[test]
    fn repeats_and_gaps_are_void() {
        check(&[
            (start(1, 7), Valid),
            (command(1, 7, 1), Valid),
            (command(1, 7, 1), Void(OutOfSequence)),
            (command(1, 7, 3), Void(OutOfSequence)),
        ]);
    }
}

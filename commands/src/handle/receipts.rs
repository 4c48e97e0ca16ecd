//! The commands of one partition that the view does not have yet, by id: what a repetition is answered with.

use rustc_hash::FxHashMap;
use schemas::PartitionId;
use schemas::log::{CommandId, Offset};
use schemas::rows::{RowWrite, codec};

use crate::state::{FirstReceipt, receipt_row};

/// A command that was decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remembered {
    /// The sequence of its record: its offset is known once it is durable.
    pub(super) sequence: u64,
    /// The id that it made.
    pub(super) id: u64,
    bucket: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    fresh: FxHashMap<CommandId, Remembered>,
    /// Those of the snapshot on its way to the view.
    flushing: FxHashMap<CommandId, Remembered>,
    /// From which sequence on records stand at which offset: one entry, unless void records came in between.
    runs: Vec<(u64, Offset)>,
}

impl Receipts {
    /// What is known of a command here.
    pub(super) fn get(&self, id: CommandId) -> Option<Remembered> {
        self.fresh.get(&id).or_else(|| self.flushing.get(&id)).copied()
    }

    /// Remembers a command whose record is in line.
    pub(super) fn remember(&mut self, command: CommandId, sequence: u64, id: u64, bucket: u64) {
        self.fresh.insert(command, Remembered { sequence, id, bucket });
    }

    /// Says where a record stands; those after it follow it, unless said otherwise. In order.
    pub(super) fn place(&mut self, sequence: u64, offset: Offset) {
        if self.offset(sequence) != Some(offset) {
            self.runs.push((sequence, offset));
        }
    }

    /// Where a durable record of this epoch stands.
    pub(super) fn offset(&self, sequence: u64) -> Option<Offset> {
        let (first, offset) = self.runs.iter().rev().find(|(first, _)| *first <= sequence)?;
        Some(offset + (sequence - first))
    }

    /// How many the view does not have.
    pub(super) fn len(&self) -> usize {
        self.fresh.len() + self.flushing.len()
    }

    /// Whether there are any since the last snapshot.
    pub(super) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Begins a snapshot of all that is remembered.
    pub(super) fn snapshot(&mut self) {
        debug_assert!(self.flushing.is_empty(), "one snapshot at a time");
        self.flushing = std::mem::take(&mut self.fresh);
    }

    /// The rows of the snapshot, once all of it is durable.
    pub(super) fn rows(&self, partition: PartitionId) -> impl Iterator<Item = RowWrite> {
        self.flushing.iter().filter_map(move |(command, remembered)| {
            let offset = self.offset(remembered.sequence)?;
            let value = codec::encode(&FirstReceipt { offset, id: remembered.id });
            Some(RowWrite { key: receipt_row(partition, remembered.bucket, *command), value: Some(value), offset })
        })
    }

    /// The snapshot is in the view, or is not: then it belongs to the next one.
    pub(super) fn flushed(&mut self, written: bool) {
        let flushing = std::mem::take(&mut self.flushing);
        if !written {
            self.fresh.extend(flushing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_follow_from_the_first_of_each_run() {
        let mut receipts = Receipts::default();
        assert_eq!(receipts.offset(5), None);
        for (sequence, offset) in [(5, 10), (6, 11), (9, 14), (10, 17), (11, 18)] {
            receipts.place(sequence, offset);
        }
        assert_eq!(receipts.runs, [(5, 10), (10, 17)]);
        assert_eq!([5, 8, 9, 10, 12].map(|sequence| receipts.offset(sequence)), [10, 13, 14, 17, 19].map(Some));
    }

    #[test]
    fn what_was_not_written_is_written_with_the_next_snapshot() {
        let mut receipts = Receipts::default();
        receipts.place(1, 1);
        receipts.remember(CommandId(1), 1, 7, 0);
        receipts.snapshot();
        receipts.remember(CommandId(2), 2, 8, 0);
        receipts.flushed(false);
        assert_eq!(receipts.get(CommandId(1)).map(|known| known.id), Some(7));
        receipts.snapshot();
        assert_eq!(receipts.rows(PartitionId(0)).count(), 2);
        receipts.flushed(true);
        assert_eq!((receipts.len(), receipts.get(CommandId(1)).is_none()), (0, true));
    }
}

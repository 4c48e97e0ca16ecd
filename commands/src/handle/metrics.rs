//! What the write loops measure.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use rustc_hash::FxHashMap;
use schemas::PartitionId;

/// The meters of one partition; handles are looked up once.
pub(super) struct Meters {
    commands: FxHashMap<(&'static str, &'static str), Counter>,
    /// Seconds from the queue to the answer.
    pub(super) command_seconds: Histogram,
    /// Commands waiting when a batch is taken.
    pub(super) queue_depth: Gauge,
    /// Commands taken at once.
    pub(super) batch_commands: Histogram,
    /// Keys found in memory.
    pub(super) keys_hit: Counter,
    /// Keys read from the view.
    pub(super) keys_missed: Counter,
    /// Changed entries that the view does not have.
    pub(super) unflushed: Gauge,
    /// Rows written to the view.
    pub(super) rows_flushed: Counter,
}

impl Meters {
    pub(super) fn new(partition: PartitionId) -> Self {
        let partition = partition.to_string();
        Self {
            commands: FxHashMap::default(),
            command_seconds: histogram!("roost_command_seconds"),
            queue_depth: gauge!("roost_command_queue_depth", "partition" => partition.clone()),
            batch_commands: histogram!("roost_command_batch_commands"),
            keys_hit: counter!("roost_decision_keys_total", "found" => "memory"),
            keys_missed: counter!("roost_decision_keys_total", "found" => "view"),
            unflushed: gauge!("roost_decision_rows_unflushed", "partition" => partition),
            rows_flushed: counter!("roost_decision_rows_flushed_total"),
        }
    }

    /// Counts a command.
    pub(super) fn command(&mut self, kind: &'static str, outcome: &'static str) {
        let new = || counter!("roost_commands_total", "kind" => kind, "outcome" => outcome);
        self.commands.entry((kind, outcome)).or_insert_with(new).increment(1);
    }
}

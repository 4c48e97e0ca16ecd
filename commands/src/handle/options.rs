//! What the write side can be told, with defaults for a server.

use std::time::Duration;

use crate::domain::Limits;

/// How the write side works.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// Where this process is reached: written into the log when it becomes a writer.
    pub address: String,
    /// Limits that the operator sets.
    pub limits: Limits,
    /// Commands that may wait in each partition; beyond them the answer is "over capacity".
    pub queue_commands: usize,
    /// Commands decided and put in line for the log at once, at the most.
    pub batch_commands: usize,
    /// Batches of a partition that may wait for the log at once.
    pub flights_max: usize,
    /// Entries of decision state that all partitions together keep in memory, beside those that the view does not have yet.
    pub state_entries: usize,
    /// Ids of commands that may be repeated which all partitions together keep in memory for each of two days.
    pub recalled_commands: usize,
    /// How often changed entries are written to the view.
    pub flush_every: Duration,
    /// Changed entries that are written before their time.
    pub flush_rows: usize,
    /// Changed entries of all partitions together that may wait for the view; a partition with more than its share takes no commands until
    /// the view has caught up.
    pub unflushed_rows_max: usize,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            address: "local".to_owned(),
            limits: Limits::default(),
            queue_commands: 8_192,
            batch_commands: 1_024,
            flights_max: 16,
            state_entries: 262_144,
            recalled_commands: 1_048_576,
            flush_every: Duration::from_millis(500),
            flush_rows: 8_192,
            unflushed_rows_max: 1_048_576,
        }
    }
}

impl WriteOptions {
    /// The options of each of so many partitions: what all share is divided.
    pub(super) fn of_each(mut self, partitions: u16) -> Self {
        let share = |of: usize| (of / usize::from(partitions).max(1)).max(1);
        self.state_entries = share(self.state_entries);
        self.recalled_commands = share(self.recalled_commands);
        self.unflushed_rows_max = share(self.unflushed_rows_max);
        self
    }
}

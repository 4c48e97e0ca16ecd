//! What a partition keeps for itself: the newest id that it made, and the buckets in which it remembers commands.
//!
//! Receipts of commands rest in numbered buckets. A bucket takes commands for [`COMMANDS_KEPT_MS`] or until it is full; the newest two
//! are consulted, older ones are forgotten at once and swept behind. So a command is remembered for 24 to 48 hours, unless a partition
//! takes more than [`COMMANDS_KEPT_MAX`] commands in that time. All of it follows from the log, whoever folds it.

use schemas::UnixMillis;
use schemas::events::Event;
use serde::{Deserialize, Serialize};

/// How long a command is remembered at the least: 24 hours.
pub const COMMANDS_KEPT_MS: UnixMillis = 24 * 3_600_000;

/// Commands in a bucket at the most: bounds the rows of a partition's receipts to twice as many.
pub const COMMANDS_KEPT_MAX: u64 = 32 * 1_024 * 1_024;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Ledger {
    /// The newest id that the partition made.
    pub last_id: u64,
    /// The bucket that takes commands.
    pub bucket: u64,
    /// When it was opened, by the log.
    pub opened_ms: UnixMillis,
    /// Commands in it.
    pub held: u64,
    /// The oldest bucket that may still have rows.
    pub oldest_bucket: u64,
    /// The time of the newest record: the log's clock does not step back.
    pub time_ms: UnixMillis,
}

impl Ledger {
    /// Counts a record in and answers the bucket that its receipt belongs to.
    pub fn note(&mut self, time_ms: UnixMillis, events: &[Event]) -> u64 {
        self.time_ms = self.time_ms.max(time_ms);
        self.last_id = events.iter().filter_map(made).fold(self.last_id, u64::max);
        if self.time_ms >= self.opened_ms + COMMANDS_KEPT_MS || self.held >= COMMANDS_KEPT_MAX {
            self.bucket += 1;
            self.opened_ms = self.time_ms;
            self.held = 0;
        }
        self.held += 1;
        self.bucket
    }

    /// The buckets to be consulted.
    pub fn consulted(&self) -> [u64; 2] {
        [self.bucket, self.bucket.saturating_sub(1)]
    }

    /// A bucket whose rows are to be swept.
    pub fn forgotten(&self) -> Option<u64> {
        (self.oldest_bucket + 1 < self.bucket).then_some(self.oldest_bucket)
    }
}

/// The id that the partition made for an event.
fn made(event: &Event) -> Option<u64> {
    Some(match event {
        Event::HandleClaimed(e) => e.claim.0,
        Event::HandleConfirmed(e) => e.claim.0,
        Event::FollowRequested(e) => e.relation.0,
        Event::Blocked(e) => e.relation.0,
        Event::Muted(e) => e.relation.0,
        Event::PostPublished(e) => e.post.0,
        Event::Reblogged(e) => e.reblog.0,
        Event::Favourited(e) => e.relation.0,
        Event::Bookmarked(e) => e.relation.0,
        Event::Pinned(e) => e.relation.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_consulted_for_at_least_24_hours_and_then_swept() {
        let start = 1_700_000_000_000;
        let mut ledger = Ledger::default();
        let first = ledger.note(start, &[]);
        assert_eq!(ledger.note(start + COMMANDS_KEPT_MS - 1, &[]), first);
        let second = ledger.note(start + COMMANDS_KEPT_MS, &[]);
        assert!(second > first && ledger.consulted().contains(&first));
        ledger.oldest_bucket = first;
        assert_eq!(ledger.forgotten(), None);
        ledger.note(start + 2 * COMMANDS_KEPT_MS, &[]);
        assert!(!ledger.consulted().contains(&first));
        assert_eq!(ledger.forgotten(), Some(first));
    }

    #[test]
    fn a_clock_that_steps_back_opens_nothing() {
        let mut ledger = Ledger::default();
        let bucket = ledger.note(1_700_000_000_000, &[]);
        assert_eq!(ledger.note(5, &[]), bucket);
        assert_eq!(ledger.time_ms, 1_700_000_000_000);
    }
}
